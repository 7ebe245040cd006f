/* transaction_watch: who watches which key: for each shard a small hash table, made with the first watched key and
 * freed with the last. */
#include "coatcheck/base/mem.h"
#include "coatcheck/keyspace/touch.h"
#include "transaction_internal.h"

#define LEAST_BUCKETS 4

/* What a shard keeps for us. */
struct touches {
    uint32_t count;
    uint32_t buckets; /* a power of two */
    struct watch *first[];
};

static struct touches *touches_of(struct shard *shard)
{
    return *shard_touches(shard);
}

/* The upper bits of the hash have chosen the shard. */
static struct watch **bucket_of(struct touches *touches, uint64_t hash)
{
    return &touches->first[hash & (touches->buckets - 1)];
}

static void link_in(struct touches *touches, struct watch *watch)
{
    struct watch **bucket = bucket_of(touches, watch->hash);

    watch->next = *bucket;
    watch->at = bucket;
    if (*bucket) (*bucket)->at = &watch->next;
    *bucket = watch;
}

/* The same ones in another number of buckets. False: no memory, all is as it was. */
static bool touches_resize(struct shard *shard, uint32_t buckets)
{
    struct touches *old = touches_of(shard);
    struct touches *touches = mem_alloc_zeroed(sizeof *touches + buckets * sizeof touches->first[0]);

    if (!touches) return false;
    touches->buckets = buckets;
    if (old) {
        touches->count = old->count;
        for (uint32_t i = 0; i < old->buckets; i++) {
            for (struct watch *watch = old->first[i], *next; watch; watch = next) {
                next = watch->next;
                link_in(touches, watch);
            }
        }
        mem_free(old);
    }
    *shard_touches(shard) = touches;
    return true;
}

static bool is_of(const struct watch *watch, const struct key *key)
{
    return watch->hash == key->hash && watch->db == key->db &&
           bytes_equal(bytes_of(watch->name, watch->name_len), key->name);
}

static bool is_watched_by(const struct session *session, const struct key *key)
{
    struct touches *touches = touches_of(key->shard);
    struct watch *watch = touches ? *bucket_of(touches, key->hash) : NULL;

    while (watch && !(watch->session == session && is_of(watch, key))) watch = watch->next;
    return watch != NULL;
}

/* False: no memory. */
static bool watch_begin(struct transaction *transaction, struct session *session, const struct key *key)
{
    struct touches *touches = touches_of(key->shard);
    struct watch *watch;

    if (is_watched_by(session, key)) return true;
    if (key->name.len > UINT32_MAX) return false;
    watch = mem_alloc(sizeof *watch + key->name.len);
    if (!watch) return false;
    if (!touches && !touches_resize(key->shard, LEAST_BUCKETS)) {
        mem_free(watch);
        return false;
    }
    /* Without memory for more buckets the chains become longer. */
    if (touches && touches->count >= touches->buckets) touches_resize(key->shard, touches->buckets * 2);
    *watch = (struct watch){.next_own = transaction->watches,
                            .session = session,
                            .shard = key->shard,
                            .hash = key->hash,
                            .name_len = (uint32_t)key->name.len,
                            .db = (uint8_t)key->db,
                            .was_over = key_state(key) == KEY_OVER};
    if (key->name.len > 0) memcpy(watch->name, key->name.at, key->name.len);
    transaction->watches = watch;
    touches = touches_of(key->shard);
    link_in(touches, watch);
    touches->count++;
    atomic_fetch_add_explicit(&touch_wanted, 1, memory_order_relaxed);
    METRIC_ADD(transaction, watched_keys, 1);
    return true;
}

static void watch_take_out(struct watch *watch)
{
    struct shard *shard = watch->shard;
    struct touches *touches = touches_of(shard);

    *watch->at = watch->next;
    if (watch->next) watch->next->at = watch->at;
    atomic_fetch_sub_explicit(&touch_wanted, 1, memory_order_relaxed);
    METRIC_ADD(transaction, watched_keys, -1);
    if (--touches->count == 0) {
        *shard_touches(shard) = NULL;
        mem_free(touches);
    } else if (touches->buckets > LEAST_BUCKETS && touches->count < touches->buckets / 8) {
        touches_resize(shard, touches->buckets / 4);
    }
}

