#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/engine/session.h"
#include "coatcheck/pubsub/channel.h"
#include "coatcheck/structs/glob.h"

#define LANES 3
#define SESSIONS 12 /* of each lane */
#define NAMES 40

static struct session sessions[LANES + 1][SESSIONS];
static struct channel *joined[CHANNEL_KINDS][LANES + 1][SESSIONS][NAMES];
static char texts[NAMES][16];

static struct bytes name_of(enum channel_kind kind, unsigned name)
{
    struct bytes text = bytes_of_text(texts[name]);

    /* "a0*" … match what begins so; channels have no star. */
    return kind == CHANNEL_PATTERN ? text : bytes_of(text.at, text.len - 1);
}

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NAMES; i++) snprintf(texts[i], sizeof texts[i], i % 4 ? "a%u*" : "a%u?", i / 4 * 5);
    return 0;
}

static void toggle(enum channel_kind kind, unsigned lane, unsigned session, unsigned name)
{
    struct channel **mine = &joined[kind][lane][session][name];
    struct channel *channel;
    bool fresh;

    metric_lane = lane;
    if (*mine) {
        channel_leave(*mine, &sessions[lane][session]);
        *mine = NULL;
        return;
    }
    assert_int_equal(channel_join(kind, name_of(kind, name), &sessions[lane][session], &channel, &fresh), OK);
    assert_true(fresh);
    *mine = channel;
    assert_ptr_equal(channel_find(kind, name_of(kind, name)), channel);
    assert_int_equal(channel_join(kind, name_of(kind, name), &sessions[lane][session], mine, &fresh), OK);
    assert_false(fresh);
    assert_ptr_equal(*mine, channel);
}

/* Names repeat, once in four: what is told of one holds for all that are equal. */
static bool is_same(enum channel_kind kind, unsigned a, unsigned b)
{
    return bytes_equal(name_of(kind, a), name_of(kind, b));
}

static unsigned listeners_of(enum channel_kind kind, unsigned lane, unsigned name)
{
    unsigned count = 0;

    for (unsigned s = 0; s < SESSIONS; s++) {
        bool listens = false;

        for (unsigned n = 0; n < NAMES; n++) listens |= joined[kind][lane][s][n] && is_same(kind, n, name);
        count += listens;
    }
    return count;
}

static bool is_first(enum channel_kind kind, unsigned name)
{
    for (unsigned n = 0; n < name; n++) {
        if (is_same(kind, n, name)) return false;
    }
    return true;
}

static void check_audience(enum channel_kind kind, unsigned name)
{
    struct audience audience;
    uint64_t total = 0;

    channel_audience(kind, name_of(kind, name), &audience);
    for (unsigned lane = 1; lane <= LANES; lane++) {
        unsigned wanted = listeners_of(kind, lane, name), told = 0;

        for (unsigned n = 0; kind == CHANNEL_PLAIN && n < NAMES; n++) {
            if (!is_first(CHANNEL_PATTERN, n)) continue;
            if (glob_match(name_of(CHANNEL_PATTERN, n), name_of(kind, name)))
                wanted += listeners_of(CHANNEL_PATTERN, lane, n);
        }
        for (unsigned i = 0; i < audience.count; i++) {
            if (audience.workers[i].lane == lane) told += audience.workers[i].receivers;
        }
        assert_int_equal(told, wanted);
        total += wanted;
    }
    assert_int_equal(audience.total, total);
}

static void count_name(struct bytes name, void *context)
{
    (void)name;
    ++*(unsigned *)context;
}

static void check_names(enum channel_kind kind)
{
    unsigned wanted = 0, told = 0;

    for (unsigned n = 0; n < NAMES; n++) {
        unsigned count = 0;

        for (unsigned lane = 1; lane <= LANES; lane++) count += listeners_of(kind, lane, n);
        assert_int_equal(channel_listeners(kind, name_of(kind, n)), count);
        if (is_first(kind, n)) wanted += count > 0;
    }
    channel_each_name(kind, count_name, &told);
    assert_int_equal(told, wanted);
    assert_int_equal(channel_names(kind), wanted);
}

