/* MEMORY DOCTOR is shown patients: each has one complaint, and it says that one and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../src/commands/memory_doctor_internal.h"

#define MB ((size_t)1 << 20)

/* A gigabyte of keys on a machine of 16, without a limit. */
static struct memory_facts healthy(void)
{
    return (struct memory_facts){
        .footprint = {.now = {.allocated = 1000 * MB, .active = 1030 * MB, .resident = 1050 * MB},
                      .rss = 1060 * MB,
                      .peak = 1100 * MB,
                      .at_start = MB},
        .machine = 16000 * MB,
        .tables = 110 * MB,
        .keys = 10000000,
        .clients = MB,
        .clients_count = 50,
        .policy = "noeviction",
    };
}

static struct text said;

static const char *examine(const struct memory_facts *facts)
{
    text_clear(&said);
    memory_doctor_examine(&said, facts);
    text_add_char(&said, '\0');
    return said.at;
}

static unsigned findings(const char *words)
{
    unsigned count = 0;

    for (const char *at = words; (at = strstr(at, "- ")); at += 2) count += at == words || at[-1] == '\n';
    return count;
}

static void assert_finds(const struct memory_facts *facts, unsigned count, const char *words)
{
    const char *all = examine(facts);

    if (!strstr(all, words) || findings(all) != count) fail_msg("not %u and \"%s\" but: %s", count, words, all);
}

static void nothing_is_found_where_nothing_is_wrong(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    assert_string_equal(examine(&facts), "No problem was found with the memory.\n");
    facts.limit = 2000 * MB;
    assert_string_equal(examine(&facts), "No problem was found with the memory.\n");
    facts = (struct memory_facts){.footprint = {.now = {.allocated = 2 * MB, .active = 9 * MB, .resident = 60 * MB},
                                                .rss = 60 * MB, .peak = 8 * MB},
                                  .machine = 16000 * MB, .policy = "noeviction"};
    assert_string_equal(examine(&facts), "So little memory is used (2048 KB) that there is nothing to find.\n");
}

static void a_limit_above_the_machine_is_named_even_while_little_is_used(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.limit = 15500 * MB; /* with a twentieth more it is above */
    assert_finds(&facts, 1, "maxmemory allows 16275.0 MB");
    facts.footprint.now.allocated = facts.footprint.peak = MB;
    assert_finds(&facts, 1, "Set maxmemory to 60%");
    facts.limit = 15000 * MB;
    assert_finds(&facts, 0, "So little");
}

static void a_full_machine_without_a_limit_is_named(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.machine = 1300 * MB;
    assert_finds(&facts, 1, "82 % of the memory of the machine");
    facts.limit = 1200 * MB;
    assert_finds(&facts, 0, "No problem");
}

static void at_its_limit_a_cache_tells_how_many_keys_go(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.limit = 1040 * MB;
    facts.policy = "allkeys-lru";
    facts.evicts = true;
    facts.evicted = 5000;
    facts.evicted_per_s = 321;
    facts.returned = 77;
    assert_finds(&facts, 1, "Memory is at its limit: 1000.0 MB of 1040.0. 321 keys are evicted a second, 5000 since");
    assert_finds(&facts, 1, "77 came back soon");
    facts.limit = 1100 * MB; /* what was evicted is history */
    assert_finds(&facts, 0, "No problem");
}

static void memory_that_stays_above_the_limit_is_named(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.limit = 900 * MB;
    facts.policy = "volatile-lru";
    facts.evicts = true;
    facts.exceeded_ms = 2500;
    assert_finds(&facts, 2, "above the limit for 2500 ms");
    facts.refused = 9;
    facts.refused_per_s = 3;
    assert_finds(&facts, 3, "9 commands were refused since the start because memory was above its limit, 3 a second");
    assert_finds(&facts, 3, "(maxmemory-policy volatile-lru found nothing to evict)");
}

static void what_noeviction_refuses_is_named_then_and_afterwards(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.limit = 1000 * MB;
    assert_finds(&facts, 1, "maxmemory-policy is noeviction");
    facts.refused = 12;
    assert_finds(&facts, 2, "12 commands were refused");
    facts.limit = 2000 * MB;
    assert_finds(&facts, 1, "(maxmemory-policy noeviction)");
}

static void a_peak_long_gone_is_named(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.footprint.peak = 2500 * MB;
    assert_finds(&facts, 1, "The peak was 2.5 times what is used now, 2500.0 MB");
}

static void gaps_and_free_pages_and_what_is_beside_are_told_apart(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.footprint.now.active = facts.footprint.now.resident = facts.footprint.rss = 1250 * MB;
    assert_finds(&facts, 1, "Fragmentation: pages are 20 % empty on average, 250.0 MB");
    facts = healthy();
    facts.footprint.now.resident = facts.footprint.rss = 1430 * MB;
    assert_finds(&facts, 1, "400.0 MB of free pages");
    facts = healthy();
    facts.footprint.rss = 1350 * MB;
    assert_finds(&facts, 1, "300.0 MB are resident besides");
}

static void tables_of_keys_that_are_gone_are_named(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.keys = 100000;
    assert_finds(&facts, 1, "Tables take 110.0 MB for 100000 keys");
    facts.keys = 5000000; /* 23 bytes each: it grows, or shrinks */
    assert_finds(&facts, 0, "No problem");
}

static void clients_are_named_by_what_they_hold(void **state)
{
    struct memory_facts facts = healthy();

    (void)state;
    facts.longest_output = 3 * MB;
    assert_finds(&facts, 1, "A client leaves 3.0 MB of its replies unread");
    facts.longest_output = 0;
    facts.longest_input = 7 * MB;
    assert_finds(&facts, 1, "A client has sent 7.0 MB of a request");
    facts.longest_input = 0;
    facts.clients = 150 * MB;
    facts.clients_count = 1000;
    assert_finds(&facts, 1, "1000 clients hold 150.0 MB, 15 %");
    facts.clients = 12 * MB; /* few, with much each */
    facts.clients_count = 20;
    assert_finds(&facts, 1, "20 clients hold 12.0 MB, 1 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_where_nothing_is_wrong),
        cmocka_unit_test(a_limit_above_the_machine_is_named_even_while_little_is_used),
        cmocka_unit_test(a_full_machine_without_a_limit_is_named),
        cmocka_unit_test(at_its_limit_a_cache_tells_how_many_keys_go),
        cmocka_unit_test(memory_that_stays_above_the_limit_is_named),
        cmocka_unit_test(what_noeviction_refuses_is_named_then_and_afterwards),
        cmocka_unit_test(a_peak_long_gone_is_named),
        cmocka_unit_test(gaps_and_free_pages_and_what_is_beside_are_told_apart),
        cmocka_unit_test(tables_of_keys_that_are_gone_are_named),
        cmocka_unit_test(clients_are_named_by_what_they_hold),
    };
    int wrong = cmocka_run_group_tests(tests, NULL, NULL);

    text_fini(&said);
    return wrong;
}
