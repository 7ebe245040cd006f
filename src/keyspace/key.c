#include "coatcheck/keyspace/key.h"

#include "coatcheck/base/mem.h"
#include "evict_internal.h"
#include "hint_internal.h"
#include "spot_internal.h"
#include "touch_internal.h"
#include "within_internal.h"

void key_init(struct key *key, struct keyspace *keyspace, unsigned db, struct bytes name)
{
    key->name = name;
    key->hash = hash_bytes(name);
    key->shard = keyspace_shard_of(keyspace, key->hash);
    key->db = db;
}

/* --- finding --- */

/* A reader has looked for it in vain. */
enum look { LOOK_AND_USE, LOOK_QUIETLY, LOOK_ASIDE, LOOK_AGAIN };

static struct entry *missed(const struct key *key, enum look how)
{
    if (how != LOOK_AGAIN) METRIC_ADD(keyspace, keyspace_misses, 1);
    if (unlikely(change_anyone_asks_more) && how != LOOK_ASIDE && how != LOOK_AGAIN) change_publish_more(key->db, key->name, "keymiss");
    return NULL;
}

static inline struct entry *key_look(const struct key *key, enum look how)
{
    struct table *table = shard_table(key->shard, key->db);
    struct spot spot;

    if (!table_find(table, key->hash, key->name, &spot)) return missed(key, how);
    if (unlikely(entry_has_deadline(spot.entry)) && entry_is_over(spot.entry, clock_now_ms())) {
        if (atomic_load_explicit(&keyspace_keeps_expired, memory_order_relaxed)) return missed(key, how);
        METRIC_ADD(keyspace, expired_lazy, 1);
        expire_entry(key->shard, key->db, table, key->hash, &spot);
        return missed(key, how);
    }
    if (within_is_gone(key, &spot)) return missed(key, how);
    if (how != LOOK_AGAIN) METRIC_ADD(keyspace, keyspace_hits, 1);
    if (how == LOOK_AND_USE) {
        spot_touch(&spot);
        spot_use(&spot);
    }
    return spot.entry;
}

struct entry *key_read(const struct key *key)
{
    return key_look(key, LOOK_AND_USE);
}

struct entry *key_read_quietly(const struct key *key)
{
    return key_look(key, LOOK_QUIETLY);
}

struct entry *key_peek(const struct key *key)
{
    return key_look(key, LOOK_ASIDE);
}

struct entry *key_look_again(const struct key *key)
{
    return key_look(key, LOOK_AGAIN);
}

struct entry *key_find(const struct key *key, struct spot *spot)
{
    struct table *table = shard_table(key->shard, key->db);

    if (!table_find(table, key->hash, key->name, spot)) return NULL;
    if (unlikely(entry_has_deadline(spot->entry)) && entry_is_over(spot->entry, clock_now_ms())) {
        METRIC_ADD(keyspace, expired_lazy, 1);
        expire_entry(key->shard, key->db, table, key->hash, spot);
        return NULL;
    }
    if (within_is_gone(key, spot)) return NULL;
    spot_touch(spot);
    spot_use(spot);
    return spot->entry;
}

void spot_find_again(const struct key *key, struct spot *spot)
{
    struct entry *entry = spot->entry;

    table_find(shard_table(key->shard, key->db), key->hash, key->name, spot);
    must(spot->entry == entry);
}

int64_t key_idle_seconds(const struct key *key)
{
    struct spot spot;
    int64_t units;

    if (!table_find(shard_table(key->shard, key->db), key->hash, key->name, &spot)) return -1;
    if (entry_is_over(spot.entry, clock_now_ms())) return -1;
    units = (uint16_t)(touched_now() - spot.group->touched);
    if (units == 0) return 0;
    /* It may have been at the very end of its unit. */
    return ((units - 1) * (1 << TOUCHED_SHIFT) + (clock_now_ms() & ((1 << TOUCHED_SHIFT) - 1))) /
           1000;
}

/* --- removing --- */

static const char *const event_of[] = {
    [REMOVED_EXPIRED] = "expired", [REMOVED_EVICTED] = "evicted"};

static void publish_removal(unsigned db, struct bytes name, enum remove_reason reason)
{
    struct bytes effect[2] = {BYTES("UNLINK"), name};
    struct change change = {
        .db = db, .key = name, .event = event_of[reason], .effect = effect, .effect_words = 2};

    if (reason != REMOVED_BY_CLIENT && change_anyone_listens) change_publish(&change);
}

static void spot_take_out(struct table *table, uint64_t hash, struct spot *spot)
{
    table_remove(table, hash, spot);
    if (entry_has_deadline(spot->entry)) count_add(&table->mortal, -1);
}

void spot_remove(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                 struct spot *spot, enum remove_reason reason)
{
    struct entry *entry = spot->entry;

    if (reason == REMOVED_EXPIRED && unlikely(shard->ghost != NULL)) ghost_mourn(shard, spot, hash);
    spot_take_out(table, hash, spot);
    if (unlikely(reason != REMOVED_BY_CLIENT)) {
        struct key key = {.name = entry_key(entry), .hash = hash, .shard = shard, .db = db};

        key_touched_by_itself(&key);
        publish_removal(db, key.name, reason);
    }
    chores_add_entry(shard, entry);
    spot->entry = NULL;
}

/* Others may move. */
static void after_removal(struct shard *shard, struct table *table, struct group *group)
{
    if (unlikely(table->old != NULL)) {
        table_move(shard, table, HOMES_A_WRITE);
    } else {
        table_close_gaps(table, group);
    }
}

void spot_drop_shell(const struct key *key, struct spot *spot)
{
    struct table *table = shard_table(key->shard, key->db);

    spot_take_out(table, key->hash, spot);
    chores_add_block(key->shard, spot->entry);
    spot->entry = NULL;
    after_removal(key->shard, table, spot->group);
}

void expire_entry(struct shard *shard, unsigned db, struct table *table, uint64_t hash,
                  struct spot *spot)
{
    METRIC_ADD(keyspace, expired_keys, 1);
    spot_remove(shard, db, table, hash, spot, REMOVED_EXPIRED);
}

void key_remove(const struct key *key, struct spot *spot, enum remove_reason reason)
{
    struct table *table = shard_table(key->shard, key->db);

    spot_refresh(key, spot);
    must(spot->entry != NULL);
    if (reason == REMOVED_EXPIRED) METRIC_ADD(keyspace, expired_keys, 1);
    spot_remove(key->shard, key->db, table, key->hash, spot, reason);
    after_removal(key->shard, table, spot->group);
}
