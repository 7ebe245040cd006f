#include "all_or_nothing.h"
#include "news.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* ---- news ---- */

static int setup(void **state)
{
    set_kind_setup();
    zset_setup();
    change_listen(&news_listener);
    return client_setup(state);
}

static void members_that_come_and_go_are_told_once_a_call(void **state)
{
    (void)state;
    say("FLUSHALL");
    assert_told("SADD s a b", "s sadd = SADD s a b\n");
    assert_told("SADD s a b", "");
    assert_told("SREM s x", "");
    assert_told("SREM s a x", "s srem = SREM s a x\n");
    assert_told("SREM s b", "s srem = SREM s b\ns del\n");
    assert_told("SREM s b", "");
}

static void a_move_is_told_of_both_sets(void **state)
{
    (void)state;
    say("FLUSHALL");
    say("SADD s a b c");
    assert_told("SMOVE s t a", "s srem = SMOVE s t a\nt sadd\n");
    assert_told("SMOVE s t a", "");
    assert_told("SMOVE s s b", "");
    say("SADD t b");
    assert_told("SMOVE s t b", "s srem = SMOVE s t b\n");
    assert_told("SMOVE s t c", "s srem = SMOVE s t c\ns del\nt sadd\n");
}

static void what_is_popped_is_told_by_name(void **state)
{
    (void)state;
    say("FLUSHALL");
    say("SADD s a");
    assert_told("SPOP s 0", "");
    assert_told("SPOP s", "s spop = SREM s a\ns del\n");
    say("SADD s a");
    assert_told("SPOP s 5", "s spop = DEL s\ns del\n");
    assert_told("SPOP s 5", "");
}

static void results_are_told_by_the_words_that_made_them(void **state)
{
    (void)state;
    say("FLUSHALL");
    say("SADD s a b");
    say("SADD t b c");
    assert_told("SINTERSTORE d s t", "d sinterstore = SINTERSTORE d s t\n");
    assert_told("SUNIONSTORE d s t", "d sunionstore = SUNIONSTORE d s t\n");
    assert_told("SDIFFSTORE d s t", "d sdiffstore = SDIFFSTORE d s t\n");
    assert_told("SDIFFSTORE d s s", "d del = DEL d\n");
    assert_told("SDIFFSTORE d s s", "");
}

/* ---- memory ---- */

/* Members as a sum over their hashes: they have no order. */
static void see(void *text, const struct entry *entry)
{
    uint64_t count = 0, sum = 0;
    struct set_walk walk;

    text_add_quoted(text, entry_key(entry));
    if (entry_type(entry) == VALUE_SET) {
        set_check(entry_container(entry));
        set_walk_begin(&walk, entry_container(entry));
        for (; set_walk_next(&walk); count++) sum += hash_bytes(walk.member);
    }
    text_addf(text, " %llu %llu %lld\n", (unsigned long long)count, (unsigned long long)sum,
              (long long)entry_deadline_ms(entry));
}

/* Small ones, one of numbers, and a large one. */
static void prepare(const void *context)
{
    struct text line = {0};

    (void)context;
    say("FLUSHALL SYNC");
    say("SADD small a b c d");
    say("SADD other b c e");
    say("SADD numbers 1 2 3 70000");
    say("SET text hello");
    text_add(&line, BYTES("SADD large"));
    for (unsigned i = 0; i < 140; i++) text_addf(&line, " member:%u", i);
    text_add_char(&line, '\0');
    say(line.at);
    text_fini(&line);
    say("PEXPIREAT large 9999999999999");
    keyspace_check(keyspace);
}

static const struct stage sets = {prepare, see, NULL};

#define LONG "a-member-that-is-so-long-that-no-block-has-it-in-its-place-but-only-a-pointer-to-it"

static void a_command_that_finds_no_memory_changes_nothing(void **state)
{
    static const char *const lines[] = {
        "SADD fresh a",
        "SADD fresh 1 2 3",
        "SADD fresh 1 2 a " LONG " 4",
        "SADD small e f a g " LONG " b h",
        "SADD numbers 4 5 5000000000 1 x y",
        "SADD large x member:3 y " LONG " z",
        "SMOVE small fresh a",
        "SMOVE large small member:7",
        "SMOVE small numbers a",
        "SINTERSTORE fresh small other",
        "SUNIONSTORE fresh small large numbers",
        "SUNIONSTORE text small other",
        "SDIFFSTORE large large small",
        "SDIFFSTORE small small nosuch",
        "SINTERSTORE small small nosuch",
        "ZUNIONSTORE fresh 2 small numbers",
        "COPY large fresh",
        "COPY numbers large REPLACE",
    };
    unsigned failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) failures += assert_all_or_nothing(&sets, lines[i]);
    assert_true(failures >= 60);
}

static void hundreds_of_members_are_added_all_or_none(void **state)
{
    struct text line = {0};

    (void)state;
    text_add(&line, BYTES("SADD small"));
    for (unsigned i = 0; i < 300; i++) text_addf(&line, " member:%u", i % 270);
    text_add_char(&line, '\0');
    assert_true(assert_all_or_nothing(&sets, line.at) >= 5);
    memcpy(strstr(line.at, "small"), "large", 5);
    assert_true(assert_all_or_nothing(&sets, line.at) >= 3);
    text_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_come_and_go_are_told_once_a_call),
        cmocka_unit_test(a_move_is_told_of_both_sets),
        cmocka_unit_test(what_is_popped_is_told_by_name),
        cmocka_unit_test(results_are_told_by_the_words_that_made_them),
        cmocka_unit_test(a_command_that_finds_no_memory_changes_nothing),
        cmocka_unit_test(hundreds_of_members_are_added_all_or_none),
    };

    return cmocka_run_group_tests(tests, setup, news_teardown);
}
