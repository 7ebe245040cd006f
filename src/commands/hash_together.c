/* hash_together: values and deadlines of fields in one command: HGETEX, HSETEX, HGETDEL. */
#include "coatcheck/base/text.h"
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/table.h"

static const struct {
    const char *word;
    struct deadline_unit unit;
} units[] = {{"EX", {.seconds = true}},
             {"PX", {0}},
             {"EXAT", {.seconds = true, .absolute = true}},
             {"PXAT", {.absolute = true}}};
#define UNITS (sizeof units / sizeof units[0])

/* UNITS: it is none. */
static unsigned find_unit(const struct call *call, unsigned i)
{
    unsigned u = 0;

    while (u < UNITS && !call_arg_is(call, i, units[u].word)) u++;
    return u;
}

/* ---- HGETDEL ---- */

static void cmd_hgetdel(struct call *call)
{
    const struct key *key = &call->keys[0];
    unsigned first, count, removed = 0;
    struct spot spot;
    struct hash *hash;

    if (!call_find_hash(call, &spot, &hash)) return;
    if (!call_read_fields(call, 2, FIELDS_NOT_POSITIVE, &first, &count)) return;
    reply_array(call->reply, count);
    for (unsigned i = first; i < call_argc(call); i++) {
        struct bytes name = call_arg(call, i);

        reply_field(call->reply, hash, name);
        if (hash && hash_remove(hash, name)) effect_field_gone(key, removed++ == 0 ? "hdel" : NULL, name);
    }
    if (removed > 0) hash_drop_if_empty(key, &spot);
}

/* ---- HGETEX ---- */

enum getex_action { GETEX_LEAVE, GETEX_PERSIST, GETEX_EXPIRE };

struct getex {
    enum getex_action action;
    int64_t deadline_ms;
    unsigned first, count;
};

/* False: answered. */
static bool read_getex(struct call *call, struct getex *getex)
{
    unsigned u = find_unit(call, 2), at = 2;

    getex->action = GETEX_LEAVE;
    getex->deadline_ms = NEVER;
    if (u < UNITS) {
        getex->action = GETEX_EXPIRE;
        at = 4;
    } else if (call_arg_is(call, 2, "PERSIST")) {
        getex->action = GETEX_PERSIST;
        at = 3;
    }
    if (!call_read_fields(call, at, FIELDS_NOT_POSITIVE, &getex->first, &getex->count)) return false;
    return u == UNITS || call_read_field_deadline(call, 3, units[u].unit, &getex->deadline_ms);
}

/* What becomes of a field that was told. `told`: an event was told already. True: it was changed. */
static bool getex_field(const struct getex *getex, const struct key *key, struct hash *hash, struct bytes name,
                        bool told)
{
    struct hash_field field;

    if (getex->action == GETEX_LEAVE || !hash_get(hash, name, &field)) return false;
    if (deadline_is_over(getex->deadline_ms)) {
        hash_remove(hash, name);
        effect_field_gone(key, told ? NULL : "hdel", name);
        return true;
    }
    if (getex->action == GETEX_PERSIST && field.deadline_ms == NEVER) return false;
    must(hash_set_deadline(hash, name, getex->deadline_ms) == OK);
    effect_field_deadline(key, told ? NULL : getex->action == GETEX_PERSIST ? "hpersist" : "hexpire", name,
                          getex->deadline_ms);
    return true;
}

static void cmd_hgetex(struct call *call)
{
    struct getex getex;
    struct spot spot;
    struct hash *hash;
    bool changed = false;

    if (!call_find_hash(call, &spot, &hash) || !read_getex(call, &getex)) return;
    for (unsigned i = 0; hash && getex.action == GETEX_EXPIRE && i < getex.count; i++) {
        if (!call_ok(call, hash_ready_deadline(hash, call_arg(call, getex.first + i)))) return;
    }
    reply_array(call->reply, getex.count);
    for (unsigned i = 0; i < getex.count; i++) {
        struct bytes name = call_arg(call, getex.first + i);

        reply_field(call->reply, hash, name);
        if (hash && getex_field(&getex, &call->keys[0], hash, name, changed)) changed = true;
    }
    if (!changed) return;
    key_note_elements(&call->keys[0], &spot);
    hash_drop_if_empty(&call->keys[0], &spot);
}

/* ---- HSETEX ---- */

struct setex {
    enum { SETEX_ALWAYS, SETEX_NONE_THERE, SETEX_ALL_THERE } condition;
    bool has_deadline; /* or KEEPTTL */
    int64_t deadline_ms;
    unsigned first, pairs;
};

static bool refuse_word(struct call *call, struct bytes word)
{
    reply_errorf(call->reply, "ERR unknown argument: %.*s", (int)(word.len < 1024 ? word.len : 1024), word.at);
    return false;
}

