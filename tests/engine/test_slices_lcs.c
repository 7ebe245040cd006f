/* LCS in slices: its texts are read once. */
#include "slices.h"

static void lcs_in_slices_answers_what_it_answers_at_once(void **state)
{
    static const char *const forms[] = {"", " LEN", " IDX", " IDX WITHMATCHLEN MINMATCHLEN 2"};
    struct client *a = client_new(), *b = client_new();
    char words[100];

    (void)state;
    fill_texts(a);
    for (unsigned f = 0; f < 4; f++) {
        for (unsigned other = 0; other < 2; other++) {
            snprintf(words, sizeof words, "LCS text%u text%u%s\r\n", other, 1 - other, forms[f]);
            assert_sliced(a, b, words);
        }
    }
    client_free(a);
    client_free(b);
}

/* The shorter text first or last, in all forms: the talks ask for what redis-server answers. */
static void lcs_of_short_texts_is_answered_at_once(void **state)
{
    struct client *a = client_new();

    (void)state;
    say(a, "SET ab ab\r\nSET xaybz xaybz\r\n");
    serve(&a, 1, 65536);
    text_clear(&a->answers);
    say(a, "LCS ab xaybz LEN\r\nLCS xaybz ab LEN\r\nLCS ab xaybz\r\nLCS xaybz ab\r\n");
    assert_int_equal(serve_in_slices(a), 0);
    assert_answers(a, ":2\r\n:2\r\n$2\r\nab\r\n$2\r\nab\r\n");
    client_free(a);
}

/* Between the first slice and the last the keys are changed, and are gone: the answer is that of the beginning. */
static void lcs_answers_for_what_its_keys_held_when_it_began(void **state)
{
    struct client *a = client_new(), *b = client_new();
    struct text before = {0};

    (void)state;
    fill_texts(a);
    say(a, "LCS text0 text1\r\n");
    serve_in_slices(a);
    text_add(&before, bytes_of(a->answers.at, a->answers.len));
    text_clear(&a->answers);
    say(a, "LCS text0 text1\r\nLCS text0 text1 LEN\r\n");
    take_turn(&a, 1, 65536);
    assert_true(feeds[0].later && session_queue(&a->session).gathered > 2 * LETTERS);
    say(b, "SETRANGE text0 0 changed\r\nDEL text1\r\n");
    serve(&b, 1, 65536);
    serve_in_slices(a);
    text_addf(&before, ":0\r\n");
    assert_int_equal(a->answers.len, before.len);
    assert_memory_equal(a->answers.at, before.at, before.len);
    text_fini(&before);
    client_free(a);
    client_free(b);
}

static void who_leaves_in_the_middle_of_lcs_leaves_nothing(void **state)
{
    struct client *a = client_new();

    (void)state;
    fill_texts(a);
    for (unsigned turns = 1; turns < 6; turns++) {
        struct client *b = client_new();

        say(b, turns % 2 ? "LCS text0 text1\r\n" : "LCS text1 text0 IDX\r\n");
        for (unsigned i = 0; i < turns && b->input.len > 0; i++) take_turn(&b, 1, 65536);
        client_free(b); /* the address sanitizer would tell */
    }
    client_free(a);
}

static void lcs_without_memory_says_so(void **state)
{
    struct client *a = client_new();
    unsigned refused = 0;

    (void)state;
    fill_texts(a);
    for (unsigned n = 1; n < 12; n++) {
        say(a, "LCS text0 text1 LEN\r\n");
        fail_after = n;
        while (a->input.len > 0 && !(session_flags(&a->session) & SESSION_CLOSING)) take_turn(&a, 1, 65536);
        fail_after = 0;
        if (session_flags(&a->session) & SESSION_CLOSING) break;
        refused += count_lines(a, "-ERR Insufficient memory") > 0;
        text_clear(&a->answers);
    }
    assert_true(refused > 3);
    client_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lcs_in_slices_answers_what_it_answers_at_once),
        cmocka_unit_test(lcs_of_short_texts_is_answered_at_once),
        cmocka_unit_test(lcs_answers_for_what_its_keys_held_when_it_began),
        cmocka_unit_test(who_leaves_in_the_middle_of_lcs_leaves_nothing),
        cmocka_unit_test(lcs_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
