#include "keyspace/keyspace_help.h"

#include <math.h>
#include "coatcheck/base/text.h"
#include "coatcheck/persist/rdb.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"
#include "persist/dripping.h"

static struct keyspace *keyspace;
static struct key key; /* "key", in the shard that the tests have entered */

static int setup(void **state)
{
    (void)state;
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 1, .one_thread = true});
    key_init(&key, keyspace, 0, BYTES("key"));
    shard_enter(key.shard);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    shard_leave(key.shard);
    keyspace_free(&keyspace);
    return 0;
}

/* ---- to bytes and back ---- */

struct text_sink {
    struct sink sink;
    struct text text;
};

static enum status write_text(struct sink *sink, struct bytes bytes)
{
    struct text *text = &((struct text_sink *)sink)->text;

    text_add(text, bytes);
    return text_failed(text) ? NO_MEMORY : OK;
}

static const struct entry *entry_now(void)
{
    struct spot spot;

    return key_find(&key, &spot);
}

/* What is at the key, without its deadline. To be ended with text_fini(). */
static struct text written(void)
{
    static struct text_sink to;

    sink_init(&to.sink, write_text);
    to.text = (struct text){0};
    rdb_write_value(&to.sink, entry_now());
    sink_flush(&to.sink);
    assert_int_equal(to.sink.status, OK);
    assert_int_equal(to.sink.bytes, to.text.len);
    return to.text;
}

static struct rdb_value *read_in_pieces(struct bytes bytes, size_t step, enum status *status)
{
    struct dripping dripping = dripping_of(bytes, step);
    struct rdb_value *value = rdb_read_value(&dripping.source);

    *status = dripping.source.status;
    if (value) assert_int_equal(source_left(&dripping.source), 0);
    free(dripping.buffer);
    return value;
}

static void put_value(struct rdb_value **value)
{
    struct spot spot;

    key_find(&key, &spot);
    assert_int_equal(rdb_value_put(*value, &key, &spot, NEVER), OK);
    rdb_value_free(value);
}

static void put_container(enum value_type type, void *container)
{
    struct spot spot;

    key_find(&key, &spot);
    assert_int_equal(key_put_container(&key, &spot, type, &container, NEVER), OK);
}

/* What is at the key goes out and comes back, in pieces and in one: the caller looks whether it is the same. `look` is
 * called after each way. */
static void go_and_come(uint64_t *seed, void (*look)(const void *context), const void *context)
{
    struct text bytes = written();
    struct rdb_value *value;
    struct source source;
    enum status status;

    look(context);
    value = read_in_pieces(text_bytes(&bytes), 1 + random_below(seed, 5000), &status);
    assert_int_equal(status, OK);
    put_value(&value);
    look(context);
    source_init(&source, text_bytes(&bytes));
    value = rdb_read_value(&source);
    assert_non_null(value);
    put_value(&value);
    look(context);
    text_fini(&bytes);
}

/* ---- drawn values ---- */

#define WORDS 700
struct words {
    unsigned count;
    struct bytes at[WORDS];
    char *room;
};

static size_t draw_length(uint64_t *seed)
{
    static const unsigned lengths[] = {0, 3, 11, 20, 21, 62, 63, 64, 65, 215, 216, 254, 4096, 4097, 8192, 70000};

    if (random_below(seed, 3)) return random_below(seed, 20);
    return lengths[random_below(seed, random_below(seed, 20) ? 10 : 16)];
}

static bool is_among(const struct words *words, struct bytes word)
{
    for (unsigned i = 0; i < words->count; i++) {
        if (bytes_equal(words->at[i], word)) return true;
    }
    return false;
}

/* Distinct ones: numbers of all widths, texts of all lengths. */
static struct words draw_words(unsigned count, bool numbers, uint64_t *seed)
{
    struct words words = {.room = malloc(WORDS * 70001)};
    char *at = words.room;

    while (words.count < count) {
        struct bytes word;

        if (numbers || random_below(seed, 4) == 0) {
            word = bytes_of(at, number_print_int(at, (int64_t)random_next(seed) >> random_below(seed, 60)));
        } else {
            size_t len = draw_length(seed);

            for (size_t i = 0; i < len; i++) at[i] = (char)random_below(seed, i % 3 ? 2 : 256);
            word = bytes_of(at, len);
        }
        if (is_among(&words, word)) continue;
        words.at[words.count++] = word;
        at += word.len;
    }
    return words;
}

static unsigned draw_count(uint64_t *seed)
{
    static const unsigned counts[] = {1, 2, 5, 30, 127, 128, 129, 512, 513, WORDS};

    return counts[random_below(seed, sizeof counts / sizeof counts[0])];
}

