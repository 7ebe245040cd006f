#include "touch_internal.h"
#include "within_internal.h"

int64_t container_soonest_ms(const struct entry *entry)
{
    const struct value_kind *kind = value_kind_of(entry_type(entry));

    return kind->soonest_ms ? kind->soonest_ms(entry_container(entry)) : NEVER;
}

struct telling {
    unsigned db;
    struct bytes key;
    const struct value_kind *kind;
    uint64_t count;
};

static void tell(void *context, struct bytes element)
{
    struct telling *telling = context;
    struct bytes effect[3] = {bytes_of_text(telling->kind->remove_command), telling->key, element};
    struct change change = {.db = telling->db, .key = telling->key, .effect = effect, .effect_words = 3};

    if (telling->count++ == 0) change.event = telling->kind->expired_event;
    if (unlikely(change_anyone_listens)) change_publish(&change);
}

bool within_expire(struct shard *shard, unsigned db, struct table *table, uint64_t hash, struct spot *spot,
                   int64_t now_ms, size_t *steps)
{
    void *container = entry_container(spot->entry);
    struct telling telling = {db, entry_key(spot->entry), value_kind_of(entry_type(spot->entry)), 0};
    bool done = telling.kind->expire(container, now_ms, steps, tell, &telling);

    METRIC_ADD(keyspace, expired_fields, (int64_t)telling.count);
    if (telling.count > 0) {
        key_touched_by_itself(&(struct key){.name = telling.key, .hash = hash, .shard = shard, .db = db});
    }
    if (telling.kind->length(container) > 0) return done;
    if (unlikely(change_anyone_listens)) {
        change_publish(&(struct change){.db = db, .key = telling.key, .event = "del"});
    }
    spot_remove(shard, db, table, hash, spot, REMOVED_BY_CLIENT);
    return true;
}

bool within_expire_found(const struct key *key, struct spot *spot)
{
    size_t steps = WITHIN_AT_ONCE;
    int64_t soonest_ms = container_soonest_ms(spot->entry);

    if (likely(soonest_ms == NEVER) || soonest_ms > clock_now_ms()) return false;
    if (atomic_load_explicit(&keyspace_keeps_expired, memory_order_relaxed)) return false;
    within_expire(key->shard, key->db, shard_table(key->shard, key->db), key->hash, spot, clock_now_ms(), &steps);
    return spot->entry == NULL;
}

void key_note_elements(const struct key *key, struct spot *spot)
{
    int64_t soonest_ms = entry_soonest_within(spot->entry);

    if (likely(soonest_ms == NEVER)) return;
    spot_refresh(key, spot);
    hint_note_spot(key->shard, shard_table(key->shard, key->db), spot->group, soonest_ms);
}
