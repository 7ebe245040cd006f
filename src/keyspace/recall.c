/* recall: the use of a key as it was known elsewhere, from where its value comes. */
#include "evict_internal.h"
#include "spot_internal.h"

static bool is_in_old_array(const struct table *table, const struct group *group)
{
    return table->old && group >= table->old && group < table->old + table->old_count;
}

/* As key_frequency() will tell it. */
static void recall_frequency(struct table *table, struct spot *spot, unsigned frequency)
{
    struct group *group = spot->group;
    unsigned number = (unsigned)(spot->slot - group->slots);
    bool old = is_in_old_array(table, group);
    struct walk walk = {.groups = old ? table->old : table->groups, .count = old ? table->old_count : table->count};

    slot_unset_newcomer(walk.groups, walk.count, group, number);
    if (frequency <= 1) {
        slot_set_newcomer(&walk, group, number);
        slot_set_frequency(group, number, frequency == 1 ? NEWCOMER_USED : 0);
    } else {
        slot_set_frequency(group, number, frequency - 1 < FREQUENCY_MOST ? frequency - 1 : FREQUENCY_MOST);
    }
}

static bool is_alone(const struct spot *spot)
{
    unsigned others = 0;

    for (unsigned i = 0; i < GROUP_SLOTS; i++) others += spot->group->slots[i] != 0;
    return others == 1;
}

/* The greatest that can be told before the note turns over. */
#define IDLE_UNITS_MOST 0xfff0

void key_recall_use(const struct key *key, struct spot *spot, int frequency, int64_t idle_seconds)
{
    struct table *table = shard_table(key->shard, key->db);

    spot_refresh(key, spot);
    if (frequency >= 0) recall_frequency(table, spot, (unsigned)frequency);
    if (idle_seconds < 0) return;
    /* It is as if nobody had used it since it came. */
    recall_frequency(table, spot, 0);
    if (is_alone(spot)) {
        int64_t units = idle_seconds > INT32_MAX ? IDLE_UNITS_MOST : (idle_seconds * 1000) >> TOUCHED_SHIFT;

        if (units > IDLE_UNITS_MOST) units = IDLE_UNITS_MOST;
        spot->group->touched = (uint16_t)(touched_now() - units);
    }
}
