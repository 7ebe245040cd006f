/* debug: what testers ask of the server, and what breaks it on purpose. Refused unless the operator
 * allows it. */
#include "debug_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "coatcheck/base/log.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/observe/facts.h"
#include "coatcheck/structs/glob.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

struct debug_row {
    const char *name;
    unsigned min, max; /* words after the subcommand's name */
    void (*run)(struct call *call);
    const char *help; /* words, a newline, what it does; NULL: not told */
};

/* ---- time and ways to end ---- */

/* Stops this worker, which has entered no shard: the others go on. */
static void debug_sleep(struct call *call)
{
    char text[64];
    struct bytes word = call_arg(call, 2);
    size_t len = word.len < sizeof text - 1 ? word.len : sizeof text - 1;
    double seconds;

    memcpy(text, word.at, len);
    text[len] = '\0';
    seconds = strtod(text, NULL);
    if (seconds > 0 && seconds < 1e9) {
        struct timespec pause = {.tv_sec = (time_t)seconds,
                                 .tv_nsec = (long)(fmod(seconds, 1) * 1e9)};

        nanosleep(&pause, NULL);
    }
    reply_ok(call->reply);
}

static void debug_segfault(struct call *call)
{
    volatile char *volatile nowhere = NULL; /* so that no compiler leaves the write out */

    (void)call;
    *nowhere = 'x';
}

static void debug_panic(struct call *call)
{
    (void)call;
    must_failed("DEBUG PANIC was not called", __FILE__, __LINE__);
}

static void debug_assert(struct call *call)
{
    must(!call_arg_is(call, 1, "assert"));
}

/* ---- keys and tables ---- */

struct entry *debug_enter(struct call *call, unsigned i, struct key *key)
{
    struct entry *entry;

    key_init(key, call->keyspace, session_db(call->session), call_arg(call, i));
    debug_shard_enter(key->shard);
    entry = key_peek(key);
    if (entry) return entry;
    debug_shard_leave(key->shard);
    reply_error(call->reply, ERR_NO_SUCH_KEY);
    return NULL;
}

static size_t serialized_text(size_t len)
{
    return len + (len < 64 ? 1 : len < 16384 ? 2 : len <= UINT32_MAX ? 5 : 9);
}

static size_t serialized_list(const struct list *list)
{
    size_t len = serialized_text(list_count(list)) - list_count(list);
    struct list_walk walk;

    for (list_walk_from(&walk, list, 0, false); list_walk_next(&walk);) {
        char scratch[NUMBER_MAX_TEXT];

        len += serialized_text(list_walk_text(&walk, scratch).len);
    }
    return len;
}

/* Each member's text and the eight bytes of its score. */
static size_t serialized_zset(const struct zset *zset)
{
    size_t len = serialized_text(zset_count(zset)) - zset_count(zset);
    struct zset_walk walk;

    zset_walk_from(&walk, zset, 0, false);
    while (zset_walk_next(&walk)) len += serialized_text(walk.member.len) + sizeof walk.score;
    return len;
}

/* Each field's text and its value's. */
static size_t serialized_hash(const struct hash *hash)
{
    size_t len = serialized_text(hash_count(hash)) - hash_count(hash);
    struct hash_walk walk;

    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        len += serialized_text(walk.field.name.len) + serialized_text(walk.field.value.len);
    }
    return len;
}

/* Each member's text; numbers alone are one text of them. */
static size_t serialized_set(const struct set *set)
{
    size_t len = serialized_text(set_count(set)) - set_count(set);
    struct set_walk walk;

    if (set_is_intset(set)) return serialized_text(8 + set_count(set) * set_number_width(set));
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) len += serialized_text(walk.member.len);
    return len;
}

