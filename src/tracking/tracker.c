#include "coatcheck/tracking/tracker.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/status.h"
#include "coatcheck/keyspace/touch.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/tracking/prefix.h"
#include "coatcheck/tracking/tracking.h"

#define SLOTS_MOST (1u << 24)
#define GENERATIONS (1u << 31)

struct slot {
    struct tracker *tracker; /* NULL: it is free */
    uint32_t generation;
    uint32_t next_free; /* slot + 1; 0: the last */
};

static _Thread_local struct {
    struct slot *of;
    uint32_t count, room;
    uint32_t first_free; /* slot + 1 */
} slots;

static struct {
    _Atomic uint32_t count, of_all;
} __attribute__((aligned(64))) lanes[METRIC_LANES];
static _Atomic uint32_t tracking, tracking_all;

uint32_t trackers_in(unsigned lane)
{
    return atomic_load_explicit(&lanes[lane].count, memory_order_relaxed);
}

uint32_t trackers_of_all_in(unsigned lane)
{
    return atomic_load_explicit(&lanes[lane].of_all, memory_order_relaxed);
}

uint32_t trackers_count(void)
{
    return atomic_load_explicit(&tracking, memory_order_relaxed);
}

bool trackers_exist(void)
{
    return trackers_count() > 0;
}

bool trackers_of_all_exist(void)
{
    return atomic_load_explicit(&tracking_all, memory_order_relaxed) > 0;
}

/* ---- slots ---- */

static bool make_slot(void)
{
    struct slot *grown;
    uint32_t room = slots.room ? slots.room * 2 : 16;

    if (slots.first_free > 0 || slots.count < slots.room) return true;
    if (room > SLOTS_MOST) return false;
    grown = mem_resize(slots.of, room * sizeof *grown);
    if (!grown) return false;
    slots.of = grown;
    slots.room = room;
    return true;
}

/* There is one. */
static void take_slot(struct tracker *tracker)
{
    uint32_t slot = slots.first_free > 0 ? slots.first_free - 1 : slots.count++;

    if (slots.first_free > 0) {
        slots.first_free = slots.of[slot].next_free;
    } else {
        slots.of[slot].generation = 0;
    }
    slots.of[slot].tracker = tracker;
    slots.of[slot].generation = slots.of[slot].generation % (GENERATIONS - 1) + 1;
    tracker->item = (tracker_item)slots.of[slot].generation << 33 | (tracker_item)slot << 9 | (tracker_item)metric_lane << 1;
}

static uint32_t slot_of(tracker_item item)
{
    return (uint32_t)(item >> 9) & (SLOTS_MOST - 1);
}

struct tracker *tracker_find(tracker_item item)
{
    uint32_t slot = slot_of(item);
    struct tracker *tracker = slot < slots.count ? slots.of[slot].tracker : NULL;

    return tracker && tracker->item == item ? tracker : NULL;
}

void tracker_each(void (*see)(struct tracker *tracker, void *context), void *context)
{
    for (uint32_t slot = 0; slot < slots.count; slot++) {
        struct tracker *tracker = slots.of[slot].tracker;

        if (tracker && session_flags(tracker->session) & SESSION_TRACKS) see(tracker, context);
    }
}

void trackers_stop(void)
{
    mem_free(slots.of);
    memset(&slots, 0, sizeof slots);
    prefixes_stop();
}

/* ---- the life of one ---- */

static struct tracker *tracker_need(struct session *session)
{
    struct session_extras *extras = session_need_extras(session);

    if (!extras || extras->tracker) return extras ? extras->tracker : NULL;
    if (!make_slot()) return NULL;
    extras->tracker = mem_alloc_zeroed(sizeof *extras->tracker);
    if (!extras->tracker) return NULL;
    extras->tracker->session = session;
    take_slot(extras->tracker);
    return extras->tracker;
}

