/* Memory is told as the sum of its parts: of each key, as MEMORY USAGE tells it, and of tables and what else finding keys
 * takes. Here that sum is held against what the allocator itself says, after each of many rounds in which all is done
 * to keys that can be done. What is forgotten in an account, or forgotten to be freed, is a difference between the two. */
#include "../../src/values/shape_internal.h"
#include "client.h"
#ifdef COATCHECK_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/keyspace/evict.h"
#include "coatcheck/keyspace/weight.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* Rounds, and commands in each. */
#ifdef COATCHECK_SANITIZED
#define ROUNDS 16
#define COMMANDS 1500
#else
#define ROUNDS 40
#define COMMANDS 3000
#endif
#define DATABASES 2 /* 0 and 1 */

/* What may differ: a line of the monitor of latencies, an entry of the slow log, as the machine happens to be slow. */
#if defined(COATCHECK_JEMALLOC) || defined(COATCHECK_SANITIZED)
#define AT_MOST 4096
#else
#define AT_MOST (64 * 1024) /* glibc leaves what remains of a free chunk, 16 bytes, with some blocks: their class is not exact */
#endif

static struct text line; /* the next command */

static uint64_t first_seed, seed; /* another one each time; what fails tells it */

static uint64_t drawn(uint64_t below)
{
    return random_below(&seed, below);
}

/* --- the two sums --- */

struct sum {
    size_t bytes;
    uint64_t seen, there; /* keys: those whose time is over are there until they are swept, and not seen */
};

static void add_entry(void *context, const struct entry *entry)
{
    struct sum *sum = context;

    sum->bytes += entry_used_bytes(entry);
    sum->seen++;
}

static struct sum sum_of_parts(void)
{
    struct sum sum = {.bytes = keyspace_weight(keyspace)};
    struct shape_figures shapes; /* those that no hash has any more are no key's part */

    for (unsigned db = 0; db < DATABASES; db++) {
        uint64_t cursor = 0;

        do {
            cursor = keyspace_scan(keyspace, db, cursor, 1000, add_entry, &sum);
        } while (cursor != 0);
        sum.there += keyspace_count(keyspace, db);
    }
    shape_read_figures(&shapes);
    sum.bytes += shapes.bytes - shapes.shared;
    return sum;
}

/* Nothing but keys is held then: not the last answer, not what was put off. */
static void settle(void)
{
    for (unsigned i = 0; i < 10000 && keyspace_housekeep(keyspace, 0, 1, 10000) == HOUSE_BEHIND; i++) {}
    keyspace_reclaim_all(keyspace);
    text_fini(&line);
    text_fini(&answer);
    outbox_clear(&outbox);
}

/* The running figure that maxmemory is held against. */
static int64_t running_figure(void)
{
    return held_own();
}

/* What the allocator itself counts, with what its caches keep for this thread given back. */
static int64_t allocators_figure(void)
{
#ifdef COATCHECK_JEMALLOC
    struct mem_figures figures;

    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    mem_read_figures(&figures);
    return (int64_t)figures.allocated;
#else
    return running_figure();
#endif
}

/* What is held beside the keys, as both figures have it. */
struct beside {
    int64_t running, allocators;
};

static struct beside read_beside(void)
{
    struct sum sum;
    int64_t bytes;

    settle();
    sum = sum_of_parts();
    for (unsigned i = 0; i < 100 && sum.seen < sum.there; i++) {
        clock_set_ms(clock_now_ms() + 100);
        settle();
        sum = sum_of_parts();
    }
    assert_int_equal(sum.seen, sum.there);
    bytes = (int64_t)sum.bytes;
    return (struct beside){.running = running_figure() - bytes, .allocators = allocators_figure() - bytes};
}

static void assert_near(const char *what, unsigned round, int64_t is, int64_t was)
{
    if (is - was > AT_MOST || was - is > AT_MOST) {
        fail_msg("round %u of seed %llu: %s holds %lld bytes more than all accounts say", round,
                 (unsigned long long)first_seed, what, (long long)(is - was));
    }
}

static void assert_sums_agree(unsigned round, const struct beside *was)
{
    struct beside is = read_beside();

    assert_near("by the running figure the server", round, is.running, was->running);
    assert_near("the allocator", round, is.allocators, was->allocators);
}

/* --- everything that can be done to keys --- */

