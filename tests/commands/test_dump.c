#include "client.h"
#include "coatcheck/base/number.h"
#include "coatcheck/keyspace/evict.h"
#include "coatcheck/persist/rdb.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

#define NOW 2000000000000

/* Says words that may have any bytes; the reply as say_with_failure() hands it out. */
static const char *ask(const struct bytes *words, unsigned count, unsigned fail)
{
    struct text request = {0};
    struct feed feed = {.session = &session, .outbox = &outbox, .unread_most = 1 << 20};

    text_addf(&request, "*%u\r\n", count);
    for (unsigned i = 0; i < count; i++) {
        text_addf(&request, "$%zu\r\n", words[i].len);
        text_add(&request, words[i]);
        text_add(&request, BYTES("\r\n"));
    }
    feed.input = text_bytes(&request);
    memset(text_extend(&request, REQUEST_PADDING), 0, REQUEST_PADDING);
    feed.input.at = request.at;
    mem_fail_after(fail);
    turn_run(turn, &feed, 1, area, CLIENT_AREA, send_nothing, NULL);
    mem_fail_after(0);
    text_fini(&request);
    take_answer(&feed);
    session_unset(&session, SESSION_CLOSING);
    return feed.close ? NULL : answer.at;
}

static const char *restore(const char *ttl, struct bytes dump, const char *option, unsigned fail)
{
    struct bytes words[] = {BYTES("RESTORE"), BYTES("k"), bytes_of_text(ttl), dump, bytes_of_text(option ? option : "")};

    return ask(words, option ? 5 : 4, fail);
}

/* What DUMP answers; to be ended with free(at). */
static struct bytes dump_of(const char *line)
{
    const char *reply = say(line), *at = strchr(reply, '\n') + 1;
    size_t len = strtoul(reply + 1, NULL, 10);
    char *copy = malloc(len);

    assert_int_equal(reply[0], '$');
    memcpy(copy, at, len);
    assert_memory_equal(at + len, "\r\n", 2);
    return bytes_of(copy, len);
}

/* ---- news ---- */

static struct text news;

static void note(const struct change *change)
{
    text_add(&news, change->key);
    text_addf(&news, " %s", change->event ? change->event : "-");
    for (unsigned i = 0; i < change->effect_words; i++) {
        text_add_char(&news, ' ');
        text_add_quoted(&news, change->effect[i]);
    }
    text_add_char(&news, '\n');
}

static const struct change_listener listener = {note};

/* The effect of a RESTORE: what was told, with this in the place of the dump's own bytes. */
static void assert_told(const char *wanted, struct bytes dump)
{
    struct text line = {0}, quoted = {0};
    const char *gap = strchr(wanted, '@');

    text_add_quoted(&quoted, dump);
    text_add(&line, bytes_of(wanted, gap ? (size_t)(gap - wanted) : strlen(wanted)));
    if (gap) text_add(&line, text_bytes(&quoted));
    if (gap) text_add(&line, bytes_of_text(gap + 1));
    text_add_char(&line, '\0');
    text_add_char(&news, '\0');
    assert_string_equal(news.at, line.at);
    text_clear(&news);
    text_fini(&line);
    text_fini(&quoted);
}

static void restoring_is_told_with_the_time_at_which_the_key_goes(void **state)
{
    struct bytes dump;

    (void)state;
    clock_set_ms(NOW);
    say("FLUSHALL");
    say("SET v hello");
    dump = dump_of("DUMP v");
    text_clear(&news);
    assert_string_equal(restore("0", dump, NULL, 0), "+OK\r\n");
    assert_told("k restore \"RESTORE\" \"k\" \"0\" @ \"REPLACE\"\n", dump);
    assert_string_equal(restore("5000", dump, "REPLACE", 0), "+OK\r\n");
    assert_told("k restore \"RESTORE\" \"k\" \"2000000005000\" @ \"REPLACE\" \"ABSTTL\"\n", dump);
    assert_string_equal(restore("0", dump, NULL, 0), "-BUSYKEY Target key name already exists.\r\n");
    assert_told("", dump);
    assert_string_equal(restore("0", bytes_of(dump.at, dump.len - 1), "REPLACE", 0),
                        "-ERR DUMP payload version or checksum are wrong\r\n");
    assert_told("", dump);
    assert_string_equal(restore("9223372036854775807", dump, "REPLACE", 0), "+OK\r\n");
    assert_told("k del \"DEL\" \"k\"\n", dump);
    assert_string_equal(restore("9223372036854775807", dump, NULL, 0), "+OK\r\n");
    assert_told("", dump);
    free((char *)dump.at);
}

