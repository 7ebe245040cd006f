#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/persist/listpack.h"
#include "coatcheck/persist/sequence.h"

/* All texts, each followed by a bar, from a copy that ends where a sanitizer watches. NULL: broken. */
static const char *all_of(enum sequence_form form, struct bytes string)
{
    static struct text all;
    char *copy = malloc(string.len ? string.len : 1), scratch[NUMBER_MAX_TEXT];
    struct sequence sequence;
    struct bytes text;
    bool opened;

    if (string.len > 0) memcpy(copy, string.at, string.len);
    text_clear(&all);
    opened = sequence_open(&sequence, form, bytes_of(copy, string.len));
    if (opened) {
        uint64_t most = sequence_most(&sequence);

        while (sequence_next(&sequence, scratch, &text)) {
            text_add(&all, text);
            text_add_char(&all, '|');
            assert_true(sequence.seen <= most);
        }
        assert_false(sequence_next(&sequence, scratch, &text));
    }
    assert_true(opened || sequence.broken);
    text_add_char(&all, '\0');
    free(copy);
    return sequence.broken ? NULL : all.at;
}

#define ALL(form, string, wanted) assert_string_equal(all_of(form, BYTES(string)), wanted)
#define BROKEN(form, string) assert_null(all_of(form, BYTES(string)))