/* ---- strings ---- */

static void look_at_string(const void *context)
{
    const struct bytes *wanted = context;
    char scratch[NUMBER_MAX_TEXT];

    assert_int_equal(entry_type(entry_now()), VALUE_STRING);
    assert_true(bytes_equal(entry_string(entry_now(), scratch), *wanted));
}

static void strings_come_back(void **state)
{
    static char text[300000];
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 300; i++) {
        size_t len = i % 10 ? draw_length(&seed) : random_below(&seed, sizeof text);
        uint64_t letters = 1 + random_below(&seed, 256);
        struct bytes value = bytes_of(text, len);
        struct spot spot;

        for (size_t j = 0; j < len; j++) text[j] = (char)random_below(&seed, letters);
        if (i % 3 == 0) value.len = number_print_int(text, (int64_t)random_next(&seed) >> random_below(&seed, 64));
        key_find(&key, &spot);
        assert_int_equal(key_put_string(&key, &spot, value, NEVER), OK);
        go_and_come(&seed, look_at_string, &value);
    }
}

/* ---- lists ---- */

static void look_at_list(const void *context)
{
    const struct words *words = context;
    const struct list *list = entry_container(entry_now());
    struct list_walk walk;
    char scratch[NUMBER_MAX_TEXT];
    unsigned at = 0;

    list_check(list);
    assert_int_equal(list_count(list), words->count);
    for (list_walk_from(&walk, list, 0, false); list_walk_next(&walk); at++)
        assert_true(bytes_equal(list_walk_text(&walk, scratch), words->at[at]));
}

static void lists_come_back(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct words words = draw_words(draw_count(&seed), i % 5 == 0, &seed);
        struct list *list = list_new();

        for (unsigned w = 0; w < words.count; w++) assert_int_equal(list_push(list, LIST_RIGHT, words.at[w]), OK);
        put_container(VALUE_LIST, list);
        go_and_come(&seed, look_at_list, &words);
        free(words.room);
    }
}

/* ---- sets ---- */

static void look_at_set(const void *context)
{
    const struct words *words = context;
    const struct set *set = entry_container(entry_now());

    set_check(set);
    assert_int_equal(set_count(set), words->count);
    for (unsigned w = 0; w < words->count; w++) assert_true(set_has(set, words->at[w]));
}

static void put_set(const struct words *words)
{
    struct set *set = set_new();
    bool added;

    for (unsigned w = 0; w < words->count; w++) assert_int_equal(set_add(set, words->at[w], &added), OK);
    put_container(VALUE_SET, set);
}

static void sets_come_back(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct words words = draw_words(draw_count(&seed), i % 2 == 0, &seed);

        put_set(&words);
        go_and_come(&seed, look_at_set, &words);
        free(words.room);
    }
}

static void an_intset_that_is_too_large_for_a_buffer_comes_back(void **state)
{
    struct set *set = set_new();
    int64_t usual = option_int(&set_options.set_max_intset_entries);
    uint64_t seed = 4;
    struct text bytes;
    struct rdb_value *value;
    enum status status;
    bool added;

    (void)state;
    set_options.set_max_intset_entries = 100000;
    for (int64_t number = 0; number < 20000; number++) {
        char digits[NUMBER_MAX_TEXT];

        set_add(set, bytes_of(digits, number_print_int(digits, number * 1000000)), &added);
    }
    put_container(VALUE_SET, set);
    bytes = written();
    assert_int_equal(bytes.at[0], RDB_SET_INTSET);
    assert_true(bytes.len > 20000 * 8);
    value = read_in_pieces(text_bytes(&bytes), 1 + random_below(&seed, 100), &status);
    assert_int_equal(status, OK);
    put_value(&value);
    set = entry_container(entry_now());
    set_check(set);
    assert_int_equal(set_count(set), 20000);
    assert_true(set_has(set, BYTES("19999000000")));
    set_options.set_max_intset_entries = usual;
    text_fini(&bytes);
}

/* ---- sorted sets ---- */

struct scored {
    struct words words;
    double scores[WORDS];
};

static void look_at_zset(const void *context)
{
    const struct scored *scored = context;
    const struct zset *zset = entry_container(entry_now());

    zset_check(zset);
    assert_int_equal(zset_count(zset), scored->words.count);
    for (unsigned w = 0; w < scored->words.count; w++) {
        double score;

        assert_true(zset_score(zset, scored->words.at[w], &score));
        assert_true(score == scored->scores[w]);
    }
}

