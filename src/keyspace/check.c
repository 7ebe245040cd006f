/* check: every invariant of every table, and their shape. Slow; for tests and DEBUG. */
#include "coatcheck/base/mem.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "keyspace_internal.h"
#include "within_internal.h"

struct tally {
    uint32_t live, mortal;
};

/* The entry is where a lookup finds it, and counted by every group it has passed over. */
static void check_entry(const struct table *table, struct group *groups, struct group *group,
                        uint64_t slot, uint32_t *passed, struct tally *tally)
{
    struct entry *entry = slot_entry(slot);
    struct bytes name = entry_key(entry);
    uint64_t hash = hash_bytes(name);
    struct walk walk = table_walk(table, hash, name);
    uint32_t at = (uint32_t)(group - groups);
    struct spot spot = {NULL, NULL, NULL};

    must(walk.groups == groups);
    must(walk.tag == slot_tag(slot));
    must(table_find(table, hash, name, &spot) == entry && spot.group == group);
    for (uint32_t home = walk.home; home != at; home = home + 1 == walk.count ? 0 : home + 1)
        passed[home]++;
    tally->live++;
    tally->mortal += entry_has_deadline(entry);
    if (entry_soonest_ms(entry) != NEVER) {
        must(group->soonest != 0);
        must(hint_ahead(table, group->soonest) == 0 ||
             table->base + hint_ahead(table, group->soonest) <= tick_of(entry_soonest_ms(entry)));
    }
}

static void check_array(const struct table *table, struct group *groups, uint32_t count,
                        struct tally *tally)
{
    uint32_t *passed = mem_need((size_t)count * sizeof *passed);
    uint16_t *summary = array_summary(groups, count);
    uint32_t newcomers = 0;

    must(array_foot(groups, count)->count == count);
    for (uint32_t at = 0; at < count; at++) {
        struct group *group = &groups[at];

        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            if (group->slots[i]) check_entry(table, groups, group, group->slots[i], passed, tally);
            if (slot_is_newcomer(group, i)) {
                must(group->slots[i] != 0);
                newcomers++;
            }
        }
        must(hint_ahead(table, summary[at / RUN_GROUPS]) <= hint_ahead(table, group->soonest));
        must(hint_ahead(table, table->soonest) <= hint_ahead(table, summary[at / RUN_GROUPS]));
    }
    must(array_foot(groups, count)->newcomers == newcomers);
    for (uint32_t at = 0; at < count; at++) {
        must(groups[at].overflow == OVERFLOW_STUCK || groups[at].overflow == passed[at]);
    }
    mem_free(passed);
}

static void check_table(struct keyspace *keyspace, struct shard *shard, struct table *table)
{
    struct tally tally = {0, 0};

    must((table->base & 0xffff) != 0);
    if (!table->groups) {
        must(!table->old && table->live == 0 && table->mortal == 0);
        return;
    }
    must(table->live <= (uint64_t)table->count * GROUP_SLOTS);
    must(table->old || (table->old_count == 0 && table->moved == 0));
    must(table->old || !(table->flags & TABLE_REKEYING));
    must(!table->old || table->moved < table->old_count);
    check_array(table, table->groups, table->count, &tally);
    if (table->old) check_array(table, table->old, table->old_count, &tally);
    must(tally.live == table->live);
    must(tally.mortal == table->mortal);
    if (table->soonest) {
        must(atomic_load(&keyspace->due[shard->index]) <=
             table->base + hint_ahead(table, table->soonest));
    }
}

void keyspace_check(struct keyspace *keyspace)
{
    bool mine = keyspace_is_mine(keyspace);

    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct shard *shard = &keyspace->shards[i];

        if (!mine) shard_enter(shard);
        must(shard->index == i);
        for (unsigned db = 0; db < keyspace->rules.databases; db++) {
            struct table *table = shard_table(shard, db);

            if (table) check_table(keyspace, shard, table);
        }
        if (!mine) shard_leave(shard);
    }
}

static void shape_array(struct keyspace_shape *shape, const struct group *groups, uint32_t count)
{
    uint64_t chain = 0;

    shape->bytes_of_tables += array_used_bytes(groups, count);
    for (uint32_t at = 0; groups && at < count; at++) {
        shape->groups_passed += groups[at].overflow > 0;
        chain = groups[at].overflow ? chain + 1 : 0;
        if (chain + 1 > shape->longest_chain) shape->longest_chain = chain + 1;
    }
}

void keyspace_read_shape(struct keyspace *keyspace, unsigned db, struct keyspace_shape *shape)
{
    bool mine = keyspace_is_mine(keyspace);

    memset(shape, 0, sizeof *shape);
    shape->rekeyed_shards = atomic_load(&keyspace->rekeyed);
    for (unsigned i = 0; i < keyspace->shard_count; i++) {
        struct shard *shard = &keyspace->shards[i];
        struct table *table;

        if (!mine) shard_enter(shard);
        table = shard_table(shard, db);
        if (table) {
            shape->live += table->live;
            shape->groups += table->count;
            shape->groups_moving += table->old_count - table->moved;
            shape_array(shape, table->groups, table->count);
            shape_array(shape, table->old, table->old_count);
        }
        if (!mine) shard_leave(shard);
    }
}
