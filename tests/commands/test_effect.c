#include "news.h"
#include "coatcheck/base/number.h"
#include "coatcheck/values/list.h"

/* With the database before: "0 k set = SET k v". */
static void note(const struct change *change)
{
    text_addf(&news, "%u ", change->db);
    if (change->key.at) {
        text_add(&news, change->key);
    } else {
        text_add(&news, BYTES("(any)"));
    }
    news_add_event(change);
}

static const struct change_listener listener = {note};

static int setup(void **state)
{
    change_listen(&listener);
    clock_set_ms(2000000000000);
    list_setup();
    return client_setup(state);
}

static void empty(void)
{
    clock_set_ms(2000000000000);
    say("FLUSHALL");
}

static void set_is_told_without_its_conditions_and_with_an_absolute_deadline(void **state)
{
    (void)state;
    empty();
    assert_told("SET k v", "0 k set = SET k v\n");
    assert_told("SET k v NX", "");
    assert_told("SET k w XX GET", "0 k set = SET k w\n");
    assert_told("SET k x IFEQ w EX 10", "0 k set = SET k x PXAT 2000000010000\n0 k expire\n");
    assert_told("SET k y KEEPTTL", "0 k set = SET k y KEEPTTL\n");
    assert_told("SET k z PXAT 5", "0 k set = DEL k\n0 k expire\n0 k expired\n");
    assert_told("SET k z PXAT 5", "0 k set\n0 k expire\n0 k expired\n");
    assert_told("SETEX k 1 v", "0 k set = SET k v PXAT 2000000001000\n0 k expire\n");
    assert_told("PSETEX k 1 v", "0 k set = SET k v PXAT 2000000000001\n0 k expire\n");
    assert_told("SETNX k v", "");
    assert_told("SETNX l v", "0 l set = SET l v\n");
    assert_told("GETSET l w", "0 l set = SET l w\n");
    assert_told("DELIFEQ l v", "");
    assert_told("DELIFEQ l w", "0 l del = DEL l\n");
}

static void several_keys_share_one_effect(void **state)
{
    (void)state;
    empty();
    assert_told("MSET a 1 b 2", "0 a set = MSET a 1 b 2\n0 b set\n");
    assert_told("MSETNX b 1 c 2", "");
    assert_told("MSETNX c 1 d 2", "0 c set = MSETNX c 1 d 2\n0 d set\n");
    assert_told("DEL x a y b", "0 a del = DEL x a y b\n0 b del\n");
    assert_told("UNLINK x", "");
    assert_told("UNLINK c", "0 c del = UNLINK c\n");
}

static void sums_are_told_as_they_came_out_where_machines_could_differ(void **state)
{
    (void)state;
    empty();
    assert_told("INCR n", "0 n incrby = INCR n\n");
    assert_told("DECRBY n 5", "0 n incrby = DECRBY n 5\n");
    assert_told("INCRBYFLOAT n 0.5", "0 n incrbyfloat = SET n -3.5 KEEPTTL\n");
    assert_told("APPEND n 1", "0 n append = APPEND n 1\n");
    assert_told("SETRANGE n 0 x", "0 n setrange = SETRANGE n 0 x\n");
    assert_told("SETRANGE n 0 \"\"", "");
    assert_told("INCR n", "");
}

static void bits_are_told_where_they_differ(void **state)
{
    (void)state;
    empty();
    assert_told("SETBIT k 7 1", "0 k setbit = SETBIT k 7 1\n");
    assert_told("SETBIT k 7 1", "");
    assert_told("SETBIT k 8 0", "0 k setbit = SETBIT k 8 0\n");
    assert_told("BITFIELD k GET u8 0 SET u8 0 1", "");
    assert_told("BITFIELD k GET u8 0", "");
    assert_told("BITFIELD k INCRBY u8 0 1 GET u8 0", "0 k setbit = BITFIELD k INCRBY u8 0 1 GET u8 0\n");
    assert_told("BITFIELD k OVERFLOW FAIL SET u8 0 300", "");
    assert_told("BITFIELD k OVERFLOW FAIL SET u8 90 300", "0 k - = BITFIELD k OVERFLOW FAIL SET u8 90 300\n");
    assert_told("BITOP NOT d k", "0 d set = BITOP NOT d k\n");
    assert_told("BITOP AND d none", "0 d del = DEL d\n");
    assert_told("BITOP AND d none", "");
}

static void a_sorted_list_is_told_where_it_is_stored(void **state)
{
    (void)state;
    empty();
    say("RPUSH l 3 1 2");
    assert_told("SORT l", "");
    assert_told("SORT_RO l BY w* GET #", "");
    assert_told("SORT l BY w* STORE d", "0 d sortstore = SORT l BY w* STORE d\n");
    assert_told("SORT l LIMIT 5 1 STORE d", "0 d del = DEL d\n");
    assert_told("SORT none STORE d", "");
}

