#include "coatcheck/tracking/remembered.h"

#include <stdatomic.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/keyspace/shard.h"
#include "coatcheck/keyspace/touch.h"
#include "coatcheck/tracking/tracking.h"

#define SHARDS_MOST 4096
#define LEAST_BUCKETS 4

/* How many are freed between two looks at the clock. */
#define RECLAIM_STEP 64

/* Of one shard; NULL while there are none. */
struct names {
    struct names *next_dead;
    uint32_t count;
    uint32_t buckets; /* a power of two */
    uint32_t hand;    /* the bucket where it goes on when one has to make room */
    uint64_t items;
    struct remembered *first[];
};

static struct names *tables[SHARDS_MOST];
static _Atomic uint32_t counts[SHARDS_MOST]; /* of the tables; others look at them before they enter */
static _Atomic uint64_t total;

static _Thread_local struct names *dead; /* forgotten by this thread, not yet freed */

uint64_t remembered_count(void)
{
    return atomic_load_explicit(&total, memory_order_relaxed);
}

static struct remembered **bucket_of(struct names *names, uint32_t hash)
{
    return &names->first[hash & (names->buckets - 1)];
}

static void count_keys(unsigned shard, struct names *names, int change)
{
    names->count += (uint32_t)change;
    atomic_store_explicit(&counts[shard], names->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&total, (uint64_t)(int64_t)change, memory_order_relaxed);
    METRIC_ADD(tracking, tracking_total_keys, change);
}

static void count_items(struct names *names, int64_t change)
{
    names->items += (uint64_t)change;
    METRIC_ADD(tracking, tracking_total_items, change);
}

/* The same ones in another number of buckets. False: no memory, all is as it was. */
static bool names_resize(unsigned shard, uint32_t buckets)
{
    struct names *old = tables[shard];
    struct names *names = mem_alloc_zeroed(sizeof *names + buckets * sizeof names->first[0]);

    if (!names) return false;
    names->buckets = buckets;
    if (old) {
        names->count = old->count;
        names->items = old->items;
        for (uint32_t i = 0; i < old->buckets; i++) {
            for (struct remembered *remembered = old->first[i], *next; remembered; remembered = next) {
                struct remembered **bucket = bucket_of(names, remembered->hash);

                next = remembered->next;
                remembered->next = *bucket;
                *bucket = remembered;
            }
        }
        mem_free(old);
    }
    tables[shard] = names;
    return true;
}

/* Where it stands, or the end of where it would. The upper bits of the hash have chosen the shard. */
static struct remembered **place_of(struct names *names, const struct key *key)
{
    struct remembered **place = bucket_of(names, (uint32_t)key->hash);

    while (*place && !((*place)->hash == (uint32_t)key->hash && bytes_equal(remembered_name(*place), key->name))) {
        place = &(*place)->next;
    }
    return place;
}

static struct remembered *remembered_new(const struct key *key, tracker_item item)
{
    struct remembered *remembered;

    if (key->name.len > UINT32_MAX) return NULL;
    remembered = mem_alloc(sizeof *remembered + key->name.len);
    if (!remembered) return NULL;
    *remembered = (struct remembered){.hash = (uint32_t)key->hash, .len = (uint32_t)key->name.len};
    if (key->name.len > 0) memcpy(remembered->name, key->name.at, key->name.len);
    if (pointerset_add(&remembered->items, (void *)item)) return remembered;
    mem_free(remembered);
    return NULL;
}

void remembered_free(struct remembered **remembered)
{
    pointerset_clear(&(*remembered)->items);
    mem_free(*remembered);
    *remembered = NULL;
}

static bool drop_if_empty(unsigned shard, struct names *names)
{
    if (names->count > 0) return false;
    tables[shard] = NULL;
    mem_free(names);
    return true;
}

enum status remembered_add(const struct key *key, tracker_item item, uint64_t items_most)
{
    unsigned shard = shard_number(key->shard);
    struct names *names = tables[shard];
    struct remembered **place;

