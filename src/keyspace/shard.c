#include "coatcheck/keyspace/shard.h"

#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "keyspace_internal.h"

/* Elements of a container that are freed on the spot when it goes; a larger one is left to
 * housekeeping. */
#define CONTAINER_AT_ONCE 32

/* A dead block in a list; the least block has room for it. */
struct dead_block {
    struct dead_block *next;
    size_t size; /* SIZE_MAX: of a GROWN entry */
};

_Static_assert(sizeof(struct dead_block) <= ENTRY_MIN_BLOCK,
               "a dead entry holds its place in the list");
_Static_assert(sizeof(struct remains) <= ENTRY_MIN_BLOCK,
               "a dead entry holds its place in the list");

/* Filled inside a shard, empty whenever the thread is outside. */
static _Thread_local struct {
    struct keyspace *keyspace;
    struct dead_block *blocks;
    struct remains *remains; /* of FAR entries; value_type 0 is a blob */
    struct group *arrays;
} chores;

void chores_add_block(struct shard *shard, struct entry *entry)
{
    struct dead_block *block = (struct dead_block *)entry;
    size_t size = entry_form(entry) == ENTRY_GROWN ? SIZE_MAX : entry_size(entry);

    block->size = size;
    block->next = chores.blocks;
    chores.blocks = block;
    shard->flags |= SHARD_CHORES;
}

struct remains *remains_of(struct entry *entry)
{
    void *far = far_read(entry_parts(entry).value);
    size_t size = entry_size(entry);
    struct remains *remains = (struct remains *)entry;

    remains->what = (uint64_t)(size <= SLAB_MOST ? size : 0) << POINTER_BITS | entry_type(entry);
    remains_set_far(remains, far);
    return remains;
}

void remains_free(struct remains *remains)
{
    size_t size = (size_t)(remains->what >> POINTER_BITS);

    if (likely(size > 0)) {
        slab_free(remains, size);
    } else {
        mem_free(remains);
    }
}

void chores_add_entry(struct shard *shard, struct entry *entry)
{
    struct remains *remains;

    if (likely(entry_form(entry) != ENTRY_FAR)) {
        chores_add_block(shard, entry);
        return;
    }
    remains = remains_of(entry);
    remains->next = chores.remains;
    chores.remains = remains;
    chores.keyspace = shard_home(shard);
    shard->flags |= SHARD_CHORES;
}

void chores_add_array(struct shard *shard, struct group *groups, uint32_t count)
{
    array_detach(groups, count, chores.arrays);
    chores.arrays = groups;
    shard->flags |= SHARD_CHORES;
}

static void remains_dispose(struct keyspace *keyspace, struct remains *remains)
{
    void *far = remains_far(remains);

    if (remains_type(remains) == VALUE_STRING) {
        struct blob *blob = far;

        blob_release(&blob);
    } else {
        const struct value_kind *kind = value_kind_of(remains_type(remains));
        size_t bytes = kind->length(far) > CONTAINER_AT_ONCE ? kind->used_bytes(far) : 0;
        int64_t held = held_own();

        if (!kind->free_some(&far, CONTAINER_AT_ONCE)) {
            remains_set_far(remains, far);
            reclaim_container(keyspace, remains, (int64_t)bytes - (held - held_own()));
            return;
        }
    }
    remains_free(remains);
}

void entry_dispose(struct keyspace *keyspace, struct entry *entry)
{
    if (unlikely(entry_form(entry) == ENTRY_FAR)) {
        remains_dispose(keyspace, remains_of(entry));
    } else {
        entry_block_free(entry_form(entry), entry, entry_size(entry));
    }
}

static void dead_block_free(struct dead_block *block)
{
    if (likely(block->size <= SLAB_MOST)) {
        slab_free(block, block->size);
    } else {
        mem_free(block);
    }
}

void chores_run(void)
{
    struct dead_block *block = chores.blocks;
    struct remains *remains = chores.remains;
    struct group *array = chores.arrays;

    chores.blocks = NULL;
    chores.remains = NULL;
    chores.arrays = NULL;
    while (block) {
        struct dead_block *next = block->next;

        dead_block_free(block);
        block = next;
    }
    while (remains) {
        struct remains *next = remains->next;

        remains_dispose(chores.keyspace, remains);
        remains = next;
    }
    while (array) {
        struct group *next = array_detached_foot(array)->next;

        array_free(array, array_detached_foot(array)->count);
        array = next;
    }
}