static double draw_score(uint64_t *seed)
{
    static const double scores[] = {0, 1, -1, 0.1, 1e17, 1e300, 5e-324, 4503599627370496.0, INFINITY, -INFINITY};

    if (random_below(seed, 3) == 0) return scores[random_below(seed, sizeof scores / sizeof scores[0])];
    if (random_below(seed, 2)) return (double)(int64_t)random_below(seed, 100000) - 50000;
    return (double)random_next(seed) / 1e9;
}

static void put_zset(struct scored *scored, uint64_t *seed)
{
    struct zset *zset = zset_new();
    enum zset_change change;

    for (unsigned w = 0; w < scored->words.count; w++) {
        scored->scores[w] = draw_score(seed);
        assert_int_equal(zset_put(zset, scored->words.at[w], scored->scores[w], &change), OK);
    }
    put_container(VALUE_ZSET, zset);
}

static void sorted_sets_come_back(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct scored scored = {.words = draw_words(draw_count(&seed), i % 5 == 0, &seed)};

        put_zset(&scored, &seed);
        go_and_come(&seed, look_at_zset, &scored);
        free(scored.words.room);
    }
}

/* ---- hashes ---- */

struct fields {
    struct words names, values;
    int64_t deadlines_ms[WORDS];
};

static void look_at_hash(const void *context)
{
    const struct fields *fields = context;
    const struct hash *hash = entry_container(entry_now());

    hash_check(hash);
    assert_int_equal(hash_count(hash), fields->names.count);
    for (unsigned w = 0; w < fields->names.count; w++) {
        struct hash_field field;

        assert_true(hash_get(hash, fields->names.at[w], &field));
        assert_true(bytes_equal(field.value, fields->values.at[w]));
        assert_true(field.deadline_ms == fields->deadlines_ms[w]);
    }
}

static void put_hash(struct fields *fields, bool mortal, uint64_t *seed)
{
    struct hash *hash = hash_new();
    bool added;

    for (unsigned w = 0; w < fields->names.count; w++) {
        fields->deadlines_ms[w] = mortal && random_below(seed, 2)
                                      ? clock_now_ms() + 1 + (int64_t)(random_next(seed) >> (20 + random_below(seed, 40)))
                                      : NEVER;
        assert_int_equal(
            hash_put(hash, fields->names.at[w], fields->values.at[w], fields->deadlines_ms[w], &added), OK);
    }
    put_container(VALUE_HASH, hash);
}

static void hashes_come_back_with_the_deadlines_of_their_fields(void **state)
{
    uint64_t seed = 6;

    (void)state;
    for (int i = 0; i < 60; i++) {
        unsigned count = draw_count(&seed);
        struct fields fields = {.names = draw_words(count, i % 5 == 0, &seed), .values = draw_words(count, false, &seed)};

        put_hash(&fields, i % 2, &seed);
        go_and_come(&seed, look_at_hash, &fields);
        free(fields.names.room);
        free(fields.values.room);
    }
}

static void fields_past_their_deadline_are_left_out(void **state)
{
    struct hash *hash = hash_new();
    struct text bytes;
    struct source source;
    struct rdb_value *value;
    bool added;

    (void)state;
    clock_set_ms(2000000000000);
    hash_put(hash, BYTES("stays"), BYTES("1"), NEVER, &added);
    hash_put(hash, BYTES("later"), BYTES("2"), 2000000002000, &added);
    hash_put(hash, BYTES("sooner"), BYTES("3"), 2000000001000, &added);
    put_container(VALUE_HASH, hash);
    bytes = written();
    assert_int_equal(bytes.at[0], RDB_HASH_METADATA);

    /* When they are read … */
    clock_set_ms(2000000001000);
    source_init(&source, text_bytes(&bytes));
    value = rdb_read_value(&source);
    assert_non_null(value);
    assert_false(rdb_value_is_over(value));
    put_value(&value);
    assert_int_equal(hash_count(entry_container(entry_now())), 2);
    text_fini(&bytes);

    /* … and when they are written. */
    clock_set_ms(2000000002000);
    bytes = written();
    assert_int_equal(bytes.at[0], RDB_HASH_LISTPACK);
    source_init(&source, text_bytes(&bytes));
    value = rdb_read_value(&source);
    put_value(&value);
    assert_int_equal(hash_count(entry_container(entry_now())), 1);
    text_fini(&bytes);
}

/* ---- what goes wrong ---- */

static struct words some_words;
static struct scored some_scores;
static struct fields some_fields;