/* As many bytes as the value would take in an RDB file without compression. */
static size_t serialized_length(const struct entry *entry)
{
    if (entry_type(entry) == VALUE_HASH) return serialized_hash(entry_container(entry));
    if (entry_type(entry) == VALUE_LIST) return serialized_list(entry_container(entry));
    if (entry_type(entry) == VALUE_SET) return serialized_set(entry_container(entry));
    if (entry_type(entry) == VALUE_ZSET) return serialized_zset(entry_container(entry));
    if (entry_type(entry) != VALUE_STRING) return 0;
    if (entry_form(entry) == ENTRY_INT) {
        int64_t number = entry_int(entry);

        if (number >= INT8_MIN && number <= INT8_MAX) return 2;
        if (number >= INT16_MIN && number <= INT16_MAX) return 3;
        if (number >= INT32_MIN && number <= INT32_MAX) return 5;
    }
    return serialized_text(entry_string_len(entry));
}

static void debug_object(struct call *call)
{
    struct key key;
    struct entry *entry = debug_enter(call, 2, &key);
    char line[256];
    int64_t idle_s;

    if (!entry) return;
    idle_s = key_idle_seconds(&key);
    snprintf(
        line, sizeof line,
        "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%lld lru_seconds_idle:%lld",
        (void *)entry, entry_encoding(entry), serialized_length(entry),
        (long long)((clock_now_ms() / 1000 - idle_s) & 0xffffff), (long long)idle_s);
    debug_shard_leave(key.shard);
    reply_simple(call->reply, line);
}

static void debug_htstats(struct call *call)
{
    struct keyspace_shape shape;
    struct text report = {0};
    int64_t db;

    if (!call_read_int(call, 2, &db)) return;
    if (db < 0 || db >= keyspace_databases(call->keyspace)) {
        reply_errorf(call->reply, "ERR Out of range database");
        return;
    }
    keyspace_read_shape(call->keyspace, (unsigned)db, &shape);
    text_addf(&report, "[Database %lld]\n shards: %u\n keys: %llu\n keys with a deadline: %llu\n",
              (long long)db, keyspace_shards(call->keyspace), (unsigned long long)shape.live,
              (unsigned long long)keyspace_count_volatile(call->keyspace, (unsigned)db));
    text_addf(&report,
              " groups of 7 slots: %llu\n groups still to move: %llu\n bytes of tables: %llu\n",
              (unsigned long long)shape.groups, (unsigned long long)shape.groups_moving,
              (unsigned long long)shape.bytes_of_tables);
    if (shape.groups > 0) {
        text_addf(&report, " load: %.2f%%\n",
                  100.0 * (double)shape.live / (7.0 * (double)shape.groups));
    }
    text_addf(&report, " longest chain in groups: %llu\n re-keyed shards: %llu\n",
              (unsigned long long)shape.longest_chain, (unsigned long long)shape.rekeyed_shards);
    reply_verbatim(call->reply, "txt", text_bytes(&report));
    text_fini(&report);
}

static void debug_htstats_key(struct call *call)
{
    struct key key;

    if (!debug_enter(call, 2, &key)) return;
    debug_shard_leave(key.shard);
    reply_errorf(
        call->reply,
        "ERR The value stored at the specified key is not represented using an hash table");
}

static void debug_set_active_expire(struct call *call)
{
    int64_t on;

    keyspace_sweep(call->keyspace, number_read_int(call_arg(call, 2), &on) && on != 0);
    reply_ok(call->reply);
}

/* False: no memory. */
static bool populate_one(struct call *call, struct bytes prefix, int64_t number, struct text *name,
                         struct text *value, int64_t size)
{
    struct key key;
    struct spot spot;
    enum status status = OK;

    text_clear(name);
    text_add(name, prefix);
    text_addf(name, ":%lld", (long long)number);
    text_clear(value);
    text_addf(value, "value:%lld", (long long)number);
    if (size >= 0 && !text_failed(value)) {
        size_t len = value->len;

        if ((size_t)size > len) {
            char *rest = text_extend(value, (size_t)size - len);

            if (rest) memset(rest, 0, (size_t)size - len);
        } else {
            value->len = (size_t)size;
        }
    }
    if (text_failed(name) || text_failed(value)) return false;
    key_init(&key, call->keyspace, session_db(call->session), text_bytes(name));
    debug_shard_enter(key.shard);
    if (!key_find(&key, &spot)) status = key_put_string(&key, &spot, text_bytes(value), NEVER);
    if (status == OK) call_changed(call, &key, "set");
    debug_shard_leave(key.shard);
    return status == OK;
}

