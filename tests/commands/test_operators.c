/* What operators ask, where a conversation cannot show it: memory that fails in the middle of a
 * report, and the form of every line of INFO. */
#include "client.h"
#include "coatcheck/config/registry.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/slowlog.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/observe/facts.h"
#include "coatcheck/observe/registry.h"

static void no_sessions(void (*see)(struct session *session, void *context), void *context)
{
    (void)see;
    (void)context;
}

static const struct session_host own_host = {
    .close_after_reply = close_session,
    .facts = no_facts,
    .weigh = no_facts,
    .each = no_sessions,
};

static int setup(void **state)
{
    if (client_setup(state) != 0) return -1;
    session_host = &own_host;
    config_add(&net_option_set);
    config_add(&engine_option_set);
    observe_add(&net_metric_set);
    observe_add(&keyspace_metric_set);
    stats_declare();
    facts_setup();
    slowlog_setup();
    say("SET key value");
    say("NOSUCH command");
    return 0;
}

static int teardown(void **state)
{
    slowlog_reset();
    return client_teardown(state);
}

/* The bulk string that the reply is. */
static char *bulk_of(const char *reply)
{
    char *end;
    size_t len;

    assert_int_equal(reply[0], '$');
    len = strtoul(reply + 1, &end, 10);
    assert_memory_equal(end + 2 + len, "\r\n", 2);
    return strndup(end + 2, len);
}

static bool is_field(const char *line)
{
    size_t name = strcspn(line, ":\r\n ");

    return name > 0 && line[name] == ':';
}

/* Exporters split at the first colon; a line of another form, or a name twice, breaks them. */
static void every_line_of_info_is_a_field_that_stands_there_once(void **state)
{
    char *info, *line, *rest;
    unsigned fields = 0, sections = 0;

    (void)state;
    info = bulk_of(say("INFO everything"));
    for (line = info; *line; line = rest) {
        char name[96];
        rest = strstr(line, "\r\n");
        assert_non_null(rest);
        *rest = '\0';
        rest += 2;
        if (*line == '\0') continue;
        if (line[0] == '#') {
            sections++;
            continue;
        }
        if (!is_field(line)) fail_msg("'%s' is no field", line);
        snprintf(name, sizeof name, "\r\n%.*s:", (int)strcspn(line, ":"), line);
        if (strncmp(rest, name + 2, strlen(name + 2)) == 0 || strstr(rest, name)) {
            fail_msg("%s stands there twice", name + 2);
        }
        fields++;
    }
    assert_int_equal(sections, 14);
    assert_true(fields > 120);
    free(info);
}

static void sections_come_in_one_order_and_once(void **state)
{
    char *one = bulk_of(say("INFO cluster")), *again = bulk_of(say("INFO CLUSTER cluster nosuch"));
    char *two = bulk_of(say("INFO cluster modules"));

    (void)state;
    assert_string_equal(one, again);
    assert_string_equal(two, "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n");
    free(one);
    free(again);
    free(two);
}

/* ---- memory that fails ---- */

/* After so many numbers that do no harm a command has no more allocations that could fail. */
#define QUIET 30

/* Either the answer, or an error, or the connection is closed: never half an answer that looks
 * whole. */
static void survives(const char *line)
{
    unsigned quiet = 0;

    for (unsigned n = 1; quiet < QUIET && n < 4000; n++) {
        const char *reply = say_with_failure(line, n);

        if (!reply || strncmp(reply, "-OOM ", 5) == 0 || strstr(reply, "emory")) {
            quiet = 0;
            continue;
        }
        assert_true(strchr("$*+:-", reply[0]) != NULL && reply[0] != '\0');
        quiet++;
    }
    SAY("PING", "+PONG\r\n");
}

static void reports_fail_as_a_whole_or_not_at_all(void **state)
{
    static const char *const lines[] = {
        "INFO everything",
        "CONFIG GET *",
        "CONFIG GET t* timeout hz",
        "CONFIG SET timeout 5 hz 11",
        "CONFIG SET requirepass \"\"",
        "CONFIG RESETSTAT",
        "COMMAND",
        "COMMAND DOCS",
        "COMMAND LIST FILTERBY PATTERN *",
        "COMMAND GETKEYS MSET a 1 b 2",
        "ACL CAT read",
        "SLOWLOG GET -1",
        "LATENCY HISTOGRAM",
        "LATENCY DOCTOR",
        "LATENCY LATEST",
        "MEMORY STATS",
        "MEMORY DOCTOR",
        "MEMORY USAGE key",
        "DEBUG HELP",
        "DEBUG POPULATE 10 p 100",
        "DEBUG HTSTATS 0",
        "DEBUG DIGEST",
    };

    (void)state;
    atomic_store(&engine_options.enable_debug_command, DEBUG_COMMAND_YES);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) survives(lines[i]);
    keyspace_check(keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_info_is_a_field_that_stands_there_once),
        cmocka_unit_test(sections_come_in_one_order_and_once),
        cmocka_unit_test(reports_fail_as_a_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
