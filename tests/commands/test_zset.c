#include "all_or_nothing.h"
#include "news.h"
#include "coatcheck/base/number.h"
#include "coatcheck/base/random.h"
#include "coatcheck/values/zset.h"

#ifdef COATCHECK_SANITIZED
#define ROUNDS 5
#else
#define ROUNDS 30
#endif

/* ---- news ---- */

static int setup(void **state)
{
    zset_setup();
    change_listen(&news_listener);
    return client_setup(state);
}

static void members_that_come_and_go_are_told_once_a_call(void **state)
{
    (void)state;
    say("FLUSHALL");
    assert_told("ZADD z 1 a 2 b", "z zadd = ZADD z 1 a 2 b\n");
    assert_told("ZADD z 1 a 2 b", "");
    assert_told("ZADD z NX 5 a", "");
    assert_told("ZADD z XX 5 c", "");
    assert_told("ZADD z INCR 1 a", "z zincr = ZADD z INCR 1 a\n");
    assert_told("ZINCRBY z 1 a", "z zincr = ZINCRBY z 1 a\n");
    assert_told("ZINCRBY z 0 a", "");
    assert_told("ZREM z x", "");
    assert_told("ZREM z a x", "z zrem = ZREM z a x\n");
    assert_told("ZREM z b", "z zrem = ZREM z b\nz del\n");
    assert_told("ZREM z b", "");
}

static void what_is_popped_is_told_by_end_and_number(void **state)
{
    (void)state;
    say("FLUSHALL");
    say("ZADD z 1 a 2 b 3 c 4 d 5 e");
    assert_told("ZPOPMIN z", "z zpopmin = ZPOPMIN z 1\n");
    assert_told("ZPOPMAX z 2", "z zpopmax = ZPOPMAX z 2\n");
    assert_told("ZPOPMIN z 0", "");
    assert_told("ZMPOP 2 y z MAX COUNT 100", "z zpopmax = ZPOPMAX z 2\nz del\n");
    assert_told("ZMPOP 2 y z MAX", "");
}

static void ranges_and_results_are_told_by_the_words_that_made_them(void **state)
{
    (void)state;
    say("FLUSHALL");
    say("ZADD z 1 a 2 b 3 c 4 d");
    assert_told("ZREMRANGEBYRANK z 0 0", "z zremrangebyrank = ZREMRANGEBYRANK z 0 0\n");
    assert_told("ZREMRANGEBYSCORE z 9 10", "");
    assert_told("ZRANGESTORE y z 0 0", "y zrangestore = ZRANGESTORE y z 0 0\n");
    assert_told("ZRANGESTORE y z 5 5", "y del = DEL y\n");
    assert_told("ZRANGESTORE y z 5 5", "");
    assert_told("ZUNIONSTORE y 1 z", "y zunionstore = ZUNIONSTORE y 1 z\n");
    assert_told("ZINTERSTORE y 2 z y", "y zinterstore = ZINTERSTORE y 2 z y\n");
    assert_told("ZDIFFSTORE y 1 z", "y zdiffstore = ZDIFFSTORE y 1 z\n");
    assert_told("ZDIFFSTORE y 2 z y", "y del = DEL y\n");
    assert_told("ZREMRANGEBYLEX z - +", "z zremrangebylex = ZREMRANGEBYLEX z - +\nz del\n");
}

/* ---- memory ---- */

static void see(void *text, const struct entry *entry)
{
    const struct zset *zset;
    struct zset_walk walk;
    char digits[64];

    text_add_quoted(text, entry_key(entry));
    if (entry_type(entry) == VALUE_ZSET) {
        zset = entry_container(entry);
        zset_check(zset);
        zset_walk_from(&walk, zset, 0, false);
        while (zset_walk_next(&walk)) {
            text_add_char(text, ' ');
            text_add(text, walk.member);
            text_add_char(text, '=');
            text_add(text,
                     bytes_of(digits, number_print_double(digits, sizeof digits, walk.score)));
        }
    }
    text_addf(text, " %lld\n", (long long)entry_deadline_ms(entry));
}

/* Two small sets, and a large one that its last ten members made so. */
static void prepare(const void *context)
{
    struct text line = {0};

    (void)context;
    say("FLUSHALL SYNC");
    say("ZADD small 1 a 2 b 3 c 4 d");
    say("ZADD other 10 b 20 c 30 e");
    say("SET text hello");
    text_add(&line, BYTES("ZADD large"));
    for (unsigned i = 0; i < 140; i++) text_addf(&line, " %u member:%u", i * 7 % 100, i);
    text_add_char(&line, '\0');
    say(line.at);
    text_fini(&line);
    say("PEXPIREAT large 9999999999999");
    keyspace_check(keyspace);
}

static const struct stage sets = {prepare, see, NULL};

