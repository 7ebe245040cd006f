#include "coatcheck/base/mem.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef COATCHECK_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include "coatcheck/base/cgroup.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/slab.h"

#if defined(COATCHECK_JEMALLOC) || !defined(COATCHECK_SANITIZED)
/* Slabs get their memory from the kernel, so the allocator knows nothing of them. */
static void add_slabs(struct mem_figures *figures)
{
    struct slab_figures slabs;

    slab_read_figures(&slabs);
    figures->allocated += slabs.used;
    figures->active += slabs.held;
    figures->resident += slabs.held + slabs.spare;
    figures->retained += slabs.reserved - slabs.held - slabs.spare;
}
#endif

#define AS_TEXT_(x) #x
#define AS_TEXT(x) AS_TEXT_(x)
#define DOTTED(a, b, c) AS_TEXT(a) "." AS_TEXT(b) "." AS_TEXT(c)

/* How long a page that nobody uses is kept for the next who asks. Shorter gives memory back within
 * the second that expiry promises; zero would pay a page fault for every wave of deletes. */
#define DIRTY_DECAY_MS 1000

static _Atomic unsigned fail_countdown;
static _Atomic bool fails_on; /* once the count has come down */

static __attribute__((noinline, cold)) bool count_down(void)
{
    unsigned left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

    while (left > 0) {
        if (left == 1 && atomic_load_explicit(&fails_on, memory_order_relaxed)) return true;
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) return left == 1;
    }
    return false;
}

static inline bool must_fail_now(void)
{
    return unlikely(atomic_load_explicit(&fail_countdown, memory_order_relaxed) != 0) &&
           count_down();
}

bool mem_fails_now(void)
{
    return must_fail_now();
}

void mem_fail_after(unsigned n)
{
    atomic_store(&fails_on, false);
    atomic_store(&fail_countdown, n);
}

void mem_fail_from(unsigned n)
{
    atomic_store(&fails_on, true);
    atomic_store(&fail_countdown, n);
}

#ifdef COATCHECK_JEMALLOC

/* jemalloc counts for each thread by itself. */
static inline void *counted(void *block)
{
    return block;
}

static inline void uncounted(void *block)
{
    (void)block;
}

#else

_Thread_local int64_t mem_counted_here;

static inline void *counted(void *block)
{
    if (block) mem_counted_here += (int64_t)malloc_usable_size(block);
    return block;
}

static inline void uncounted(void *block)
{
    if (block) mem_counted_here -= (int64_t)malloc_usable_size(block);
}

#endif

void *mem_alloc(size_t size)
{
    if (must_fail_now()) return NULL;
    return counted(malloc(size ? size : 1));
}

void *mem_alloc_zeroed(size_t size)
{
    if (must_fail_now()) return NULL;
    return counted(calloc(1, size ? size : 1));
}

void *mem_alloc_aligned(size_t align, size_t size)
{
    void *block;

    if (must_fail_now()) return NULL;
    if (align < sizeof(void *)) align = sizeof(void *);
    if (posix_memalign(&block, align, size ? size : 1) != 0) return NULL;
    return memset(counted(block), 0, size);
}

void *mem_resize(void *block, size_t size)
{
    void *resized;

    if (must_fail_now()) return NULL;
    uncounted(block);
    resized = realloc(block, size ? size : 1);
    counted(resized ? resized : block);
    return resized;
}

void mem_free(void *block)
{
    uncounted(block);
    free(block);
}

void *mem_need(size_t size)
{
    void *block = mem_alloc_zeroed(size);

    if (!block) {
        log_warning("Out of memory: %zu bytes are needed to go on", size);
        exit(1);
    }
    return block;
}

char *mem_need_text(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(mem_need(size), text, size);
}

size_t mem_machine(void)
{
    size_t machine = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    size_t group = cgroup_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup");

    return group < machine ? group : machine;
}

size_t mem_resident(void)
{
    char line[128];
    unsigned long total, resident;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0) return 0;
    len = read(fd, line, sizeof line - 1);
    close(fd);
    if (len <= 0) return 0;
    line[len] = 0;
    if (sscanf(line, "%lu %lu", &total, &resident) != 2) return 0;
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- moving blocks together --- */

_Thread_local uint64_t mem_compacted, mem_compact_work;
static _Atomic bool pretends_gaps;
static _Atomic size_t gaps;
static _Atomic unsigned gaps_seen;
static _Atomic uint64_t compacted;

