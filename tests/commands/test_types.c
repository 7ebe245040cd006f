#include "client.h"
#include "coatcheck/values/kind.h"

#define WRONGTYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

/* A list that is a number and nothing else, for as long as it takes to be seen moving about. */
struct pebble {
    int number;
};

static int pebbles;

static struct pebble *pebble_new(int number)
{
    struct pebble *pebble = mem_need(sizeof *pebble);

    pebble->number = number;
    pebbles++;
    return pebble;
}

static bool pebble_free_some(void **container, size_t steps)
{
    (void)steps;
    mem_free(*container);
    *container = NULL;
    pebbles--;
    return true;
}

static void *pebble_copy(const void *container)
{
    return pebble_new(((const struct pebble *)container)->number);
}

static size_t pebble_length(const void *container)
{
    (void)container;
    return 1;
}

static const char *pebble_encoding(const void *container)
{
    (void)container;
    return "quicklist";
}

static size_t pebble_used_bytes(const void *container)
{
    (void)container;
    return sizeof(struct pebble);
}

static const struct value_kind pebble_kind = {
    .name = "list",
    .free_some = pebble_free_some,
    .copy = pebble_copy,
    .length = pebble_length,
    .encoding = pebble_encoding,
    .used_bytes = pebble_used_bytes,
};

static int setup(void **state)
{
    value_kind_add(VALUE_LIST, &pebble_kind);
    return client_setup(state);
}

static int teardown(void **state)
{
    int failed = client_teardown(state);

    return failed || pebbles != 0;
}

static void put_pebble(const char *name, int number)
{
    struct key key = key_named(name);
    struct spot spot;
    void *pebble = pebble_new(number);

    shard_enter(key.shard);
    key_find(&key, &spot);
    assert_int_equal(key_put_container(&key, &spot, VALUE_LIST, &pebble, NEVER), OK);
    shard_leave(key.shard);
}

static int pebble_at(unsigned db, const char *name)
{
    struct key key;
    struct entry *entry;
    int number = -1;

    key_init(&key, keyspace, db, bytes_of_text(name));
    shard_enter(key.shard);
    entry = key_read(&key);
    if (entry && entry_type(entry) == VALUE_LIST) {
        number = ((struct pebble *)entry_container(entry))->number;
    }
    shard_leave(key.shard);
    return number;
}

static void empty(void)
{
    say("FLUSHALL SYNC");
    assert_int_equal(pebbles, 0);
}

static void string_commands_refuse_a_value_that_is_no_string(void **state)
{
    static const char *const refused[] = {
        "GET list",          "SET list v GET",       "SET list v NX GET", "SET list v IFEQ x", "SET list v IFEQ x GET",
        "GETSET list v",     "GETDEL list",          "GETEX list",        "GETEX list EX 10",  "GETEX list PERSIST",
        "DELIFEQ list x",    "APPEND list v",        "STRLEN list",       "SETRANGE list 0 v", "SETRANGE list 0 \"\"",
        "SETRANGE list 536870912 v", "GETRANGE list 0 1", "SUBSTR list 0 1", "INCR list",      "DECR list",
        "INCRBY list 5",     "DECRBY list 5",        "INCRBYFLOAT list 1", "INCRBYFLOAT list x", "GETEX list EX 0"};

    (void)state;
    empty();
    put_pebble("list", 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) SAY(refused[i], WRONGTYPE);
    SAY("LCS list list", "-ERR The specified keys must contain string values\r\n");
    SAY("LCS absent list FOO", "-ERR The specified keys must contain string values\r\n");
    SAY("GETEX list FOO", "-ERR syntax error\r\n");
    SAY("SET list v EX 0 GET", "-ERR invalid expire time in 'set' command\r\n");
    SAY("SETRANGE list -1 v", "-ERR offset is out of range\r\n");
    SAY("GETRANGE list x 1", "-ERR value is not an integer or out of range\r\n");
    SAY("INCRBY list x", "-ERR value is not an integer or out of range\r\n");
    SAY("SET list v NX", "$-1\r\n");
    SAY("SETNX list v", ":0\r\n");
    SAY("MSETNX list v other w", ":0\r\n");
    SAY("MGET list absent", "*2\r\n$-1\r\n$-1\r\n");
    assert_int_equal(pebble_at(0, "list"), 1);
}

