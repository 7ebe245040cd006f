#include "coatcheck/tracking/receiver.h"

#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/status.h"

/* By the number of the session: those who redirect are many, those to whom are few and found as often as a client is set
 * up. */
#define BUCKETS 256

static struct lock receivers_lock;
static struct receiver *receivers[BUCKETS];

static struct receiver **place_of(uint64_t id)
{
    struct receiver **place = &receivers[id % BUCKETS];

    while (*place && (*place)->id != id) place = &(*place)->next;
    return place;
}

void receiver_hold(struct receiver *receiver)
{
    atomic_fetch_add_explicit(&receiver->refs, 1, memory_order_relaxed);
}

void receiver_release(struct receiver **receiver)
{
    struct receiver *released = *receiver;

    *receiver = NULL;
    if (atomic_fetch_sub_explicit(&released->refs, 1, memory_order_acq_rel) == 1) mem_free(released);
}

struct search {
    uint64_t id;
    struct receiver *fresh, *found;
};

/* Nobody comes or goes meanwhile. */
static void take_if_meant(struct session *session, void *context)
{
    struct search *search = context;
    struct receiver **place;
    struct session_facts facts;

    if (session->id != search->id || search->found) return;
    session_host->weigh(session, &facts);
    lock_take(&receivers_lock, RANK_CHANNELS, 0);
    place = place_of(search->id);
    if (!*place) {
        *search->fresh = (struct receiver){.id = search->id, .session = session, .lane = facts.worker + 1, .refs = 1};
        *place = search->fresh;
        search->fresh = NULL;
        session_set(session, SESSION_RECEIVES);
    }
    search->found = *place;
    receiver_hold(search->found);
    lock_release(&receivers_lock, RANK_CHANNELS);
}

/* One that others redirect to already, as in a pool of clients, is found without a look at all sessions. */
static struct receiver *find_known(uint64_t id)
{
    struct receiver *known;

    lock_take(&receivers_lock, RANK_CHANNELS, 0);
    known = *place_of(id);
    if (known) receiver_hold(known);
    lock_release(&receivers_lock, RANK_CHANNELS);
    return known;
}

enum status receiver_find(uint64_t id, struct receiver **receiver)
{
    struct search search = {.id = id};

    *receiver = find_known(id);
    if (*receiver) return OK;
    search.fresh = mem_alloc(sizeof *search.fresh);
    if (!search.fresh) return NO_MEMORY;
    session_host->each(take_if_meant, &search);
    mem_free(search.fresh);
    *receiver = search.found;
    return search.found ? OK : NOT_FOUND;
}

void receiver_leave(struct session *session)
{
    struct receiver **place, *left;

    lock_take(&receivers_lock, RANK_CHANNELS, 0);
    place = place_of(session->id);
    left = *place;
    if (left) {
        *place = left->next;
        atomic_store_explicit(&left->gone, true, memory_order_release);
    }
    lock_release(&receivers_lock, RANK_CHANNELS);
    session_unset(session, SESSION_RECEIVES);
    if (left) receiver_release(&left);
}