#define LONG                                                                                       \
    "a-member-that-is-so-long-that-no-small-set-may-hold-it-by-the-rules-of-the-operator-today"

static void a_command_that_finds_no_memory_changes_nothing(void **state)
{
    static const char *const lines[] = {
        "ZADD fresh 1 a",
        "ZADD fresh 1 a 2 b 3 " LONG " 4 d",
        "ZADD small 5 e 6 f 9 a 7.5 g 8 " LONG " 1 b 3 e",
        "ZADD large 1.5 x 50.5 member:3 99 y 0 member:100 -1 x 20 z",
        "ZADD text-is-not-there XX 1 a",
        "ZINCRBY small 0.5 a",
        "ZINCRBY large 0.5 member:77",
        "ZINCRBY large 0.5 fresh",
        "ZREM large member:1 member:2 member:3",
        "ZUNIONSTORE fresh 2 small large",
        "ZUNIONSTORE large 2 small other WEIGHTS 2 3",
        "ZUNIONSTORE text 3 small other large AGGREGATE MAX",
        "ZINTERSTORE small 2 small other",
        "ZINTERSTORE small 2 text-is-not-there other",
        "ZDIFFSTORE fresh 2 large small",
        "ZRANGESTORE small large 10 20",
        "ZRANGESTORE fresh large 0 -1 REV",
        "ZREMRANGEBYRANK large 20 40",
        "ZPOPMIN large 20",
        "COPY large fresh",
        "COPY small large REPLACE",
        "RENAME large small",
    };
    unsigned failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        failures += assert_all_or_nothing(&sets, lines[i]);
    assert_true(failures >= 60);
}

static void a_hundred_members_are_added_all_or_none(void **state)
{
    struct text line = {0};

    (void)state;
    text_add(&line, BYTES("ZADD small"));
    for (unsigned i = 0; i < 200; i++) text_addf(&line, " %u.5 member:%u", i * 7 % 100, i % 170);
    text_add_char(&line, '\0');
    assert_true(assert_all_or_nothing(&sets, line.at) >= 10);
    memcpy(strstr(line.at, "small"), "large", 5);
    assert_true(assert_all_or_nothing(&sets, line.at) >= 3);
    text_fini(&line);
}

/* Scores of members that are there, anywhere, and new members between them. */
static void make_long_zadd(struct text *line, uint64_t *dice)
{
    text_clear(line);
    text_add(line, BYTES("ZADD large"));
    for (unsigned i = 0; i < 150; i++) {
        text_addf(line, " %u %s:%u", (unsigned)random_below(dice, 100),
                  i % 4 ? "member" : "newcomer", (unsigned)random_below(dice, 140));
    }
    text_add_char(line, '\0');
}

/* Does what was told to the sets as they were before; the effects stand behind '='. */
static struct text done_by_the_news(void)
{
    struct text told = {0};
    char *line, *rest = NULL;

    text_add(&told, text_bytes(&news));
    text_add_char(&told, '\0');
    prepare(NULL);
    for (line = strtok_r(told.at, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *effect = strstr(line, " = ");

        assert_non_null(effect);
        assert_true(say(effect + 3)[0] == ':');
    }
    text_fini(&told);
    return stored(&sets);
}

/* When no allocation succeeds any more, not even what was done can be undone for certain. What
 * stays is whole, brings no newcomer, and is what was told. */
static void what_cannot_be_taken_back_is_told(void **state)
{
    struct text line = {0}, was, is, again;
    unsigned kept = 0, undone = 0, quiet;
    uint64_t dice = 7;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_long_zadd(&line, &dice);
        quiet = 0;
        for (unsigned n = 1; quiet < 1; n++) {
            const char *reply;

            prepare(NULL);
            was = stored(&sets);
            text_clear(&news);
            reply = say_while(line.at, mem_fail_from, n);
            quiet = reply && reply[0] == ':';
            keyspace_check(keyspace);
            is = stored(&sets);
            again = done_by_the_news();
            assert_string_equal(is.at, again.at);
            if (!quiet) {
                assert_null(strstr(is.at, "newcomer"));
                *(strcmp(is.at, was.at) == 0 ? &undone : &kept) += 1;
            }
            text_fini(&was);
            text_fini(&is);
            text_fini(&again);
        }
    }
    assert_true(undone > 0 && kept > 0);
    text_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_that_come_and_go_are_told_once_a_call),
        cmocka_unit_test(what_is_popped_is_told_by_end_and_number),
        cmocka_unit_test(ranges_and_results_are_told_by_the_words_that_made_them),
        cmocka_unit_test(a_command_that_finds_no_memory_changes_nothing),
        cmocka_unit_test(a_hundred_members_are_added_all_or_none),
        cmocka_unit_test(what_cannot_be_taken_back_is_told),
    };

    return cmocka_run_group_tests(tests, setup, news_teardown);
}
