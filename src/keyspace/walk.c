/* walk: over the keys of a database: SCAN, a random key, a sample.
 *
 * A cursor is a position in the fixed space of hash prefixes, so it means the same in any array:
 *
 *     | generation 8 | shard 12 | position 32 |
 *
 * 52 bits: below 2^53, for clients that keep it in a double. Homes are scanned whole and in order,
 * and an entry counts where its own position says, wherever in the chain it has found room. The
 * generation is that of the table's seed: a re-keyed shard begins again. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "keyspace_internal.h"

#define POSITIONS ((uint64_t)1 << 32)
#define HOMES_A_HOLD 32
#define MOVES_A_HOLD 256

static void walk_enter(struct shard *shard, bool mine)
{
    if (!mine) shard_enter(shard);
}

static void walk_leave(struct shard *shard, bool mine)
{
    if (!mine) shard_leave(shard);
}

/* --- SCAN --- */

struct scan {
    void (*see)(void *context, const struct entry *entry);
    void *context;
    uint64_t seen, empty;
    uint64_t position; /* POSITIONS at the end of a shard */
    int64_t now_ms;
};

/* The first position of a home. */
static uint64_t home_begins(uint64_t home, uint32_t count)
{
    return ((home << 32) + count - 1) / count;
}

/* Sees those of a home's entries whose position is in [scan->position, end). */
static void scan_home(struct scan *scan, const struct table *table, struct group *groups,
                      uint32_t count, uint32_t home, uint64_t end)
{
    uint64_t seen = scan->seen;
    uint32_t at = home;

    for (;;) {
        struct group *group = &groups[at];

        group_prefetch_entries(group);
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            struct entry *entry = slot_entry(group->slots[i]);
            struct bytes name;
            uint64_t position;

            if (!entry) continue;
            name = entry_key(entry);
            position = place_position(hash_under(table->seed, hash_bytes(name), name));
            if (position < scan->position || position >= end) continue;
            if (entry_is_over(entry, scan->now_ms)) continue;
            scan->see(scan->context, entry);
            scan->seen++;
        }
        if (group->overflow == 0) break;
        if (++at == count) at = 0;
        if (at == home) break;
    }
    if (scan->seen == seen) scan->empty++;
    scan->position = end;
}

/* One home further. Positions before the first home that has not moved live in the new array. */
static void scan_step(struct scan *scan, const struct table *table)
{
    struct group *groups = table->groups;
    uint32_t count = table->count, home;
    uint64_t end = POSITIONS, border;

    if (table->old) {
        border = home_begins(table->moved, table->old_count);
        if (scan->position < border) {
            end = border;
        } else {
            groups = table->old;
            count = table->old_count;
        }
    }
    home = (uint32_t)(scan->position * count >> 32);
    if (home_begins((uint64_t)home + 1, count) < end) end = home_begins((uint64_t)home + 1, count);
    scan_home(scan, table, groups, count, home, end);
}

/* As far as one hold of the lock goes; true when the shard is done. */
static bool scan_shard(struct scan *scan, struct shard *shard, struct table *table, uint64_t budget)
{
    if (!table->groups || table->live == 0) return true;
    if (unlikely(table->flags & TABLE_REKEYING)) {
        /* Old homes are in the order of another seed. It does not happen by chance; get it over
         * with. */
        table_move(shard, table, MOVES_A_HOLD);
        return false;
    }
    for (unsigned homes = 0; homes < HOMES_A_HOLD; homes++) {
        if (scan->position == POSITIONS) return true;
        if (scan->seen >= budget || scan->empty >= budget) return false;
        scan_step(scan, table);
    }
    return scan->position == POSITIONS;
}

static uint64_t cursor_make(const struct table *table, unsigned index, uint64_t position)
{
    uint64_t generation = position > 0 && table ? table->generation : 0;

    return generation << 44 | (uint64_t)index << 32 | position;
}

uint64_t keyspace_scan(struct keyspace *keyspace, unsigned db, uint64_t cursor, uint64_t budget,
                       void (*see)(void *context, const struct entry *entry), void *context)
{
    struct scan scan = {
        .see = see, .context = context, .position = (uint32_t)cursor, .now_ms = clock_now_ms()};
    unsigned index = cursor >> 32 & (SHARDS_MAX - 1), generation = cursor >> 44 & 0xff;
    bool mine = keyspace_is_mine(keyspace), done;
    uint64_t next;

    if (budget == 0) budget = 1;
    for (; index < keyspace->shard_count; index++, scan.position = 0) {
        struct shard *shard = &keyspace->shards[index];
        struct table *table = shard_table(shard, db);

        if (!table) return 0;
        if (count_read(&table->live) == 0) continue;
        do {
            walk_enter(shard, mine);
            table = shard_table(shard, db);
            if (scan.position > 0 && table->generation != generation) scan.position = 0;
            done = scan_shard(&scan, shard, table, budget);
            generation = table->generation;
            next = cursor_make(table, index, scan.position);
            walk_leave(shard, mine);
            if (!done && (scan.seen >= budget || scan.empty >= budget)) return next;
        } while (!done);
        if (scan.seen >= budget || scan.empty >= budget) {
            return index + 1 < keyspace->shard_count ? (uint64_t)(index + 1) << 32 : 0;
        }
    }
    return 0;
}

/* --- drawing --- */

