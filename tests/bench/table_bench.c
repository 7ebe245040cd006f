/* table_bench: what the key space costs without a server round it. Not a test: it asserts nothing
 * about time.
 *
 *     build/.../tests/table_bench [keys ...]          default 100000 5000000
 *
 * Prints nanoseconds per operation (one thread, locks taken) and bytes per key. Names are 16 bytes
 * and values 64; lookups are in random order. "ahead" prefetches as the server's turn does: groups
 * of 32 lookups, first the heads of their shards, then their groups and entries, then the reads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/keyspace/shard.h"

#define NAME_LEN 16
#define VALUE_LEN 64
#define LOOKUPS 2000000
#define BATCH 32

static struct keyspace *keyspace;
static uint64_t keys;

static void name_of(char *into, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";

    number *= 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < NAME_LEN; i++, number >>= 4) into[i] = digits[number & 15];
}

/* Processor time of this thread: the machine may be busy with others. */
static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double ns_since(uint64_t began, uint64_t count)
{
    return (double)(cpu_ns() - began) / (double)count;
}

/* How long the slowest operations took: the 99.9th and 99.99th of a hundred, in ns, from a plain
 * histogram. */
#define STEPS 4096
#define STEP_NS 50
static uint64_t histogram[STEPS];

static void note_ticks(uint64_t ticks)
{
    uint64_t step = clock_ticks_to_ns(ticks) / STEP_NS;

    histogram[step < STEPS ? step : STEPS - 1]++;
}

static uint64_t percentile_ns(double part)
{
    uint64_t total = 0, seen = 0;

    for (unsigned i = 0; i < STEPS; i++) total += histogram[i];
    for (unsigned i = 0; i < STEPS; i++) {
        seen += histogram[i];
        if ((double)seen >= (double)total * part) return (uint64_t)i * STEP_NS;
    }
    return 0;
}

static void put_all(int64_t deadline_ms, const char *what)
{
    char name[NAME_LEN], value[VALUE_LEN];
    uint64_t began = cpu_ns(), from = clock_ticks(), now;

    memset(histogram, 0, sizeof histogram);
    memset(value, 'v', sizeof value);
    for (uint64_t i = 0; i < keys; i++) {
        struct key key;
        struct spot spot;

        name_of(name, i);
        key_init(&key, keyspace, 0, bytes_of(name, sizeof name));
        shard_enter(key.shard);
        key_find(&key, &spot);
        must(key_put_string(&key, &spot, bytes_of(value, sizeof value), deadline_ms) == OK);
        shard_leave(key.shard);
        now = clock_ticks();
        note_ticks(now - from);
        from = now;
    }
    if (!what) return;
    printf("  %-32s %7.1f ns   p99.9 %" PRIu64 " p99.99 %" PRIu64 " ns\n", what,
           ns_since(began, keys), percentile_ns(0.999), percentile_ns(0.9999));
}

static uint64_t *orders; /* numbers of keys to look up, drawn beforehand */

static void draw_orders(uint64_t from)
{
    uint64_t dice = 42;

    for (uint64_t i = 0; i < LOOKUPS; i++) orders[i] = from + random_below(&dice, keys);
}

static uint64_t read_key(const struct key *key)
{
    char scratch[NUMBER_MAX_TEXT];
    struct entry *entry;
    uint64_t sum = 0;

    shard_enter(key->shard);
    entry = key_read(key);
    if (entry) sum = (uint64_t)entry_string(entry, scratch).at[0];
    shard_leave(key->shard);
    return sum;
}

static uint64_t read_singly(void)
{
    char name[NAME_LEN];
    uint64_t sum = 0;

    for (uint64_t i = 0; i < LOOKUPS; i++) {
        struct key key;

        name_of(name, orders[i]);
        key_init(&key, keyspace, 0, bytes_of(name, sizeof name));
        sum += read_key(&key);
    }
    return sum;
}

static uint64_t read_ahead(void)
{
    static char names[BATCH][NAME_LEN];
    struct key batch[BATCH];
    const struct key *keys_ahead[BATCH];
    uint64_t sum = 0;

    for (uint64_t i = 0; i + BATCH <= LOOKUPS; i += BATCH) {
        for (unsigned j = 0; j < BATCH; j++) {
            name_of(names[j], orders[i + j]);
            key_init(&batch[j], keyspace, 0, bytes_of(names[j], NAME_LEN));
            key_prefetch_shard(&batch[j]);
            keys_ahead[j] = &batch[j];
        }
        keys_prefetch(keys_ahead, BATCH);
        for (unsigned j = 0; j < BATCH; j++) sum += read_key(&batch[j]);
    }
    return sum;
}