/* Where it stands, or would. */
static unsigned place_of(const struct tracker *tracker, struct bytes name)
{
    unsigned low = 0, high = tracker->prefix_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (bytes_compare(prefix_name(tracker->prefixes[middle]), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool add_prefix(struct tracker *tracker, struct bytes name)
{
    struct prefix **grown, *prefix;
    unsigned place = place_of(tracker, name), count = tracker->prefix_count;

    if (place < count && bytes_equal(prefix_name(tracker->prefixes[place]), name)) return true;
    grown = mem_resize(tracker->prefixes, (count + 1) * sizeof *grown);
    if (!grown) return false;
    tracker->prefixes = grown;
    prefix = prefix_join(name, tracker);
    if (!prefix) return false;
    memmove(grown + place + 1, grown + place, (count - place) * sizeof *grown);
    grown[place] = prefix;
    tracker->prefix_count++;
    return true;
}

static bool add_prefixes(struct tracker *tracker, const struct tracker_wish *wish)
{
    if (!(wish->flags & SESSION_TRACKS_ALL)) return true;
    if (wish->prefix_count == 0) return add_prefix(tracker, bytes_of("", 0));
    for (unsigned i = 0; i < wish->prefix_count; i++) {
        if (!add_prefix(tracker, wish->prefixes[i])) return false;
    }
    return true;
}

/* From the last on: those behind one that goes are moved. */
static void drop_prefixes(struct tracker *tracker)
{
    for (unsigned i = tracker->prefix_count; i-- > 0;) prefix_leave(tracker->prefixes[i], tracker);
    mem_free(tracker->prefixes);
    tracker->prefixes = NULL;
    tracker->prefix_count = 0;
}

static void count_one(bool with_all, int change)
{
    atomic_fetch_add(&touch_wanted, (unsigned)change);
    atomic_fetch_add(&delivery_tell_writes, (unsigned)change);
    atomic_fetch_add(&lanes[metric_lane].count, (uint32_t)change);
    atomic_fetch_add(&tracking, (uint32_t)change);
    METRIC_ADD(tracking, tracking_clients, change);
    if (!with_all) return;
    atomic_fetch_add(&lanes[metric_lane].of_all, (uint32_t)change);
    atomic_fetch_add(&tracking_all, (uint32_t)change);
}

#define MODES (SESSION_TRACKS_ALL | SESSION_OPTIN | SESSION_OPTOUT | SESSION_NOLOOP)

enum status tracker_begin(struct session *session, const struct tracker_wish *wish)
{
    struct tracker *tracker = tracker_need(session);
    bool was_there = session_flags(session) & SESSION_TRACKS;

    if (!tracker) return NO_MEMORY;
    if (!add_prefixes(tracker, wish)) {
        if (!was_there) drop_prefixes(tracker);
        return NO_MEMORY;
    }
    /* Who changes BCAST has to end it first. */
    must(!was_there || !((session_flags(session) ^ wish->flags) & SESSION_TRACKS_ALL));
    if (!was_there) count_one(wish->flags & SESSION_TRACKS_ALL, 1);
    if (tracker->receiver) receiver_release(&tracker->receiver);
    tracker->receiver = wish->receiver;
    atomic_store_explicit(&session->extras->redirect, wish->receiver ? wish->receiver->id : 0, memory_order_relaxed);
    session_unset(session, (MODES & ~wish->flags) | SESSION_REDIRECT_BROKEN);
    session_set(session, SESSION_TRACKS | wish->flags);
    return OK;
}

void tracker_end(struct session *session)
{
    struct tracker *tracker = tracker_of(session);
    unsigned flags = session_flags(session);

    if (!(flags & SESSION_TRACKS)) return;
    count_one(flags & SESSION_TRACKS_ALL, -1);
    drop_prefixes(tracker);
    if (tracker->receiver) receiver_release(&tracker->receiver);
    session_unset(session, SESSION_TRACKS | MODES | SESSION_CACHING | SESSION_REDIRECT_BROKEN);
}

void tracker_free(struct session *session)
{
    struct tracker *tracker = tracker_of(session);
    uint32_t slot;

    if (!tracker) return;
    tracker_end(session);
    slot = slot_of(tracker->item);
    slots.of[slot].tracker = NULL;
    slots.of[slot].next_free = slots.first_free;
    slots.first_free = slot + 1;
    session->extras->tracker = NULL;
    mem_free(tracker);
}
