/* object: how a value is kept. */
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/memory.h"

/* redis-server shares these numbers among all keys and tells so with the greatest count. */
#define SHARED_BELOW 10000

/* The value of word 2, which is not used by asking. NULL: answered. */
static struct entry *look(struct call *call)
{
    struct entry *entry = key_peek(&call->keys[0]);

    if (!entry) reply_null(call->reply);
    return entry;
}

static void cmd_encoding(struct call *call)
{
    struct entry *entry = look(call);

    if (entry) reply_bulk_text(call->reply, entry_encoding(entry));
}

static void cmd_refcount(struct call *call)
{
    struct entry *entry = look(call);
    bool shared;

    if (!entry) return;
    shared = entry_type(entry) == VALUE_STRING && entry_form(entry) == ENTRY_INT &&
             (uint64_t)entry_int(entry) < SHARED_BELOW;
    reply_int(call->reply, shared ? INT32_MAX : 1);
}

static void cmd_idletime(struct call *call)
{
    if (!look(call)) return;
    if (memory_counts_uses()) {
        reply_errorf(call->reply, "ERR An LFU maxmemory policy is selected, idle time not tracked. "
                                  "Please note that when switching between policies at runtime LRU and LFU data "
                                  "will take some time to adjust.");
        return;
    }
    reply_int(call->reply, key_idle_seconds(&call->keys[0]));
}

static void cmd_freq(struct call *call)
{
    if (!look(call)) return;
    if (memory_counts_uses()) {
        reply_int(call->reply, key_frequency(&call->keys[0]));
        return;
    }
    reply_errorf(call->reply, "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                              "Please note that when switching between policies at runtime LRU and LFU data "
                              "will take some time to adjust.");
}

static void cmd_help(struct call *call)
{
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Name the form in which the value is kept, in Redis's words.",
        "FREQ <key>",
        "    Tell how often the value was used, under an LFU maxmemory-policy.",
        "IDLETIME <key>",
        "    Tell for how many seconds the key, or one that is kept beside it, was not used.",
        "REFCOUNT <key>",
        "    Tell the count of references to the value: 1, or the greatest for a small number.",
        NULL};

    call_reply_help(call, lines);
}

#define ASKS                                                                                       \
    .arity = 3, .flags = COMMAND_READ | COMMAND_KEYSPACE, .keys = {2, 2, 1}, .access = KEY_RO,     \
    .cost = "O(1)", .syntax = "key", .tips = "nondeterministic_output"

static const struct command_row subs[] = {
    {.name = "encoding", .run = cmd_encoding, ASKS, .since = "2.2.3",
     .summary = "Names the form in which a value is kept."},
    {.name = "freq", .run = cmd_freq, ASKS, .since = "4.0.0",
     .summary = "Tells how often a value was used, under an LFU policy of eviction."},
    {.name = "idletime", .run = cmd_idletime, ASKS, .since = "2.2.3",
     .summary = "Tells for how many seconds a value was not used."},
    {.name = "refcount", .run = cmd_refcount, ASKS, .since = "2.2.3",
     .summary = "Tells how many references there are to a value."},
    {.name = "help", .run = cmd_help, .arity = 2, .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_KEYSPACE,
     .since = "6.2.0", .cost = "O(1)", .syntax = "", .summary = "Tells what the subcommands do."},
    {0},
};

static const struct command_row rows[] = {
    {.name = "object", .arity = -2, .since = "2.2.3", .cost = "Depends on subcommand.", .syntax = "",
     .summary = "A container for commands that tell how values are kept.", .subs = subs},
};

const struct command_family object_commands = COMMAND_FAMILY("generic", rows);