static void debug_populate(struct call *call)
{
    struct bytes prefix = call_argc(call) > 3 ? call_arg(call, 3) : BYTES("key");
    struct text name = {0}, value = {0};
    int64_t count, size = -1;
    bool fits = true;

    if (!call_read_int_between(call, 2, 0, INT64_MAX, &count, NULL)) return;
    if (call_argc(call) > 4 &&
        !call_read_int_between(call, 4, 0, option_int(&engine_options.proto_max_bulk_len), &size,
                               NULL)) {
        return;
    }
    for (int64_t i = 0; i < count && fits; i++)
        fits = populate_one(call, prefix, i, &name, &value, size);
    if (call_ok(call, fits ? OK : NO_MEMORY)) reply_ok(call->reply);
    text_fini(&name);
    text_fini(&value);
}

/* ---- replies and matching ---- */

static void debug_error(struct call *call)
{
    reply_error_text(call->reply, call_arg(call, 2));
}

static void debug_log(struct call *call)
{
    struct bytes message = call_arg(call, 2);

    log_warning("DEBUG LOG: %.*s", (int)(message.len < 4096 ? message.len : 4096), message.at);
    reply_ok(call->reply);
}

static void debug_stringmatch(struct call *call)
{
    reply_int(call->reply, glob_match(call_arg(call, 2), call_arg(call, 3)));
}

static void debug_structsize(struct call *call)
{
    struct text line = {0};

    text_addf(&line,
              "bits:%zu session:%zu call:%zu reply:%zu key:%zu spot:%zu blob:%zu outbox_chunk:%zu "
              "feed:%zu",
              8 * sizeof(void *), sizeof(struct session), sizeof(struct call), sizeof(struct reply),
              sizeof(struct key), sizeof(struct spot), sizeof(struct blob),
              sizeof(struct outbox_chunk), sizeof(struct feed));
    reply_bulk(call->reply, text_bytes(&line));
    text_fini(&line);
}

/* Tunes something of redis-server that has no counterpart here: nothing a test could see is
 * different. */
static void debug_nothing_to_tune(struct call *call)
{
    reply_ok(call->reply);
}

static void debug_needs_disk(struct call *call)
{
    struct bytes name = call_arg(call, 1);

    reply_errorf(call->reply,
                 "ERR DEBUG %.*s is not there yet: nothing is saved to disk or loaded from it",
                 (int)name.len, name.at);
}

static void debug_change_repl_id(struct call *call)
{
    facts_change_replication_id();
    reply_ok(call->reply);
}

static void debug_help(struct call *call);

