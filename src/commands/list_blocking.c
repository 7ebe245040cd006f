/* list_blocking: elements taken from an end of a list as soon as there is one, and answered or
 * moved on. */
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/list.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/blocking.h"

/* ---- BLPOP, BRPOP ---- */

static void serve_one(const void *wanted, const struct key *key, struct spot *spot,
                      struct reply *reply)
{
    const enum list_end *end = wanted;

    reply_array(reply, 2);
    reply_bulk(reply, key->name);
    list_pop(key, spot, *end, 1, true, reply);
}

static const struct wait_kind one = {
    .type = VALUE_LIST, .serve = serve_one, .give_up = reply_null_array};

static void pop_one(struct call *call, enum list_end end)
{
    unsigned keys = call_argc(call) - 2;
    int64_t deadline_us;

    if (!call_read_timeout(call, call_argc(call) - 1, &deadline_us)) return;
    call_serve_or_block(call, &one, keys, &end, sizeof end, deadline_us);
}

static void cmd_blpop(struct call *call)
{
    pop_one(call, LIST_LEFT);
}

static void cmd_brpop(struct call *call)
{
    pop_one(call, LIST_RIGHT);
}

/* ---- BLMPOP ---- */

static void serve_many(const void *wanted, const struct key *key, struct spot *spot,
                       struct reply *reply)
{
    list_mpop(key, spot, wanted, reply);
}

static const struct wait_kind many = {
    .type = VALUE_LIST, .serve = serve_many, .give_up = reply_null_array};

static void cmd_blmpop(struct call *call)
{
    struct list_mpop asked;
    int64_t deadline_us;

    if (!list_read_mpop(call, 2, &asked)) return;
    if (!call_read_timeout(call, 1, &deadline_us)) return;
    call_serve_or_block(call, &many, asked.keys, &asked, sizeof asked, deadline_us);
}

/* ---- BLMOVE, BRPOPLPUSH ---- */

/* What such a waiter keeps. */
struct moving {
    enum list_end wherefrom, whereto;
    struct key to; /* the name's bytes are `name` */
    char name[];
};

static void moving_to(const void *wanted, struct key *to)
{
    const struct moving *moving = wanted;

    *to = moving->to;
    to->name.at = moving->name;
}

static void serve_move(const void *wanted, const struct key *key, struct spot *spot,
                       struct reply *reply)
{
    const struct moving *moving = wanted;
    struct key to;

    moving_to(wanted, &to);
    list_move(key, spot, moving->wherefrom, &to, moving->whereto, reply);
}

static const struct wait_kind to_another = {
    .type = VALUE_LIST, .serve = serve_move, .give_up = reply_null_array, .reaches = moving_to};

static void block_move(struct call *call, enum list_end wherefrom, enum list_end whereto,
                       int64_t deadline_us)
{
    const struct key *to = &call->keys[1];
    size_t size = sizeof(struct moving) + to->name.len;
    struct moving *moving;

    if (!call_may_block(call)) {
        reply_null(call->reply);
        return;
    }
    moving = mem_alloc(size);
    if (!call_ok(call, moving ? OK : NO_MEMORY)) return;
    moving->wherefrom = wherefrom;
    moving->whereto = whereto;
    moving->to = *to;
    if (to->name.len > 0) memcpy(moving->name, to->name.at, to->name.len);
    call_block(call, &to_another, 1, moving, size, deadline_us);
    mem_free(moving);
}

static void move(struct call *call, enum list_end wherefrom, enum list_end whereto,
                 unsigned timeout_at)
{
    struct spot source;
    struct list *list;
    int64_t deadline_us;

    if (!call_read_timeout(call, timeout_at, &deadline_us)) return;
    if (!call_find_list(call, 0, &source, &list)) return;
    if (list) {
        list_move(&call->keys[0], &source, wherefrom, &call->keys[1], whereto, call->reply);
    } else {
        block_move(call, wherefrom, whereto, deadline_us);
    }
}

static void cmd_blmove(struct call *call)
{
    enum list_end wherefrom, whereto;

    if (!call_read_list_end(call, 3, &wherefrom) || !call_read_list_end(call, 4, &whereto)) return;
    move(call, wherefrom, whereto, 5);
}

static void cmd_brpoplpush(struct call *call)
{
    move(call, LIST_RIGHT, LIST_LEFT, 3);
}

static const struct command_key_spec move_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE, .index = 1, .step = 1},
    {.access = KEY_RW | KEY_INSERT, .index = 2, .step = 1},
    {0},
};

#define WAITS_FOR_ONE                                                                              \
    .arity = -3, .flags = COMMAND_WRITE | COMMAND_NOSCRIPT | COMMAND_BLOCKING, .keys = {1, -2, 1}, \
    .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .since = "2.0.0",                                  \
    .syntax = "key [key ...] timeout", .cost = "O(K) where K is the number of keys",               \
    .history = "6.0.0: `timeout` is interpreted as a double instead of an integer."
#define WAITS_TO_MOVE                                                                              \
    .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_NOSCRIPT | COMMAND_BLOCKING,                \
    .keys = {1, 2, 1}, .key_specs = move_specs, .cost = "O(1)"

static const struct command_row rows[] = {
    {.name = "blpop",
     .run = cmd_blpop,
     WAITS_FOR_ONE,
     .summary = "Takes the leftmost element of the first list that is there, or waits for one."},
    {.name = "brpop",
     .run = cmd_brpop,
     WAITS_FOR_ONE,
     .summary = "Takes the rightmost element of the first list that is there, or waits for one."},
    {.name = "blmpop",
     .run = cmd_blmpop,
     .arity = -5,
     .flags = COMMAND_WRITE | COMMAND_BLOCKING | COMMAND_MOVABLE_KEYS,
     .find_keys = counted_keys_find_timed,
     .key_specs = counted_keys_popped_timed,
     .since = "7.0.0",
     .cost = "O(K+M) where K is the number of keys and M that of elements taken",
     .syntax = "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements from one end of the first list that is there, or waits for one."},
    {.name = "blmove",
     .run = cmd_blmove,
     .arity = 6,
     WAITS_TO_MOVE,
     .since = "6.2.0",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
     .summary = "Moves an element from one list to another and answers it, or waits for one."},
    {.name = "brpoplpush",
     .run = cmd_brpoplpush,
     .arity = 4,
     WAITS_TO_MOVE,
     .since = "2.2.0",
     .syntax = "source destination timeout",
     .history = "6.0.0: `timeout` is interpreted as a double instead of an integer.",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
     .deprecated_since = "6.2.0",
     .summary = "Moves the rightmost element of one list to the left end of another and answers "
                "it, or waits for one."},
};

const struct command_family list_blocking_commands = COMMAND_FAMILY("list", rows);
