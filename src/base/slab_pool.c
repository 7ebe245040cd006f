/* slab_pool: address space for slabs, got from the kernel in spans, and the slabs that nobody uses. */
#include <sys/mman.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/must.h"
#include "slab_internal.h"

/* Address space is got in large pieces: one call for many regions. Where that is limited, in small ones. */
#define SPAN_BYTES (REGION_BYTES * 16)

static struct lock pool_lock;

/* Under the lock. */
static struct {
    struct slab *newest, *oldest; /* empty, their pages still ours; in the order in which they came */
    struct slab *clean;           /* empty, nothing behind them; a stack */
    uintptr_t region;             /* the one being cut up … */
    unsigned cut;                 /* … of which so many slabs are gone */
    uintptr_t span, span_end;     /* regions not yet cut */
    size_t spare, reserved;
} pool;

static _Atomic size_t pages_out; /* bytes */

static void pool_enter(void)
{
    lock_take(&pool_lock, RANK_SLABS, 0);
}

static void pool_leave(void)
{
    lock_release(&pool_lock, RANK_SLABS);
}

static bool span_new(size_t size)
{
    char *at = mmap(NULL, size + REGION_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uintptr_t begin, end;

    if (at == MAP_FAILED) return false;
    begin = ((uintptr_t)at + REGION_BYTES - 1) & ~(REGION_BYTES - 1);
    end = begin + size;
    if (begin > (uintptr_t)at) munmap(at, begin - (uintptr_t)at);
    if ((uintptr_t)at + size + REGION_BYTES > end) munmap((void *)end, (uintptr_t)at + REGION_BYTES - begin);
    pool.span = begin;
    pool.span_end = end;
    pool.reserved += size;
    return true;
}

static bool region_new(void)
{
    if (pool.span == pool.span_end && !span_new(SPAN_BYTES) && !span_new(REGION_BYTES)) return false;
    pool.region = pool.span;
    pool.span += REGION_BYTES;
    pool.cut = 1;
    return true;
}

static struct slab *cut_one(void)
{
    if ((pool.cut == REGION_SLABS || pool.cut == 0) && !region_new()) return NULL;
    return slab_heads(pool.region) + pool.cut++;
}

static void unlink_spare(struct slab *slab)
{
    if (slab->next) slab->next->prev = slab->prev;
    if (slab->prev) slab->prev->next = slab->next;
    if (pool.newest == slab) pool.newest = slab->next;
    if (pool.oldest == slab) pool.oldest = slab->prev;
    pool.spare -= SLAB_BYTES;
}

static void push_clean(struct slab *slab)
{
    slab->next = pool.clean;
    pool.clean = slab;
}

struct slab *pool_take(void)
{
    struct slab *slab;

    pool_enter();
    if ((slab = pool.newest)) {
        unlink_spare(slab);
    } else if ((slab = pool.clean)) {
        pool.clean = slab->next;
    } else {
        slab = cut_one();
    }
    pool_leave();
    return slab;
}

void pool_put(struct slab *slab)
{
    slab->emptied_ms = clock_steady_us() / 1000;
    slab->prev = NULL;
    pool_enter();
    slab->next = pool.newest;
    if (slab->next) slab->next->prev = slab;
    pool.newest = slab;
    if (!pool.oldest) pool.oldest = slab;
    pool.spare += SLAB_BYTES;
    pool_leave();
}

bool pool_clean(int64_t idle_ms, uint64_t until_ticks)
{
    int64_t before_ms = clock_steady_us() / 1000 - idle_ms;

    for (;;) {
        struct slab *slab;

        pool_enter();
        slab = pool.oldest;
        if (slab && slab->emptied_ms <= before_ms) {
            unlink_spare(slab);
        } else {
            slab = NULL;
        }
        pool_leave();
        if (!slab) return true;
        /* The kernel works without our lock: nobody else can reach the slab. */
        madvise(slab_begin(slab), SLAB_BYTES, MADV_DONTNEED);
        pool_enter();
        push_clean(slab);
        pool_leave();
        if (clock_ticks() >= until_ticks) return false;
    }
}

void *pool_pages_take(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) return NULL;
    atomic_fetch_add_explicit(&pages_out, bytes, memory_order_relaxed);
    return pages;
}

void pool_pages_put(void *pages, size_t bytes)
{
    munmap(pages, bytes);
    atomic_fetch_sub_explicit(&pages_out, bytes, memory_order_relaxed);
}

void pool_read_figures(struct pool_figures *figures)
{
    pool_enter();
    *figures = (struct pool_figures){.spare = pool.spare, .reserved = pool.reserved};
    pool_leave();
    figures->pages = atomic_load_explicit(&pages_out, memory_order_relaxed);
    figures->reserved += figures->pages;
}
