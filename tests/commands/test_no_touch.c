/* CLIENT NO-TOUCH: its effect shows after seconds that no conversation would wait. */
#include "client.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/values/list.h"

/* A key's use is kept in steps of some eight seconds. */
#define STEP_S 9
#define START_MS 1700000000000

static int64_t idle_s(const char *name)
{
    char line[64];

    snprintf(line, sizeof line, "OBJECT IDLETIME %s", name);
    return strtoll(say(line) + 1, NULL, 10);
}

static void reads_of_such_a_client_leave_no_trace_but_touch_does(void **state)
{
    static const char *const reads[] = {
        "GET coat",    "MGET coat coat", "STRLEN coat", "GETRANGE coat 0 1",
        "EXISTS coat", "TTL coat",       "TYPE coat",   "LCS coat coat",
        "GETBIT coat 0", "BITCOUNT coat", "BITPOS coat 1", "BITFIELD_RO coat GET u8 0",
        "SORT coats ALPHA BY coa* GET coa*",
    };

    (void)state;
    clock_set_ms(START_MS);
    list_setup();
    say("SET coat brown");
    say("RPUSH coats t");
    say("CLIENT NO-TOUCH ON");
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        clock_set_ms(START_MS + 60000 + 500 * i);
        assert_int_not_equal(say(reads[i])[0], '-');
        assert_in_range(idle_s("coat"), 60 - STEP_S, 60 + i + STEP_S);
    }
    say("TOUCH coat");
    assert_in_range(idle_s("coat"), 0, STEP_S);
    say("CLIENT NO-TOUCH OFF");
    clock_set_ms(START_MS + 120000);
    assert_in_range(idle_s("coat"), 50 - STEP_S, 60);
    say("GET coat");
    assert_in_range(idle_s("coat"), 0, STEP_S);
    clock_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_of_such_a_client_leave_no_trace_but_touch_does),
    };

    return cmocka_run_group_tests(tests, client_setup, client_teardown);
}
