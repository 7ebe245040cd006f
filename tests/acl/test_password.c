/* How passwords are compared. Time is not measured here, which a busy machine makes say anything; but that the comparison is
 * OpenSSL's, which looks at all bytes wherever they differ, of all digits, and of all passwords of a user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/crypto.h>
#include "coatcheck/acl/password.h"
#include "coatcheck/acl/rules.h"
#include "coatcheck/commands/table.h"

static unsigned comparisons, in_full;

/* In the place of OpenSSL's: who calls it, and over how much. */
int CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *one = a, *other = b;
    unsigned char differ = 0;

    comparisons++;
    in_full += len == PASSWORD_DIGITS;
    for (size_t i = 0; i < len; i++) differ |= one[i] ^ other[i];
    return differ;
}

static void all_digits_are_compared_wherever_they_differ(void **state)
{
    struct password password = password_of(BYTES("sesame"));

    (void)state;
    comparisons = in_full = 0;
    for (unsigned i = 0; i < PASSWORD_DIGITS; i++) {
        struct password wrong = password;

        wrong.digits[i] = wrong.digits[i] == '0' ? '1' : '0';
        assert_false(password_equal(&password, &wrong));
        assert_int_equal(comparisons, i + 1);
        assert_int_equal(in_full, i + 1);
    }
    assert_true(password_equal(&password, &password));
    assert_int_equal(in_full, PASSWORD_DIGITS + 1);
}

/* Which of them it was, or that it was none, makes no difference. */
static void all_passwords_of_a_user_are_compared(void **state)
{
    static const struct bytes words[] = {BYTES("on"), BYTES(">first"), BYTES(">second"), BYTES(">third")};
    static const char *const said[] = {"first", "second", "third", "none of them"};
    struct rules *rules;
    struct text why = {0};

    (void)state;
    commands_add(command_families, command_family_count);
    rules = rules_new();
    assert_non_null(rules);
    assert_true(rules_take(rules, words, 4, &why));
    for (unsigned i = 0; i < 4; i++) {
        comparisons = in_full = 0;
        assert_int_equal(rules_know_password(rules, bytes_of_text(said[i])), i < 3);
        assert_int_equal(comparisons, 3);
        assert_int_equal(in_full, 3);
    }
    text_fini(&why);
    rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_digits_are_compared_wherever_they_differ),
        cmocka_unit_test(all_passwords_of_a_user_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
