#include "keyspace/keyspace_help.h"
#include "../../src/keyspace/entry_internal.h"

static struct keyspace *keyspace;

static int open_keyspace(void **state)
{
    (void)state;
    clock_set_ms(1800000000000);
    keyspace = new_keyspace(1, 1);
    return 0;
}

static int close_keyspace(void **state)
{
    (void)state;
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
    clock_release();
    return 0;
}

/* The entry of a key, as it lies in memory; good until the next put. */
static const struct entry *entry_of(struct bytes name)
{
    const struct entry *entry;
    struct key key;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    entry = key_read(&key);
    shard_leave(key.shard);
    return entry;
}

static void edit(struct bytes name, size_t len, struct bytes tail)
{
    struct key key;
    struct spot spot;
    char *at;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    at = key_edit_string(&key, &spot, len);
    assert_non_null(at);
    memcpy(at + len - tail.len, tail.at, tail.len);
    shard_leave(key.shard);
}

static void set_deadline(struct bytes name, int64_t deadline_ms)
{
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    assert_non_null(key_find(&key, &spot));
    assert_int_equal(key_set_deadline(&key, &spot, deadline_ms), OK);
    shard_leave(key.shard);
}

static void the_drawings_in_the_header_are_true(void **state)
{
    static const uint8_t hello[] = {0x00, 0x01, 0x05, 0x6b, 0x68, 0x65, 0x6c, 0x6c, 0x6f};
    static const uint8_t seven[] = {0x08, 0x01, 0x6e, 0x07, 0, 0, 0, 0, 0, 0, 0};

    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("hello"), NEVER);
    assert_memory_equal(entry_of(BYTES("k")), hello, sizeof hello);
    put(keyspace, 0, BYTES("n"), BYTES("7"), NEVER);
    assert_memory_equal(entry_of(BYTES("n")), seven, sizeof seven);
}

static void a_deadline_takes_five_bytes_until_2054_and_eight_beyond(void **state)
{
    static const uint8_t five[] = {0x20, 0x01, 0x02, 0x01, 0x02, 0x03,
                                   0x04, 0x05, 0x6b, 0x68, 0x69};
    int64_t last = ENTRY_EPOCH_MS + ((int64_t)1 << 40) - 1;

    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("hi"), ENTRY_EPOCH_MS + 0x0504030201);
    clock_set_ms(ENTRY_EPOCH_MS); /* long before it is due */
    assert_memory_equal(entry_of(BYTES("k")), five, sizeof five);
    for (int64_t deadline_ms = last - 1; deadline_ms <= last + 2; deadline_ms++) {
        put(keyspace, 0, BYTES("k"), BYTES("hi"), deadline_ms);
        assert_true(entry_of(BYTES("k"))->head == (deadline_ms <= last ? 0x20 : 0x40));
        assert_true(holds(keyspace, 0, BYTES("k"), BYTES("hi"), deadline_ms));
    }
    put(keyspace, 0, BYTES("k"), BYTES("hi"), INT64_MAX - 1);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("hi"), INT64_MAX - 1));
    /* Before the epoch: only a clock of long ago sees it alive. */
    clock_set_ms(1000);
    put(keyspace, 0, BYTES("k"), BYTES("hi"), 5000);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("hi"), 5000));
    clock_set_ms(5000);
    assert_false(exists(keyspace, 0, BYTES("k")));
}

static void lengths_keep_their_bytes_at_every_border(void **state)
{
    static const size_t lens[] = {0,     1,     126,   127,   128,   129,   16382,
                                  16383, 16384, 16385, 65535, 65536, 65537, 200000};
    char *text = malloc(200000);

    (void)state;
    for (size_t i = 0; i < 200000; i++) text[i] = (char)(i * 31 + 'a');
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (size_t j = 0; j < sizeof lens / sizeof lens[0]; j++) {
            struct bytes name = bytes_of(text, lens[i]),
                         value = bytes_of(text + 1, lens[j] - (lens[j] == 200000));

            assert_int_equal(put(keyspace, 0, name, value, NEVER), OK);
            assert_true(holds(keyspace, 0, name, value, NEVER));
            set_deadline(name, 1900000000000);
            assert_true(holds(keyspace, 0, name, value, 1900000000000));
            set_deadline(name, NEVER);
            assert_true(holds(keyspace, 0, name, value, NEVER));
            assert_int_equal(keyspace_count(keyspace, 0), i + 1);
            keyspace_check(keyspace);
        }
    }
    free(text);
}

