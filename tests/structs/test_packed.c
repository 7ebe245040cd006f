#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/structs/packed.h"

#define MOST 3000

static uint64_t seed = 1;

static uint64_t draw(uint64_t limit)
{
    return random_below(&seed, limit);
}

/* The model: texts in an array. */
struct model {
    struct bytes texts[MOST]; /* owned */
    unsigned count;
};

static struct bytes text_copy(struct bytes text)
{
    char *copy = malloc(text.len + 1);

    memcpy(copy, text.at, text.len);
    return bytes_of(copy, text.len);
}

static void model_change(struct model *model, unsigned from, unsigned to, const struct bytes *texts,
                         unsigned count)
{
    struct bytes fresh[8];

    for (unsigned i = 0; i < count; i++) fresh[i] = text_copy(texts[i]);
    for (unsigned i = from; i < to; i++) free((char *)model->texts[i].at);
    memmove(&model->texts[from + count], &model->texts[to],
            (model->count - to) * sizeof model->texts[0]);
    if (count > 0) memcpy(&model->texts[from], fresh, count * sizeof fresh[0]);
    model->count += count - (to - from);
}

static void assert_same(const struct packed *block, const struct model *model)
{
    char scratch[NUMBER_MAX_TEXT];
    struct packwalk walk;
    unsigned i;

    packed_check(block);
    assert_int_equal(packed_count(block), model->count);
    packwalk_begin(&walk, block, 0);
    for (i = 0; i < model->count; i++, packwalk_forth(&walk)) {
        assert_true(bytes_equal(packwalk_text(&walk, scratch), model->texts[i]));
    }
    while (i-- > 0) {
        packwalk_back(&walk);
        assert_true(bytes_equal(packwalk_text(&walk, scratch), model->texts[i]));
    }
}

/* What redis-server's listpack takes for a text. */
static size_t listpack_size(struct bytes text)
{
    int64_t n;
    size_t len = text.len, back;

    if (number_read_int(text, &n)) {
        len = n >= 0 && n <= 127                      ? 1
              : n >= -4096 && n <= 4095               ? 2
              : n >= INT16_MIN && n <= INT16_MAX      ? 3
              : n >= -(1 << 23) && n <= (1 << 23) - 1 ? 4
              : n >= INT32_MIN && n <= INT32_MAX      ? 5
                                                      : 9;
    } else {
        len += len < 64 ? 1 : len < 4096 ? 2 : 5;
    }
    back = len <= 127 ? 1 : len < 16383 ? 2 : len < 2097151 ? 3 : 4;
    return len + back;
}

/* Texts of all kinds: numbers of all widths, what is nearly one, lengths at the ends of the codes.
 */
static struct bytes draw_text(char *room)
{
    static const size_t lengths[] = {0,   1,   7,   63,   64,   127,  215,  216,
                                     217, 471, 472, 4095, 8151, 8152, 9000, 20000};
    size_t len;

    switch (draw(8)) {
    case 0:
        return bytes_of(room, number_print_int(room, (int64_t)(random_next(&seed) >> draw(64))));
    case 1:
        return bytes_of(room,
                        number_print_int(room, -(int64_t)(random_next(&seed) >> (1 + draw(63)))));
    case 2:
        return draw(2) ? BYTES("-0") : BYTES("007");
    case 3:
        return draw(2) ? BYTES("9223372036854775808") : BYTES("-9223372036854775808");
    case 4:
        len = lengths[draw(draw(8) ? 9 : 16)];
        break;
    default:
        len = draw(24);
    }
    memset(room, 'a' + (int)draw(26), len);
    if (len > 0) room[draw(len)] = (char)draw(256);
    return bytes_of(room, len);
}

static void change_at_random(struct packed **block, struct model *model, char *room)
{
    struct packitem items[3];
    struct bytes texts[3];
    unsigned count = draw(10) ? 1 : (unsigned)draw(4), at, what = (unsigned)draw(16);

    for (unsigned i = 0; i < count; i++) {
        texts[i] = draw_text(room + i * 30000);
        assert_true(packitem_init(&items[i], texts[i]));
    }
    at = draw(2) ? (unsigned)draw(model->count + 1) : draw(2) ? 0 : model->count;
    if (what < 9 && model->count + count < MOST) {
        size_t size = packed_size_with(*block, items, count);

        assert_int_equal(packed_insert(block, at, items, count), OK);
        assert_int_equal(packed_size(*block), size);
        model_change(model, at, at, texts, count);
    } else if (what < 12 && model->count > 0) {
        at = at == model->count ? at - 1 : at;
        if (count == 0) return;
        assert_int_equal(packed_replace(block, at, &items[0]), OK);
        model_change(model, at, at + 1, texts, 1);
    } else {
        unsigned end = at + (unsigned)draw(4);

        if (draw(100) == 0) end = model->count;
        if (end > model->count) end = model->count;
        packed_cut(block, at, end);
        if (draw(2)) packed_fit(block, draw(200), draw(2));
        model_change(model, at, end, NULL, 0);
    }
}