static void a_listpack_is_read_as_drawn(void **state)
{
    (void)state;
    ALL(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\x82hi\3\7\1\xff", "hi|7|");
    ALL(SEQUENCE_LISTPACK, "\x0d\0\0\0\xff\xff\x82hi\3\7\1\xff", "hi|7|");
    ALL(SEQUENCE_LISTPACK, "\7\0\0\0\0\0\xff", "");
    ALL(SEQUENCE_LISTPACK, "\x0a\0\0\0\1\0\xdf\xff\2\xff", "-1|");
    ALL(SEQUENCE_LISTPACK, "\x0a\0\0\0\1\0\xcf\xff\2\xff", "4095|");
}

static void a_listpack_that_contradicts_itself_is_broken(void **state)
{
    (void)state;
    BROKEN(SEQUENCE_LISTPACK, "");
    BROKEN(SEQUENCE_LISTPACK, "\6\0\0\0\0\0");
    BROKEN(SEQUENCE_LISTPACK, "\x0e\0\0\0\2\0\x82hi\3\7\1\xff");  /* longer than it is */
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\3\0\x82hi\3\7\1\xff");  /* another count */
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\1\0\x82hi\3\7\1\xff");
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\x82hi\2\7\1\xff");  /* another length from behind */
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\x83hi\3\7\1\xff");
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\x82hi\3\7\1\xfe");  /* no end */
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\x82hi\3\x82\1\xff");
    BROKEN(SEQUENCE_LISTPACK, "\x0d\0\0\0\2\0\xff\xff\xff\xff\xff\xff\xff");
    BROKEN(SEQUENCE_LISTPACK, "\x0c\0\0\0\1\0\xf0\xff\xff\xff\xff\xff"); /* four gigabytes */
    BROKEN(SEQUENCE_LISTPACK, "\x08\0\0\0\1\0\xf4\xff");
}

static void a_ziplist_is_read_and_held_against_itself(void **state)
{
    (void)state;
    ALL(SEQUENCE_ZIPLIST, "\x0b\0\0\0\x0a\0\0\0\0\0\xff", "");
    ALL(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\4\xf8\xff", "hi|7|");
    ALL(SEQUENCE_ZIPLIST, "\x15\0\0\0\x0e\0\0\0\2\0\0\2hi\xfe\4\0\0\0\xf8\xff", "hi|7|");
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0d\0\0\0\2\0\0\2hi\4\xf8\xff"); /* the last is elsewhere */
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\5\xf8\xff"); /* another length before */
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\3\0\0\2hi\4\xf8\xff");
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\4\xc5\xff"); /* no such kind */
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\4\xc0\xff"); /* the number is not there */
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\4\x80\xff");
    BROKEN(SEQUENCE_ZIPLIST, "\x11\0\0\0\x0e\0\0\0\2\0\0\2hi\xfe\4\xff");
}

static void a_zipmap_is_read_and_held_against_itself(void **state)
{
    (void)state;
    ALL(SEQUENCE_ZIPMAP, "\0\xff", "");
    ALL(SEQUENCE_ZIPMAP, "\1\1f\2\3hi...\xff", "f|hi|");
    ALL(SEQUENCE_ZIPMAP, "\1\1f\0\0\xff", "f||");
    ALL(SEQUENCE_ZIPMAP, "\xfe\xfe\1\0\0\0f\1\0v\xff", "f|v|");
    BROKEN(SEQUENCE_ZIPMAP, "\2\1f\2\0hi\xff");
    BROKEN(SEQUENCE_ZIPMAP, "\1\1f\2\4hi...\xff");
    BROKEN(SEQUENCE_ZIPMAP, "\1\1f\xff");
    BROKEN(SEQUENCE_ZIPMAP, "\1\1f\2\xff");
    BROKEN(SEQUENCE_ZIPMAP, "\1\xff\xff");
    BROKEN(SEQUENCE_ZIPMAP, "\xfe\xfe\xff\xff\xff\xff\xff");
}

static void an_intset_rises(void **state)
{
    (void)state;
    ALL(SEQUENCE_INTSET, "\2\0\0\0\2\0\0\0\xff\xff\7\0", "-1|7|");
    ALL(SEQUENCE_INTSET, "\4\0\0\0\1\0\0\0\0\0\0\x80", "-2147483648|");
    ALL(SEQUENCE_INTSET, "\2\0\0\0\0\0\0\0", "");
    BROKEN(SEQUENCE_INTSET, "\2\0\0\0\2\0\0\0\7\0\xff\xff");
    BROKEN(SEQUENCE_INTSET, "\2\0\0\0\2\0\0\0\7\0\7\0");
    BROKEN(SEQUENCE_INTSET, "\3\0\0\0\2\0\0\0\xff\xff\7\0\0\0");
    BROKEN(SEQUENCE_INTSET, "\2\0\0\0\3\0\0\0\xff\xff\7\0");
    BROKEN(SEQUENCE_INTSET, "\2\0\0\0\1\0\0\0\xff\xff\7\0");
    BROKEN(SEQUENCE_INTSET, "\2\0\0\0\0\0\0");
}

static struct bytes draw(char *into, size_t most, uint64_t *seed)
{
    size_t len = random_next(seed) % most;

    if (random_next(seed) % 3 == 0) {
        int64_t number = (int64_t)random_next(seed) >> random_next(seed) % 64;

        return bytes_of(into, number_print_int(into, number));
    }
    for (size_t i = 0; i < len; i++) into[i] = (char)random_next(seed);
    return bytes_of(into, len);
}

static void what_is_packed_into_a_listpack_is_read_from_it(void **state)
{
    static char room[70000], drawn[6000];
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 400; i++) {
        size_t most = i % 4 ? 100 : sizeof drawn, size = LISTPACK_EMPTY + random_next(&seed) % 9000, sum = LISTPACK_EMPTY;
        struct text wanted = {0};
        struct listpack listpack;

        listpack_begin(&listpack, room, size);
        while (true) {
            struct bytes text = draw(drawn, most, &seed);

            if (memchr(text.at, 0, text.len)) continue; /* which would end the texts that are compared */
            if (!listpack_add(&listpack, text)) {
                assert_true(sum + listpack_size(text) > size);
                break;
            }
            sum += listpack_size(text);
            text_add(&wanted, text);
            text_add_char(&wanted, '|');
        }
        text_add_char(&wanted, '\0');
        assert_int_equal(listpack_end(&listpack).len, sum);
        assert_string_equal(all_of(SEQUENCE_LISTPACK, listpack_end(&listpack)), wanted.at);
        text_fini(&wanted);
    }
}

static void damage_never_leads_outside(void **state)
{
    static char room[700], drawn[300];
    uint64_t seed = 6;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct listpack listpack;
        struct bytes string;

        listpack_begin(&listpack, room, LISTPACK_EMPTY + random_next(&seed) % 600);
        while (listpack_add(&listpack, draw(drawn, i % 4 ? 20 : 300, &seed))) {}
        string = listpack_end(&listpack);
        for (uint64_t n = random_next(&seed) % 3; n > 0; n--)
            room[random_next(&seed) % string.len] = (char)random_next(&seed);
        for (int form = SEQUENCE_LISTPACK; form <= SEQUENCE_INTSET; form++) all_of((enum sequence_form)form, string);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listpack_is_read_as_drawn),
        cmocka_unit_test(a_listpack_that_contradicts_itself_is_broken),
        cmocka_unit_test(a_ziplist_is_read_and_held_against_itself),
        cmocka_unit_test(a_zipmap_is_read_and_held_against_itself),
        cmocka_unit_test(an_intset_rises),
        cmocka_unit_test(what_is_packed_into_a_listpack_is_read_from_it),
        cmocka_unit_test(damage_never_leads_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