static void deadlines_are_told_as_points_in_time(void **state)
{
    (void)state;
    empty();
    say("SET k v");
    assert_told("EXPIRE k 10", "0 k expire = PEXPIREAT k 2000000010000\n");
    assert_told("EXPIRE k 10 NX", "");
    assert_told("PEXPIREAT k 2000000000005 LT", "0 k expire = PEXPIREAT k 2000000000005\n");
    assert_told("GETEX k", "");
    assert_told("GETEX k EX 3", "0 k expire = PEXPIREAT k 2000000003000\n");
    assert_told("GETEX k PERSIST", "0 k persist = PERSIST k\n");
    assert_told("GETEX k PERSIST", "");
    assert_told("PERSIST k", "");
    assert_told("EXPIRE k -1", "0 k del = DEL k\n");
    say("SET k v");
    assert_told("GETEX k PXAT 1", "0 k del = DEL k\n");
    say("SET k v PX 100");
    assert_told("PERSIST k", "0 k persist = PERSIST k\n");
    assert_told("GETDEL k", "0 k del = DEL k\n");
}

static void a_passed_deadline_is_told_by_whoever_meets_it(void **state)
{
    (void)state;
    empty();
    say("SET k v PX 100");
    clock_set_ms(2000000000100);
    assert_told("INCR k", "0 k expired = UNLINK k\n0 k incrby = INCR k\n");
    say("PEXPIRE k 100");
    clock_set_ms(2000000000200);
    assert_told("GET k", "0 k expired = UNLINK k\n");
}

static void names_and_databases_are_told_on_both_sides(void **state)
{
    (void)state;
    empty();
    say("MSET a 1 b 2");
    assert_told("RENAME a a", "");
    assert_told("RENAME a b", "0 a rename_from = RENAME a b\n0 b rename_to\n");
    assert_told("RENAMENX b c", "0 b rename_from = RENAMENX b c\n0 c rename_to\n");
    assert_told("COPY c d", "0 c - = COPY c d\n0 d copy_to\n");
    assert_told("COPY c d", "");
    assert_told("COPY c d DB 3", "0 c - = COPY c d DB 3\n3 d copy_to\n");
    assert_told("MOVE c 3", "0 c move_from = MOVE c 3\n3 c move_to\n");
    assert_told("MOVE d 3", "");
}

static void whole_databases_are_told_without_a_key(void **state)
{
    (void)state;
    empty();
    assert_told("FLUSHDB", "0 (any) - = FLUSHDB\n");
    assert_told("SWAPDB 2 1", "2 (any) - = SWAPDB 2 1\n1 (any) -\n");
    text_clear(&news);
    say("FLUSHALL SYNC");
    assert_true(bytes_start_with(text_bytes(&news),
                                 BYTES("0 (any) - = FLUSHALL SYNC\n1 (any) -\n2 (any) -\n")));
}

static void reading_is_no_news(void **state)
{
    static const char *const lines[] = {
        "GET k",     "MGET k l",         "STRLEN k",      "GETRANGE k 0 1", "LCS k l",   "EXISTS k", "TOUCH k",
        "TYPE k",    "OBJECT ENCODING k", "KEYS *",       "SCAN 0",         "TTL k",     "PTTL k",   "EXPIRETIME k",
        "RANDOMKEY", "DBSIZE",           "PEXPIRETIME k", "SUBSTR k 0 0",   "GETEX none",
        "GETBIT k 0", "BITCOUNT k",      "BITPOS k 1",    "BITFIELD k GET u8 0", "BITFIELD_RO k GET u8 0"};

    (void)state;
    empty();
    say("MSET k v l w");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) assert_told(lines[i], "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_is_told_without_its_conditions_and_with_an_absolute_deadline),
        cmocka_unit_test(several_keys_share_one_effect),
        cmocka_unit_test(sums_are_told_as_they_came_out_where_machines_could_differ),
        cmocka_unit_test(bits_are_told_where_they_differ),
        cmocka_unit_test(a_sorted_list_is_told_where_it_is_stored),
        cmocka_unit_test(deadlines_are_told_as_points_in_time),
        cmocka_unit_test(a_passed_deadline_is_told_by_whoever_meets_it),
        cmocka_unit_test(names_and_databases_are_told_on_both_sides),
        cmocka_unit_test(whole_databases_are_told_without_a_key),
        cmocka_unit_test(reading_is_no_news),
    };

    return cmocka_run_group_tests(tests, setup, news_teardown);
}