/* Mostly small, now and then of each other size that is stored in its own way. */
static void add_value(void)
{
    static const unsigned most[] = {8, 8, 60, 60, 300, 1100, 9000, 40000, 70000};
    unsigned len = 1 + (unsigned)drawn(most[drawn(drawn(4) ? 4 : sizeof most / sizeof *most)]);
    char *at;

    if (drawn(4) == 0) {
        text_addf(&line, " %lld", (long long)drawn(1000000) - 500000);
        return;
    }
    text_add_char(&line, ' ');
    at = text_extend(&line, len);
    assert_non_null(at);
    memset(at, 'a' + (int)drawn(26), len);
}

/* Of few names, so that members come again and go. */
static void add_member(void)
{
    unsigned shape = (unsigned)drawn(40);

    if (shape == 0) {
        text_addf(&line, " %0*u", 200 + (int)drawn(7000), (unsigned)drawn(20));
    } else {
        text_addf(&line, shape % 2 ? " member:%u" : " %u", (unsigned)drawn(2000));
    }
}

static void add_key(char kind)
{
    text_addf(&line, " %c:%u", kind, (unsigned)drawn(300));
}

/* %s %h %l %z %S: a key of strings, hashes, lists, sorted sets, sets; %c and %t of strings and lists of such small values
 * that copies have their own: what is copied never holds a large string. %v a value, %m a member, %n a number, %p a time in the
 * future, soon or late; what stands in brackets is said some times, or many. */
static const char *const forms[] = {
    "SET %s %v", "SET %s %v PX %p", "SETRANGE %s %n %v", "APPEND %s %v", "APPEND %s %v",
    "INCRBY %s %n", "GETSET %s %v",
    "GETDEL %s", "GETEX %s PX %p", "SETBIT %s %n 1", "MSET %s %v %s %v %s %v", "PFADD %s [%m]",
    "INCRBYFLOAT %s 1.5",
    "HSET %h [%m %v]", "HSET %h [%m %v]", "HDEL %h [%m]", "HINCRBY %h %m %n",
    "HSET %h brief %v %m %v", "HPEXPIRE %h %p FIELDS 1 brief",
    "HPEXPIRE %h %p FIELDS 2 %m %m", "HPERSIST %h FIELDS 1 %m",
    "RPUSH %l [%v]", "LPUSH %l [%v]", "LTRIM %l 5 -5", "LTRIM %l 0 %n", "LPOP %l %n", "RPOP %l",
    "LREM %l 0 %m",
    "LINSERT %l BEFORE %m %v", "LSET %l 0 %v", "RPOPLPUSH %l %l", "SORT %l BY nosort STORE %l",
    "SADD %S [%m]", "SADD %S [%m]", "SADD %S [%n]", "SREM %S [%m]", "SPOP %S %n", "SMOVE %S %S %m",
    "SUNIONSTORE %S %S %S",
    "SINTERSTORE %S %S %S", "SDIFFSTORE %S %S %S",
    "ZADD %z [%n %m]", "ZADD %z [%n %m]", "ZREM %z [%m]", "ZINCRBY %z %n %m",
    "ZREMRANGEBYRANK %z 3 %n", "ZPOPMIN %z %n",
    "ZREMRANGEBYSCORE %z 0 %n", "ZUNIONSTORE %z 2 %z %z", "ZINTERSTORE %z 2 %z %S",
    "ZRANGESTORE %z %z 0 %n",
    "GEOADD %z 13.4 52.5 %m",
    "RPUSH %t [%m]", "LREM %t 0 %m", "RPOPLPUSH %t %l", "SET %l %v", "SET %h %m", "SET %z %m",
    "SET %S %m", "SET %t %m", "RENAME %s %s", "RENAME %h %h", "RENAMENX %l %l", "RENAME %z %z",
    "SET %c %m", "APPEND %c %n", "COPY %c %c REPLACE", "COPY %h %h REPLACE",
    "COPY %t %t REPLACE", "COPY %S %S REPLACE", "COPY %z %z REPLACE", "MOVE %h 1", "MOVE %s 0",
    "PEXPIRE %s %p",
    "PEXPIRE %h %p", "PEXPIRE %l %p", "PERSIST %s", "DEL %s", "DEL %h", "DEL %l %S", "DEL %z",
    "UNLINK %h %l %S", "UNLINK %z %s",
};