static const struct debug_row debug_rows[] = {
    {"assert", 0, 0, debug_assert, "ASSERT\n    End by a broken assertion."},
    {"change-repl-id", 0, 0, debug_change_repl_id,
     "CHANGE-REPL-ID\n    Draw another replication id, which INFO replication shows."},
    {"digest", 0, 0, debug_digest,
     "DIGEST\n    A digest of all keys and values; equal for equal data."},
    {"digest-value", 0, UINT32_MAX, debug_digest_value,
     "DIGEST-VALUE <key> [<key> ...]\n    Digests of values."},
    {"error", 1, 1, debug_error, "ERROR <text>\n    Answer this error."},
    {"help", 0, 0, debug_help, NULL},
    {"htstats", 1, 1, debug_htstats,
     "HTSTATS <dbid>\n    What the tables of a database look like."},
    {"htstats-key", 1, 1, debug_htstats_key,
     "HTSTATS-KEY <key>\n    The same for the table that a value holds."},
    {"log", 1, 1, debug_log, "LOG <message>\n    Write the message to the log."},
    {"object", 1, 1, debug_object, "OBJECT <key>\n    How the value of a key is kept."},
    {"panic", 0, 0, debug_panic, "PANIC\n    End by a broken promise."},
    {"populate", 1, 3, debug_populate,
     "POPULATE <count> [<prefix>] [<size>]\n    Make so many string keys, named "
     "<prefix>:<number>."},
    {"protocol", 1, 1, debug_protocol,
     "PROTOCOL <type>\n    Answer a value of this type: string, integer, double, bignum, null, "
     "array, set, map,\n"
     "    attrib, push, verbatim, true, false."},
    {"quicklist-packed-threshold", 1, 1, debug_nothing_to_tune,
     "QUICKLIST-PACKED-THRESHOLD <size>\n    Tunes what is not here: does nothing."},
    {"replybuffer", 2, 2, debug_nothing_to_tune,
     "REPLYBUFFER <what> <value>\n    Tunes what is not here: does nothing."},
    {"set-disable-deny-scripts", 1, 1, debug_nothing_to_tune,
     "SET-DISABLE-DENY-SCRIPTS <0|1>\n    Tunes what is not here: does nothing."},
    {"set-skip-checksum-validation", 1, 1, debug_nothing_to_tune,
     "SET-SKIP-CHECKSUM-VALIDATION <0|1>\n    Tunes what is not here: does nothing."},
    {"reload", 0, UINT32_MAX, debug_needs_disk, "RELOAD\n    Not there yet."},
    {"loadaof", 0, 0, debug_needs_disk, "LOADAOF\n    Not there yet."},
    {"restart", 0, 1, debug_needs_disk, "RESTART\n    Not there yet."},
    {"crash-and-recover", 0, 1, debug_needs_disk, "CRASH-AND-RECOVER\n    Not there yet."},
    {"segfault", 0, 0, debug_segfault, "SEGFAULT\n    End by a write to where nothing is."},
    {"set-active-expire", 1, 1, debug_set_active_expire,
     "SET-ACTIVE-EXPIRE <0|1>\n    Leave expired keys to their readers (0), or sweep them as usual "
     "(1)."},
    {"sleep", 1, 1, debug_sleep,
     "SLEEP <seconds>\n    Stop the worker that serves this connection; the others go on."},
    {"stringmatch-len", 2, 2, debug_stringmatch,
     "STRINGMATCH-LEN <pattern> <text>\n    Does the pattern match?"},
    {"structsize", 0, 0, debug_structsize,
     "STRUCTSIZE\n    Bytes of the structures that every request uses."},
};
#define DEBUG_ROWS (sizeof debug_rows / sizeof debug_rows[0])

static void debug_help(struct call *call)
{
    const char *lines[DEBUG_ROWS * 4];
    struct text copy = {0};
    size_t count = 0;

    for (size_t i = 0; i < DEBUG_ROWS; i++) {
        if (!debug_rows[i].help) continue;
        text_add(&copy, bytes_of_text(debug_rows[i].help));
        text_add_char(&copy, '\n');
    }
    if (call_ok(call, text_failed(&copy) ? NO_MEMORY : OK)) {
        for (size_t from = 0, i = 0; i < copy.len; i++) {
            if (copy.at[i] != '\n') continue;
            copy.at[i] = '\0';
            lines[count++] = copy.at + from;
            from = i + 1;
        }
        lines[count] = NULL;
        call_reply_help(call, lines);
    }
    text_fini(&copy);
}

static void cmd_debug(struct call *call)
{
    struct bytes name = call_arg(call, 1);
    unsigned words = call_argc(call) - 2;

    if (!call_is_enabled(call, option_int(&engine_options.enable_debug_command))) {
        reply_errorf(call->reply, "ERR DEBUG command not allowed. If the enable-debug-command "
                                  "option is set to \"local\", you can "
                                  "run it from a local connection, otherwise you need to set this "
                                  "option in the configuration "
                                  "file, and then restart the server.");
        return;
    }
    for (size_t i = 0; i < DEBUG_ROWS; i++) {
        const struct debug_row *row = &debug_rows[i];

        if (!bytes_is(name, row->name) || words < row->min || words > row->max) continue;
        row->run(call);
        return;
    }
    reply_errorf(call->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                 (int)(name.len < 128 ? name.len : 128), name.at);
}

static const struct command_row rows[] = {
    {.name = "debug",
     .run = cmd_debug,
     .arity = -2,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE,
     .since = "1.0.0",
     .cost = "Depends on subcommand.",
     .syntax = "subcommand [arg [arg ...]]",
     .summary = "Helps those who test: the option enable-debug-command says who may."},
};

const struct command_family debug_commands = COMMAND_FAMILY("server", rows);