/* ---- memory ---- */

static void without_memory_the_key_stays_as_it_was(void **state)
{
    static const char *const makers[] = {
        "SET v abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc",
        "RPUSH v 1 two three 4 abcabcabcabcabcabcabcabcabcabcabcabcabcabc",
        "SADD v 1 2 3 4 5 6 7 800000",
        "SADD v one two three 4 5 6",
        "ZADD v 1 one 2.5 two 3 three",
        "HSET v one 1 two 2 three 3333333333333333333333333333333333333",
    };

    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        struct bytes dump;
        unsigned failures = 0, quiet = 0;

        say("FLUSHALL SYNC");
        say(makers[i]);
        dump = dump_of("DUMP v");
        for (unsigned n = 1; quiet < 12; n++) {
            const char *reply;
            bool done;

            say("SET k before");
            reply = restore("0", dump, "REPLACE", n);
            done = reply && strcmp(reply, "+OK\r\n") == 0;
            if (reply && !done) assert_true(strncmp(reply, "-OOM ", 5) == 0);
            quiet = done ? quiet + 1 : 0;
            failures += !done;
            if (done) {
                struct bytes again = dump_of("DUMP k");

                assert_int_equal(again.len, dump.len);
                free((char *)again.at);
            } else {
                SAY("GET k", "$6\r\nbefore\r\n");
            }
            keyspace_check(keyspace);
        }
        assert_true(failures > 0);
        free((char *)dump.at);
    }
}

/* ---- use ---- */

static void what_is_told_of_its_use_is_remembered(void **state)
{
    static const struct {
        const char *told;
        int frequency;
    } rows[] = {{"0", 0}, {"5", 0}, {"6", 1}, {"9", 1}, {"10", 2}, {"17", 2}, {"18", 3}, {"141", 3}, {"142", 4}, {"255", 4}};
    struct bytes dump;

    (void)state;
    clock_set_ms(NOW);
    say("FLUSHALL");
    say("SET v hello");
    dump = dump_of("DUMP v");
    say("DEL v");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes words[] = {BYTES("RESTORE"), BYTES("k"),    BYTES("0"),
                                dump,             BYTES("FREQ"), bytes_of_text(rows[i].told)};
        struct key key = key_named("k");

        say("DEL k");
        assert_string_equal(ask(words, 6, 0), "+OK\r\n");
        assert_int_equal(key_frequency(&key), rows[i].frequency);
        keyspace_check(keyspace);
    }
    say("DEL k");
    struct bytes words[] = {BYTES("RESTORE"), BYTES("k"), BYTES("0"), dump, BYTES("IDLETIME"), BYTES("1000")};
    struct key key = key_named("k");

    assert_string_equal(ask(words, 6, 0), "+OK\r\n");
    assert_in_range(key_idle_seconds(&key), 980, 1000);
    assert_int_equal(key_frequency(&key), 0);
    words[5] = BYTES("9223372036854775807");
    say("DEL k");
    assert_string_equal(ask(words, 6, 0), "+OK\r\n");
    assert_true(key_idle_seconds(&key) > 500000);
    free((char *)dump.at);
}

static int setup(void **state)
{
    rdb_setup();
    hash_kind_setup();
    list_setup();
    set_kind_setup();
    zset_setup();
    change_listen(&listener);
    return client_setup(state);
}

static int teardown(void **state)
{
    text_fini(&news);
    return client_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restoring_is_told_with_the_time_at_which_the_key_goes),
        cmocka_unit_test(without_memory_the_key_stays_as_it_was),
        cmocka_unit_test(what_is_told_of_its_use_is_remembered),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