static void add_times(const char *form, const char *end);

static void add_form(const char *form, const char *end)
{
    for (; form < end; form++) {
        if (*form == '[') {
            const char *close = strchr(form, ']');

            add_times(form + 1, close);
            form = close;
        } else if (*form != '%') {
            if (*form != ' ' || form[1] != '%') {
                if (*form != ' ' || form[1] != '[') text_add_char(&line, *form);
            }
        } else {
            form++;
            if (*form == 'v') add_value();
            if (*form == 'm') add_member();
            if (*form == 'n') text_addf(&line, " %u", (unsigned)drawn(drawn(3) ? 30 : 3000));
            if (*form == 'p') text_addf(&line, " %u", 1 + (unsigned)drawn(drawn(2) ? 2000 : 3000000));
            if (strchr("shlctzS", *form)) add_key(*form);
        }
    }
}

static void add_times(const char *form, const char *end)
{
    unsigned times = 1 + (unsigned)drawn(drawn(10) ? 4 : 200);

    while (times-- > 0) add_form(form, end);
}

#define FORMS (sizeof forms / sizeof *forms)

static void do_form(const char *form)
{
    text_clear(&line);
    add_form(form, form + strlen(form));
    text_add_char(&line, '\0');
    say(line.at);
}

static void do_something(void)
{
    do_form(forms[drawn(FORMS)]);
}

/* Many small keys, and most of them gone again: tables grow and shrink. */
static void crowd(unsigned count)
{
    char words[64];

    for (unsigned i = 0; i < count; i++) {
        snprintf(words, sizeof words, "SET crowd:%u %u", i, i * i);
        say(words);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(words, sizeof words, "DEL crowd:%u", i);
        if (i % 16) say(words);
    }
}

/* Second by second: a table shrinks when it was too large in some rounds. */
static void let_time_pass(int64_t ms)
{
    for (; ms > 0; ms -= 1000) {
        clock_set_ms(clock_now_ms() + 1000);
        for (unsigned i = 0; i < 10000 && keyspace_housekeep(keyspace, 0, 1, 10000) == HOUSE_BEHIND; i++) {}
    }
}

static void evict(unsigned policy, size_t wanted)
{
    struct evict_rules rules = {.policy = policy, .samples = 5, .mean_key = 100};

    evict_remember(keyspace, policy == EVICT_ALL_LRU || policy == EVICT_VOLATILE_LFU);
    evict_some(keyspace, &rules, wanted, UINT64_MAX);
}

static void do_one_round(unsigned round)
{
    say(round % 2 ? "SELECT 1" : "SELECT 0");
    for (unsigned i = 0; i < COMMANDS; i++) do_something();
    switch (round % 8) {
    case 1: crowd(20000); break;
    case 2:
        say("SET brief:key value PX 500");
        say("HSET brief:hash brief value other value");
        say("HPEXPIRE brief:hash 500 FIELDS 1 brief");
        let_time_pass(2000);
        break;
    case 3: evict(round % 16 < 8 ? EVICT_ALL_LRU : EVICT_VOLATILE_LFU, 300000); break;
    case 4: say("SWAPDB 0 1"); break;
    case 5: evict(round % 16 < 8 ? EVICT_ALL_RANDOM : EVICT_VOLATILE_TTL, 300000); break;
    case 6: say(round % 16 < 8 ? "FLUSHDB" : "FLUSHALL ASYNC"); break;
    case 7: let_time_pass(10000); break;
    default: break;
    }
}

/* --- */

/* What is made when a command runs, or fails, for the first time is there already when the test begins. */
static void warm_up(void)
{
    for (unsigned times = 0; times < 20; times++) {
        for (unsigned i = 0; i < FORMS; i++) do_form(forms[i]);
    }
    say("SWAPDB 0 1");
    say("FLUSHDB");
    say("SELECT 1");
    do_something();
    crowd(100);
    say("FLUSHALL SYNC");
    evict(EVICT_ALL_LRU, 1);
    let_time_pass(20000);
}

