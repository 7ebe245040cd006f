#include "coatcheck/pubsub/channel.h"

#include <stdatomic.h>
#include "coatcheck/base/hash.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "channel_internal.h"

/* A part of the directory by the top bits of the hash: a table that grows stops nobody but its own part. */
#define PARTS 256
#define BUCKETS_FIRST 8

struct part {
    struct lock lock;
    uint32_t room, count; /* of buckets, a power of two; of channels */
    struct channel **buckets;
} __attribute__((aligned(64)));

static struct part parts[PARTS];
static _Atomic int64_t names[CHANNEL_KINDS];

struct spot {
    struct part *part;
    uint32_t hash;
};

static struct spot spot_of(struct bytes name)
{
    uint64_t hash = hash_bytes(name);

    return (struct spot){.part = &parts[hash >> 56], .hash = (uint32_t)hash};
}

static void enter(struct part *part)
{
    lock_take(&part->lock, RANK_CHANNELS, 0);
}

static void leave(struct part *part)
{
    lock_release(&part->lock, RANK_CHANNELS);
}

static inline bool is_named(const struct channel *channel, enum channel_kind kind, uint32_t hash, struct bytes name)
{
    return channel->hash == hash && channel->kind == kind && bytes_equal(channel_name(channel), name);
}

static struct channel **bucket_of(const struct part *part, uint32_t hash)
{
    return &part->buckets[hash & (part->room - 1)];
}

static struct channel *first_of(const struct part *part, uint32_t hash)
{
    return part->room > 0 ? *bucket_of(part, hash) : NULL;
}

/* The next one of that name at or behind `channel`. */
static struct channel *seek(struct channel *channel, enum channel_kind kind, uint32_t hash, struct bytes name)
{
    while (channel && !is_named(channel, kind, hash, name)) channel = channel->next;
    return channel;
}

static struct channel *seek_own(struct channel *channel, enum channel_kind kind, uint32_t hash, struct bytes name)
{
    channel = seek(channel, kind, hash, name);
    while (channel && channel->lane != metric_lane) channel = seek(channel->next, kind, hash, name);
    return channel;
}

/* False: no memory; the part stays as it is, slower and whole. */
static bool part_resize(struct part *part, uint32_t room)
{
    struct channel **old = part->buckets, **fresh = mem_alloc_zeroed(room * sizeof(struct channel *));
    uint32_t old_room = part->room;

    if (!fresh) return part->room > 0;
    part->buckets = fresh;
    part->room = room;
    for (uint32_t i = 0; i < old_room; i++) {
        for (struct channel *channel = old[i], *next; channel; channel = next) {
            struct channel **bucket = bucket_of(part, channel->hash);

            next = channel->next;
            channel->next = *bucket;
            *bucket = channel;
        }
    }
    mem_free(old);
    return true;
}

static void *block_of(struct channel *channel)
{
    return channel->kind == CHANNEL_PATTERN ? (void *)pattern_of(channel) : channel;
}

static struct channel *channel_new(enum channel_kind kind, struct bytes name, uint32_t hash)
{
    size_t head = kind == CHANNEL_PATTERN ? offsetof(struct pattern, channel) : 0;
    char *block;
    struct channel *channel;

    if (name.len > UINT32_MAX) return NULL;
    block = mem_alloc(head + sizeof(struct channel) + name.len);
    if (!block) return NULL;
    channel = (struct channel *)(block + head);
    *channel = (struct channel){
        .hash = hash, .len = (uint32_t)name.len, .lane = (uint8_t)metric_lane, .kind = (uint8_t)kind};
    if (name.len > 0) memcpy(channel->name, name.at, name.len);
    if (kind != CHANNEL_PATTERN || pattern_list(pattern_of(channel))) return channel;
    mem_free(block);
    return NULL;
}

static void channel_free(struct channel *channel)
{
    if (channel->kind == CHANNEL_PATTERN) pattern_unlist(pattern_of(channel));
    mem_free(block_of(channel));
}

/* A first listener of this worker's. */
static struct channel *part_add(struct part *part, enum channel_kind kind, uint32_t hash, struct bytes name)
{
    struct channel *channel, **bucket;

    if (part->count >= part->room && !part_resize(part, part->room ? part->room * 2 : BUCKETS_FIRST)) return NULL;
    channel = channel_new(kind, name, hash);
    if (!channel) return NULL;
    bucket = bucket_of(part, hash);
    if (!seek(*bucket, kind, hash, name)) atomic_fetch_add(&names[kind], 1);
    channel->next = *bucket;
    *bucket = channel;
    part->count++;
    return channel;
}

static void part_remove(struct part *part, struct channel *channel)
{
    struct channel **place = bucket_of(part, channel->hash);

    while (*place != channel) place = &(*place)->next;
    *place = channel->next;
    part->count--;
    if (!seek(first_of(part, channel->hash), channel->kind, channel->hash, channel_name(channel))) {
        atomic_fetch_sub(&names[channel->kind], 1);
    }
    if (part->room > BUCKETS_FIRST && part->count < part->room / 8) part_resize(part, part->room / 2);
}

