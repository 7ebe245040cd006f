#include "coatcheck/base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"

static int64_t int_of(const char *text)
{
    int64_t number = -77;

    assert_true(number_read_int(bytes_of_text(text), &number));
    return number;
}

static void integers_are_read_strictly(void **state)
{
    static const char *const refused[] = {"",
                                          "-",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "01",
                                          "-01",
                                          "00",
                                          "-0",
                                          "1.0",
                                          "1e3",
                                          "0x1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "18446744073709551616",
                                          "99999999999999999999",
                                          "100000000000000000000",
                                          "--1",
                                          "1-",
                                          "a"};
    int64_t number = 5;

    (void)state;
    assert_int_equal(int_of("0"), 0);
    assert_int_equal(int_of("-1"), -1);
    assert_int_equal(int_of("9223372036854775807"), INT64_MAX);
    assert_true(int_of("-9223372036854775808") == INT64_MIN);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(number_read_int(bytes_of_text(refused[i]), &number));
        assert_int_equal(number, 5);
    }
    assert_false(number_read_int(BYTES("1\0"), &number));
}

static void unsigned_integers_reach_to_the_last_one(void **state)
{
    uint64_t number;

    (void)state;
    assert_true(number_read_uint(BYTES("18446744073709551615"), &number));
    assert_true(number == UINT64_MAX);
    assert_false(number_read_uint(BYTES("18446744073709551616"), &number));
    assert_false(number_read_uint(BYTES("28446744073709551615"), &number));
    assert_false(number_read_uint(BYTES("-1"), &number));
    assert_false(number_read_uint(BYTES("-0"), &number));
    assert_false(number_read_uint(BYTES(""), &number));
}

/* Few bits or many, so that every count of digits comes up. */
static int64_t draw_int(uint64_t *seed)
{
    return (int64_t)random_next(seed) >> random_below(seed, 64);
}

static void integers_print_as_printf_does_and_read_back(void **state)
{
    static const int64_t corners[] = {0,  9,  10,  99,   100,       101,
                                      -1, -9, -10, -100, INT64_MAX, INT64_MIN};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        int64_t number = i < 12 ? corners[i] : draw_int(&seed), again;
        char ours[NUMBER_MAX_TEXT], theirs[NUMBER_MAX_TEXT];
        size_t len = number_print_int(ours, number);

        assert_int_equal(len, sprintf(theirs, "%lld", (long long)number));
        assert_memory_equal(ours, theirs, len);
        assert_true(number_read_int(bytes_of(ours, len), &again));
        assert_true(again == number);
        len = number_print_uint(ours, (uint64_t)number);
        assert_int_equal(len, sprintf(theirs, "%llu", (unsigned long long)number));
        assert_memory_equal(ours, theirs, len);
    }
}

/* What is accepted prints again to the same bytes: a value may then be kept as a number. */
static void whatever_reads_as_an_integer_prints_to_the_same_bytes(void **state)
{
    static const char alphabet[] = "0123456789-+ .";
    uint64_t seed = 2;
    int accepted = 0;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[24], again[NUMBER_MAX_TEXT];
        size_t len = random_below(&seed, sizeof text);
        uint64_t letters = random_below(&seed, 8) == 0 ? sizeof alphabet - 1 : 10;
        int64_t number;

        for (size_t j = 0; j < len; j++) text[j] = alphabet[random_below(&seed, letters)];
        if (len > 0 && random_below(&seed, 3) == 0) text[0] = '-';
        if (!number_read_int(bytes_of(text, len), &number)) continue;
        accepted++;
        assert_int_equal(number_print_int(again, number), len);
        assert_memory_equal(again, text, len);
    }
    assert_true(accepted > 10000);
}