/* A value of each form that is written, number 0 … 9. */
static void put_some(unsigned number, uint64_t *seed)
{
    unsigned count = number % 2 ? 6 : 140;
    struct spot spot;

    free(some_words.room);
    some_words = draw_words(count, number == 3, seed);
    some_scores.words = some_fields.names = some_fields.values = some_words;
    switch (number / 2) {
    case 0:
        key_find(&key, &spot);
        key_put_string(&key, &spot, number ? BYTES("12345") : BYTES("abcabcabcabcabcabcabcabcabcabcabcabcabc"), NEVER);
        break;
    case 1:
        put_set(&some_words);
        break;
    case 2:
        put_zset(&some_scores, seed);
        break;
    case 3:
        put_hash(&some_fields, number % 2, seed);
        break;
    default: {
        struct list *list = list_new();

        for (unsigned w = 0; w < count; w++) list_push(list, LIST_RIGHT, some_words.at[w]);
        put_container(VALUE_LIST, list);
    }
    }
}

static void what_ends_too_early_is_refused_wherever_it_ends(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned number = 0; number < 10; number++) {
        struct text bytes;
        size_t step = 1;

        put_some(number, &seed);
        bytes = written();
        for (size_t len = 0; len < bytes.len; len += step) {
            struct source source;
            enum status status;

            source_init(&source, bytes_of(bytes.at, len));
            assert_null(rdb_read_value(&source));
            assert_int_equal(source.status, MALFORMED);
            assert_null(read_in_pieces(bytes_of(bytes.at, len), 1 + random_below(&seed, 50), &status));
            assert_int_equal(status, MALFORMED);
            step = 1 + bytes.len / 500;
        }
        text_fini(&bytes);
    }
}

static void whichever_allocation_fails_nothing_is_left(void **state)
{
    uint64_t seed = 8;

    (void)state;
    for (unsigned number = 0; number < 10; number++) {
        struct text bytes;
        struct rdb_value *value = NULL;
        struct source source;
        unsigned failures = 0;

        put_some(number, &seed);
        bytes = written();
        for (unsigned n = 1; !value; n += 1 + n / 20) {
            source_init(&source, text_bytes(&bytes));
            mem_fail_after(n);
            value = rdb_read_value(&source);
            mem_fail_after(0);
            assert_int_equal(source.status, value ? OK : NO_MEMORY);
            failures += !value;
        }
        assert_true(failures > 0);
        put_value(&value);
        text_fini(&bytes);
    }
}

static enum status write_until_full(struct sink *sink, struct bytes bytes)
{
    return sink->bytes - bytes.len > 50000 ? NO_MEMORY : OK;
}

static void a_sink_that_fails_takes_no_more_and_says_so(void **state)
{
    static char text[200000];
    struct spot spot;
    struct sink sink;
    uint64_t seed = 9;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)random_next(&seed);
    key_find(&key, &spot);
    key_put_string(&key, &spot, bytes_of(text, sizeof text), NEVER);
    sink_init(&sink, write_until_full);
    rdb_write_dump(&sink, entry_now());
    assert_int_equal(sink.status, NO_MEMORY);
}

static void a_dump_knows_its_version_and_its_sum(void **state)
{
    static struct text_sink to;
    struct bytes value;
    struct spot spot;

    (void)state;
    key_find(&key, &spot);
    key_put_string(&key, &spot, BYTES("hi"), NEVER);
    sink_init(&to.sink, write_text);
    rdb_write_dump(&to.sink, entry_now());
    assert_int_equal(to.text.len, 14);
    assert_memory_equal(to.text.at, "\0\2hi\x0a\0", 6);
    assert_true(rdb_open_dump(text_bytes(&to.text), &value));
    assert_int_equal(value.len, 4);
    for (size_t i = 0; i < to.text.len; i++) {
        to.text.at[i] ^= 0x40;
        assert_false(rdb_open_dump(text_bytes(&to.text), &value));
        to.text.at[i] ^= 0x40;
        assert_false(rdb_open_dump(bytes_of(to.text.at, i), &value));
    }
    text_fini(&to.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strings_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(sets_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_intset_that_is_too_large_for_a_buffer_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(sorted_sets_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(hashes_come_back_with_the_deadlines_of_their_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_past_their_deadline_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_ends_too_early_is_refused_wherever_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(whichever_allocation_fails_nothing_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sink_that_fails_takes_no_more_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_knows_its_version_and_its_sum, setup, teardown),
    };

    clock_setup();
    rdb_setup();
    hash_kind_setup();
    list_setup();
    set_kind_setup();
    zset_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
