/* Prefixes of trackers with BCAST: which names are of interest to which worker, held against going through all prefixes;
 * joining and leaving without memory. Workers are lanes here, of one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/random.h"
#include "coatcheck/tracking/prefix.h"

#define LANES 3
#define NAMES 24
#define LONGEST 6
#define ASKED 150

struct name {
    char text[LONGEST + 1];
    struct prefix *prefix; /* NULL: nobody has it */
};
static struct name names[LANES + 1][NAMES];

/* A tracker is looked at by nobody here. */
static struct tracker *tracker_of_lane(unsigned lane)
{
    static uint64_t trackers[LANES + 1];

    return (struct tracker *)&trackers[lane];
}

/* Of two letters, so that one is often the beginning of another; the letters are at both ends of a byte. */
static void draw_name(uint64_t *random, char text[LONGEST + 1])
{
    unsigned len = random_below(random, 100) == 0 ? 0 : 2 + (unsigned)random_below(random, LONGEST - 1);

    for (unsigned i = 0; i < len; i++) text[i] = random_below(random, 3) == 0 ? '\xff' : '\x01';
    text[len] = 0;
}

static bool is_held(unsigned lane, const char *text)
{
    for (unsigned i = 0; i < NAMES; i++) {
        if (names[lane][i].prefix && !strcmp(names[lane][i].text, text)) return true;
    }
    return false;
}

/* Takes one more, or gives one back. */
static void change_one(uint64_t *random, unsigned lane)
{
    struct name *name = &names[lane][random_below(random, NAMES)];

    metric_lane = lane;
    if (name->prefix) {
        prefix_leave(name->prefix, tracker_of_lane(lane));
        name->prefix = NULL;
        return;
    }
    draw_name(random, name->text);
    if (is_held(lane, name->text)) return;
    name->prefix = prefix_join(bytes_of_text(name->text), tracker_of_lane(lane));
    assert_non_null(name->prefix);
}

static bool is_wanted(unsigned lane, struct bytes asked)
{
    for (unsigned i = 0; i < NAMES; i++) {
        if (names[lane][i].prefix && bytes_start_with(asked, bytes_of_text(names[lane][i].text))) return true;
    }
    return false;
}

static unsigned check(uint64_t *random, unsigned lane)
{
    char texts[ASKED][LONGEST + 1];
    struct bytes asked[ASKED];
    bool wanted[ASKED];
    unsigned some = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        draw_name(random, texts[i]);
        asked[i] = bytes_of_text(texts[i]);
    }
    prefixes_choose(lane, asked, ASKED, wanted);
    for (unsigned i = 0; i < ASKED; i++) {
        assert_int_equal(wanted[i], is_wanted(lane, asked[i]));
        some += wanted[i];
    }
    return some;
}

static void leave_all(void)
{
    for (unsigned lane = 1; lane <= LANES; lane++) {
        metric_lane = lane;
        for (unsigned i = 0; i < NAMES; i++) {
            if (names[lane][i].prefix) prefix_leave(names[lane][i].prefix, tracker_of_lane(lane));
            names[lane][i].prefix = NULL;
        }
        prefixes_stop();
    }
    assert_int_equal(prefixes_count(), 0);
}

static void a_name_is_wanted_where_something_it_begins_with_is(void **state)
{
    uint64_t random = 20;
    unsigned some = 0, none = 0;

    (void)state;
    /* Few prefixes, then many, then few. */
    for (unsigned step = 0; step < 1500; step++) {
        unsigned lane = 1 + (unsigned)random_below(&random, LANES), found;

        change_one(&random, lane);
        found = check(&random, lane);
        some += found;
        none += ASKED - found;
    }
    assert_true(some > 10000 && none > 10000);
    leave_all();
}

static void the_empty_prefix_wants_everything_and_no_prefix_nothing(void **state)
{
    const struct bytes asked[] = {bytes_of("", 0), bytes_of("coat", 4), bytes_of("\0\xff", 2)};
    struct prefix *everything, *coats;
    bool wanted[3];

    (void)state;
    metric_lane = 2;
    coats = prefix_join(BYTES("coats"), tracker_of_lane(2));
    prefixes_choose(2, asked, 3, wanted);
    for (unsigned i = 0; i < 3; i++) assert_false(wanted[i]);
    everything = prefix_join(bytes_of("", 0), tracker_of_lane(2));
    prefixes_choose(2, asked, 3, wanted);
    for (unsigned i = 0; i < 3; i++) assert_true(wanted[i]);
    prefixes_choose(1, asked, 3, wanted);
    for (unsigned i = 0; i < 3; i++) assert_false(wanted[i]);
    prefix_leave(everything, tracker_of_lane(2));
    prefixes_choose(2, asked, 3, wanted);
    for (unsigned i = 0; i < 3; i++) assert_false(wanted[i]);
    prefix_leave(coats, tracker_of_lane(2));
    leave_all();
}

static void without_memory_nobody_is_half_there(void **state)
{
    const struct bytes coat = BYTES("coat");
    unsigned refused = 0;

    (void)state;
    metric_lane = 1;
    for (unsigned fail = 1; fail <= 6; fail++) {
        struct prefix *prefix;
        bool wanted;

        mem_fail_after(fail);
        prefix = prefix_join(BYTES("co"), tracker_of_lane(1));
        mem_fail_after(0);
        prefixes_choose(1, &coat, 1, &wanted);
        assert_int_equal(wanted, prefix != NULL);
        assert_int_equal(prefixes_count(), prefix != NULL);
        refused += prefix == NULL;
        if (prefix) prefix_leave(prefix, tracker_of_lane(1));
        prefixes_stop();
    }
    assert_true(refused >= 3);
    leave_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_wanted_where_something_it_begins_with_is),
        cmocka_unit_test(the_empty_prefix_wants_everything_and_no_prefix_nothing),
        cmocka_unit_test(without_memory_nobody_is_half_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