static void any_length_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift <= 31; shift++) {
        for (int64_t near = -2; near <= 2; near++) {
            int64_t len = ((int64_t)1 << shift) + near;
            uint8_t room[8] = {0};

            if (len < 0) continue;
            length_write(room, length_bytes_for((size_t)len), (size_t)len);
            assert_int_equal(length_bytes(room[0]), length_bytes_for((size_t)len));
            assert_int_equal(length_read(room), len);
            if (len < 0x20000000) {
                length_write(room, 4, (size_t)len);
                assert_int_equal(length_bytes(room[0]), 4);
                assert_int_equal(length_read(room), len);
            }
        }
    }
}

static void block_sizes_are_what_slabs_and_the_allocator_hand_out(void **state)
{
    size_t before = 0;

    (void)state;
    for (size_t size = 1; size < 300000; size += 1 + size / 50) {
        size_t block = entry_block_size(size);

        assert_true(block >= size && block >= before);
        assert_int_equal(entry_block_size(block), block);
        if (size <= SLAB_MOST) {
            assert_int_equal(block, slab_size(size));
        } else {
#ifdef COATCHECK_JEMALLOC
            assert_int_equal(block, mem_good_size(size));
#endif
        }
        before = block;
    }
}

static void encodings_are_those_that_redis_names(void **state)
{
    static char text[70000];

    (void)state;
    memset(text, 'x', sizeof text);
    put(keyspace, 0, BYTES("k"), BYTES("12345"), NEVER);
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "int");
    put(keyspace, 0, BYTES("k"), BYTES("012345"), NEVER);
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "embstr");
    put(keyspace, 0, BYTES("k"), bytes_of(text, 44), NEVER);
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "embstr");
    put(keyspace, 0, BYTES("k"), bytes_of(text, 45), NEVER);
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "raw");
    put(keyspace, 0, BYTES("k"), bytes_of(text, 70000), NEVER);
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "raw");
    assert_non_null(entry_blob(entry_of(BYTES("k"))));
    put(keyspace, 0, BYTES("k"), BYTES("a"), NEVER);
    assert_null(entry_blob(entry_of(BYTES("k"))));
    edit(BYTES("k"), 2, BYTES("b"));
    assert_string_equal(entry_encoding(entry_of(BYTES("k"))), "raw");
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("ab"), NEVER));
}

static void integers_are_kept_as_integers_when_they_print_the_same(void **state)
{
    static const char *const as_int[] = {"0", "-1", "9223372036854775807", "-9223372036854775808",
                                         "10000"};
    static const char *const as_text[] = {"",
                                          "-",
                                          "+1",
                                          "01",
                                          "-0",
                                          "1 ",
                                          " 1",
                                          "9223372036854775808",
                                          "1.0",
                                          "--1",
                                          "-9223372036854775809"};

    (void)state;
    for (size_t i = 0; i < sizeof as_int / sizeof as_int[0]; i++) {
        struct bytes text = bytes_of_text(as_int[i]);

        put(keyspace, 0, BYTES("k"), text, NEVER);
        assert_int_equal(entry_form(entry_of(BYTES("k"))), ENTRY_INT);
        assert_true(holds(keyspace, 0, BYTES("k"), text, NEVER));
        assert_int_equal(entry_string_len(entry_of(BYTES("k"))), text.len);
    }
    for (size_t i = 0; i < sizeof as_text / sizeof as_text[0]; i++) {
        struct bytes text = bytes_of_text(as_text[i]);

        put(keyspace, 0, BYTES("k"), text, NEVER);
        assert_int_equal(entry_form(entry_of(BYTES("k"))), ENTRY_INLINE);
        assert_true(holds(keyspace, 0, BYTES("k"), text, NEVER));
    }
}

static void a_value_of_much_the_same_size_is_written_over_in_place(void **state)
{
    const struct entry *was;

    (void)state;
    put(keyspace, 0, BYTES("0123456789abcdef"), BYTES("value of twenty byte"), NEVER);
    was = entry_of(BYTES("0123456789abcdef"));
    put(keyspace, 0, BYTES("0123456789abcdef"), BYTES("shorter by a few"), NEVER);
    assert_ptr_equal(entry_of(BYTES("0123456789abcdef")), was);
    set_deadline(BYTES("0123456789abcdef"), 1900000000000);
    assert_ptr_equal(entry_of(BYTES("0123456789abcdef")), was);
    assert_true(
        holds(keyspace, 0, BYTES("0123456789abcdef"), BYTES("shorter by a few"), 1900000000000));
    put(keyspace, 0, BYTES("0123456789abcdef"), BYTES("v"), NEVER);
    assert_true(holds(keyspace, 0, BYTES("0123456789abcdef"), BYTES("v"), NEVER));
    assert_int_equal(entry_used_bytes(entry_of(BYTES("0123456789abcdef"))), 24);
}