/* A word that says when to set or how long. *i is the last word of it. False: answered. */
static bool read_setex_option(struct call *call, unsigned *i, struct setex *setex)
{
    unsigned u = find_unit(call, *i);
    bool when_none = call_arg_is(call, *i, "FNX"), keep = call_arg_is(call, *i, "KEEPTTL");

    if (when_none || call_arg_is(call, *i, "FXX")) {
        if (setex->condition != SETEX_ALWAYS) {
            reply_errorf(call->reply, "ERR Only one of FXX or FNX arguments can be specified");
            return false;
        }
        setex->condition = when_none ? SETEX_NONE_THERE : SETEX_ALL_THERE;
        return true;
    }
    if (!keep && u == UNITS) return refuse_word(call, call_arg(call, *i));
    if (setex->has_deadline) {
        reply_errorf(call->reply, "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        return false;
    }
    setex->has_deadline = true;
    setex->deadline_ms = HASH_KEEP_DEADLINE;
    if (keep) return true;
    if (*i + 1 >= call_argc(call)) {
        reply_errorf(call->reply, "ERR missing expire time");
        return false;
    }
    return call_read_field_deadline(call, ++*i, units[u].unit, &setex->deadline_ms);
}

/* From the word FIELDS to the end. False: answered. */
static bool read_setex_fields(struct call *call, unsigned at, struct setex *setex)
{
    unsigned words = call_argc(call) - at;
    int64_t number;

    if (words < 4) {
        call_arity_error(call);
        return false;
    }
    if (!call_read_int_between(call, at + 1, 1, INT32_MAX, &number, "invalid number of fields")) return false;
    setex->first = at + 2;
    setex->pairs = (words - 2) / 2;
    if (words % 2 == 0 && number == setex->pairs) return true;
    call_arity_error(call);
    return false;
}

static bool read_setex(struct call *call, struct setex *setex)
{
    *setex = (struct setex){.deadline_ms = NEVER};
    for (unsigned i = 2; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "FIELDS")) return read_setex_fields(call, i, setex);
        if (!read_setex_option(call, &i, setex)) return false;
    }
    reply_errorf(call->reply, "ERR missing FIELDS argument");
    return false;
}

static bool setex_may(const struct call *call, const struct setex *setex, const struct hash *hash)
{
    struct hash_field field;

    for (unsigned i = 0; setex->condition != SETEX_ALWAYS && i < setex->pairs; i++) {
        bool there = hash && hash_get(hash, call_arg(call, setex->first + 2 * i), &field);

        if (there != (setex->condition == SETEX_ALL_THERE)) return false;
    }
    return true;
}

/* Set to be gone at once. */
static void setex_remove(struct call *call, const struct setex *setex, struct spot *spot, struct hash *hash)
{
    unsigned removed = 0;

    for (unsigned i = 0; hash && i < setex->pairs; i++) {
        struct bytes name = call_arg(call, setex->first + 2 * i);

        if (hash_remove(hash, name)) effect_field_gone(&call->keys[0], removed++ == 0 ? "hdel" : NULL, name);
    }
    if (removed > 0) hash_drop_if_empty(&call->keys[0], spot);
}

/* Another machine is told when, not for how long. */
static void setex_tell(struct call *call, const struct setex *setex)
{
    const struct key *key = &call->keys[0];
    bool told = false;

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    for (unsigned i = 0; i < setex->pairs; i++) {
        const struct bytes *pair = &call->args.of[setex->first + 2 * i];
        struct bytes words[7] = {BYTES("HSETEX"), key->name, BYTES("KEEPTTL"), BYTES("FIELDS"), BYTES("1"), pair[0],
                                 pair[1]};
        bool keep = setex->deadline_ms == HASH_KEEP_DEADLINE;

        if (!keep) words[2] = BYTES("FIELDS"), words[3] = BYTES("1"), words[4] = pair[0], words[5] = pair[1];
        change_publish(&(struct change){.db = key->db, .key = key->name, .event = told ? NULL : "hset",
                                        .effect = words, .effect_words = keep ? 7 : 6});
        if (!keep && setex->deadline_ms != NEVER) {
            effect_field_deadline(key, told ? NULL : "hexpire", pair[0], setex->deadline_ms);
        }
        told = true;
    }
}

static void cmd_hsetex(struct call *call)
{
    struct setex setex;
    struct spot spot;
    struct hash *hash;
    unsigned added;

    if (!read_setex(call, &setex) || !call_find_hash(call, &spot, &hash)) return;
    if (!setex_may(call, &setex, hash)) {
        reply_int(call->reply, 0);
        return;
    }
    if (setex.deadline_ms != HASH_KEEP_DEADLINE && deadline_is_over(setex.deadline_ms)) {
        setex_remove(call, &setex, &spot, hash);
    } else {
        if (!call_put_fields(call, &spot, hash, &call->args.of[setex.first], setex.pairs, setex.deadline_ms, &added)) {
            return;
        }
        key_note_elements(&call->keys[0], &spot);
        setex_tell(call, &setex);
    }
    reply_int(call->reply, 1);
}

#define EACH "O(N) where N is the number of fields given"
#define OURS .keys = KEYS_ONE, .since = "8.0.0", .cost = EACH

static const struct command_row rows[] = {
    {.name = "hgetdel", .run = cmd_hgetdel, .arity = -5, .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_IS_OURS,
     OURS, .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .syntax = "key FIELDS numfields field [field ...]",
     .summary = "Answers the values of fields, and removes them."},
    {.name = "hgetex", .run = cmd_hgetex, .arity = -5, .flags = COMMAND_WRITE | COMMAND_FAST | COMMAND_IS_OURS,
     OURS, .access = KEY_RW | KEY_ACCESS | KEY_UPDATE,
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] "
               "FIELDS numfields field [field ...]",
     .summary = "Answers the values of fields, and moves their deadlines or takes them away."},
    {.name = "hsetex", .run = cmd_hsetex, .arity = -6,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST | COMMAND_IS_OURS, OURS, .access = KEY_RW | KEY_UPDATE,
     .syntax = "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
     .summary = "Sets fields with a deadline, when all or none of them are there or in any case."},
};

const struct command_family hash_together_commands = COMMAND_FAMILY("hash", rows);
