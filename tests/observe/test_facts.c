#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/observe/facts.h"

static void assert_is_id(const char *id)
{
    assert_int_equal(strlen(id), FACTS_ID_LEN);
    assert_int_equal(strspn(id, "0123456789abcdef"), FACTS_ID_LEN);
}

static void ids_are_drawn_anew_at_each_start(void **state)
{
    char first[FACTS_ID_LEN + 1];

    (void)state;
    facts_setup();
    assert_is_id(server_facts.run_id);
    strcpy(first, server_facts.run_id);
    facts_setup();
    assert_string_not_equal(first, server_facts.run_id);
}

static void the_replication_id_changes_when_it_is_told_to(void **state)
{
    char before[FACTS_ID_LEN + 1], again[FACTS_ID_LEN + 1], after[FACTS_ID_LEN + 1];

    (void)state;
    facts_setup();
    facts_replication_id(before);
    facts_replication_id(again);
    assert_string_equal(before, again);
    facts_change_replication_id();
    facts_replication_id(after);
    assert_is_id(before);
    assert_is_id(after);
    assert_string_not_equal(before, after);
}

static void the_program_knows_its_path_and_its_age(void **state)
{
    (void)state;
    facts_setup();
    assert_non_null(strstr(server_facts.executable, "observe_test_facts"));
    assert_int_equal(facts_uptime_s(), 0);
    server_facts.started_steady_us -= 90 * 1000000ll;
    assert_int_equal(facts_uptime_s(), 90);
    assert_true(llabs(server_facts.started_ms - clock_wall_us() / 1000) < 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_drawn_anew_at_each_start),
        cmocka_unit_test(the_replication_id_changes_when_it_is_told_to),
        cmocka_unit_test(the_program_knows_its_path_and_its_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
