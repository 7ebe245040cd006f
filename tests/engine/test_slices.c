/* Commands that work in slices. */
#include "slices.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

#define MANY_KEYS 100000

static void fill(void)
{
    struct client *a = client_new();

    for (int i = 0; i < MANY_KEYS; i++) {
        text_addf(&a->input, "SET slice:%d v\r\n", i);
        if (i % 1000 == 999) {
            while (a->input.len > 0) take_turn(&a, 1, 65536);
            text_clear(&a->answers);
        }
    }
    client_free(a);
}

static int64_t slowest_us;
static unsigned slow_ones;

static void note_slow(struct call *call, int64_t took_ns)
{
    if (strcmp(call->command->row->name, "keys") != 0) return;
    slowest_us = took_ns / 1000;
    slow_ones++;
}

/* Between two slices others are answered, its own client's next command is not; and it counts as one, with all its time. */
static void others_are_answered_between_two_slices(void **state)
{
    struct client *a = client_new(), *b = client_new(), *both[2] = {a, b};
    unsigned turns = 0;
    size_t most = 0;

    (void)state;
    fill();
    watch_hooks.slow = note_slow;
    atomic_store(&watch_slow_ticks, 0);
    say(a, "KEYS slice:*\r\nPING\r\n");
    for (; a->answers.len == 0; turns++) {
        size_t gathered;

        say(b, "PING\r\n");
        take_turn(both, 2, 65536);
        gathered = session_queue(&a->session).gathered;
        assert_true(gathered >= most || a->answers.len > 0);
        if (gathered > most) most = gathered;
    }
    while (a->input.len > 0) take_turn(&a, 1, 65536);
    watch_hooks.slow = NULL;
    atomic_store(&watch_slow_ticks, UINT64_MAX);
    while (b->input.len > 0) take_turn(&b, 1, 65536);
    assert_true(turns > 2 && most > 0);
    assert_int_equal(session_queue(&a->session).gathered, 0);
    assert_int_equal(count_lines(a, "slice:"), MANY_KEYS);
    assert_int_equal(count_lines(a, "+PONG"), 1);
    assert_memory_equal(a->answers.at + a->answers.len - 7, "+PONG\r\n", 7);
    assert_int_equal(count_lines(b, "+PONG"), turns);
    assert_int_equal(slow_ones, 1);
    /* Each slice but the last one takes 200 us at the least; clocks differ. */
    assert_true(slowest_us >= (int64_t)(turns - 1) * 150);
    client_free(a);
    client_free(b);
}

/* Two hundred thousand stars take longer for a few names than a slice may; whatever is left of a batch comes in the next. */
static void a_long_pattern_ends_a_slice_among_the_names_of_a_batch(void **state)
{
    struct client *a = client_new();
    struct text stars = {0};
    unsigned turns = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) text_add_char(&stars, '*');
    text_addf(&a->input, "*8\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nMATCH\r\n$200000\r\n%.*s\r\n", (int)stars.len, stars.at);
    say(a, "$5\r\nCOUNT\r\n$3\r\n400\r\n$4\r\nTYPE\r\n$6\r\nstring\r\n");
    while (a->answers.len == 0) {
        take_turn(&a, 1, 65536);
        turns++;
    }
    /* 400 are less than a batch. A few were left by other tests. */
    assert_true(turns > 2);
    assert_true(count_lines(a, "slice:") > 300);
    text_fini(&stars);
    client_free(a);
}

static void a_client_may_end_between_two_slices(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "KEYS slice:*\r\n");
    take_turn(&a, 1, 65536);
    assert_true(feeds[0].again && feeds[0].later);
    client_free(a); /* what it gathered goes with it: the address sanitizer would tell */
}

static void a_muted_command_works_in_slices_as_well(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "CLIENT REPLY SKIP\r\nKEYS slice:*\r\nPING\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+PONG\r\n");
    client_free(a);
}

static void a_transaction_is_not_interrupted(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "MULTI\r\nKEYS slice:*\r\nEXEC\r\n");
    while (a->input.len > 0) {
        take_turn(&a, 1, 65536);
        assert_false(feeds[0].later);
    }
    assert_int_equal(count_lines(a, "slice:"), MANY_KEYS);
    client_free(a);
}

/* ---- what a client holds for a command of three slices ---- */

#define HELD 1000

static size_t seen[3];
static unsigned seen_count;

static void free_task(struct task *task)
{
    mem_free(task);
}

