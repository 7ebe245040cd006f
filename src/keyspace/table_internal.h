/* table: the entries of one shard in one database, found by hash.
 *
 * Groups stand in the order of the hash: position = 32 bits of it, home = position * groups >> 32,
 * with any number of groups. So growth is a walk from left to right, and a place in a SCAN is a
 * position.
 *
 * Always: an entry is in exactly one slot of exactly one array; its tag and home follow from its
 * key; every group from its home up to its own, that one left out, counts it in `overflow`.
 * While the table moves, homes below `moved` live in `groups`, all others in `old`.
 *
 * Callers have entered the shard. Nothing here frees an entry. */
#ifndef COATCHECK_TABLE_INTERNAL_H
#define COATCHECK_TABLE_INTERNAL_H

#include "coatcheck/base/bytes.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/status.h"
#include "coatcheck/keyspace/key.h"
#include "entry_internal.h"
#include "group_internal.h"

/* Behind its groups an array has a summary of soonest hints, one for each run of groups, and a
 * foot. */
#define RUN_GROUPS 64

/* Larger arrays are whole pages of their own; an allocator would have them in four sizes to a doubling only. */
#define ARRAY_PAGED_ABOVE 14336

struct array_foot {
    struct group *next; /* of a list of arrays to be freed */
    uint32_t count;     /* of groups */
    uint32_t done;      /* groups whose entries are freed already, of a flushed array */
    uint32_t seed;      /* under which it was filled */
    uint32_t newcomers; /* slots on probation, for eviction */
};

struct table {
    struct group *groups; /* NULL: nothing was put yet */
    struct group *old;    /* NULL: not moving */
    int64_t base;         /* the tick that hints count from (hint_internal.h) */
    uint32_t count, old_count;
    uint32_t moved;  /* old homes that live in `groups` already */
    uint32_t live;   /* written inside, read by all */
    uint32_t mortal; /* those with a deadline; as live */
    uint32_t limit;  /* from so many entries on it wants to grow */
    uint32_t seed;   /* 0: the plain hash */
    uint16_t soonest;
    uint8_t flags;
    uint8_t generation; /* of seeds, for SCAN cursors */
};

enum table_flags {
    TABLE_REKEYING = 1, /* `old` was filled under another seed */
    TABLE_FLOODED = 2,  /* it wants a new seed */
    TABLE_CLAIMED = 4,  /* somebody is getting a new array, outside */
    TABLE_LEAN = 8      /* added for each round of housekeeping that found it nearly empty */
};
#define TABLE_LEAN_MASK 0x78
#define TABLE_LEAN_LONG (3 * TABLE_LEAN) /* then it wants a smaller array */

/* A table of a database other than 0, one in a shard. */
struct table_line {
    struct table table;
} __attribute__((aligned(64)));

struct shard;

/* --- places --- */

static inline uint32_t place_position(uint64_t hash)
{
    return (uint32_t)(hash >> 20); /* the twelve bits above choose the shard */
}

static inline uint32_t place_home(uint64_t hash, uint32_t count)
{
    return (uint32_t)((uint64_t)place_position(hash) * count >> 32);
}

/* A tag is sixteen bits of the position, from here on up. They reach from eight groups (and up to 64, until a table
 * has grown eightfold) down to a thousandth of one: enough to tell keys of one group apart, and, since the group
 * says the rest, where in a larger array an entry belongs without reading it (grow.c). */
static inline unsigned place_tag_shift(uint32_t count)
{
    static const uint8_t of_log2[32] = {19, 19, 19, 16, 16, 16, 13, 13, 13, 10, 10, 10, 7, 7, 7, 4,
                                        4,  4,  1,  1,  1,  0,  0,  0,  0,  0,  0,  0,  0, 0, 0, 0};

    return of_log2[31 - __builtin_clz(count)];
}