    if (!names && !names_resize(shard, LEAST_BUCKETS)) return NO_MEMORY;
    /* Without memory for more buckets the chains become longer. */
    if (names && names->count >= names->buckets) names_resize(shard, names->buckets * 2);
    names = tables[shard];
    place = place_of(names, key);
    if (!*place) {
        *place = remembered_new(key, item);
        if (!*place) {
            drop_if_empty(shard, names);
            return NO_MEMORY;
        }
        count_keys(shard, names, 1);
    } else if (pointerset_has(&(*place)->items, (void *)item)) {
        return OK;
    } else if (unlikely(pointerset_count(&(*place)->items) >= items_most)) {
        return TOO_BIG;
    } else if (!pointerset_add(&(*place)->items, (void *)item)) {
        return NO_MEMORY;
    }
    count_items(names, 1);
    return OK;
}

static struct remembered *take_out(unsigned shard, struct names *names, struct remembered **place)
{
    struct remembered *remembered = *place;

    *place = remembered->next;
    count_keys(shard, names, -1);
    count_items(names, -(int64_t)pointerset_count(&remembered->items));
    if (!drop_if_empty(shard, names) && names->buckets > LEAST_BUCKETS && names->count < names->buckets / 8) {
        names_resize(shard, names->buckets / 4);
    }
    return remembered;
}

struct remembered *remembered_take(const struct key *key)
{
    unsigned shard = shard_number(key->shard);
    struct names *names = tables[shard];
    struct remembered **place = names ? place_of(names, key) : NULL;

    return place && *place ? take_out(shard, names, place) : NULL;
}

static struct remembered *take_from(unsigned shard)
{
    struct names *names = tables[shard];

    if (!names) return NULL;
    while (!names->first[names->hand & (names->buckets - 1)]) names->hand++;
    return take_out(shard, names, &names->first[names->hand++ & (names->buckets - 1)]);
}

struct remembered *remembered_take_any(struct keyspace *keyspace)
{
    static _Thread_local unsigned hand;
    unsigned shards = keyspace_shards(keyspace);

    for (unsigned i = 0; i < shards; i++) {
        unsigned shard = (hand + i) % shards;
        struct remembered *taken;

        if (atomic_load_explicit(&counts[shard], memory_order_relaxed) == 0) continue;
        shard_enter(shard_at(keyspace, shard));
        taken = take_from(shard);
        shard_leave(shard_at(keyspace, shard));
        hand = shard + 1;
        if (taken) return taken;
    }
    return NULL;
}

void remembered_forget_all(struct keyspace *keyspace)
{
    for (unsigned shard = 0; shard < keyspace_shards(keyspace); shard++) {
        struct names *names = tables[shard];

        if (!names) continue;
        count_items(names, -(int64_t)names->items);
        count_keys(shard, names, -(int)names->count);
        names->hand = 0;
        names->next_dead = dead;
        dead = names;
        tables[shard] = NULL;
    }
}

bool remembered_reclaim(uint64_t until_ticks)
{
    unsigned freed = 0;

    while (dead) {
        struct names *names = dead;

        while (names->hand < names->buckets) {
            struct remembered *remembered = names->first[names->hand];

            if (!remembered) {
                names->hand++;
                continue;
            }
            names->first[names->hand] = remembered->next;
            remembered_free(&remembered);
            if (++freed % RECLAIM_STEP == 0 && clock_ticks() > until_ticks) return false;
        }
        dead = names->next_dead;
        mem_free(names);
    }
    return true;
}

void remembered_check(const struct shard *shard)
{
    unsigned number = shard_number(shard);
    struct names *names = tables[number];
    uint32_t count = 0;
    uint64_t items = 0;

    must(counts[number] == (names ? names->count : 0));
    for (uint32_t i = 0; names && i < names->buckets; i++) {
        for (struct remembered *remembered = names->first[i]; remembered; remembered = remembered->next) {
            must(bucket_of(names, remembered->hash) == &names->first[i]);
            must(pointerset_count(&remembered->items) > 0);
            pointerset_check(&remembered->items);
            items += pointerset_count(&remembered->items);
            count++;
        }
    }
    must(!names || (names->count == count && names->items == items && count > 0));
}
