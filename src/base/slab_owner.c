/* slab_owner: each thread that takes blocks has an owner of slabs, from its first block to its end; then the owner
 * waits for the next thread that begins. */
#include <pthread.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "slab_internal.h"

_Thread_local struct slab_owner *slab_mine;
_Atomic(struct slab_owner *) slab_owners[SLAB_NUMBERS];

static _Atomic(struct slab_owner *) owners;
static _Atomic unsigned numbers_given;
static struct lock idle_lock;
static struct slab_owner *idle; /* under the lock */

static pthread_key_t end_key;
static pthread_once_t end_once = PTHREAD_ONCE_INIT;

static void owner_retire(void *context)
{
    struct slab_owner *owner = context;

    owner_give_back(owner);
    slab_mine = NULL;
    owner_put_idle(owner);
}

static void make_end_key(void)
{
    must(pthread_key_create(&end_key, owner_retire) == 0);
}

struct slab_owner *owner_take_idle(void)
{
    struct slab_owner *owner;

    lock_take(&idle_lock, RANK_SLABS, 0);
    owner = idle;
    if (owner) idle = owner->next_idle;
    lock_release(&idle_lock, RANK_SLABS);
    return owner;
}

void owner_put_idle(struct slab_owner *owner)
{
    lock_take(&idle_lock, RANK_SLABS, 0);
    owner->next_idle = idle;
    idle = owner;
    lock_release(&idle_lock, RANK_SLABS);
}

static struct slab_owner *owner_make(void)
{
    struct slab_owner *owner = mem_alloc_aligned(_Alignof(struct slab_owner), sizeof *owner);
    unsigned number;

    if (!owner) return NULL;
    number = atomic_fetch_add_explicit(&numbers_given, 1, memory_order_relaxed) + 1;
    if (number < SLAB_NUMBERS) {
        owner->number = (uint8_t)number;
        atomic_store_explicit(&slab_owners[number], owner, memory_order_release);
    }
    owner->next = atomic_load_explicit(&owners, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&owners, &owner->next, owner, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    return owner;
}

__attribute__((noinline)) struct slab_owner *owner_of_thread(void)
{
    struct slab_owner *owner = owner_take_idle();

    pthread_once(&end_once, make_end_key);
    if (!owner) owner = owner_make();
    if (!owner) return NULL;
    if (pthread_setspecific(end_key, owner) != 0) {
        owner_put_idle(owner);
        return NULL;
    }
    return slab_mine = owner;
}

struct slab_owner *owner_newest(void)
{
    return atomic_load_explicit(&owners, memory_order_acquire);
}
