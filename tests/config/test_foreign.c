#include "../../src/config/foreign_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "coatcheck/config/registry.h"

static _Atomic int64_t own_replicaof;
static const struct option_row own_rows[] = {{.name = "replicaof",
                                              .kind = OPTION_SIZE,
                                              .max = INT64_MAX,
                                              .value = &own_replicaof,
                                              .sentence = "bytes that all keys may hold"}};
static const struct option_set own_set = {.room = "own", .rows = own_rows, .count = 1};

static enum foreign judge(const char *name, const char *value)
{
    const char *reason;
    enum foreign verdict = foreign_judge(bytes_of_text(name), bytes_of_text(value), &reason);

    /* Whatever has a consequence is explained. */
    assert_true((reason != NULL) == (verdict == FOREIGN_HARMLESS || verdict == FOREIGN_REFUSED));
    return verdict;
}

static void what_an_operator_relies_on_is_refused(void **state)
{
    static const struct {
        const char *name, *value;
    } relied_on[] = {{"save", "900 1"},
                     {"save", "3600 1 300 100"},
                     {"appendonly", "yes"},
                     {"replicaof", "10.0.0.1 6379"},
                     {"slaveof", "10.0.0.1 6379"},
                     {"min-replicas-to-write", "1"},
                     {"cluster-enabled", "yes"},
                     {"tls-replication", "yes"},
                     {"loadmodule", "/usr/lib/search.so"},
                     {"shutdown-on-sigterm", "save"}};

    (void)state;
    for (unsigned i = 0; i < sizeof relied_on / sizeof relied_on[0]; i++) {
        assert_int_equal(judge(relied_on[i].name, relied_on[i].value), FOREIGN_REFUSED);
    }
}

static void what_happens_anyhow_may_be_asked_for(void **state)
{
    static const struct {
        const char *name, *value;
    } same[] = {{"save", ""},
                {"appendonly", "no"},
                {"appendonly", "NO"},
                {"daemonize", "no"},
                {"replicaof", "no one"},
                {"cluster-enabled", "no"},
                {"tls-replication", "no"},
                {"supervised", "auto"},
                {"supervised", "systemd"},
                {"shutdown-on-sigint", "nosave now"},
                {"activerehashing", "yes"},
                {"AppendOnly", "no"}};

    (void)state;
    for (unsigned i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(judge(same[i].name, same[i].value), FOREIGN_SAME);
        assert_true(
            foreign_is_ours_anyhow(bytes_of_text(same[i].name), bytes_of_text(same[i].value)));
    }
    assert_int_equal(judge("appendonly", "n"), FOREIGN_REFUSED);
    assert_int_equal(judge("appendonly", "no "), FOREIGN_REFUSED);
    assert_int_equal(judge("supervised", "auto|systemd"), FOREIGN_HARMLESS);
    assert_int_equal(judge("supervised", ""), FOREIGN_HARMLESS);
}

static void how_redis_does_things_is_harmless(void **state)
{
    static const char *const names[] = {"dir",
                                        "dbfilename",
                                        "rdbcompression",
                                        "appendfsync",
                                        "repl-backlog-size",
                                        "replica-read-only",
                                        "slave-read-only",
                                        "lua-time-limit",
                                        "activerehashing",
                                        "list-max-listpack-size",
                                        "io-threads",
                                        "active-defrag-cycle-min",
                                        "lfu-decay-time",
                                        "tls-dh-params-file",
                                        "cluster-node-timeout",
                                        "stream-node-max-bytes",
                                        "set-max-listpack-value",
                                        "server_cpulist"};

    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(judge(names[i], "5"), FOREIGN_HARMLESS);
        assert_non_null(foreign_reason(bytes_of_text(names[i])));
    }
}

static void what_redis_does_not_know_either_is_unknown(void **state)
{
    (void)state;
    assert_int_equal(judge("prot", "6379"), FOREIGN_UNKNOWN);
    assert_int_equal(judge("", ""), FOREIGN_UNKNOWN);
    assert_int_equal(judge("save ", ""), FOREIGN_UNKNOWN);
    assert_null(foreign_reason(BYTES("prot")));
}

static const char *fact(const char *name)
{
    static char value[100];
    struct config_fact found;

    for (unsigned i = 0; config_fact(i, &found); i++) {
        if (strcmp(found.name, name) != 0) continue;
        assert_true(found.value.len < sizeof value);
        memcpy(value, found.value.at, found.value.len);
        value[found.value.len] = 0;
        return value;
    }
    return NULL;
}

/* CONFIG GET may answer for what we do not have, as long as the answer is true. */
static void what_happens_anyhow_is_a_fact(void **state)
{
    struct config_fact found;
    unsigned count = 0;

    (void)state;
    assert_string_equal(fact("save"), "");
    assert_string_equal(fact("appendonly"), "no");
    assert_string_equal(fact("replicaof"), "");
    assert_string_equal(fact("shutdown-on-sigterm"), "default");
    assert_null(fact("appendfsync")); /* there is nothing true to say about it */
    assert_null(fact("port"));
    while (config_fact(count, &found)) count++;
    assert_true(count > 10);
    assert_false(config_fact(count + 1, &found));
    config_add(&own_set);
    assert_null(fact("replicaof")); /* a row of our own answers for itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_operator_relies_on_is_refused),
        cmocka_unit_test(what_happens_anyhow_may_be_asked_for),
        cmocka_unit_test(how_redis_does_things_is_harmless),
        cmocka_unit_test(what_redis_does_not_know_either_is_unknown),
        cmocka_unit_test(what_happens_anyhow_is_a_fact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