static void random_changes_of(enum packed_form form)
{
    static struct model model;
    char *room = malloc(100000);
    struct packed *block = packed_new(form, 0);

    for (unsigned i = 0; i < 6000; i++) {
        change_at_random(&block, &model, room);
        if (i % 16 == 0 || model.count < 20) assert_same(block, &model);
    }
    packed_cut(&block, 0, packed_count(block));
    model_change(&model, 0, model.count, NULL, 0);
    assert_same(block, &model);
    packed_free(&block);
    assert_null(block);
    free(room);
}

static void a_plain_block_is_as_its_model(void **state)
{
    (void)state;
    random_changes_of(PACKED_PLAIN);
}

static void a_deque_is_as_its_model(void **state)
{
    (void)state;
    random_changes_of(PACKED_DEQUE);
}

static void push(struct packed **block, unsigned at, const char *text)
{
    struct packitem item;

    assert_true(packitem_init(&item, bytes_of_text(text)));
    assert_int_equal(packed_insert(block, at, &item, 1), OK);
}

static void no_element_takes_more_than_in_redis_servers_listpack(void **state)
{
    char *room = malloc(300000);

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        struct bytes text = draw_text(room);
        struct packitem item;

        assert_true(packitem_init(&item, text));
        assert_in_range(packitem_size(&item), 1, listpack_size(text));
    }
    for (int64_t n = -70000; n <= 70000; n++) {
        struct bytes text = bytes_of(room, number_print_int(room, n));
        struct packitem item;

        assert_true(packitem_init(&item, text));
        assert_in_range(packitem_size(&item), 2, listpack_size(text));
    }
    memset(room, 'x', 300000);
    for (size_t len = 0; len < 300000; len += len < 20000 ? 1 : 997) {
        struct packitem item;

        assert_true(packitem_init(&item, bytes_of(room, len)));
        assert_in_range(packitem_size(&item), 1, listpack_size(bytes_of(room, len)));
    }
    free(room);
}

static void a_queue_through_a_deque_stays_in_its_room(void **state)
{
    struct packed *block = packed_new(PACKED_DEQUE, 0);
    struct packwalk walk;
    size_t room;

    (void)state;
    for (unsigned i = 0; i < 50; i++) push(&block, i, "an element of some bytes");
    room = packed_room(block);
    for (unsigned i = 0; i < 100000; i++) {
        char text[NUMBER_MAX_TEXT + 32], scratch[NUMBER_MAX_TEXT];

        snprintf(text, sizeof text, "queued as number %u", i);
        push(&block, packed_count(block), text);
        packed_cut(&block, 0, 1);
        if (i < 50) continue;
        packwalk_begin(&walk, block, 0);
        snprintf(text, sizeof text, "queued as number %u", i - 49);
        assert_true(bytes_equal(packwalk_text(&walk, scratch), bytes_of_text(text)));
    }
    packed_check(block);
    assert_in_range(packed_room(block), 1, room * 5 / 4);
    packed_free(&block);
}

static void elements_at_every_second_place_are_found(void **state)
{
    struct packed *block = packed_new(PACKED_PLAIN, 0);

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        char text[32];

        snprintf(text, sizeof text, "%s%u", i % 3 == 0 ? "" : "name:", i / 2 * 2);
        push(&block, i, i % 2 == 0 ? text : "4");
    }
    for (unsigned i = 0; i < 320; i += 2) {
        struct packitem item;
        struct packwalk walk;
        char text[32], scratch[NUMBER_MAX_TEXT];
        unsigned at = 0;

        snprintf(text, sizeof text, "%s%u", i % 3 == 0 ? "" : "name:", i);
        assert_true(packitem_init(&item, bytes_of_text(text)));
        packwalk_begin(&walk, block, 0);
        assert_int_equal(packed_find(block, &item, 2, &walk, &at), i < 300);
        if (i >= 300) continue;
        assert_int_equal(at, i);
        assert_true(bytes_equal(packwalk_text(&walk, scratch), bytes_of_text(text)));
    }
    packed_free(&block);
}

static void slices_and_joins_are_parts_and_wholes(void **state)
{
    static struct model model, half;
    char *room = malloc(100000);
    struct packed *block = packed_new(PACKED_DEQUE, 0);

    (void)state;
    while (model.count < 200) change_at_random(&block, &model, room);
    for (unsigned i = 0; i <= 200; i += 20) {
        struct packed *left = packed_slice(block, 0, i, PACKED_PLAIN), *right, *both, *copy;

        right = packed_slice(block, i, packed_count(block), PACKED_DEQUE);
        half = model;
        half.count = i;
        assert_same(left, &half);
        both = packed_join(right, left);
        copy = packed_copy(both);
        for (unsigned k = 0; k < model.count; k++)
            half.texts[k] = model.texts[(k + i) % model.count];
        half.count = model.count;
        assert_same(copy, &half);
        packed_free(&left);
        packed_free(&right);
        packed_free(&both);
        packed_free(&copy);
    }
    model_change(&model, 0, model.count, NULL, 0);
    packed_free(&block);
    free(room);
}