static void whatever_sets_a_whole_string_takes_the_place_of_any_type(void **state)
{
    static const char *const lines[] = {"SET list v",       "SET list v XX",       "SETEX list 100 v", "PSETEX list 100 v",
                                        "MSET list v o w", "MSET o w list v list x", "SET list v PXAT 1"};

    (void)state;
    empty();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        put_pebble("list", 1);
        SAY(lines[i], "+OK\r\n");
        assert_int_equal(pebble_at(0, "list"), -1);
        keyspace_reclaim_all(keyspace);
        assert_int_equal(pebbles, 0);
    }
}

static void a_value_of_any_type_is_told_of(void **state)
{
    (void)state;
    empty();
    put_pebble("list", 1);
    say("SET s v");
    SAY("TYPE list", "+list\r\n");
    SAY("OBJECT ENCODING list", "$9\r\nquicklist\r\n");
    SAY("OBJECT REFCOUNT list", ":1\r\n");
    SAY("EXISTS list s", ":2\r\n");
    SAY("TOUCH list s", ":2\r\n");
    SAY("KEYS l*", "*1\r\n$4\r\nlist\r\n");
    SAY("SCAN 0 TYPE LIST", "*2\r\n$1\r\n0\r\n*1\r\n$4\r\nlist\r\n");
    SAY("SCAN 0 TYPE string", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\ns\r\n");
    SAY("SCAN 0 TYPE hash", "*2\r\n$1\r\n0\r\n*0\r\n");
}

static void a_value_of_any_type_moves_is_copied_and_goes(void **state)
{
    (void)state;
    empty();
    put_pebble("list", 7);
    SAY("EXPIRE list 100", ":1\r\n");
    SAY("RENAME list other", "+OK\r\n");
    assert_int_equal(pebble_at(0, "other"), 7);
    SAY("TTL other", ":100\r\n");
    SAY("COPY other again", ":1\r\n");
    SAY("COPY other again", ":0\r\n");
    SAY("COPY other again REPLACE", ":1\r\n");
    SAY("COPY other other DB 2", ":1\r\n");
    assert_int_equal(pebble_at(0, "again"), 7);
    assert_int_equal(pebble_at(2, "other"), 7);
    SAY("TTL again", ":100\r\n");
    keyspace_reclaim_all(keyspace);
    assert_int_equal(pebbles, 3);
    SAY("MOVE other 2", ":0\r\n");
    SAY("MOVE other 3", ":1\r\n");
    assert_int_equal(pebble_at(0, "other"), -1);
    assert_int_equal(pebble_at(3, "other"), 7);
    SAY("SET s v", "+OK\r\n");
    SAY("RENAME s again", "+OK\r\n");
    SAY("PERSIST again", ":0\r\n");
    SAY("COPY again again DB 3", ":1\r\n");
    keyspace_reclaim_all(keyspace);
    assert_int_equal(pebbles, 2);
    put_pebble("a", 1);
    put_pebble("b", 2);
    SAY("RENAME a b", "+OK\r\n");
    assert_int_equal(pebble_at(0, "b"), 1);
    SAY("DEL a b", ":1\r\n");
    keyspace_reclaim_all(keyspace);
    assert_int_equal(pebbles, 2);
    put_pebble("c", 3);
    SAY("EXPIRE c -1", ":1\r\n");
    keyspace_reclaim_all(keyspace);
    assert_int_equal(pebbles, 2);
    keyspace_check(keyspace);
    empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(string_commands_refuse_a_value_that_is_no_string),
        cmocka_unit_test(whatever_sets_a_whole_string_takes_the_place_of_any_type),
        cmocka_unit_test(a_value_of_any_type_is_told_of),
        cmocka_unit_test(a_value_of_any_type_moves_is_copied_and_goes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