/* Gets a new array for the table that asked, with the lock free meanwhile. Whether it is still wanted then is asked again inside. */
static void shard_grow(struct shard *shard)
{
    struct growth growth = {0};
    struct group *groups;
    struct table *table;

    shard_lock(shard);
    table = shard_table(shard, shard->growing_db);
    if (table) growth = table_growth_claim(shard, shard->growing_db, table);
    shard->flags &= (uint8_t)~SHARD_CHORES;
    shard_unlock(shard);

    if (growth.count > 0) {
        groups = array_new(growth.count);
        shard_lock(shard);
        table = shard_table(shard, growth.db);
        if (!groups) {
            table_growth_refused(table);
        } else if (table_grow_into(shard, table, &growth, groups)) {
            groups = NULL;
        }
        shard_unlock(shard);
        if (groups) array_free(groups, growth.count);
    }
    chores_run();
}

void shard_enter(struct shard *shard)
{
    shard_lock(shard);
}

void shard_leave(struct shard *shard)
{
    uint8_t flags = shard->flags;

    if (unlikely(flags != 0)) {
        shard->flags = 0;
        shard_unlock(shard);
        if (flags & SHARD_CHORES) chores_run();
        if (flags & SHARD_GROWS) shard_grow(shard);
        return;
    }
    shard_unlock(shard);
}

/* --- several --- */

/* A bit for each shard. */
struct shard_set {
    uint64_t words[SHARDS_MAX / 64];
};

static struct shard *shard_set_fill(struct shard_set *set, const struct key *keys, unsigned count)
{
    memset(set, 0, sizeof *set);
    for (unsigned i = 0; i < count; i++) {
        set->words[keys[i].shard->index / 64] |= (uint64_t)1 << (keys[i].shard->index % 64);
    }
    return keys[0].shard - keys[0].shard->index;
}

#define SHARD_SET_EACH(set, shards, shard)                                                         \
    for (unsigned word_ = 0; word_ < SHARDS_MAX / 64; word_++)                                     \
        for (uint64_t bits_ = (set)->words[word_];                                                 \
             bits_ && ((shard) = &(shards)[word_ * 64 + (unsigned)__builtin_ctzl(bits_)], true);   \
             bits_ &= bits_ - 1)

void shards_enter(const struct key *keys, unsigned count)
{
    struct shard_set set;
    struct shard *shards, *shard;

    if (count == 0) return;
    if (count == 1) {
        shard_enter(keys->shard);
        return;
    }
    shards = shard_set_fill(&set, keys, count);
    SHARD_SET_EACH(&set, shards, shard) shard_lock(shard);
}

/* Unlocks, and tells what is to be done outside. */
static uint8_t shard_unlock_for_chores(struct shard *shard)
{
    uint8_t flags = shard->flags;

    shard->flags = 0;
    shard_unlock(shard);
    return flags;
}

void shards_leave(const struct key *keys, unsigned count)
{
    struct shard_set set;
    struct shard *shards, *shard;
    bool chores_wait = false;

    if (count == 0) return;
    if (count == 1) {
        shard_leave(keys->shard);
        return;
    }
    shards = shard_set_fill(&set, keys, count);
    SHARD_SET_EACH(&set, shards, shard)
    {
        uint8_t flags = shard_unlock_for_chores(shard);

        if (flags & SHARD_CHORES) chores_wait = true;
        if (!(flags & SHARD_GROWS))
            set.words[shard->index / 64] &= ~((uint64_t)1 << shard->index % 64);
    }
    if (chores_wait) chores_run();
    SHARD_SET_EACH(&set, shards, shard) shard_grow(shard);
}

static _Thread_local struct keyspace *all_mine;

void keyspace_enter_all(struct keyspace *keyspace)
{
    for (unsigned i = 0; i < keyspace->shard_count; i++) shard_lock(&keyspace->shards[i]);
    all_mine = keyspace;
}

bool keyspace_has_entered_all(void)
{
    return all_mine != NULL;
}

void keyspace_leave_all(struct keyspace *keyspace)
{
    struct shard_set grows = {0};
    struct shard *shard;

    all_mine = NULL;
    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        uint8_t flags = shard_unlock_for_chores(&keyspace->shards[i]);

        if (flags & SHARD_GROWS) grows.words[i / 64] |= (uint64_t)1 << i % 64;
    }
    chores_run();
    SHARD_SET_EACH(&grows, keyspace->shards, shard) shard_grow(shard);
}

bool keyspace_is_mine(const struct keyspace *keyspace)
{
    return all_mine == keyspace;
}
