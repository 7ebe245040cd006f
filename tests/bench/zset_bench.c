/* zset_bench: what a sorted set costs without a server round it. Not a test: it asserts nothing
 * about time.
 *
 *     build/.../tests/zset_bench [--double] [members ...]          default 1000000
 *
 * Prints nanoseconds of processor time per operation and bytes per member. Members are 16 bytes, in
 * random order; scores are whole numbers, or fractions with --double. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/kind.h"
#include "coatcheck/values/zset.h"

#define MEMBER_LEN 16
#define OPERATIONS 1000000
#define SPREAD 100000000
#define SLICE_STEPS 16

static struct zset *zset;
static uint64_t members, dice = 42;
static double unit = 1;

static struct bytes member_of(uint64_t number)
{
    static char text[MEMBER_LEN];
    static const char digits[] = "0123456789abcdef";

    number *= 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < MEMBER_LEN; i++, number >>= 4) text[i] = digits[number & 15];
    return bytes_of(text, MEMBER_LEN);
}

static double draw_score(void)
{
    return (double)random_below(&dice, SPREAD) * unit;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void put(uint64_t number, double score)
{
    enum zset_change change;

    must(zset_put(zset, member_of(number), score, &change) == OK);
}

static void add_all(void)
{
    for (uint64_t i = 0; i < members; i++) put(i, draw_score());
}

static void add_more(void)
{
    for (uint64_t i = 0; i < OPERATIONS; i++) put(members + i, draw_score());
}

static void remove_more(void)
{
    for (uint64_t i = 0; i < OPERATIONS; i++) must(zset_remove(zset, member_of(members + i)));
}

struct raise {
    struct zset_edit edit;
    double by;
};

static bool raise_score(struct zset_edit *edit, bool there, double *score)
{
    must(there);
    *score += ((struct raise *)edit)->by;
    return true;
}

static void move_a_little(void)
{
    struct raise raise = {{raise_score}, unit};
    enum zset_change change;

    for (uint64_t i = 0; i < OPERATIONS; i++) {
        must(zset_edit(zset, member_of(random_below(&dice, members)), &raise.edit, &change) == OK);
    }
}

static void move_anywhere(void)
{
    for (uint64_t i = 0; i < OPERATIONS; i++) put(random_below(&dice, members), draw_score());
}

static void ask_scores(void)
{
    double score;

    for (uint64_t i = 0; i < OPERATIONS; i++) {
        must(zset_score(zset, member_of(random_below(&dice, members)), &score));
    }
}

static void ask_absent(void)
{
    double score;

    for (uint64_t i = 0; i < OPERATIONS; i++)
        must(!zset_score(zset, member_of(i + ((uint64_t)1 << 40)), &score));
}

static void ask_ranks(void)
{
    uint64_t rank;
    double score;

    for (uint64_t i = 0; i < OPERATIONS; i++) {
        must(zset_rank(zset, member_of(random_below(&dice, members)), &rank, &score));
    }
}

static void walk_pages(void)
{
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct zset_walk walk;

        zset_walk_from(&walk, zset, random_below(&dice, members), i & 1);
        for (unsigned n = 0; n < 50 && zset_walk_next(&walk); n++) {}
    }
}

static void count_by_score(void)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < OPERATIONS; i++) {
        struct zset_bound bound = {ZSET_BY_SCORE, false, draw_score(), {NULL, 0}};

        sum += zset_rank_of_first(zset, &bound);
    }
    must(sum > 0);
}

static void take_lowest(void)
{
    for (uint64_t i = 0; i < OPERATIONS / 2; i++) zset_remove_range(zset, 0, 1, NULL, NULL);
}

static void tell(const char *what, uint64_t count, void (*work)(void))
{
    uint64_t began = cpu_ns();

    work();
    printf("  %-32s %7.1f ns\n", what, (double)(cpu_ns() - began) / (double)count);
}

static void tell_bytes(const char *what, size_t before)
{
    struct mem_figures figures;

    mem_read_figures(&figures);
    printf("  %-32s %7.2f      by its own count %.2f\n", what,
           (double)(figures.allocated - before) / (double)zset_count(zset),
           (double)value_kind_of(VALUE_ZSET)->used_bytes(zset) / (double)zset_count(zset));
}

/* The slice that took longest by the clock on the wall, and what it was busy with. */
struct slice {
    uint64_t wall_ns, cpu_ns;
    long faults, preempted, waited;
};

static uint64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool free_slice(void **container, struct slice *slice)
{
    struct rusage before, after;
    bool done;

    getrusage(RUSAGE_THREAD, &before);
    slice->cpu_ns = cpu_ns();
    slice->wall_ns = wall_ns();
    done = value_kind_of(VALUE_ZSET)->free_some(container, SLICE_STEPS);
    slice->wall_ns = wall_ns() - slice->wall_ns;
    slice->cpu_ns = cpu_ns() - slice->cpu_ns;
    getrusage(RUSAGE_THREAD, &after);
    slice->faults = after.ru_minflt - before.ru_minflt;
    slice->preempted = after.ru_nivcsw - before.ru_nivcsw;
    slice->waited = after.ru_nvcsw - before.ru_nvcsw;
    return done;
}

