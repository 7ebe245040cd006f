/* hole: what a key leaves behind that goes. Keys that found their home full live behind it, and stay there when room
 * comes up before them: were nothing done, a table whose keys come and go at the same number would have ever longer
 * chains, hundreds of groups at a load at which chance makes three. So the hole goes on to where it does no harm: into
 * it comes the next entry that has passed its group, into the hole of that one the next again, until nobody has passed
 * the last (linear probing that deletes by shifting back, as Knuth has it; here with groups for slots). Then a table is
 * as good as one that has just been filled.
 *
 * Who has passed a group is told by tags, without a look at any key. In doubt, an entry stays where it is. */
#include "evict_internal.h"
#include "hint_internal.h"

/* How far behind a hole is looked for who could fill it. */
#define STEPS_MOST 32

/* Tags of tables with fewer groups than eight do not turn over where the array ends: there nobody is taken across. */
#define SHIFT_MOST 16

/* A group with a hole, and one behind it: numbers of groups that go on counting where the array ends. */
struct gap {
    struct table *table;
    uint64_t hole, at;
    unsigned tag_shift;
};

static inline struct group *gap_group(const struct gap *gap, uint64_t at)
{
    return &gap->table->groups[at < gap->table->count ? at : at - gap->table->count];
}

/* An entry of the group `at` has the last position with the bits of its tag that is not behind the group's end; it has
 * passed the hole when that lies before the first position behind the hole. Counted in units of the last bit of tags. A
 * chain longer than tags reach makes an entry seem to be nearer to its home than it is. GROUP_SLOTS: nobody has. */
static unsigned gap_find_passer(const struct gap *gap)
{
    const struct group *group = gap_group(gap, gap->at);
    uint64_t count = gap->table->count;
    uint64_t last = ((((gap->at + 1) << 32) - 1) / count) >> gap->tag_shift;
    uint64_t border = ((((gap->hole + 1) << 32) + count - 1) / count) >> gap->tag_shift;

    for (unsigned i = 0; i < GROUP_SLOTS; i++) {
        uint16_t tag = slot_tag(group->slots[i]);

        /* 0 is an empty slot's, 1 stands for two. */
        if (tag > 1 && ((last - tag) & 0xffff) > last - border) return i;
    }
    return GROUP_SLOTS;
}

/* From its slot of the group `at` into the hole, with what is known of it. */
static void gap_pull(const struct gap *gap, unsigned number)
{
    struct group *from = gap_group(gap, gap->at), *to = gap_group(gap, gap->hole);
    uint64_t *slot = group_first_slot(to, group_empty(to));
    unsigned into = (unsigned)(slot - to->slots);
    unsigned newcomer = slot_is_newcomer(from, number);

    *slot = from->slots[number];
    from->slots[number] = 0;
    slot_set_frequency(to, into, slot_frequency(from, number));
    slot_set_frequency(from, number, 0);
    to->probation |= (uint8_t)(newcomer << into);
    from->probation &= (uint8_t) ~(1u << number);
    if ((int16_t)(from->touched - to->touched) > 0) to->touched = from->touched;
    if (from->soonest) hint_carry(gap->table, to, from->soonest);
    for (uint64_t passed = gap->hole; passed < gap->at; passed++) {
        struct group *group = gap_group(gap, passed);

        must_debug(group->overflow > 0);
        if (group->overflow != OVERFLOW_STUCK) group->overflow--;
    }
}

/* False: nobody has come to the hole. */
static bool gap_close(struct gap *gap)
{
    uint32_t count = gap->table->count;
    bool closed = false;

    for (unsigned steps = 0; steps < STEPS_MOST; steps++) {
        unsigned number;

        if (gap_group(gap, gap->at)->overflow == 0) break;
        if (++gap->at - gap->hole >= count || (gap->at >= count && gap->tag_shift > SHIFT_MOST)) break;
        number = gap_find_passer(gap);
        if (number == GROUP_SLOTS) continue;
        gap_pull(gap, number);
        gap->hole = gap->at = gap->at < count ? gap->at : gap->at - count;
        closed = true;
    }
    return closed;
}

void table_close_gaps(struct table *table, struct group *group)
{
    struct gap gap = {.table = table};

    /* A table on the move leaves all that behind. */
    if (likely(group->overflow == 0) || table->old) return;
    gap.tag_shift = place_tag_shift(table->count);
    do {
        gap.hole = gap.at = (uint64_t)(group - table->groups);
    } while (group_empty(group) && gap_close(&gap));
}