void watches_drop(struct watch **watches, bool entered)
{
    for (struct watch *watch = *watches, *next; watch; watch = next) {
        struct shard *shard = watch->shard;

        next = watch->next_own;
        if (!entered) shard_enter(shard);
        watch_take_out(watch);
        if (!entered) shard_leave(shard);
        mem_free(watch);
    }
    *watches = NULL;
}

bool watches_are_over(const struct watch *watches)
{
    for (const struct watch *watch = watches; watch; watch = watch->next_own) {
        struct key key = watch_key(watch);

        if (!watch->was_over && key_state(&key) == KEY_OVER) return true;
    }
    return false;
}

enum status transaction_watch(struct call *call)
{
    struct session *session = call->session;
    struct transaction *transaction;
    size_t bytes = 0;

    /* It is lost anyhow. */
    if (session_flags(session) & SESSION_TOUCHED) return OK;
    transaction = transaction_of(session);
    if (!transaction) return NO_MEMORY;
    for (unsigned k = 0; k < call->key_count; k++) {
        if (!watch_begin(transaction, session, &call->keys[k])) return NO_MEMORY;
        bytes += sizeof(struct watch) + call->keys[k].name.len;
    }
    atomic_fetch_add_explicit(&session->extras->queue_bytes, bytes, memory_order_relaxed);
    return OK;
}

/* ---- on the thread of whoever changes a key, inside its shard ---- */

static void flag(struct watch *watch)
{
    if (session_flags(watch->session) & SESSION_TOUCHED) return;
    session_set(watch->session, SESSION_TOUCHED);
}

static void key_was_touched(const struct key *key)
{
    struct touches *touches = touches_of(key->shard);

    for (struct watch *watch = *bucket_of(touches, key->hash); watch; watch = watch->next) {
        if (!is_of(watch, key)) continue;
        if (watch->was_over && key_state(key) == KEY_ABSENT) {
            watch->was_over = false;
        } else {
            flag(watch);
        }
    }
}

static enum key_state state_in(const struct watch *watch, unsigned db)
{
    struct key key = watch_key(watch);

    key.db = db;
    return key_state(&key);
}

static void watch_flushed(struct watch *watch)
{
    if (state_in(watch, watch->db) == KEY_ABSENT) return;
    if (watch->was_over) {
        watch->was_over = false;
    } else {
        flag(watch);
    }
}

/* `comes` is the database whose keys the watched one has from now on. */
static void watch_swapped(struct watch *watch, unsigned comes)
{
    enum key_state now = state_in(watch, watch->db), then = state_in(watch, comes);

    if (now == KEY_ABSENT && then == KEY_ABSENT) return;
    if (watch->was_over ? then != KEY_LIVE : now == KEY_ABSENT && then == KEY_OVER) {
        watch->was_over = then == KEY_OVER;
    } else {
        flag(watch);
    }
}

static void database_was_flushed(struct shard *shard, unsigned db)
{
    struct touches *touches = touches_of(shard);

    for (uint32_t i = 0; i < touches->buckets; i++) {
        for (struct watch *watch = touches->first[i]; watch; watch = watch->next) {
            if (watch->db == db) watch_flushed(watch);
        }
    }
}

static void databases_were_swapped(struct shard *shard, unsigned a, unsigned b)
{
    struct touches *touches = touches_of(shard);

    for (uint32_t i = 0; i < touches->buckets; i++) {
        for (struct watch *watch = touches->first[i]; watch; watch = watch->next) {
            if (watch->db == a) {
                watch_swapped(watch, b);
            } else if (watch->db == b) {
                watch_swapped(watch, a);
            }
        }
    }
}

void transaction_setup(void)
{
    touch_listen(&(struct touch_hooks){
        .touched = key_was_touched, .flushed = database_was_flushed, .swapped = databases_were_swapped});
}