static void the_sum_of_all_parts_is_what_the_allocator_holds(void **state)
{
    struct beside was;

    (void)state;
    warm_up();
    was = read_beside();
    for (unsigned round = 0; round < ROUNDS; round++) {
        do_one_round(round);
        assert_sums_agree(round, &was);
        if (round % 10 == 0) keyspace_check(keyspace);
    }
    /* The rounds were such that something was put to the test. */
    assert_true(METRIC_SUM(keyspace, table_growths) > 0);
    assert_true(METRIC_SUM(keyspace, table_shrinks) > 0);
    assert_true(METRIC_SUM(keyspace, expired_keys) > 0);
    assert_true(METRIC_SUM(keyspace, expired_fields) > 0);
    assert_true(METRIC_SUM(evict, evicted_keys) > 0);
}

static void empty(void)
{
    evict_remember(keyspace, false);
    say(drawn(2) ? "FLUSHALL SYNC" : "FLUSHALL ASYNC");
    settle();
    shape_forget(); /* else they stay until others want their places */
}

static void what_is_held_comes_back_to_its_start_when_all_is_deleted(void **state)
{
    int64_t running, allocators;

    (void)state;
    warm_up();
    empty();
    running = running_figure();
    allocators = allocators_figure();
    for (unsigned round = 0; round < ROUNDS / 4; round++) do_one_round(round);
    empty();
    assert_near("by the running figure the empty server", ROUNDS, running_figure(), running);
    assert_near("the empty server's allocator", ROUNDS, allocators_figure(), allocators);
}

/* --- what is told of each key --- */

#define ASKED_MOST 4096

struct asked {
    unsigned count;
    struct {
        char question[64];
        size_t bytes;
    } of[ASKED_MOST];
};

static void note_entry(void *context, const struct entry *entry)
{
    struct asked *asked = context;
    struct bytes name = entry_key(entry);

    if (asked->count == ASKED_MOST) return;
    snprintf(asked->of[asked->count].question, sizeof asked->of[0].question, "MEMORY USAGE %.*s", (int)name.len, name.at);
    asked->of[asked->count++].bytes = entry_used_bytes(entry);
}

/* The figure of each key that the sum above is made of is the one that its owner is told. */
static void memory_usage_tells_the_part_of_each_key(void **state)
{
    static struct asked asked;
    unsigned told = 0;

    (void)state;
    /* Nothing goes by itself between the two. */
    clock_set_ms(clock_now_ms());
    for (unsigned i = 0; i < COMMANDS; i++) do_something();
    for (unsigned db = 0; db < DATABASES; db++) {
        uint64_t cursor = 0;
        char words[16];

        snprintf(words, sizeof words, "SELECT %u", db);
        say(words);
        asked.count = 0;
        do {
            cursor = keyspace_scan(keyspace, db, cursor, 1000, note_entry, &asked);
        } while (cursor != 0);
        for (unsigned i = 0; i < asked.count; i++, told++) {
            char wanted[32];

            snprintf(wanted, sizeof wanted, ":%zu\r\n", asked.of[i].bytes);
            assert_string_equal(say(asked.of[i].question), wanted);
        }
    }
    assert_true(told > 100);
}

/* The one exception: large strings, and elements of lists that are too large for their blocks, are shared with copies. */
static void large_values_are_told_by_all_that_share_them(void **state)
{
    struct beside was, is;

    (void)state;
    say("FLUSHALL SYNC");
    text_clear(&line);
    text_add(&line, BYTES("RPUSH list small "));
    memset(text_extend(&line, 40000), 'x', 40000);
    text_add_char(&line, '\0');
    say(line.at);
    was = read_beside();
    say("COPY list copy");
    is = read_beside();
    assert_true(was.running - is.running > 40000 && was.running - is.running < 41000 + AT_MOST);
    say("DEL list");
    assert_sums_agree(0, &was);
}

static int setup(void **state)
{
    hash_kind_setup();
    list_setup();
    set_kind_setup();
    zset_setup();
    /* Their books are made piece by piece, when a command first takes so long. */
    atomic_store(&engine_options.latency_tracking, 0);
    return client_setup(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_of_all_parts_is_what_the_allocator_holds),
        cmocka_unit_test(what_is_held_comes_back_to_its_start_when_all_is_deleted),
        cmocka_unit_test(memory_usage_tells_the_part_of_each_key),
        cmocka_unit_test(large_values_are_told_by_all_that_share_them),
    };
    int wrong;

    first_seed = seed = argc > 1 ? strtoull(argv[1], NULL, 10) : random_next(random_of_thread());
    wrong = cmocka_run_group_tests(tests, setup, client_teardown);
    text_fini(&line);
    return wrong;
}