static void a_small_key_with_a_deadline_costs_no_more_than_promised(void **state)
{
    char value[64];

    (void)state;
    memset(value, 'v', sizeof value);
    put(keyspace, 0, BYTES("0123456789abcdef"), bytes_of(value, 64), NEVER);
    assert_int_equal(entry_size(entry_of(BYTES("0123456789abcdef"))), 83);
    put(keyspace, 0, BYTES("0123456789abcdef"), bytes_of(value, 64), 1900000000000);
    assert_int_equal(entry_size(entry_of(BYTES("0123456789abcdef"))), 88);
    assert_int_equal(entry_block_size(88), 88);
}

static void a_string_grows_byte_by_byte_and_its_new_bytes_are_zero(void **state)
{
    static char expected[300000];
    size_t len = 0;
    uint64_t dice = 1;
    unsigned blocks = 0;
    const struct entry *was = NULL;

    (void)state;
    while (len < 100000) {
        size_t more = 1 + random_below(&dice, len < 2000 ? 3 : 2000),
               gap = random_below(&dice, 2) * 3;
        char tail[2048];

        memset(tail, 'a' + (int)random_below(&dice, 26), more);
        memcpy(expected + len + gap, tail, more);
        len += gap + more;
        edit(BYTES("k"), len, bytes_of(tail, more));
        assert_true(holds(keyspace, 0, BYTES("k"), bytes_of(expected, len), NEVER));
        blocks += entry_of(BYTES("k")) != was;
        was = entry_of(BYTES("k"));
        if (len > 1000 && len < 60000 && random_below(&dice, 64) == 0) {
            set_deadline(BYTES("k"), NEVER); /* changes nothing, and may not lose the slack */
        }
    }
    assert_true(blocks < 40);
    assert_non_null(entry_blob(entry_of(BYTES("k"))));
    /* Shorter is allowed too, and longer again shows zeros. */
    edit(BYTES("k"), 10, bytes_of(expected, 0));
    assert_true(holds(keyspace, 0, BYTES("k"), bytes_of(expected, 10), NEVER));
    memset(expected + 10, 0, 10);
    edit(BYTES("k"), 20, bytes_of(expected, 0));
    assert_true(holds(keyspace, 0, BYTES("k"), bytes_of(expected, 20), NEVER));
}

static void editing_keeps_the_deadline_and_turns_a_number_into_text(void **state)
{
    (void)state;
    put(keyspace, 0, BYTES("k"), BYTES("42"), 1900000000000);
    edit(BYTES("k"), 3, BYTES("x"));
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("42x"), 1900000000000));
    edit(BYTES("k"), 4, BYTES("y"));
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("42xy"), 1900000000000));
    set_deadline(BYTES("k"), NEVER);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("42xy"), NEVER));
    set_deadline(BYTES("k"), 1900000000000);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("42xy"), 1900000000000));
    put(keyspace, 0, BYTES("k"), BYTES("plain"), NEVER);
    assert_true(holds(keyspace, 0, BYTES("k"), BYTES("plain"), NEVER));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_keyspace, close_keyspace)
    const struct CMUnitTest tests[] = {
        TEST(the_drawings_in_the_header_are_true),
        TEST(a_deadline_takes_five_bytes_until_2054_and_eight_beyond),
        TEST(lengths_keep_their_bytes_at_every_border),
        TEST(any_length_is_read_as_it_was_written),
        TEST(block_sizes_are_what_slabs_and_the_allocator_hand_out),
        TEST(encodings_are_those_that_redis_names),
        TEST(integers_are_kept_as_integers_when_they_print_the_same),
        TEST(a_value_of_much_the_same_size_is_written_over_in_place),
        TEST(a_small_key_with_a_deadline_costs_no_more_than_promised),
        TEST(a_string_grows_byte_by_byte_and_its_new_bytes_are_zero),
        TEST(editing_keeps_the_deadline_and_turns_a_number_into_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