static void tell_slice(const char *what, const struct slice *slice)
{
    printf("  %-32s %7.1f us   processor %.1f us, faults %ld, preempted %ld, waited %ld\n", what,
           (double)slice->wall_ns / 1000, (double)slice->cpu_ns / 1000, slice->faults,
           slice->preempted, slice->waited);
}

static void free_in_slices(void)
{
    struct slice wall = {0}, cpu = {0}, slice;
    uint64_t slices = 0, over = 0;
    void *container = zset;
    bool done;

    do {
        done = free_slice(&container, &slice);
        slices++;
        over += slice.cpu_ns > 50000;
        if (slice.wall_ns > wall.wall_ns) wall = slice;
        if (slice.cpu_ns > cpu.cpu_ns) cpu = slice;
    } while (!done);
    tell_slice("longest slice of freeing", &wall);
    tell_slice("the one with most processor time", &cpu);
    printf("  %-32s %7" PRIu64 "      of %" PRIu64 "\n", "slices over 50 us of processor", over,
           slices);
    zset = NULL;
}

static void copy_once(void)
{
    uint64_t began = wall_ns();
    struct zset *copy = value_kind_of(VALUE_ZSET)->copy(zset);

    printf("  %-32s %7.1f ms\n", "a copy", (double)(wall_ns() - began) / 1000000);
    zset_free(&copy);
}

/* Three of four members go, as they were numbered: at random, as to their scores. */
static void shrink(void)
{
    for (uint64_t i = 0; i < members / 4 * 3; i++) zset_remove(zset, member_of(i));
}

static void fill_again(void)
{
    for (uint64_t i = 0; i < members / 4 * 3; i++) put(i, draw_score());
}

static void bench(void)
{
    struct mem_figures before;

    printf("%" PRIu64 " members, %s scores\n", members, unit == 1 ? "whole" : "broken");
    mem_read_figures(&before);
    zset = zset_new();
    must(zset != NULL);
    tell("add, growing", members, add_all);
    tell_bytes("bytes, added", before.allocated);
    tell("score", OPERATIONS, ask_scores);
    tell("score, no such member", OPERATIONS, ask_absent);
    tell("rank", OPERATIONS, ask_ranks);
    tell("move a little", OPERATIONS, move_a_little);
    tell("move anywhere", OPERATIONS, move_anywhere);
    tell_bytes("bytes, churned", before.allocated);
    tell("rank of a score", OPERATIONS, count_by_score);
    tell("page of 50 at a rank", OPERATIONS, walk_pages);
    tell("add more", OPERATIONS, add_more);
    tell("remove", OPERATIONS, remove_more);
    tell("take the lowest", OPERATIONS / 2, take_lowest);
    tell_bytes("bytes, at the end", before.allocated);
    copy_once();
    tell("remove three of four", members / 4 * 3, shrink);
    tell_bytes("bytes, a quarter left", before.allocated);
    fill_again();
    tell("free, a member", members, free_in_slices);
}

#define SMALL_SETS 100000
#define SMALL_COUNT 10

static void bench_small(void)
{
    static struct zset *sets[SMALL_SETS];
    struct mem_figures before, after;
    uint64_t began;

    mem_read_figures(&before);
    began = cpu_ns();
    for (uint64_t i = 0; i < SMALL_SETS * SMALL_COUNT; i++) {
        struct zset **at = &sets[i * 7919 % SMALL_SETS];

        if (!*at) *at = zset_new();
        zset = *at;
        put(i, draw_score());
    }
    printf("%d sets of %d members, %s scores\n  %-32s %7.1f ns\n", SMALL_SETS, SMALL_COUNT,
           unit == 1 ? "whole" : "broken", "add",
           (double)(cpu_ns() - began) / SMALL_SETS / SMALL_COUNT);
    mem_read_figures(&after);
    printf("  %-32s %7.2f\n", "bytes a member, key not counted",
           (double)(after.allocated - before.allocated) / SMALL_SETS / SMALL_COUNT);
    for (unsigned i = 0; i < SMALL_SETS; i++) zset_free(&sets[i]);
}

int main(int argc, char **argv)
{
    bool told = false;

    clock_setup();
    mem_setup();
    hash_setup();
    zset_setup();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--double") == 0) {
            unit = 0.37;
            continue;
        }
        members = strtoull(argv[i], NULL, 10);
        bench();
        told = true;
    }
    members = 1000000;
    if (!told) bench();
    bench_small();
    return 0;
}