static void doubles_follow_strtod_but_refuse_blanks_nan_and_overflow(void **state)
{
    static const char *const refused[] = {"",       " 1",    "\t1",    "1 ",     "nan",    "-nan",
                                          "nan(1)", "1e400", "-1e400", "1e-400", "abc",    "1.2.3",
                                          "1,5",    "0x",    "--1",    "1e",     "infinit"};
    double number;

    (void)state;
    assert_true(number_read_double(BYTES("3.0e3"), &number) && number == 3000);
    assert_true(number_read_double(BYTES("+5"), &number) && number == 5);
    assert_true(number_read_double(BYTES("0x10"), &number) && number == 16);
    assert_true(number_read_double(BYTES("inf"), &number) && number == INFINITY);
    assert_true(number_read_double(BYTES("-Infinity"), &number) && number == -INFINITY);
    assert_true(number_read_double(BYTES(".5"), &number) && number == 0.5);
    assert_true(number_read_double(BYTES("5."), &number) && number == 5);
    /* smaller than any normal double, yet not nothing */
    assert_true(number_read_double(BYTES("1e-310"), &number) && number > 0);
    number = 9;
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(number_read_double(bytes_of_text(refused[i]), &number));
        assert_true(number == 9);
    }
    assert_false(number_read_double(BYTES("1\0"), &number));
    assert_false(number_read_double(BYTES("1\0002"), &number));
}

/* Short decimal texts do not go through strtod(): they have to come out as if they did, to the last bit. */
static void short_decimal_texts_are_read_as_strtod_reads_them(void **state)
{
    static const char digits[] = "00123456789..--";
    uint64_t seed = 17;
    unsigned accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        char text[24] = {0}, *end;
        size_t len = 1 + random_below(&seed, 21);
        double right, number = 7;

        for (size_t c = 0; c < len; c++) {
            /* Mostly numbers: a sign in front, one point. */
            text[c] = digits[random_below(&seed, c == 0 ? sizeof digits - 1 : i % 4 == 0 ? 13 : 11)];
        }
        right = strtod(text, &end);
        if (*end != 0 || end == text) {
            assert_false(number_read_double(bytes_of(text, len), &number));
            assert_true(number == 7);
            continue;
        }
        assert_true(number_read_double(bytes_of(text, len), &number));
        assert_memory_equal(&number, &right, sizeof number);
        assert_true(number_read_double_leniently(bytes_of(text, len), &number));
        assert_memory_equal(&number, &right, sizeof number);
        accepted++;
    }
    assert_true(accepted > 100000);
}

static void lenient_readers_take_what_strtod_takes(void **state)
{
    double number = 9;

    (void)state;
    assert_true(number_read_double_leniently(BYTES(""), &number) && number == 0);
    assert_true(number_read_double_leniently(BYTES(" \t12"), &number) && number == 12);
    assert_true(number_read_double_leniently(BYTES("1e999"), &number) && number == INFINITY);
    assert_true(number_read_double_leniently(BYTES("-1e999"), &number) && number == -INFINITY);
    assert_true(number_read_double_leniently(BYTES("1e-999"), &number) && number == 0);
    assert_true(number_read_double_leniently(BYTES("5\0x"), &number) && number == 5);
    assert_true(number_read_double_leniently(BYTES("-inf"), &number) && number == -INFINITY);
    number = 9;
    assert_false(number_read_double_leniently(BYTES("nan"), &number));
    assert_false(number_read_double_leniently(BYTES("1 "), &number));
    assert_false(number_read_double_leniently(BYTES("x"), &number));
    assert_false(number_read_double_leniently(BYTES("-"), &number));
    assert_true(number == 9);
}

static void a_weight_is_read_so_too_but_in_range(void **state)
{
    double number = 9;

    (void)state;
    assert_true(number_read_weight(BYTES(""), &number) && number == 0);
    assert_true(number_read_weight(BYTES(" 0x10"), &number) && number == 16);
    assert_true(number_read_weight(BYTES("5\0x"), &number) && number == 5);
    assert_true(number_read_weight(BYTES("inf"), &number) && number == INFINITY);
    assert_true(number_read_weight(BYTES("1.7976931348623157e308"), &number));
    number = 9;
    assert_false(number_read_weight(BYTES("1e999"), &number));
    assert_false(number_read_weight(BYTES("1e-999"), &number));
    assert_false(number_read_weight(BYTES("5e-324"), &number));
    assert_false(number_read_weight(BYTES("nan"), &number));
    assert_false(number_read_weight(BYTES("1 "), &number));
    assert_true(number == 9);
}