static void each_is_told_who_listens_whatever_comes_and_goes(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned step = 0; step < 6000; step++) {
        enum channel_kind kind = (enum channel_kind)random_below(&seed, CHANNEL_KINDS);
        unsigned lane = 1 + (unsigned)random_below(&seed, LANES), name = (unsigned)random_below(&seed, NAMES);

        /* One name to a session of those that are equal. */
        while (!is_first(kind, name)) name--;
        toggle(kind, lane, (unsigned)random_below(&seed, SESSIONS), name);
        if (step % 50) continue;
        for (unsigned n = 0; n < NAMES; n++) {
            check_audience(CHANNEL_PLAIN, n);
            check_audience(CHANNEL_SHARD, n);
        }
        for (kind = CHANNEL_PLAIN; kind < CHANNEL_KINDS; kind++) check_names(kind);
        for (metric_lane = 1; metric_lane <= LANES; metric_lane++) channel_check();
    }
    for (enum channel_kind kind = CHANNEL_PLAIN; kind < CHANNEL_KINDS; kind++) {
        for (unsigned lane = 1; lane <= LANES; lane++) {
            for (unsigned s = 0; s < SESSIONS; s++) {
                for (unsigned n = 0; n < NAMES; n++) {
                    if (joined[kind][lane][s][n]) toggle(kind, lane, s, n);
                }
            }
        }
        assert_int_equal(channel_names(kind), 0);
    }
    metric_lane = 1;
    channel_check();
}

static void the_directory_grows_and_shrinks(void **state)
{
    static struct channel *channels[20000];
    char name[32];
    bool fresh;

    (void)state;
    metric_lane = 1;
    for (unsigned i = 0; i < 20000; i++) {
        int len = snprintf(name, sizeof name, "channel:%u", i);

        assert_int_equal(channel_join(CHANNEL_PLAIN, bytes_of(name, (size_t)len), &sessions[1][0], &channels[i], &fresh),
                         OK);
    }
    assert_int_equal(channel_names(CHANNEL_PLAIN), 20000);
    channel_check();
    for (unsigned i = 0; i < 20000; i++) {
        int len = snprintf(name, sizeof name, "channel:%u", i);

        assert_ptr_equal(channel_find(CHANNEL_PLAIN, bytes_of(name, (size_t)len)), channels[i]);
        channel_leave(channels[i], &sessions[1][0]);
        assert_null(channel_find(CHANNEL_PLAIN, bytes_of(name, (size_t)len)));
    }
    channel_check();
}

static void without_memory_nothing_changes(void **state)
{
    struct channel *channel;
    bool fresh;
    unsigned failures = 0;

    (void)state;
    metric_lane = 2;
    for (enum channel_kind kind = CHANNEL_PLAIN; kind < CHANNEL_KINDS; kind++) {
        for (unsigned s = 0; s < SESSIONS; s++) {
            for (unsigned n = 1; n < 6; n++) {
                uint64_t before = channel_listeners(kind, BYTES("coat"));

                mem_fail_after(n);
                if (channel_join(kind, BYTES("coat"), &sessions[2][s], &channel, &fresh) == OK) {
                    mem_fail_after(0);
                    break;
                }
                mem_fail_after(0);
                failures++;
                assert_int_equal(channel_listeners(kind, BYTES("coat")), before);
                assert_int_equal(channel_names(kind), before > 0);
                channel_check();
            }
        }
        while ((channel = channel_find(kind, BYTES("coat")))) {
            uint32_t at = 0;

            channel_leave(channel, pointerset_next(&channel->listeners, &at));
        }
    }
    assert_true(failures > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_who_listens_whatever_comes_and_goes),
        cmocka_unit_test(the_directory_grows_and_shrinks),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
