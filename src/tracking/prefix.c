#include "coatcheck/tracking/prefix.h"

#include <stdatomic.h>
#include <string.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/must.h"

/* By lane: the prefixes of that worker's trackers, by name. It changes them under the lock, and reads them without. */
static struct shelf {
    struct lock lock;
    unsigned count, room;
    struct prefix **of;
} __attribute__((aligned(64))) shelves[METRIC_LANES];

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

static struct shelf *shelf_here(void)
{
    return &shelves[metric_lane];
}

struct prefix *prefix_at(unsigned place)
{
    const struct shelf *here = shelf_here();

    return place < here->count ? here->of[place] : NULL;
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

/* Where it stands, or would: behind all that come before it. */
static unsigned shelf_place(const struct shelf *shelf, struct bytes name)
{
    unsigned low = 0, high = shelf->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (bytes_compare(prefix_name(shelf->of[middle]), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct shelf *shelf, unsigned place, struct bytes name)
{
    return place < shelf->count && bytes_equal(prefix_name(shelf->of[place]), name);
}

static void shelf_enter(struct shelf *shelf)
{
    lock_take(&shelf->lock, RANK_CHANNELS, 0);
}

static void shelf_leave(struct shelf *shelf)
{
    lock_release(&shelf->lock, RANK_CHANNELS);
}

/* False: no memory. */
static bool shelf_put(struct shelf *shelf, unsigned place, struct prefix *prefix)
{
    bool has_room = true;

    shelf_enter(shelf);
    if (shelf->count == shelf->room) {
        unsigned room = shelf->room ? shelf->room * 2 : 8;
        struct prefix **grown = mem_resize(shelf->of, room * sizeof *grown);

        has_room = grown != NULL;
        if (has_room) {
            shelf->of = grown;
            shelf->room = room;
        }
    }
    if (has_room) {
        memmove(shelf->of + place + 1, shelf->of + place, (shelf->count - place) * sizeof *shelf->of);
        shelf->of[place] = prefix;
        shelf->count++;
    }
    shelf_leave(shelf);
    return has_room;
}

static struct prefix *insert_here(unsigned place, struct bytes name)
{
    struct prefix *prefix;

    if (name.len > UINT32_MAX) return NULL;
    prefix = mem_alloc(sizeof *prefix + name.len);
    if (!prefix || !name_hold(name)) {
        mem_free(prefix);
        return NULL;
    }
    *prefix = (struct prefix){.len = (uint32_t)name.len};
    if (name.len > 0) memcpy(prefix->name, name.at, name.len);
    if (shelf_put(shelf_here(), place, prefix)) return prefix;
    name_release(name);
    mem_free(prefix);
    return NULL;
}

static void remove_if_empty(struct prefix *prefix)
{
    struct shelf *here = shelf_here();
    unsigned place;

    if (pointerset_count(&prefix->trackers) > 0) return;
    place = shelf_place(here, prefix_name(prefix));
    must(here->of[place] == prefix);
    shelf_enter(here);
    here->count--;
    memmove(here->of + place, here->of + place + 1, (here->count - place) * sizeof *here->of);
    shelf_leave(here);
    name_release(prefix_name(prefix));
    mem_free(prefix);
}

struct prefix *prefix_join(struct bytes name, struct tracker *tracker)
{
    struct shelf *here = shelf_here();
    unsigned place = shelf_place(here, name);
    struct prefix *prefix = is_at(here, place, name) ? here->of[place] : insert_here(place, name);

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
    struct shelf *here = shelf_here();

    must(here->count == 0);
    shelf_enter(here);
    mem_free(here->of);
    here->of = NULL;
    here->room = 0;
    shelf_leave(here);
}

/* ---- any worker's ---- */

static size_t common_len(struct bytes a, struct bytes b)
{
    size_t n = 0;

    while (n < a.len && n < b.len && a.at[n] == b.at[n]) n++;
    return n;
}

/* Whatever the name begins with stands before it or is it. Of those the last one is looked at: any other that the name
 * begins with is what these two have in common, or shorter. */
static bool has_beginning_of(const struct shelf *shelf, struct bytes name)
{
    for (;;) {
        unsigned place = shelf_place(shelf, name);
        struct bytes before;
        size_t common;

        if (is_at(shelf, place, name)) return true;
        if (place == 0) return false;
        before = prefix_name(shelf->of[place - 1]);
        common = common_len(before, name);
        if (common == before.len) return true;
        name.len = common;
    }
}

void prefixes_choose(unsigned lane, const struct bytes *asked, unsigned count, bool *wanted)
{
    struct shelf *shelf = &shelves[lane];

    shelf_enter(shelf);
    for (unsigned i = 0; i < count; i++) wanted[i] = has_beginning_of(shelf, asked[i]);
    shelf_leave(shelf);
}
