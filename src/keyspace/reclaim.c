/* reclaim: frees in slices what a flush or a deletion has detached. Any lane may take a piece from
 * the lists; nobody else can reach it then. */
#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "keyspace_internal.h"

#define CONTAINER_STEPS 16
#define ARRAY_STEPS 8 /* groups */

static void reclaim_lock(struct keyspace *keyspace)
{
    lock_take(&keyspace->reclaim_lock, RANK_RECLAIM, 0);
}

static void reclaim_unlock(struct keyspace *keyspace)
{
    lock_release(&keyspace->reclaim_lock, RANK_RECLAIM);
}

static void put_back(struct keyspace *keyspace, struct remains *remains)
{
    reclaim_lock(keyspace);
    remains->next = atomic_load_explicit(&keyspace->containers, memory_order_relaxed);
    atomic_store_explicit(&keyspace->containers, remains, memory_order_relaxed);
    reclaim_unlock(keyspace);
}

void reclaim_container(struct keyspace *keyspace, struct remains *remains, int64_t bytes)
{
    atomic_fetch_add_explicit(&keyspace->reclaiming, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&keyspace->reclaiming_bytes, bytes, memory_order_relaxed);
    put_back(keyspace, remains);
}

size_t reclaim_pending(const struct keyspace *keyspace)
{
    int64_t bytes = atomic_load_explicit(&keyspace->reclaiming_bytes, memory_order_relaxed);

    return bytes > 0 ? (size_t)bytes : 0;
}

/* With the last one goes what was counted inexactly. */
static void count_freed(struct keyspace *keyspace, int64_t bytes, bool whole)
{
    atomic_fetch_sub_explicit(&keyspace->reclaiming_bytes, bytes, memory_order_relaxed);
    if (whole && atomic_fetch_sub_explicit(&keyspace->reclaiming, 1, memory_order_relaxed) == 1)
        atomic_store_explicit(&keyspace->reclaiming_bytes, 0, memory_order_relaxed);
}

void reclaim_array(struct keyspace *keyspace, struct group *groups, uint32_t count)
{
    reclaim_lock(keyspace);
    array_detach(groups, count, atomic_load_explicit(&keyspace->arrays, memory_order_relaxed));
    atomic_store_explicit(&keyspace->arrays, groups, memory_order_relaxed);
    reclaim_unlock(keyspace);
}

static struct remains *pop_container(struct keyspace *keyspace)
{
    struct remains *remains;

    if (!atomic_load_explicit(&keyspace->containers, memory_order_relaxed)) return NULL;
    reclaim_lock(keyspace);
    remains = atomic_load_explicit(&keyspace->containers, memory_order_relaxed);
    if (remains) atomic_store_explicit(&keyspace->containers, remains->next, memory_order_relaxed);
    reclaim_unlock(keyspace);
    return remains;
}

static struct group *pop_array(struct keyspace *keyspace)
{
    struct group *groups;

    if (!atomic_load_explicit(&keyspace->arrays, memory_order_relaxed)) return NULL;
    reclaim_lock(keyspace);
    groups = atomic_load_explicit(&keyspace->arrays, memory_order_relaxed);
    if (groups) {
        atomic_store_explicit(&keyspace->arrays, array_detached_foot(groups)->next,
                              memory_order_relaxed);
    }
    reclaim_unlock(keyspace);
    return groups;
}

static bool container_free_until(struct remains *remains, uint64_t until_ticks)
{
    void *container = remains_far(remains);
    const struct value_kind *kind = value_kind_of(remains_type(remains));

    do {
        if (kind->free_some(&container, CONTAINER_STEPS)) {
            remains_free(remains);
            return true;
        }
    } while (clock_ticks() < until_ticks);
    remains_set_far(remains, container);
    return false;
}

static bool array_free_until(struct keyspace *keyspace, struct group *groups, uint64_t until_ticks)
{
    struct array_foot *foot = array_detached_foot(groups);

    while (foot->done < foot->count) {
        struct group *group = &groups[foot->done++];

        if (foot->done < foot->count) group_prefetch_entries(group + 1);
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            if (group->slots[i]) entry_dispose(keyspace, slot_entry(group->slots[i]));
        }
        if (foot->done % ARRAY_STEPS == 0 && clock_ticks() >= until_ticks) return false;
    }
    array_free(groups, foot->count);
    return true;
}

bool reclaim_some(struct keyspace *keyspace, uint64_t until_ticks)
{
    for (;;) {
        struct remains *remains;
        struct group *groups;

        if ((remains = pop_container(keyspace))) {
            int64_t held = held_own();
            bool whole = container_free_until(remains, until_ticks);

            count_freed(keyspace, held - held_publish(), whole);
            if (!whole) put_back(keyspace, remains);
        } else if ((groups = pop_array(keyspace))) {
            if (!array_free_until(keyspace, groups, until_ticks)) {
                reclaim_array(keyspace, groups, array_detached_foot(groups)->count);
            }
        } else if (blob_bury_some()) {
            return true;
        }
        if (clock_ticks() >= until_ticks) return false;
    }
}

void keyspace_reclaim_all(struct keyspace *keyspace)
{
    while (!reclaim_some(keyspace, UINT64_MAX)) {}
}
