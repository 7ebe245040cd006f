#include "coatcheck/base/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/random.h"

enum { THREADS = 8, ROUNDS = 100000 };

static struct shared {
    struct lock lock;
    unsigned inside; /* under the lock, as all below */
    uint64_t count;
    uint64_t twice;
} shared[2];

static void *count_in_turns(void *context)
{
    uint64_t seed = (uint64_t)(uintptr_t)context, counted = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct shared *at = &shared[random_below(&seed, 2)];

        if (random_below(&seed, 4) == 0) {
            if (!lock_try(&at->lock, RANK_SHARD, 1)) continue;
        } else {
            lock_take(&at->lock, RANK_SHARD, 1);
        }
        if (++at->inside != 1) return NULL; /* the sum will tell */
        at->count++;
        at->twice += 2;
        counted++;
        at->inside--;
        lock_release(&at->lock, RANK_SHARD);
        if (random_below(&seed, 1000) == 0) nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    }
    return (void *)(uintptr_t)counted;
}

static void only_one_of_eight_threads_is_inside(void **state)
{
    pthread_t threads[THREADS];
    uint64_t counted = 0;

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_turns, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_non_null(result);
        counted += (uint64_t)(uintptr_t)result;
    }
    assert_true(counted > THREADS * ROUNDS / 2);
    assert_true(shared[0].count + shared[1].count == counted);
    assert_true(shared[0].twice + shared[1].twice == 2 * counted);
    assert_int_equal(atomic_load(&shared[0].lock.word), 0);
    assert_int_equal(atomic_load(&shared[1].lock.word), 0);
}

static void trying_a_held_lock_fails_at_once(void **state)
{
    struct lock lock = {0}, other = {0};

    (void)state;
    lock_take(&lock, RANK_SHARD, 0);
    assert_false(lock_try(&lock, RANK_SHARD, 1));
    assert_true(lock_try(&other, RANK_SHARD, 1));
    lock_release(&other, RANK_SHARD);
    lock_release(&lock, RANK_SHARD);
    assert_true(lock_try(&lock, RANK_SHARD, 0));
    lock_release(&lock, RANK_SHARD);
}

static struct lock held;

static void *wait_for_it(void *cpu_ns)
{
    struct timespec used;

    lock_take(&held, RANK_SHARD, 0);
    lock_release(&held, RANK_SHARD);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    *(int64_t *)cpu_ns = used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
    return NULL;
}

/* The holder is away for 200 ms, as when the kernel took its core: whoever waits must not burn it.
 */
static void who_waits_long_sleeps(void **state)
{
    int64_t cpu_ns[4] = {0};
    pthread_t threads[4];

    (void)state;
    clock_setup();
    lock_take(&held, RANK_SHARD, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_it, &cpu_ns[i]), 0);
    }
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    assert_int_equal(atomic_load(&held.word), 2);
    lock_release(&held, RANK_SHARD);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(cpu_ns[i] > 0 && cpu_ns[i] < 50000000);
    }
}

#if !defined(NDEBUG) || defined(COATCHECK_SANITIZED)

static void take_ranks_upwards(void)
{
    struct lock locks[5] = {{0}};

    lock_take(&locks[0], RANK_SHARD, 3);
    lock_take(&locks[1], RANK_SHARD, 4);
    lock_take(&locks[2], RANK_SHARD, 900);
    lock_take(&locks[3], RANK_SLOWLOG, 0);
    lock_take(&locks[4], RANK_LOG, 0);
    lock_release(&locks[4], RANK_LOG);
    lock_release(&locks[0], RANK_SHARD);
    lock_release(&locks[1], RANK_SHARD);
    lock_release(&locks[2], RANK_SHARD);
    lock_release(&locks[3], RANK_SLOWLOG);
    lock_take(&locks[0], RANK_SHARD, 1);
    lock_release(&locks[0], RANK_SHARD);
}

static void take_a_shard_under_the_log(void)
{
    struct lock locks[2] = {{0}};

    lock_take(&locks[0], RANK_LOG, 0);
    lock_take(&locks[1], RANK_SHARD, 0);
}

static void take_shards_downwards(void)
{
    struct lock locks[2] = {{0}};

    lock_take(&locks[0], RANK_SHARD, 2);
    lock_take(&locks[1], RANK_SHARD, 1);
}

static void take_a_shard_twice(void)
{
    struct lock locks[2] = {{0}};

    lock_take(&locks[0], RANK_SHARD, 2);
    lock_try(&locks[1], RANK_SHARD, 2);
}

static void leave_without_entering(void)
{
    struct lock lock = {1};

    lock_release(&lock, RANK_SHARD);
}

static bool stops_the_program(void (*act)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        log_set_level(LOG_LEVEL_NOTHING);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void locks_out_of_rank_stop_the_program(void **state)
{
    (void)state;
    assert_false(stops_the_program(take_ranks_upwards));
    assert_true(stops_the_program(take_a_shard_under_the_log));
    assert_true(stops_the_program(take_shards_downwards));
    assert_true(stops_the_program(take_a_shard_twice));
    assert_true(stops_the_program(leave_without_entering));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_of_eight_threads_is_inside),
        cmocka_unit_test(trying_a_held_lock_fails_at_once),
        cmocka_unit_test(who_waits_long_sleeps),
#if !defined(NDEBUG) || defined(COATCHECK_SANITIZED)
        cmocka_unit_test(locks_out_of_rank_stop_the_program),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
