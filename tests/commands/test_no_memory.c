#include "all_or_nothing.h"

/* All that is stored, a line for each key of each database. */
static void see(void *text, const struct entry *entry)
{
    char scratch[NUMBER_MAX_TEXT];

    text_add_quoted(text, entry_key(entry));
    text_add_char(text, ' ');
    text_add_quoted(text, entry_string(entry, scratch));
    text_addf(text, " %s %lld\n", entry_encoding(entry), (long long)entry_deadline_ms(entry));
}

/* Says the lines of an array that ends with NULL. */
static void prepare(const void *context)
{
    const char *const *lines = context;

    clock_set_ms(2000000000000);
    say("FLUSHALL SYNC");
    for (; *lines; lines++) say(*lines);
    keyspace_check(keyspace);
}

static const char *const nothing[] = {NULL};
static char big[BLOB_FROM + 100], set_big[BLOB_FROM + 200];

static const char *const some[] = {
    "MSET num 5 text hello long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "SET mortal 1 PX 100000",
    "APPEND grown abc",
    "APPEND grown def",
    set_big,
    "SELECT 1",
    "SET other 7",
    "SELECT 0",
    NULL};

static const struct stage empty = {prepare, see, nothing}, furnished = {prepare, see, some};

static void a_command_that_finds_no_memory_changes_nothing(void **state)
{
    static const char *const lines[] = {
        "SET fresh 1",
        "SET fresh some-text-that-is-no-number",
        "SET num much-longer-than-it-was-before-by-far-and-a-half",
        "SET text 1",
        "SET mortal much-longer-than-it-was-before-by-far-and-a-half KEEPTTL",
        "SET num 17 EX 100 GET",
        "SET long 17 XX EX 100 GET",
        "SET big small GET",
        "GETDEL big",
        "GETEX big EX 100",
        "SETNX fresh v",
        "SETEX text 100 v",
        "GETSET text a-much-longer-text-than-there-was-before-by-far",
        "GETEX text EX 100",
        "GETEX long PXAT 99999999999999",
        "APPEND fresh v",
        "APPEND text xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "APPEND grown xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "APPEND num 5",
        "SETRANGE text 100 x",
        "SETRANGE text 70000 x",
        "SETRANGE big 200000 x",
        "SETRANGE fresh 10 x",
        "SETBIT fresh 100 1",
        "SETBIT num 1 1",
        "SETBIT text 1000 1",
        "SETBIT big 1000000 1",
        "BITFIELD fresh SET u8 100 1 INCRBY i5 3 1",
        "BITFIELD text OVERFLOW FAIL SET u8 800 1000",
        "BITOP NOT fresh text",
        "BITOP AND big big long",
        "BITOP OR mortal text num",
        "BITOP XOR num num text num text num text num text num text num text num text num text num text num text",
        "INCR num",
        "INCR fresh",
        "INCRBYFLOAT num 0.5",
        "INCRBYFLOAT fresh 1e300",
        "EXPIRE text 100",
        "EXPIRE long 100",
        "EXPIRE num 100",
        "PERSIST mortal",
        "RENAME text a-much-longer-name-than-there-was-before-by-far",
        "RENAME big text",
        "RENAMENX num fresh",
        "COPY text fresh",
        "COPY big fresh",
        "COPY big text REPLACE",
        "COPY text text DB 2",
        "MOVE text 1",
        "MOVE text 2",
        "SWAPDB 0 1",
        "SWAPDB 0 2",
        "KEYS *",
        "SCAN 0 COUNT 100",
        "LCS text long",
        "LCS text big IDX",
        "RANDOMKEY",
    };
    unsigned failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strncmp(lines[i], "RANDOMKEY", 9) == 0) {
            prepare(some);
            assert_true(strncmp(say_with_failure(lines[i], 1), "-OOM ", 5) == 0);
            continue;
        }
        failures += assert_all_or_nothing(&furnished, lines[i]);
    }
    assert_true(failures >= 40);
}

static void several_keys_are_set_all_or_none(void **state)
{
    static const char *const lines[] = {
        "MSET a 1 b 2 c 3 d 4 e 5",
        "MSET num text-in-the-place-of-a-number a 1 text 2 b x mortal 3 long x",
        "MSET a 1 a 2 num 3 a long-long-long-long-long-long-long-long num 4",
        "MSET text hallo num 6 text a-much-longer-text-than-there-was-before-by-far text hello num 7",
        "MSET text a-much-longer-text-than-there-was-before-by-far text hallo num x num 6 mortal 2",
        "MSET a 1 text hallo num x b 2 num 6 mortal 2 a 3",
        "MSETNX a 1 b text c 3",
        "MSETNX a 1 num text c 3",
    };
    char with_big[BLOB_FROM + 400];
    unsigned failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        failures += assert_all_or_nothing(&furnished, lines[i]);
        failures += assert_all_or_nothing(&empty, lines[i]);
    }
    snprintf(with_big, sizeof with_big, "MSET num 1 a %s big 3 b 4", big);
    failures += assert_all_or_nothing(&furnished, with_big);
    assert_true(failures >= 40);
}

static void a_hundred_keys_are_set_all_or_none(void **state)
{
    struct text line = {0};

    (void)state;
    text_add(&line, BYTES("MSET"));
    for (unsigned i = 0; i < 100; i++) text_addf(&line, " key:%u value:%u", i % 90, i);
    text_add_char(&line, '\0');
    assert_true(assert_all_or_nothing(&furnished, line.at) >= 90);
    assert_true(assert_all_or_nothing(&empty, line.at) >= 90);
    text_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_that_finds_no_memory_changes_nothing),
        cmocka_unit_test(several_keys_are_set_all_or_none),
        cmocka_unit_test(a_hundred_keys_are_set_all_or_none),
    };

    memset(big, 'b', sizeof big - 1);
    snprintf(set_big, sizeof set_big, "SET big %.*s", BLOB_FROM + 10, big);
    return cmocka_run_group_tests(tests, client_setup, client_teardown);
}
