/* evict_internal: what the table knows of a key for eviction: three bits beside its slot.
 *
 *   probation 0   frequency 0 … 3: uses since the hand last passed, less one for each time that it did
 *   probation 1   a newcomer: bit 0 of frequency says that it was used, bit 1 that the quick hand has passed it
 *
 * And a ghost a shard (ghost.c): the marks of newcomers that were evicted, and of keys in use whose time was over. */
#ifndef COATCHECK_EVICT_INTERNAL_H
#define COATCHECK_EVICT_INTERNAL_H

#include "coatcheck/keyspace/evict.h"
#include "keyspace_internal.h"

#define NEWCOMER_USED 1u
#define NEWCOMER_SEEN 2u
#define FREQUENCY_MOST 3u

/* Shards 0 and 1 of so many try one manner each; the others follow who misses less. */
#define DUEL_EVERY 32

static inline unsigned slot_frequency(const struct group *group, unsigned number)
{
    return group->frequency >> (2 * number) & 3;
}

static inline void slot_set_frequency(struct group *group, unsigned number, unsigned frequency)
{
    group->frequency = (uint16_t)((group->frequency & ~(3u << 2 * number)) | frequency << 2 * number);
}

static inline bool slot_is_newcomer(const struct group *group, unsigned number)
{
    return group->probation >> number & 1;
}

/* The line is written only while there is something to note: a key that is often used leaves it clean. */
static inline void spot_use(struct spot *spot)
{
    struct group *group = spot->group;
    unsigned number = (unsigned)(spot->slot - group->slots), frequency = slot_frequency(group, number);

    if (slot_is_newcomer(group, number)) {
        if (!(frequency & NEWCOMER_USED)) slot_set_frequency(group, number, frequency | NEWCOMER_USED);
    } else if (frequency < FREQUENCY_MOST) {
        slot_set_frequency(group, number, frequency + 1);
    }
}

/* For a slot that has just been filled, or emptied with its bits cleared. */
static inline void slot_set_newcomer(const struct walk *walk, struct group *group, unsigned number)
{
    group->probation |= (uint8_t)(1u << number);
    array_foot(walk->groups, walk->count)->newcomers++;
}

static inline void slot_unset_newcomer(struct group *groups, uint32_t count, struct group *group,
                                       unsigned number)
{
    if (!slot_is_newcomer(group, number)) return;
    group->probation &= (uint8_t) ~(1u << number);
    array_foot(groups, count)->newcomers--;
}

/* What is known of a key goes along when it moves to another array. */
struct slot_bits {
    uint8_t frequency;
    bool newcomer;
};

static inline struct slot_bits slot_take_bits(struct table *table, struct group *group, unsigned number)
{
    struct slot_bits bits = {.frequency = (uint8_t)slot_frequency(group, number),
                             .newcomer = slot_is_newcomer(group, number)};

    slot_set_frequency(group, number, 0);
    slot_unset_newcomer(table->old, table->old_count, group, number);
    return bits;
}

static inline void slot_put_bits(struct table *table, struct group *group, const uint64_t *slot,
                                 struct slot_bits bits)
{
    struct walk walk = {.groups = table->groups, .count = table->count};
    unsigned number = (unsigned)(slot - group->slots);

    slot_set_frequency(group, number, bits.frequency);
    if (bits.newcomer) slot_set_newcomer(&walk, group, number);
}

/* A key has come to this slot: as a newcomer, or as one whom the ghost knows. */
void slot_begin(struct shard *shard, const struct table *table, const struct walk *walk, struct group *group, uint64_t *slot,
                uint64_t hash);

static inline uint32_t table_newcomers(const struct table *table)
{
    uint32_t newcomers = array_foot(table->groups, table->count)->newcomers;

    if (table->old) newcomers += array_foot(table->old, table->old_count)->newcomers;
    return newcomers;
}

/* --- ghost.c; all but ghost_refit() of whoever has entered --- */

/* The place of a key; the shard has a ghost. */
static inline uint16_t *ghost_of(struct shard *shard, uint64_t hash)
{
    return &shard->ghost[(uint64_t)place_position(hash) * shard->ghost_count >> 32];
}

/* Has it gone a while ago? Then it is forgotten. */
bool ghost_knows(struct shard *shard, uint64_t hash);
void ghost_note(struct shard *shard, uint64_t hash);

/* The time of a key is over that is still in its slot. One that was in use comes back as no newcomer. */
void ghost_mourn(struct shard *shard, const struct spot *spot, uint64_t hash);
bool ghost_fits(struct shard *shard);

/* Another ghost for the shard, with what the present one knows. Outside. */
void ghost_refit(struct shard *shard);

/* Of a keyspace that goes. */
void evict_forget(struct keyspace *keyspace);

#endif