static void without_memory_nothing_changes(void **state)
{
    static struct model model;
    char *room = malloc(100000);
    struct packed *block = packed_new(PACKED_DEQUE, 0), *before;
    struct packitem item;

    (void)state;
    memset(room, 'z', 9000);
    while (model.count < 40) change_at_random(&block, &model, room);
    memset(room, 'z', 9000);
    assert_true(packitem_init(&item, bytes_of(room, 9000)));
    before = block;
    for (unsigned at = 0; at <= model.count; at += 10) {
        mem_fail_after(1);
        assert_int_equal(packed_insert(&block, at, &item, 1), NO_MEMORY);
        if (at < model.count) {
            mem_fail_after(1);
            assert_int_equal(packed_replace(&block, at, &item), NO_MEMORY);
        }
        mem_fail_after(0);
        assert_ptr_equal(block, before);
        assert_same(block, &model);
    }
    mem_fail_after(1);
    assert_null(packed_copy(block));
    mem_fail_after(1);
    assert_null(packed_slice(block, 0, 3, PACKED_PLAIN));
    mem_fail_after(1);
    packed_cut(&block, 1, packed_count(block));
    mem_fail_after(0);
    model_change(&model, 1, model.count, NULL, 0);
    assert_same(block, &model);
    model_change(&model, 0, model.count, NULL, 0);
    packed_free(&block);
    free(room);
}

static void too_many_elements_and_too_long_ones_are_refused(void **state)
{
    struct packed *block = packed_new(PACKED_DEQUE, 0);
    struct packitem item;
    char *room = calloc(1, PACKED_ELEMENT_MAX + 1);

    (void)state;
    for (unsigned i = 0; i < PACKED_COUNT_MAX; i++) push(&block, i % 2 ? 0 : i, "7");
    assert_true(packitem_init(&item, BYTES("7")));
    assert_int_equal(packed_insert(&block, 5, &item, 1), TOO_BIG);
    assert_int_equal(packed_count(block), PACKED_COUNT_MAX);
    packed_cut(&block, 10, PACKED_COUNT_MAX);
    packed_check(block);
    assert_false(packitem_init(&item, bytes_of(room, PACKED_ELEMENT_MAX + 1)));
    assert_true(packitem_init(&item, bytes_of(room, PACKED_ELEMENT_MAX)));
    for (unsigned i = 0; i < 3; i++) assert_int_equal(packed_insert(&block, 5, &item, 1), OK);
    packed_check(block);
    packed_free(&block);
    free(room);
}

static void fill_with_room(bool left)
{
    struct model *model = calloc(1, sizeof *model);
    struct packed *block = NULL, *was;
    size_t room;

    for (unsigned i = 0; i < 400; i++) {
        char digits[32];
        struct bytes text = bytes_of(digits, (size_t)snprintf(digits, sizeof digits, "element:%08u", i));
        unsigned at = left ? 0 : model->count;
        struct packitem item;

        assert_true(packitem_init(&item, text));
        if (!block) {
            was = block = packed_begin(&item, 8192, left);
            assert_int_equal(packed_room(block), 8192);
        } else {
            assert_int_equal(packed_insert(&block, at, &item, 1), OK);
        }
        model_change(model, at, at, &text, 1);
    }
    assert_ptr_equal(block, was);
    assert_same(block, model);
    packed_fit(&block, 8192, left);
    assert_ptr_equal(block, was);
    packed_fit(&block, 0, left);
    room = packed_room(block);
    assert_in_range(room, packed_size(block), packed_size(block) * 5 / 4);
    assert_same(block, model);
    was = block;
    packed_fit(&block, 0, left);
    assert_ptr_equal(block, was);
    model_change(model, 0, model->count, NULL, 0);
    free(model);
    packed_free(&block);
}

static void a_block_begun_with_room_is_filled_from_either_side_without_moving(void **state)
{
    (void)state;
    fill_with_room(false);
    fill_with_room(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_begun_with_room_is_filled_from_either_side_without_moving),
        cmocka_unit_test(a_plain_block_is_as_its_model),
        cmocka_unit_test(a_deque_is_as_its_model),
        cmocka_unit_test(no_element_takes_more_than_in_redis_servers_listpack),
        cmocka_unit_test(a_queue_through_a_deque_stays_in_its_room),
        cmocka_unit_test(elements_at_every_second_place_are_found),
        cmocka_unit_test(slices_and_joins_are_parts_and_wholes),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(too_many_elements_and_too_long_ones_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
