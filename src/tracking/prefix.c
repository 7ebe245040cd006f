#include "coatcheck/tracking/prefix.h"

#include <stdatomic.h>
#include <string.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* Names in their order: each worker's own prefixes, and how many workers have each. */
struct shelf {
    struct prefix **of;
    unsigned count, room;
};

static _Thread_local struct shelf here;

/* A name that some worker has. */
struct shared_name {
    struct bytes name; /* owned */
    unsigned workers;
};
static struct lock names_lock;
static struct shared_name *names; /* by name */
static unsigned names_room;
static _Atomic unsigned names_count; /* written under the lock */

uint64_t prefixes_count(void)
{
    return atomic_load_explicit(&names_count, memory_order_relaxed);
}

struct prefix *prefix_at(unsigned place)
{
    return place < here.count ? here.of[place] : NULL;
}

/* ---- the names of all workers ---- */

static unsigned name_place(struct bytes name)
{
    unsigned low = 0, high = names_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (bytes_compare(names[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool name_insert(unsigned place, struct bytes name)
{
    unsigned count = names_count;
    char *copy;

    if (count == names_room) {
        unsigned room = names_room ? names_room * 2 : 8;
        struct shared_name *grown = mem_resize(names, room * sizeof *grown);

        if (!grown) return false;
        names = grown;
        names_room = room;
    }
    copy = mem_alloc(name.len + 1);
    if (!copy) return false;
    if (name.len > 0) memcpy(copy, name.at, name.len);
    memmove(names + place + 1, names + place, (count - place) * sizeof *names);
    names[place] = (struct shared_name){.name = bytes_of(copy, name.len)};
    names_count = count + 1;
    return true;
}

static bool name_hold(struct bytes name)
{
    unsigned place;
    bool held = true;

    lock_take(&names_lock, RANK_CHANNELS, 0);
    place = name_place(name);
    if (place == names_count || !bytes_equal(names[place].name, name)) held = name_insert(place, name);
    if (held) names[place].workers++;
    lock_release(&names_lock, RANK_CHANNELS);
    return held;
}

static void name_release(struct bytes name)
{
    unsigned place;

    lock_take(&names_lock, RANK_CHANNELS, 0);
    place = name_place(name);
    must(place < names_count && bytes_equal(names[place].name, name));
    if (--names[place].workers == 0) {
        mem_free((char *)names[place].name.at);
        names_count--;
        memmove(names + place, names + place + 1, (names_count - place) * sizeof *names);
    }
    if (names_count == 0) {
        mem_free(names);
        names = NULL;
        names_room = 0;
    }
    lock_release(&names_lock, RANK_CHANNELS);
}

/* ---- this worker's ---- */

static unsigned place_here(struct bytes name)
{
    unsigned low = 0, high = here.count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (bytes_compare(prefix_name(here.of[middle]), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool room_here(void)
{
    unsigned room = here.room ? here.room * 2 : 8;
    struct prefix **grown;

    if (here.count < here.room) return true;
    grown = mem_resize(here.of, room * sizeof *grown);
    if (!grown) return false;
    here.of = grown;
    here.room = room;
    return true;
}

static struct prefix *insert_here(unsigned place, struct bytes name)
{
    struct prefix *prefix;

    if (name.len > UINT32_MAX || !room_here()) return NULL;
    prefix = mem_alloc(sizeof *prefix + name.len);
    if (!prefix || !name_hold(name)) {
        mem_free(prefix);
        return NULL;
    }
    *prefix = (struct prefix){.len = (uint32_t)name.len};
    if (name.len > 0) memcpy(prefix->name, name.at, name.len);
    memmove(here.of + place + 1, here.of + place, (here.count - place) * sizeof *here.of);
    here.of[place] = prefix;
    here.count++;
    return prefix;
}

static void remove_if_empty(struct prefix *prefix)
{
    unsigned place = place_here(prefix_name(prefix));

    if (pointerset_count(&prefix->trackers) > 0) return;
    must(here.of[place] == prefix);
    here.count--;
    memmove(here.of + place, here.of + place + 1, (here.count - place) * sizeof *here.of);
    name_release(prefix_name(prefix));
    mem_free(prefix);
}

struct prefix *prefix_join(struct bytes name, struct tracker *tracker)
{
    unsigned place = place_here(name);
    bool is_there = place < here.count && bytes_equal(prefix_name(here.of[place]), name);
    struct prefix *prefix = is_there ? here.of[place] : insert_here(place, name);

    if (!prefix) return NULL;
    must(!pointerset_has(&prefix->trackers, tracker));
    if (pointerset_add(&prefix->trackers, tracker)) return prefix;
    remove_if_empty(prefix);
    return NULL;
}

void prefix_leave(struct prefix *prefix, struct tracker *tracker)
{
    must(pointerset_remove(&prefix->trackers, tracker));
    remove_if_empty(prefix);
}

void prefixes_stop(void)
{
    must(here.count == 0);
    mem_free(here.of);
    here = (struct shelf){0};
}
