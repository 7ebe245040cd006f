#include "waiting.h"

static void waits_end_in_the_order_of_their_deadlines(void **state)
{
    int64_t deadlines[CLIENTS] = {0}, now = 0;
    uint64_t seed = 7;

    (void)state;
    for (unsigned step = 0; step < 3000 * SCALE; step++) {
        unsigned i = (unsigned)random_below(&seed, CLIENTS);
        int64_t soonest = INT64_MAX, told;

        if (!clients[i].waiter) {
            deadlines[i] = now + 1 + (int64_t)random_below(&seed, 50);
            wait_as(&clients[i], &for_heaps, i % 2 ? "a b" : "c", 1, deadlines[i], 0);
        } else if (random_below(&seed, 3) == 0) {
            blocking_leave(&clients[i]);
            clients[i].wait = 0;
            session_unset(&clients[i], SESSION_BLOCKED);
        }
        now += (int64_t)random_below(&seed, 3);
        told = blocking_look_after(now);
        for (unsigned c = 0; c < CLIENTS; c++) {
            if (!clients[c].waiter) continue;
            assert_int_equal(blocking_has_ended(&clients[c]), deadlines[c] <= now);
            if (deadlines[c] <= now) {
                assert_string_equal(answer_to(&clients[c]), "*-1\r\n");
            } else if (deadlines[c] - now < soonest) {
                soonest = deadlines[c] - now;
            }
        }
        assert_int_equal(told, soonest);
    }
}

static bool reads_timeout(const char *word, int64_t *deadline_us)
{
    struct bytes args[] = {BYTES("BPOP"), bytes_of_text(word)};
    struct call call = {.reply = &reply, .args = {.n = 2, .of = args}};

    reply_open(&reply, window, sizeof window, &overflow, 2);
    return call_read_timeout(&call, 1, deadline_us);
}

static void a_timeout_is_a_number_of_seconds(void **state)
{
    static const char *const for_ever[] = {"0", "0.0", "-0", "-0.0001", "0e5"};
    static const char *const negative[] = {"-1",   "-0.002", "inf",
                                           "-inf", "1e300",  "9223372036854775807"};
    static const char *const none[] = {"", " 1", "1 ", "x", "nan", "1e5000", "0.1s"};
    int64_t deadline, now = clock_steady_us();

    (void)state;
    for (unsigned i = 0; i < sizeof for_ever / sizeof *for_ever; i++) {
        assert_true(reads_timeout(for_ever[i], &deadline));
        assert_int_equal(deadline, 0);
    }
    for (unsigned i = 0; i < sizeof negative / sizeof *negative; i++) {
        assert_false(reads_timeout(negative[i], &deadline));
        assert_string_equal(said(), "-ERR timeout is negative\r\n");
    }
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(reads_timeout(none[i], &deadline));
        assert_string_equal(said(), "-ERR timeout is not a float or out of range\r\n");
    }
    assert_true(reads_timeout("1.5", &deadline));
    assert_in_range(deadline - now, 1500000, 2500000);
    assert_true(reads_timeout("0.0000001", &deadline));
    assert_true(deadline >= now + 1000);
    assert_true(reads_timeout("9223372036854775", &deadline));
    assert_int_equal(deadline, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_end_in_the_order_of_their_deadlines),
        TEST(a_timeout_is_a_number_of_seconds),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