static uint64_t table_group_count(const struct table *table)
{
    return (uint64_t)table->count + table->old_count;
}

static struct group *table_group(const struct table *table, uint64_t at)
{
    return at < table->count ? &table->groups[at] : &table->old[at - table->count];
}

/* A slot of the table's arrays, all alike. */
static struct entry *table_draw(const struct table *table, uint64_t *dice)
{
    uint64_t groups = table_group_count(table), at;

    if (groups == 0) return NULL;
    at = random_below(dice, groups * GROUP_SLOTS);
    return slot_entry(table_group(table, at / GROUP_SLOTS)->slots[at % GROUP_SLOTS]);
}

/* A shard drawn by how many keys it holds, as they stand at this moment. */
static struct shard *draw_shard(struct keyspace *keyspace, unsigned db, uint64_t total,
                                uint64_t *dice)
{
    uint64_t left = random_below(dice, total);

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        uint64_t live = count_read(&shard_table(&keyspace->shards[i], db)->live);

        if (left < live) return &keyspace->shards[i];
        left -= live;
    }
    return &keyspace->shards[random_below(dice, keyspace->shard_count)];
}

static enum status copy_name(const struct entry *entry, struct bytes *into)
{
    struct bytes name = entry_key(entry);
    char *at = mem_alloc(name.len);

    if (!at) return NO_MEMORY;
    if (name.len > 0) memcpy(at, name.at, name.len);
    *into = bytes_of(at, name.len);
    return OK;
}

struct first {
    struct bytes *into;
    enum status status;
};

static void see_first(void *context, const struct entry *entry)
{
    struct first *first = context;

    if (first->status == NOT_FOUND) first->status = copy_name(entry, first->into);
}

/* When drawing finds only expired keys: whichever lives. */
static enum status first_key(struct keyspace *keyspace, unsigned db, struct bytes *into)
{
    struct first first = {.into = into, .status = NOT_FOUND};
    uint64_t cursor = 0;

    do {
        cursor = keyspace_scan(keyspace, db, cursor, 1, see_first, &first);
    } while (cursor != 0 && first.status == NOT_FOUND);
    return first.status;
}

#define DRAWS 64 /* shards */
#define DRAWS_INSIDE                                                                               \
    64 /* slots; one in three is taken in the emptiest table that does not shrink */

enum status keyspace_random_key(struct keyspace *keyspace, unsigned db, struct bytes *into)
{
    uint64_t *dice = random_of_thread();
    bool mine = keyspace_is_mine(keyspace);
    int64_t now_ms = clock_now_ms();

    for (unsigned draws = 0; draws < DRAWS; draws++) {
        uint64_t total = keyspace_count(keyspace, db);
        enum status status = NOT_FOUND;
        struct shard *shard;

        if (total == 0) return NOT_FOUND;
        shard = draw_shard(keyspace, db, total, dice);
        walk_enter(shard, mine);
        for (unsigned i = 0; i < DRAWS_INSIDE && shard_table(shard, db)->live > 0; i++) {
            struct entry *entry = table_draw(shard_table(shard, db), dice);

            if (!entry) continue;
            if (!entry_is_over(entry, now_ms)) status = copy_name(entry, into);
            break; /* an expired one is as likely as any: draw the shard again, too */
        }
        walk_leave(shard, mine);
        if (status != NOT_FOUND) return status;
    }
    return first_key(keyspace, db, into);
}

/* --- how long keys live --- */

#define SAMPLE_ENTRIES 512
#define SAMPLE_GROUPS 16 /* of one table at the most, so that several are asked */

struct ttl_sample {
    double sum_ms;
    int64_t count;
};

/* Some groups that stand side by side: neighbours in hash order have nothing else in common. */
static void sample_table(const struct table *table, uint64_t *dice, int64_t now_ms,
                         struct ttl_sample *sample)
{
    uint64_t groups = table_group_count(table), at = groups > 0 ? random_below(dice, groups) : 0;

    for (uint64_t i = 0; i < groups && i < SAMPLE_GROUPS; i++) {
        const struct group *group = table_group(table, at);

        for (unsigned slot = 0; slot < GROUP_SLOTS; slot++) {
            struct entry *entry = slot_entry(group->slots[slot]);

            if (!entry || !entry_has_deadline(entry) || entry_is_over(entry, now_ms)) continue;
            sample->sum_ms += (double)(entry_deadline_read(entry) - now_ms);
            sample->count++;
        }
        at = at + 1 == groups ? 0 : at + 1;
    }
}

int64_t keyspace_mean_ttl_ms(struct keyspace *keyspace, unsigned db)
{
    uint64_t *dice = random_of_thread();
    uint64_t first = random_below(dice, keyspace->shard_count);
    bool mine = keyspace_is_mine(keyspace);
    struct ttl_sample sample = {0};

    if (keyspace_count_volatile(keyspace, db) == 0) return 0;
    for (unsigned i = 0; i < keyspace->shard_count && sample.count < SAMPLE_ENTRIES; i++) {
        struct shard *shard = &keyspace->shards[(first + i) % keyspace->shard_count];

        if (count_read(&shard_table(shard, db)->mortal) == 0) continue;
        walk_enter(shard, mine);
        sample_table(shard_table(shard, db), dice, clock_now_ms(), &sample);
        walk_leave(shard, mine);
    }
    return sample.count > 0 ? (int64_t)(sample.sum_ms / (double)sample.count) : 0;
}