/* Other bits of the hash, never 0, for whoever wants to know a key again without its name. */
static inline uint16_t place_mark(uint64_t hash)
{
    uint16_t mark = (uint16_t)hash;

    return mark ? mark : 1;
}

/* Never 0: that is an empty slot's. `count` is not 0. */
static inline uint16_t place_tag(uint64_t hash, uint32_t count)
{
    uint16_t tag = (uint16_t)(place_position(hash) >> place_tag_shift(count));

    return tag ? tag : 1;
}

/* --- arrays --- */

static inline uint32_t array_runs(uint32_t count)
{
    return (count + RUN_GROUPS - 1) / RUN_GROUPS;
}

static inline uint16_t *array_summary(struct group *groups, uint32_t count)
{
    return (uint16_t *)(groups + count);
}

static inline size_t array_foot_at(uint32_t count)
{
    size_t summary = ((size_t)array_runs(count) * sizeof(uint16_t) + 7) & ~(size_t)7;

    return (size_t)count * sizeof(struct group) + summary;
}

static inline struct array_foot *array_foot(struct group *groups, uint32_t count)
{
    return (struct array_foot *)((char *)groups + array_foot_at(count));
}

static inline size_t array_bytes(uint32_t count)
{
    return array_foot_at(count) + sizeof(struct array_foot);
}

/* An array that no table reaches any more keeps its count in the header of its first group, so that
 * a list of such arrays can find their feet. */
static inline struct array_foot *array_detached_foot(struct group *groups)
{
    uint32_t count;

    memcpy(&count, groups, sizeof count);
    return array_foot(groups, count);
}

static inline void array_detach(struct group *groups, uint32_t count, struct group *next)
{
    memcpy(groups, &count, sizeof count);
    array_foot(groups, count)->count = count;
    array_foot(groups, count)->next = next;
}

/* As many groups as fit in so many bytes, and in what the allocator has for at least `bytes` without
 * any to spare. */
uint32_t array_count_in(size_t room);
uint32_t array_count_for(size_t bytes);

/* Zeroed; a large one has no memory behind it yet. NULL: no memory. */
struct group *array_new(uint32_t count);

static inline bool array_is_paged(uint32_t count)
{
    return array_bytes(count) > ARRAY_PAGED_ABOVE;
}
void array_free(struct group *groups, uint32_t count);

/* What it takes, with all that the allocator rounds it up by. */
size_t array_used_bytes(const struct group *groups, uint32_t count);

/* --- walks --- */

/* Where a key is looked for: the array, its home there, its tag. */
struct walk {
    struct group *groups;
    uint32_t count;
    uint32_t home;
    uint16_t tag;
};

static inline uint64_t hash_under(uint32_t seed, uint64_t hash, struct bytes name)
{
    return likely(seed == 0) ? hash : hash_bytes_seeded(name, seed);
}

static inline uint32_t table_old_seed(const struct table *table)
{
    if (likely(!(table->flags & TABLE_REKEYING))) return table->seed;
    return array_foot(table->old, table->old_count)->seed;
}

/* The usual case: one array, and the plain hash says where. */
static inline bool table_is_plain(const struct table *table)
{
    return likely(table->old == NULL) && likely(table->seed == 0);
}

static inline struct walk table_walk_plain(const struct table *table, uint64_t hash)
{
    return (struct walk){.groups = table->groups,
                         .count = table->count,
                         .home = place_home(hash, table->count),
                         .tag = place_tag(hash, table->count)};
}

struct walk table_walk_moving(const struct table *table, uint64_t hash, struct bytes name);

/* `hash` is the plain hash of the name. The table has an array. */
static inline struct walk table_walk(const struct table *table, uint64_t hash, struct bytes name)
{
    if (table_is_plain(table)) return table_walk_plain(table, hash);
    return table_walk_moving(table, hash, name);
}

/* Along the chain; and in a table that is on the move or has a seed. */
struct entry *table_find_on(const struct walk *walk, struct bytes name, struct spot *spot);
struct entry *table_find_moving(const struct table *table, uint64_t hash, struct bytes name,
                                struct spot *spot);