static void cmd_thrice(struct call *call)
{
    struct task *task = call_resumed(call);

    seen[seen_count++] = session_queue(call->session).gathered;
    if (!task) {
        task = mem_need(sizeof *task);
        *task = (struct task){.free = free_task};
    }
    if (seen_count < 3) {
        assert_true(call_interrupt(call, &task, HELD * seen_count));
    } else {
        free_task(task);
        reply_ok(call->reply);
    }
}

static const struct command_row own_rows[] = {{.name = "thrice", .run = cmd_thrice, .arity = 1, .since = "1.0.0"}};
static const struct command_family own_commands = COMMAND_FAMILY("generic", own_rows);

static int setup_with_own(void **state)
{
    const struct command_family *families[] = {&own_commands};

    commands_add(families, 1);
    return setup(state);
}

/* Other threads look whenever they like: in the middle of a slice too. */
static void what_is_held_is_told_in_the_middle_of_a_slice(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "THRICE\r\n");
    serve(&a, 1, 65536);
    assert_answers(a, "+OK\r\n");
    assert_int_equal(seen_count, 3);
    assert_int_equal(seen[0], 0);
    assert_int_equal(seen[1], HELD);
    assert_int_equal(seen[2], 2 * HELD);
    assert_int_equal(session_queue(&a->session).gathered, 0);
    client_free(a);
}

/* ---- SORT in slices: its elements are read once ---- */

#define ELEMENTS 5000

static void fill_elements(struct client *client)
{
    static const char *const adds[] = {"RPUSH list ", "SADD set ", "SADD words w", "ZADD zset 1 ", "RPUSH bad x"};

    for (unsigned n = 0; n < 5; n++) {
        uint64_t dice = 7;

        for (unsigned i = 0; i < ELEMENTS; i++) {
            text_addf(&client->input, "%s%d.%d\r\n", adds[n], (int)random_below(&dice, 2000) - 1000, i % 2 ? 5 : (int)(i / 2));
        }
        serve(&client, 1, 65536);
        text_clear(&client->input);
    }
    text_clear(&client->answers);
}

static void sort_in_slices_answers_what_it_answers_at_once(void **state)
{
    static const char *const sources[] = {"list", "set", "words", "zset", "bad"};
    static const char *const ways[] = {"", " DESC", " LIMIT 7 100", " DESC LIMIT 100 -1 GET # GET nothing", " GET #"};
    struct client *a = client_new(), *b = client_new();
    char words[100];

    (void)state;
    list_setup();
    set_kind_setup();
    zset_setup();
    fill_elements(a);
    for (unsigned s = 0; s < 5; s++) {
        for (unsigned w = 0; w < 10; w++) {
            snprintf(words, sizeof words, "SORT%s %s%s%s\r\n", w % 3 ? "" : "_RO", sources[s], ways[w % 5], w < 5 ? "" : " ALPHA");
            assert_sliced(a, b, words);
        }
    }
    client_free(a);
    client_free(b);
}

/* A thousand elements with four hundred replies each would be 2 MB, and tens of milliseconds. A slice that ends because a
 * machine is slow has less. */
static void many_replies_for_each_element_are_many_slices(void **state)
{
    struct client *a = client_new();
    size_t gathered, last = 0, most = 0;

    (void)state;
    say(a, "SORT list LIMIT 0 1500");
    for (unsigned i = 0; i < 400; i++) say(a, " GET n");
    say(a, "\r\n");
    while (a->answers.len == 0) {
        take_turn(&a, 1, 65536);
        gathered = session_queue(&a->session).gathered;
        if (last > 0 && gathered > last && gathered - last > most) most = gathered - last;
        last = gathered;
    }
    while (a->input.len > 0) take_turn(&a, 1, 65536);
    assert_int_equal(count_lines(a, "$-1"), 1500 * 400);
    assert_in_range(most, 1, 1000000);
    client_free(a);
}