static void long_texts_of_doubles_are_read_whole(void **state)
{
    char zeros[5000];
    double number;
    long double longer;

    (void)state;
    memset(zeros, '0', sizeof zeros);
    zeros[sizeof zeros - 1] = '7';
    assert_true(number_read_double(bytes_of(zeros, sizeof zeros), &number) && number == 7);
    assert_true(number_read_long_double(bytes_of(zeros, sizeof zeros), &longer) && longer == 7);
    mem_fail_after(1);
    assert_false(number_read_double(bytes_of(zeros, sizeof zeros), &number));
    mem_fail_after(0);
}

static void long_doubles_are_refused_as_doubles_are(void **state)
{
    static const char *const refused[] = {"", " 1", "1 ", "nan", "1e5000", "1e-5000", "abc", "0x"};
    char endless[NUMBER_MAX_FLOAT_TEXT];
    long double number = 9;

    (void)state;
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(number_read_long_double(bytes_of_text(refused[i]), &number));
        assert_true(number == 9);
    }
    memset(endless, '0', sizeof endless);
    assert_false(number_read_long_double(bytes_of(endless, sizeof endless), &number));
    assert_true(number_read_long_double(bytes_of(endless, sizeof endless - 1), &number));
    assert_true(number_read_long_double(BYTES("1e400"), &number) && number > 1e300L);
}

static void assert_double_prints(double number, const char *wanted)
{
    char text[NUMBER_MAX_TEXT];
    size_t len = number_print_double(text, sizeof text, number);

    assert_string_equal(text, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void doubles_print_in_seventeen_digits(void **state)
{
    (void)state;
    assert_double_prints(0, "0");
    assert_double_prints(-0.0, "-0");
    assert_double_prints(3, "3");
    assert_double_prints(-3.5, "-3.5");
    assert_double_prints(0.1, "0.10000000000000001");
    assert_double_prints(1e17, "1e+17");
    assert_double_prints(123456789012345678.0, "1.2345678901234568e+17");
    assert_double_prints(INFINITY, "inf");
    assert_double_prints(-INFINITY, "-inf");
    assert_double_prints(NAN, "nan");
    assert_double_prints(-NAN, "nan");
    assert_double_prints(-DBL_MAX, "-1.7976931348623157e+308");
}

static void doubles_print_as_printf_does_and_read_back(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        union {
            uint64_t bits;
            double number;
        } drawn = {.bits = random_next(&seed)};
        char theirs[64], ours[NUMBER_MAX_TEXT];
        double again;

        if (i % 4 == 0) drawn.number = (double)draw_int(&seed);
        if (i % 4 == 1) drawn.number = (double)draw_int(&seed) / 1000;
        if (isnan(drawn.number)) continue;
        snprintf(theirs, sizeof theirs, "%.17g", drawn.number);
        assert_int_equal(number_print_double(ours, sizeof ours, drawn.number), strlen(theirs));
        assert_string_equal(ours, theirs);
        assert_true(number_read_double(bytes_of_text(ours), &again));
        assert_true(again == drawn.number);
    }
}

static void assert_prints_as_printf(double number)
{
    char theirs[64], ours[NUMBER_MAX_TEXT];

    snprintf(theirs, sizeof theirs, "%.17g", number);
    assert_int_equal(number_print_double(ours, sizeof ours, number), strlen(theirs));
    assert_string_equal(ours, theirs);
}

/* Those of middling size go another way than printf's: every last digit, every tie, every power of ten. */
static void doubles_of_middling_size_print_as_printf_does(void **state)
{
    uint64_t seed = 5;
    double power = 1e-6;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        double number = ldexp((double)(random_next(&seed) >> 11), (int)random_below(&seed, 80) - 70);

        assert_prints_as_printf(i % 2 ? -number : number);
        assert_prints_as_printf((double)(int64_t)random_below(&seed, 1000000000) / 100);
        /* Few bits behind the point: exact ties are among them. */
        assert_prints_as_printf((double)(random_next(&seed) >> 12) / (double)(1 << random_below(&seed, 12)));
    }
    for (; power < 1e20; power *= 10) {
        double number = power;

        for (int i = 0; i < 50; i++) number = nextafter(number, 0);
        for (int i = 0; i < 100; i++) {
            assert_prints_as_printf(number);
            number = nextafter(number, INFINITY);
        }
    }
}

