#include "waiting.h"
#include <sched.h>

static void lines_are_found_among_many_and_gone_with_their_last(void **state)
{
    unsigned count = 500 * SCALE;
    struct session *crowd = calloc(count, sizeof *crowd);
    char name[24];

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "many:%u", i);
        wait_as(&crowd[i], &for_heaps, name, 1, i % 2 ? INT64_MAX : 0, 0);
    }
    for (unsigned i = 0; i < count; i += 3) {
        snprintf(name, sizeof name, "many:%u", i);
        bring(name, 1);
        assert_false(session_is_waiting(&crowd[i]));
    }
    blocking_look_after(0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(session_is_waiting(&crowd[i]), i % 3 != 0);
        blocking_leave(&crowd[i]);
    }
    free(crowd);
}

/* In each round many clients wait for keys in different shards, and a thread for each key brings it
 * as many things as there are clients, one by one. */
#define RACERS 3
#define ROUNDS (50 * SCALE)
static char race_keys[RACERS][8];
static pthread_barrier_t barrier;

static void choose_race_keys(char names[3 * 8])
{
    unsigned chosen = 0;

    names[0] = '\0';
    for (unsigned i = 0; chosen < RACERS; i++) {
        bool is_new = true;

        snprintf(race_keys[chosen], sizeof race_keys[chosen], "r%u", i % 1000);
        for (unsigned c = 0; c < chosen; c++) {
            is_new &= key_named(race_keys[c], 0).shard != key_named(race_keys[chosen], 0).shard;
        }
        if (!is_new) continue;
        strcat(names, race_keys[chosen++]);
        if (chosen < RACERS) strcat(names, " ");
    }
}

static void *race(void *context)
{
    const char *name = context;

    metric_lane = 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        for (unsigned i = 0; i < CLIENTS; i++) bring(name, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* Meanwhile one is unblocked, some go away. How many things these can have taken with them? */
static unsigned make_trouble(unsigned round, bool *unblocked)
{
    unsigned gone = 0;

    *unblocked = blocking_unblock(CLIENTS - round % 8, false);
    for (unsigned i = 3; i < CLIENTS && round % 2; i += 7, gone++) {
        blocking_leave(&clients[i]);
        clients[i].wait = 0;
        session_unset(&clients[i], SESSION_BLOCKED);
    }
    return gone;
}

static void of_several_who_bring_something_at_once_one_wins(void **state)
{
    pthread_t threads[RACERS];
    char names[RACERS * 8];

    (void)state;
    choose_race_keys(names);
    pthread_barrier_init(&barrier, NULL, RACERS + 1);
    for (unsigned i = 0; i < RACERS; i++) pthread_create(&threads[i], NULL, race, race_keys[i]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned gone, told = 0;
        uint64_t left = 0;
        bool unblocked;

        metric_lane = 2;
        for (unsigned i = 0; i < CLIENTS; i++) waits(i, names);
        pthread_barrier_wait(&barrier);
        gone = make_trouble(round, &unblocked);
        pthread_barrier_wait(&barrier);
        open_all_mail(a_worker);
        blocking_look_after(0);
        for (unsigned i = 0; i < CLIENTS; i++) {
            if (clients[i].waiter) told += answer_to(&clients[i])[0] == '$';
        }
        for (unsigned i = 0; i < RACERS; i++) left += take_all(race_keys[i]);
        if (gone == 0) assert_int_equal(told, CLIENTS - unblocked);
        assert_in_range(RACERS * CLIENTS - left - told, 0, gone);
    }
    for (unsigned i = 0; i < RACERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

/* ---- many waits, each claimed by all racers at once ---- */

#define CLAIMERS 2 /* so that none waits for a processor where there are few */
#define CLAIM_ROUNDS (100 * SCALE)
#define MEETINGS (20 * CLIENTS)
#define SPINS 500
static _Atomic unsigned arrived, claimed, met;
static _Atomic bool claims_are_over;
static _Thread_local unsigned aimed_at, arrivals;

static void await_the_others(void)
{
    unsigned spins = 0;

    for (; atomic_load(&arrived) < arrivals; spins++) {
        if (spins % SPINS == SPINS - 1) sched_yield();
    }
    /* It waited, and not for the other to be given a processor. */
    if (spins > 0 && spins < SPINS) atomic_fetch_add(&met, 1);
}

/* The claimers stand at the same wait and go on in the same instant: one sees the other's arrival
 * about when the other's claim would be seen. */
static void see_together(void (*see)(struct session *session, void *context), void *context)
{
    arrivals += CLAIMERS;
    atomic_fetch_add(&arrived, 1);
    await_the_others();
    see(&clients[aimed_at], context);
}

static const struct session_host together = {
    .resume = resume, .each = see_together, .mail = take_mail};

static void *claim_all(void *context)
{
    (void)context;
    metric_lane = 1;
    for (;;) {
        unsigned mine = 0;

        pthread_barrier_wait(&barrier);
        if (atomic_load(&claims_are_over)) return NULL;
        for (aimed_at = 0; aimed_at < CLIENTS; aimed_at++)
            mine += blocking_unblock(aimed_at + 1, false);
        atomic_fetch_add(&claimed, mine);
        pthread_barrier_wait(&barrier);
    }
}

static void a_wait_is_claimed_by_one(void **state)
{
    pthread_t threads[CLAIMERS];

    (void)state;
    session_host = &together;
    atomic_store(&arrived, 0);
    pthread_barrier_init(&barrier, NULL, CLAIMERS + 1);
    for (unsigned i = 0; i < CLAIMERS; i++) pthread_create(&threads[i], NULL, claim_all, NULL);
    /* On a machine that is busy the claimers seldom run at the same time: the more rounds. */
    for (unsigned round = 0; round < CLAIM_ROUNDS && atomic_load(&met) < MEETINGS; round++) {
        metric_lane = 2;
        atomic_store(&claimed, 0);
        for (unsigned i = 0; i < CLIENTS; i++) waits(i, "a");
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        /* What was claimed twice was sent twice: its mail has no end. */
        if (atomic_load(&claimed) != CLIENTS) atomic_store(&mailbox, NULL);
        assert_int_equal(atomic_load(&claimed), CLIENTS);
        open_all_mail(a_worker);
        for (unsigned i = 0; i < CLIENTS; i++)
            assert_string_equal(answer_to(&clients[i]), "*-1\r\n");
    }
    atomic_store(&claims_are_over, true);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < CLAIMERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    session_host = &host;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wait_is_claimed_by_one),
        TEST(lines_are_found_among_many_and_gone_with_their_last),
        TEST(of_several_who_bring_something_at_once_one_wins),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