size_t mem_gaps(void)
{
    return atomic_load_explicit(&pretends_gaps, memory_order_relaxed) ? SIZE_MAX
                                                                      : atomic_load_explicit(&gaps, memory_order_relaxed);
}

unsigned mem_gaps_seen(void)
{
    return atomic_load_explicit(&gaps_seen, memory_order_relaxed);
}

uint64_t mem_compacted_by_all(void)
{
    return atomic_load_explicit(&compacted, memory_order_relaxed);
}

static void count_compacted(size_t size)
{
    mem_compacted += size;
    mem_compact_work += size / 128;
    atomic_fetch_add_explicit(&compacted, size, memory_order_relaxed);
}

void mem_pretend_gaps(bool all)
{
    atomic_store(&pretends_gaps, all);
}

#ifdef COATCHECK_JEMALLOC

/* What jemalloc tells of a block's slab and of all slabs of that size in its arena. */
struct utilization {
    void *current; /* the slab that the next block of this size comes from */
    size_t free, blocks, bytes;
    size_t free_of_all, blocks_of_all;
};

#define NAME_PARTS 8

/* The name as numbers, which is how to ask often; an experimental one, so another version may know none. */
static struct {
    size_t name[NAME_PARTS], parts;
    bool is_known;
} utilization;

static bool is_sparse(void *block)
{
    struct utilization now;
    size_t len = sizeof now;

    if (!utilization.is_known ||
        mallctlbymib(utilization.name, utilization.parts, &now, &len, &block, sizeof block) != 0)
        return false;
    if (now.free == 0 || (size_t)((char *)block - (char *)now.current) < now.bytes) return false;
    return now.free * now.blocks_of_all > now.free_of_all * now.blocks;
}

/* Without this thread's cache of blocks: that would hand out again what was freed a moment ago. */
void *mem_compact(void *block)
{
    size_t size = malloc_usable_size(block);
    void *moved;

    mem_compact_work++;
    if (size > MEM_COMPACT_MOST) return block;
    if (!is_sparse(block) && likely(!atomic_load_explicit(&pretends_gaps, memory_order_relaxed))) return block;
    if (must_fail_now()) return block;
    moved = mallocx(size, MALLOCX_TCACHE_NONE);
    if (!moved) return block;
    memcpy(moved, block, size);
    dallocx(block, MALLOCX_TCACHE_NONE);
    count_compacted(size);
    return moved;
}

/* Of the bins, as jemalloc calls what is cut from slabs. */
static size_t figure_of_bin(const char *name, unsigned bin)
{
    size_t value = 0, len = sizeof value, parts = NAME_PARTS, numbers[NAME_PARTS];

    if (mallctlnametomib(name, numbers, &parts) != 0) return 0;
    numbers[parts - 2] = bin;
    return mallctlbymib(numbers, parts, &value, &len, NULL, 0) == 0 ? value : 0;
}

#define OF_ALL_ARENAS(what) "stats.arenas." AS_TEXT(MALLCTL_ARENAS_ALL) ".bins.0." what

static size_t count_gaps(void)
{
    unsigned bins = 0;
    size_t len = sizeof bins, sum = 0;

    if (!utilization.is_known || mallctl("arenas.nbins", &bins, &len, NULL, 0) != 0) return 0;
    for (unsigned i = 0; i < bins; i++) {
        size_t slabs = figure_of_bin(OF_ALL_ARENAS("curslabs"), i);
        size_t blocks = figure_of_bin(OF_ALL_ARENAS("curregs"), i);

        if (slabs == 0) continue;
        sum += slabs * figure_of_bin("arenas.bin.0.slab_size", i) - blocks * figure_of_bin("arenas.bin.0.size", i);
    }
    return sum;
}

void mem_free_sized(void *block, size_t size)
{
    if (!block) return;
    must_debug(mem_good_size(size) == mem_usable(block));
    sdallocx(block, size ? size : 1, 0);
}

size_t mem_usable(const void *block)
{
    return malloc_usable_size((void *)block);
}

size_t mem_good_size(size_t size)
{
    return nallocx(size ? size : 1, 0);
}

static size_t figure(const char *name)
{
    size_t value = 0, len = sizeof value;

    return mallctl(name, &value, &len, NULL, 0) == 0 ? value : 0;
}