static void assert_float_prints(long double number, const char *wanted)
{
    char text[NUMBER_MAX_FLOAT_TEXT];
    size_t len = number_print_long_double(text, sizeof text, number);

    assert_string_equal(text, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void long_doubles_print_without_needless_zeros(void **state)
{
    char text[NUMBER_MAX_FLOAT_TEXT];

    (void)state;
    assert_float_prints(0, "0");
    assert_float_prints(-0.0L, "0");
    assert_float_prints(-1e-30L, "0");
    assert_float_prints(10.5L, "10.5");
    assert_float_prints(3.0e3L, "3000");
    assert_float_prints(0.1L, "0.1");
    assert_float_prints(-100, "-100");
    assert_float_prints(1e20L, "100000000000000000000");
    assert_float_prints(INFINITY, "inf");
    assert_float_prints(-INFINITY, "-inf");
    assert_true(number_print_long_double(text, sizeof text, -LDBL_MAX) > 4900);
}

static void assert_size(const char *text, int64_t wanted)
{
    int64_t size = -1;

    assert_true(number_read_size(bytes_of_text(text), &size));
    assert_int_equal(size, wanted);
}

static void sizes_have_units_of_a_thousand_and_of_1024(void **state)
{
    static const char *const refused[] = {"",
                                          "-1",
                                          "1x",
                                          "1 gb",
                                          "1.5gb",
                                          "gb",
                                          "1kbb",
                                          "9223372036854775808",
                                          "9223372036854775807k",
                                          "99999999999gb",
                                          "1\n"};
    int64_t size = 5;

    (void)state;
    assert_size("0", 0);
    assert_size("007", 7);
    assert_size("64", 64);
    assert_size("64b", 64);
    assert_size("100k", 100000);
    assert_size("100KB", 102400);
    assert_size("2m", 2000000);
    assert_size("2Mb", 2097152);
    assert_size("3g", 3000000000);
    assert_size("3gB", 3221225472);
    assert_size("9223372036854775807", INT64_MAX);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(number_read_size(bytes_of_text(refused[i]), &size));
    }
}

static void assert_human(uint64_t size, const char *wanted)
{
    char text[NUMBER_MAX_TEXT];

    assert_int_equal(number_print_human(text, sizeof text, size), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void sizes_for_people_have_two_decimals(void **state)
{
    (void)state;
    assert_human(0, "0B");
    assert_human(1023, "1023B");
    assert_human(1024, "1.00K");
    assert_human(1536, "1.50K");
    assert_human(1048575, "1024.00K");
    assert_human(1048576, "1.00M");
    assert_human(UINT64_C(3) << 30, "3.00G");
    assert_human(UINT64_C(5) << 40, "5.00T");
    assert_human(UINT64_C(7) << 50, "7.00P");
    assert_human(UINT64_MAX, "18446744073709551615B");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_strictly),
        cmocka_unit_test(unsigned_integers_reach_to_the_last_one),
        cmocka_unit_test(integers_print_as_printf_does_and_read_back),
        cmocka_unit_test(whatever_reads_as_an_integer_prints_to_the_same_bytes),
        cmocka_unit_test(doubles_follow_strtod_but_refuse_blanks_nan_and_overflow),
        cmocka_unit_test(short_decimal_texts_are_read_as_strtod_reads_them),
        cmocka_unit_test(lenient_readers_take_what_strtod_takes),
        cmocka_unit_test(a_weight_is_read_so_too_but_in_range),
        cmocka_unit_test(long_texts_of_doubles_are_read_whole),
        cmocka_unit_test(long_doubles_are_refused_as_doubles_are),
        cmocka_unit_test(doubles_print_in_seventeen_digits),
        cmocka_unit_test(doubles_print_as_printf_does_and_read_back),
        cmocka_unit_test(doubles_of_middling_size_print_as_printf_does),
        cmocka_unit_test(long_doubles_print_without_needless_zeros),
        cmocka_unit_test(sizes_have_units_of_a_thousand_and_of_1024),
        cmocka_unit_test(sizes_for_people_have_two_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