/* In pieces, as a large request comes: its words are kept between slices, while the input moves in memory. */
static void one_element_with_many_gets_is_many_slices(void **state)
{
    enum { GETS = 100000 };
    struct client *a = client_new();
    unsigned slices = 0;
    size_t half;

    (void)state;
    text_addf(&a->input, "*%d\r\n$4\r\nSORT\r\n$4\r\nlist\r\n$5\r\nLIMIT\r\n$1\r\n0\r\n$1\r\n2\r\n", 5 + 2 * GETS);
    half = a->input.len;
    for (unsigned i = 0; i < GETS; i++) {
        if (i == GETS / 2) {
            take_turn(&a, 1, 65536);
            assert_true(a->session.half != NULL && a->answers.len == 0);
        }
        say(a, i % 2 ? "$3\r\nGET\r\n$1\r\n#\r\n" : "$3\r\nGET\r\n$1\r\nn\r\n");
    }
    say(a, "PING\r\n");
    assert_true(a->input.len > half);
    while (a->answers.len == 0) {
        take_turn(&a, 1, 65536);
        slices += feeds[0].later;
    }
    while (a->input.len > 0) take_turn(&a, 1, 65536);
    /* A look is a thousand replies at the most; how many fit a slice depends on the machine. */
    assert_true(slices > 8);
    assert_int_equal(count_lines(a, "$-1"), GETS);
    assert_int_equal(count_lines(a, "-"), GETS); /* the elements are the least numbers */
    assert_int_equal(count_lines(a, "+PONG"), 1);
    client_free(a);
}

static void sort_answers_for_what_its_key_held_when_it_began(void **state)
{
    struct client *a = client_new(), *b = client_new();

    (void)state;
    say(a, "SORT list ALPHA LIMIT 5 3\r\nSORT list ALPHA\r\n");
    take_turn(&a, 1, 65536);
    assert_true(feeds[0].later && session_queue(&a->session).gathered > 20 * ELEMENTS);
    say(b, "DEL list\r\n");
    serve(&b, 1, 65536);
    serve_in_slices(a);
    assert_int_equal(count_lines(a, "*3\r\n$"), 1);
    assert_int_equal(count_lines(a, "*0\r\n"), 1);
    client_free(a);
    client_free(b);
}

static void who_leaves_in_the_middle_of_sort_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned turns = 1; turns < 8; turns++) {
        struct client *a = client_new();

        say(a, turns % 2 ? "SORT zset\r\n" : "SORT set ALPHA DESC\r\n");
        for (unsigned i = 0; i < turns * 3 && a->input.len > 0; i++) take_turn(&a, 1, 65536);
        client_free(a); /* the address sanitizer would tell */
    }
}

static void sort_without_memory_says_so(void **state)
{
    struct client *a = client_new();
    unsigned refused = 0;

    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        say(a, "SORT set LIMIT 0 1\r\n");
        fail_after = n;
        while (a->input.len > 0 && !(session_flags(&a->session) & SESSION_CLOSING)) take_turn(&a, 1, 65536);
        fail_after = 0;
        if (session_flags(&a->session) & SESSION_CLOSING) break;
        refused += count_lines(a, "-OOM") + count_lines(a, "-ERR") > 0;
        text_clear(&a->answers);
    }
    assert_true(refused > 3);
    client_free(a);
}

/* It would hear of a change before it has the answer, and keep that: so it has to be answered at once. */
static unsigned tracked;

static void note_tracked(struct call *call)
{
    tracked += call->key_count;
}

static void note_answered(struct call *call, bool again)
{
    (void)call;
    assert_false(again);
}

static void who_tracks_is_not_interrupted_where_keys_are_read(void **state)
{
    struct client *a = client_new();

    (void)state;
    watch_hooks.tracked = note_tracked;
    watch_hooks.answered = note_answered;
    session_set(&a->session, SESSION_TRACKS);
    say(a, "SORT set LIMIT 0 1\r\n");
    assert_int_equal(serve_in_slices(a), 0);
    assert_int_equal(count_lines(a, "*1\r\n"), 1);
    assert_int_equal(tracked, 1);
    session_unset(&a->session, SESSION_TRACKS);
    client_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_answered_between_two_slices),
        cmocka_unit_test(a_long_pattern_ends_a_slice_among_the_names_of_a_batch),
        cmocka_unit_test(a_client_may_end_between_two_slices),
        cmocka_unit_test(a_muted_command_works_in_slices_as_well),
        cmocka_unit_test(a_transaction_is_not_interrupted),
        cmocka_unit_test(what_is_held_is_told_in_the_middle_of_a_slice),
        cmocka_unit_test(sort_in_slices_answers_what_it_answers_at_once),
        cmocka_unit_test(many_replies_for_each_element_are_many_slices),
        cmocka_unit_test(one_element_with_many_gets_is_many_slices),
        cmocka_unit_test(sort_answers_for_what_its_key_held_when_it_began),
        cmocka_unit_test(who_leaves_in_the_middle_of_sort_leaves_nothing),
        cmocka_unit_test(sort_without_memory_says_so),
        cmocka_unit_test(who_tracks_is_not_interrupted_where_keys_are_read),
    };

    return cmocka_run_group_tests(tests, setup_with_own, teardown);
}

