#include "coatcheck/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void slices_are_equal_when_all_their_bytes_are(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES("coat"), bytes_of("coat", 4)));
    assert_true(bytes_equal(BYTES("a\0b"), bytes_of("a\0b", 3)));
    assert_false(bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(bytes_equal(BYTES("coat"), BYTES("coats")));
    assert_true(bytes_equal(bytes_of(NULL, 0), BYTES("")));
}

static void case_counts_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(bytes_equal_nocase(BYTES("CoAt-[9"), BYTES("cOaT-[9")));
    assert_false(bytes_equal_nocase(BYTES("coat"), BYTES("coat ")));
    /* neighbours of the letters, 32 apart, and bytes that are letters in Latin-1 */
    assert_false(bytes_equal_nocase(BYTES("@"), BYTES("`")));
    assert_false(bytes_equal_nocase(BYTES("["), BYTES("{")));
    assert_false(bytes_equal_nocase(BYTES("\xc4"), BYTES("\xe4")));
}

static void a_word_is_found_whole_and_in_any_case(void **state)
{
    (void)state;
    assert_true(bytes_is(BYTES("nx"), "NX"));
    assert_true(bytes_is(BYTES(""), ""));
    assert_false(bytes_is(BYTES("n"), "NX"));
    assert_false(bytes_is(BYTES("nxx"), "NX"));
    assert_false(bytes_is(BYTES("nx\0"), "NX"));
    assert_false(bytes_is(BYTES(""), "NX"));
}

static void order_is_by_bytes_and_a_beginning_goes_first(void **state)
{
    (void)state;
    assert_int_equal(bytes_compare(BYTES("a"), BYTES("a")), 0);
    assert_int_equal(bytes_compare(bytes_of(NULL, 0), BYTES("")), 0);
    assert_true(bytes_compare(BYTES("a"), BYTES("ab")) < 0);
    assert_true(bytes_compare(BYTES("b"), BYTES("ab")) > 0);
    assert_true(bytes_compare(BYTES("\x7f"), BYTES("\x80")) < 0);
    assert_true(bytes_compare(BYTES(""), BYTES("\0")) < 0);
}

static void a_slice_starts_with_its_beginnings(void **state)
{
    (void)state;
    assert_true(bytes_start_with(BYTES("coat:42"), BYTES("coat:")));
    assert_true(bytes_start_with(BYTES("coat"), BYTES("")));
    assert_true(bytes_start_with(bytes_of(NULL, 0), bytes_of(NULL, 0)));
    assert_false(bytes_start_with(BYTES("coat"), BYTES("coats")));
    assert_false(bytes_start_with(BYTES("coat"), BYTES("Coat")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_equal_when_all_their_bytes_are),
        cmocka_unit_test(case_counts_for_ascii_letters_only),
        cmocka_unit_test(a_word_is_found_whole_and_in_any_case),
        cmocka_unit_test(order_is_by_bytes_and_a_beginning_goes_first),
        cmocka_unit_test(a_slice_starts_with_its_beginnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
