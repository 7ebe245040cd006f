#include "coatcheck/base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void every_status_has_words_of_its_own(void **state)
{
    static const enum status all[] = {OK,     NO_MEMORY, TOO_BIG,     NOT_FOUND,
                                      IN_USE, MALFORMED, SYSTEM_ERROR};

    (void)state;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(status_text(all[i]), status_text(all[j]));
        }
    }
    assert_string_equal(status_text(NO_MEMORY), "out of memory");
    assert_string_equal(status_text((enum status)99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_words_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