/* Fills the spot; spot->entry is NULL when there is none. Nearly always the first slot with the tag
 * is the key's, and a group without the tag the only one to be read. */
static inline __attribute__((always_inline)) struct entry *
table_find(const struct table *table, uint64_t hash, struct bytes name, struct spot *spot)
{
    struct walk walk;
    struct group *group;
    uint32_t slots;

    spot->entry = NULL;
    if (unlikely(!table || !table->groups)) return NULL;
    if (!table_is_plain(table)) return table_find_moving(table, hash, name, spot);
    walk = table_walk_plain(table, hash);
    group = &walk.groups[walk.home];
    slots = group_match(group, walk.tag);
    if (slots) {
        uint64_t *slot = group_first_slot(group, slots);
        struct entry *entry = slot_entry(*slot);

        if (likely(entry_is_brief(entry, name))) {
            spot->slot = slot;
            spot->group = group;
            return spot->entry = entry;
        }
    } else if (likely(group->overflow == 0)) {
        return NULL;
    }
    return table_find_on(&walk, name, spot);
}

/* Is what the spot says still so? Slots move when the table grows. */
static inline bool spot_holds(const struct spot *spot)
{
    return slot_entry(*spot->slot) == spot->entry;
}

/* Puts a new entry in; its key is not in the table. Fills the spot. NO_MEMORY: every slot is taken
 * and there is no larger array. May move others. */
enum status table_insert(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                         struct entry *entry, struct spot *spot);

/* Empties the slot. `hash` is the plain hash of the entry's key, which is still readable. */
void table_remove(struct table *table, uint64_t hash, struct spot *spot);

/* --- hole.c --- */

/* Keys have gone from the group: others that had to pass it come back, and leave no room behind where it would be
 * missed. Moves others, as table_insert() may. */
void table_close_gaps(struct table *table, struct group *group);

/* --- another array (grow.c) --- */

/* From how many entries on a table of so many groups wants to grow. */
uint32_t table_limit(uint32_t count);

/* Another array, from the wish to the installation. */
struct growth {
    unsigned db;
    uint32_t count; /* groups of the new array; 0: nothing is wanted any more */
    uint32_t was;   /* groups of the present one, by which we know that nobody was quicker */
    uint32_t seed;
};

/* Has shard_leave() look after this table. */
void table_ask(struct shard *shard, unsigned db, struct table *table);

/* What the table wants now, and nobody else is getting. */
struct growth table_growth_claim(struct shard *shard, unsigned db, struct table *table);

/* Begins to move into `groups`; false when that is no longer wanted. */
bool table_grow_into(struct shard *shard, struct table *table, const struct growth *growth,
                     struct group *groups);

/* There was no memory: the table makes do for a while. */
void table_growth_refused(struct table *table);

/* Is there far too much room? */
bool table_is_lean(const struct table *table);

/* How many homes a write moves on: a table of n groups is through after n / 32 of them, so that it
 * does not have two arrays for long, and its old one has not filled up by more than 1 %. */
#define HOMES_A_WRITE 32

/* Moves so many homes on. */
void table_move(struct shard *shard, struct table *table, uint32_t homes);

/* Moves all that is left, for who cannot wait. */
void table_move_all(struct shard *shard, struct table *table);

/* One slot for an entry that is not in the array. NULL: the array is full. */
uint64_t *array_put(const struct walk *walk, struct group **group, uint32_t *steps,
                    unsigned *overflow);
void array_take(const struct walk *walk, struct group *group, uint64_t *slot);

/* Counters that others read without entering. */
static inline void count_add(uint32_t *count, int32_t by)
{
    __atomic_store_n(count, *count + (uint32_t)by, __ATOMIC_RELAXED);
}

static inline uint32_t count_read(const uint32_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

#endif
