#include "coatcheck/tracking/parcel.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/pubsub/delivery.h"
#include "coatcheck/tracking/tracking.h"

#define ROOM_FIRST 512

/* Going through a piece of news costs this much besides its bytes: the scale of delivery_owe(). */
#define TELL_COST 128

struct parcel {
    struct mail mail;
    struct parcel *next; /* in the inbox */
    uint64_t at, len, room, cost;
    uint64_t last; /* where the last news begin; good while len > 0 */
    char bytes[] __attribute__((aligned(8)));
};

/* By lane, not sent off yet. */
static _Thread_local struct parcel *outgoing[METRIC_LANES];
static _Thread_local uint8_t outgoing_lanes[METRIC_LANES];
static _Thread_local unsigned outgoing_count;

/* Has come for this worker. */
static _Thread_local struct {
    struct parcel *first, *last;
} inbox;

/* Something for this lane could not be written down. */
static struct {
    _Atomic bool some;
} __attribute__((aligned(64))) lost[METRIC_LANES];

/* ---- writing ---- */

static void lose(unsigned lane)
{
    atomic_store(&lost[lane].some, true);
    METRIC_ADD(tracking, tracking_lost, 1);
}

/* With room for `size` bytes more. NULL: no memory, what is there stays. */
static struct parcel *make_room(unsigned lane, uint64_t size)
{
    struct parcel *parcel = outgoing[lane];
    uint64_t room = parcel ? parcel->room : ROOM_FIRST;

    if (parcel && parcel->room - parcel->len >= size) return parcel;
    while (room < size + (parcel ? parcel->len : 0)) room *= 2;
    parcel = mem_resize(parcel, sizeof *parcel + room);
    if (!parcel) return NULL;
    if (!outgoing[lane]) {
        *parcel = (struct parcel){0};
        outgoing_lanes[outgoing_count++] = (uint8_t)lane;
    }
    parcel->room = room;
    outgoing[lane] = parcel;
    return parcel;
}

struct news *parcel_add(unsigned lane, enum news_kind kind, uintptr_t who, uint64_t len)
{
    uint64_t size = sizeof(struct news) + PARCEL_PAD(len);
    struct parcel *parcel = make_room(lane, size);
    struct news *news;

    if (!parcel) {
        lose(lane);
        return NULL;
    }
    news = (struct news *)(parcel->bytes + parcel->len);
    *news = (struct news){.kind = kind, .len = len, .size = size, .who = who};
    parcel->last = parcel->len;
    parcel->len += size;
    parcel->cost += size + TELL_COST;
    return news;
}

/* Lanes that have the key of the present change already, by the number of that. */
static _Thread_local uint64_t change_now, change_of[METRIC_LANES];

void parcel_add_reader(bool is_first, struct bytes key, tracker_item item)
{
    unsigned lane = tracker_item_lane(item);
    struct parcel *parcel;
    struct news *news;

    if (is_first) change_now++;
    if (change_of[lane] != change_now) {
        news = parcel_add(lane, NEWS_KEY, 0, key.len);
        if (!news) return;
        if (key.len > 0) memcpy(news->at, key.at, key.len);
        change_of[lane] = change_now;
    }
    parcel = make_room(lane, sizeof item);
    if (!parcel) {
        lose(lane);
        return;
    }
    news = (struct news *)(parcel->bytes + parcel->last);
    memcpy(parcel->bytes + parcel->len, &item, sizeof item);
    parcel->len += sizeof item;
    parcel->cost += TELL_COST;
    news->size += sizeof item;
    news->count++;
}

/* ---- sending ---- */

static void inbox_add(struct parcel *parcel)
{
    parcel->next = NULL;
    if (inbox.last) {
        inbox.last->next = parcel;
    } else {
        inbox.first = parcel;
    }
    inbox.last = parcel;
}

/* Nobody reads the rest of it. */
static void parcel_drop(struct parcel *parcel)
{
    while (parcel->at < parcel->len) {
        struct news *news = (struct news *)(parcel->bytes + parcel->at);
        struct receiver *receiver = (struct receiver *)news->who;

        if (news->kind == NEWS_FORWARD) receiver_release(&receiver);
        parcel->at += news->size;
    }
    mem_free(parcel);
}

static void open_parcel(struct worker *worker, struct mail *mail)
{
    struct parcel *parcel = (struct parcel *)mail;

    if (worker) {
        inbox_add(parcel);
        tracking_hand_out(DELIVERY_SLICE_US);
    } else {
        parcel_drop(parcel);
    }
}

void parcels_send_off(void)
{
    while (unlikely(outgoing_count > 0)) {
        unsigned lane = outgoing_lanes[--outgoing_count];
        struct parcel *parcel = outgoing[lane];

        outgoing[lane] = NULL;
        delivery_owe(lane, parcel->cost);
        if (lane == metric_lane) {
            inbox_add(parcel);
        } else {
            parcel->mail.open = open_parcel;
            session_host->mail(lane - 1, &parcel->mail);
        }
    }
}

/* ---- opening ---- */

/* False: time is over. */
static bool open_one(struct parcel *parcel, uint64_t until, void (*tell)(const struct news *news))
{
    while (parcel->at < parcel->len) {
        const struct news *news = (const struct news *)(parcel->bytes + parcel->at);

        tell(news);
        parcel->at += news->size;
        if (parcel->at < parcel->len && clock_ticks() > until) return false;
    }
    return true;
}

bool parcels_open(int64_t budget_us, void (*tell)(const struct news *news), void (*tell_lost)(void))
{
    uint64_t until = 0;

    if (unlikely(atomic_load_explicit(&lost[metric_lane].some, memory_order_relaxed))) {
        atomic_store(&lost[metric_lane].some, false);
        tell_lost();
    }
    while (unlikely(inbox.first != NULL)) {
        struct parcel *parcel = inbox.first;

        if (until == 0) {
            until = clock_ticks() + clock_us_to_ticks((uint64_t)budget_us);
        } else if (clock_ticks() > until) {
            return false;
        }
        if (!open_one(parcel, until, tell)) return false;
        inbox.first = parcel->next;
        if (!inbox.first) inbox.last = NULL;
        delivery_settle(parcel->cost);
        mem_free(parcel);
    }
    return true;
}

void parcels_stop(void)
{
    parcels_send_off();
    while (inbox.first) {
        struct parcel *parcel = inbox.first;

        inbox.first = parcel->next;
        parcel_drop(parcel);
    }
    inbox.last = NULL;
}