void mem_read_figures(struct mem_figures *figures)
{
    uint64_t epoch = 1;

    /* jemalloc answers from a snapshot; this takes a new one. */
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    figures->allocated = figure("stats.allocated");
    figures->active = figure("stats.active");
    figures->resident = figure("stats.resident");
    figures->retained = figure("stats.retained");
    atomic_store_explicit(&gaps, count_gaps(), memory_order_relaxed);
    atomic_fetch_add_explicit(&gaps_seen, 1, memory_order_relaxed);
    add_slabs(figures);
}

void mem_purge(void)
{
    slab_purge();
    mallctl("arena." AS_TEXT(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}

static void report_slabs(void (*say)(void *context, const char *text), void *context)
{
    struct slab_figures slabs;
    char line[160];

    slab_read_figures(&slabs);
    snprintf(line, sizeof line, "Slabs of entries: used: %zu, held: %zu, spare: %zu, reserved: %zu\n", slabs.used,
             slabs.held, slabs.spare, slabs.reserved);
    say(context, line);
}

void mem_report(void (*say)(void *context, const char *text), void *context)
{
    malloc_stats_print(say, context, NULL);
    report_slabs(say, context);
}

const char *mem_name(void)
{
    return "jemalloc-" DOTTED(JEMALLOC_VERSION_MAJOR, JEMALLOC_VERSION_MINOR,
                              JEMALLOC_VERSION_BUGFIX);
}

void mem_setup(void)
{
    ssize_t decay_ms = DIRTY_DECAY_MS;
    bool yes = true;
    unsigned arenas = 0;
    size_t len = sizeof arenas;
    char name[64];

    utilization.parts = NAME_PARTS;
    utilization.is_known = mallctlnametomib("experimental.utilization.query", utilization.name, &utilization.parts) == 0;
    /* New arenas, then those that exist. */
    mallctl("arenas.dirty_decay_ms", NULL, NULL, &decay_ms, sizeof decay_ms);
    mallctl("arenas.narenas", &arenas, &len, NULL, 0);
    for (unsigned i = 0; i < arenas; i++) {
        snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", i);
        mallctl(name, NULL, NULL, &decay_ms, sizeof decay_ms);
    }
    /* Without it pages decay only while somebody allocates: an idle server would keep them. */
    if (mallctl("background_thread", NULL, NULL, &yes, sizeof yes) != 0) {
        log_verbose("The allocator has no background thread: unused pages go back more slowly");
    }
}

#else

/* The C library does not tell what stands beside a block. */
void *mem_compact(void *block)
{
    size_t size = mem_usable(block);
    void *moved;

    mem_compact_work++;
    if (!atomic_load_explicit(&pretends_gaps, memory_order_relaxed) || size > MEM_COMPACT_MOST) return block;
    moved = mem_alloc(size);
    if (!moved) return block;
    memcpy(moved, block, size);
    mem_free(block);
    count_compacted(size);
    return moved;
}

void mem_free_sized(void *block, size_t size)
{
    (void)size;
    uncounted(block);
    free(block);
}

size_t mem_usable(const void *block)
{
    return malloc_usable_size((void *)block);
}

size_t mem_good_size(size_t size)
{
#ifdef COATCHECK_SANITIZED
    return size ? size : 1; /* not a byte more, so that a step beyond the end is seen */
#else
    /* glibc's chunks: multiples of 16 with 8 bytes of it taken; from 128 KB on an estimate. */
    return size <= 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
#endif
}

void mem_read_figures(struct mem_figures *figures)
{
    *figures = (struct mem_figures){.resident = mem_resident()};
#ifdef COATCHECK_SANITIZED
    figures->allocated = figures->active = figures->resident;
#else
    struct mallinfo2 info = mallinfo2();

    figures->allocated = info.uordblks + info.hblkhd;
    figures->active = info.arena + info.hblkhd;
    add_slabs(figures);
    figures->resident = mem_resident();
#endif
}

void mem_purge(void)
{
    slab_purge();
    malloc_trim(0);
}

void mem_report(void (*say)(void *context, const char *text), void *context)
{
    char *report = NULL;
    size_t len;
    FILE *stream = open_memstream(&report, &len);

    if (!stream) return;
    malloc_info(0, stream);
    fclose(stream);
    say(context, report);
    free(report);
}

const char *mem_name(void)
{
    return "libc";
}

void mem_setup(void)
{
}

#endif