enum status channel_join(enum channel_kind kind, struct bytes name, struct session *session, struct channel **channel,
                         bool *joined)
{
    struct spot spot = spot_of(name);
    struct channel *found, *fresh = NULL;
    bool failed = false;

    *joined = false;
    enter(spot.part);
    found = seek_own(first_of(spot.part, spot.hash), kind, spot.hash, name);
    if (!found) found = fresh = part_add(spot.part, kind, spot.hash, name);
    if (!found) {
        failed = true;
    } else if (!pointerset_has(&found->listeners, session)) {
        *joined = pointerset_add(&found->listeners, session);
        failed = !*joined;
        if (*joined && kind == CHANNEL_PATTERN) pattern_count(pattern_of(found));
    }
    if (failed && fresh) {
        part_remove(spot.part, fresh);
        channel_free(fresh);
    }
    leave(spot.part);
    *channel = found;
    return failed ? NO_MEMORY : OK;
}

void channel_leave(struct channel *channel, struct session *session)
{
    struct part *part = spot_of(channel_name(channel)).part;
    bool empty;

    enter(part);
    must(pointerset_remove(&channel->listeners, session));
    if (channel->kind == CHANNEL_PATTERN) pattern_count(pattern_of(channel));
    empty = pointerset_count(&channel->listeners) == 0;
    if (empty) part_remove(part, channel);
    leave(part);
    if (empty) channel_free(channel);
}

struct channel *channel_find(enum channel_kind kind, struct bytes name)
{
    struct spot spot = spot_of(name);
    struct channel *found;

    enter(spot.part);
    found = seek_own(first_of(spot.part, spot.hash), kind, spot.hash, name);
    leave(spot.part);
    return found;
}

uint64_t channel_names(enum channel_kind kind)
{
    return (uint64_t)atomic_load_explicit(&names[kind], memory_order_relaxed);
}

void audience_add(struct audience *audience, unsigned lane, uint32_t receivers)
{
    unsigned i = 0;

    if (receivers == 0) return;
    audience->total += receivers;
    while (i < audience->count && audience->workers[i].lane != lane) i++;
    if (i == audience->count) {
        audience->workers[i].lane = lane;
        audience->workers[i].receivers = 0;
        audience->count++;
    }
    audience->workers[i].receivers += receivers;
}

void channel_audience(enum channel_kind kind, struct bytes name, struct audience *audience)
{
    audience->total = 0;
    audience->count = 0;
    if (channel_names(kind) > 0) {
        struct spot spot = spot_of(name);

        enter(spot.part);
        for (struct channel *channel = seek(first_of(spot.part, spot.hash), kind, spot.hash, name); channel;
             channel = seek(channel->next, kind, spot.hash, name)) {
            audience_add(audience, channel->lane, pointerset_count(&channel->listeners));
        }
        leave(spot.part);
    }
    if (kind == CHANNEL_PLAIN && channel_names(CHANNEL_PATTERN) > 0) pattern_audience(name, audience);
}

uint64_t channel_listeners(enum channel_kind kind, struct bytes name)
{
    struct spot spot = spot_of(name);
    uint64_t sum = 0;

    enter(spot.part);
    for (struct channel *channel = seek(first_of(spot.part, spot.hash), kind, spot.hash, name); channel;
         channel = seek(channel->next, kind, spot.hash, name)) {
        sum += pointerset_count(&channel->listeners);
    }
    leave(spot.part);
    return sum;
}

void channel_each_name(enum channel_kind kind, void (*see)(struct bytes name, void *context), void *context)
{
    for (unsigned p = 0; p < PARTS; p++) {
        struct part *part = &parts[p];

        enter(part);
        for (uint32_t i = 0; i < part->room; i++) {
            for (struct channel *channel = part->buckets[i]; channel; channel = channel->next) {
                struct bytes name = channel_name(channel);

                if (channel->kind != kind) continue;
                /* Other workers may have it too: the last one in the bucket stands for all. */
                if (!seek(channel->next, kind, channel->hash, name)) see(name, context);
            }
        }
        leave(part);
    }
}

void channel_check(void)
{
    for (unsigned p = 0; p < PARTS; p++) {
        struct part *part = &parts[p];
        uint32_t count = 0;

        enter(part);
        for (uint32_t i = 0; i < part->room; i++) {
            for (struct channel *channel = part->buckets[i]; channel; channel = channel->next) {
                must(bucket_of(part, channel->hash) == &part->buckets[i]);
                must(pointerset_count(&channel->listeners) > 0);
                if (channel->lane == metric_lane) pointerset_check(&channel->listeners);
                count++;
            }
        }
        must(count == part->count);
        leave(part);
    }
    pattern_check();
}