static void read_best_of_3(const char *what, uint64_t (*read)(void))
{
    double best = 1e9;
    uint64_t sum = 0;

    for (unsigned round = 0; round < 3; round++) {
        uint64_t began = cpu_ns();
        double ns;

        sum += read();
        ns = ns_since(began, LOOKUPS);
        if (ns < best) best = ns;
    }
    printf("  %-32s %7.1f ns   (%" PRIu64 ")\n", what, best, sum % 10);
}

static void expire_all(void)
{
    uint64_t slices = 0, began, left = keyspace_count(keyspace, 0);

    memset(histogram, 0, sizeof histogram);
    clock_set_ms(clock_now_ms() + 3600 * 1000 + 200);
    began = cpu_ns();
    while (keyspace_count_volatile(keyspace, 0) > 0) {
        for (unsigned i = 0; i < 100; i++, slices++) {
            uint64_t from = clock_ticks();

            keyspace_housekeep(keyspace, 0, 1, 50);
            note_ticks(clock_ticks() - from);
        }
    }
    printf("  %-32s %7.1f ns   %" PRIu64 " slices of 50 us: p99 %" PRIu64 " p99.9 %" PRIu64 " ns\n",
           "expire, a key", ns_since(began, left), slices, percentile_ns(0.99),
           percentile_ns(0.999));
    clock_release();
}

/* Lets tables arrive that are on their way to larger arrays. */
static void settle(void)
{
    struct keyspace_shape shape;

    do {
        for (unsigned i = 0; i < 1000; i++) keyspace_housekeep(keyspace, 0, 1, 1000);
        keyspace_read_shape(keyspace, 0, &shape);
    } while (shape.groups_moving > 0);
}

static void idle_pass(void)
{
    uint64_t began = cpu_ns();

    for (unsigned i = 0; i < 10000; i++) keyspace_housekeep(keyspace, 0, 1, 50);
    printf("  %-32s %7.1f ns\n", "housekeeping, nothing to do", ns_since(began, 10000));
}

static void remove_all(bool tell)
{
    char name[NAME_LEN];
    uint64_t began = cpu_ns();

    for (uint64_t i = 0; i < keys; i++) {
        struct key key;
        struct spot spot;

        name_of(name, i);
        key_init(&key, keyspace, 0, bytes_of(name, sizeof name));
        shard_enter(key.shard);
        if (key_find(&key, &spot)) key_remove(&key, &spot, REMOVED_BY_CLIENT);
        shard_leave(key.shard);
    }
    if (tell) printf("  %-32s %7.1f ns\n", "remove", ns_since(began, keys));
}

static void tell_bytes(size_t before)
{
    struct mem_figures figures;
    struct keyspace_shape shape;

    mem_read_figures(&figures);
    keyspace_read_shape(keyspace, 0, &shape);
    printf("  %-32s %7.1f      payload %d, table %.1f, load %.3f, longest chain %" PRIu64 "\n",
           "bytes a key", (double)(figures.allocated - before) / (double)keys, NAME_LEN + VALUE_LEN,
           (double)shape.bytes_of_tables / (double)keys,
           (double)shape.live / (double)(shape.groups * 7), shape.longest_chain);
}

static void bench(void)
{
    struct keyspace_rules rules = {.databases = 16};
    struct mem_figures before;

    printf("%" PRIu64 " keys\n", keys);
    mem_read_figures(&before);
    keyspace = keyspace_new(&rules);
    must(keyspace != NULL);
    put_all(NEVER, NULL); /* has the kernel find the memory */
    remove_all(false);
    keyspace_free(&keyspace);
    keyspace = keyspace_new(&rules);
    must(keyspace != NULL);
    put_all(NEVER, "put, growing");
    settle();
    tell_bytes(before.allocated);
    put_all(NEVER, "put over, same size");
    draw_orders(0);
    read_best_of_3("read, there", read_singly);
    read_best_of_3("read, there, ahead", read_ahead);
    draw_orders((uint64_t)1 << 40);
    read_best_of_3("read, not there", read_singly);
    read_best_of_3("read, not there, ahead", read_ahead);
    idle_pass();
    remove_all(true);
    clock_update();
    put_all(clock_now_ms() + 3600 * 1000, "put with deadline, growing");
    settle();
    tell_bytes(before.allocated);
    idle_pass();
    expire_all();
    keyspace_free(&keyspace);
}

int main(int argc, char **argv)
{
    clock_setup();
    hash_setup();
    orders = mem_need(LOOKUPS * sizeof *orders);
    if (argc < 2) {
        keys = 100000;
        bench();
        keys = 5000000;
        bench();
    }
    for (int i = 1; i < argc; i++) {
        keys = strtoull(argv[i], NULL, 10);
        bench();
    }
    return 0;
}
