#include "coatcheck/engine/call.h"

#include <ctype.h>
#include <stdio.h>
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"
#include "coatcheck/engine/options.h"
#include "half_internal.h"

bool call_read_int(struct call *call, unsigned i, int64_t *number)
{
    if (number_read_int(call->args.of[i], number)) return true;
    reply_error(call->reply, ERR_NOT_AN_INTEGER);
    return false;
}

bool call_read_double(struct call *call, unsigned i, double *number)
{
    if (number_read_double(call->args.of[i], number)) return true;
    reply_error(call->reply, ERR_NOT_A_FLOAT);
    return false;
}

bool call_read_long_double(struct call *call, unsigned i, long double *number)
{
    if (number_read_long_double(call->args.of[i], number)) return true;
    reply_error(call->reply, ERR_NOT_A_FLOAT);
    return false;
}

bool call_read_int_between(struct call *call, unsigned i, int64_t min, int64_t max, int64_t *number,
                           const char *message)
{
    if (number_read_int(call->args.of[i], number) && *number >= min && *number <= max) return true;
    if (message) {
        reply_errorf(call->reply, "ERR %s", message);
    } else if (min == 0) {
        reply_error(call->reply, ERR_NOT_POSITIVE);
    } else {
        reply_error(call->reply, ERR_OUT_OF_RANGE);
    }
    return false;
}

struct entry *call_read(struct call *call, unsigned k)
{
    if (unlikely(session_flags(call->session) & SESSION_NO_TOUCH)) return key_read_quietly(&call->keys[k]);
    return key_read(&call->keys[k]);
}

bool call_read_type(struct call *call, unsigned k, enum value_type type, struct entry **entry)
{
    *entry = call_read(call, k);
    if (!*entry || entry_type(*entry) == type) return true;
    reply_error(call->reply, ERR_WRONGTYPE);
    return false;
}

bool call_find_type(struct call *call, unsigned k, enum value_type type, struct spot *spot)
{
    struct entry *entry = key_find(&call->keys[k], spot);

    if (!entry || entry_type(entry) == type) return true;
    reply_error(call->reply, ERR_WRONGTYPE);
    return false;
}

enum status call_put_string(struct call *call, const struct key *key, struct spot *spot, struct bytes word,
                            int64_t deadline_ms)
{
    struct half *half = call->half;
    struct blob *blob;
    enum status status;

    if (likely(!half || !half->blob || word.at != half->blob->at)) {
        return key_put_string(key, spot, word, deadline_ms);
    }
    /* The call keeps a reference: its words are looked at after it has left the shard, by the slow log. */
    blob = half->blob;
    blob_hold(blob);
    status = key_put_blob(key, spot, &blob, deadline_ms);
    if (status != OK) blob_release(&blob);
    return status;
}

static void release_blob(void *holder)
{
    struct blob *blob = holder;

    blob_release(&blob);
}

static void reply_held(struct call *call, struct blob *blob, struct bytes part)
{
    blob_hold(blob);
    reply_bulk_held(call->reply, part, release_blob, blob);
}

void reply_entry(struct call *call, const struct entry *entry)
{
    char scratch[NUMBER_MAX_TEXT];

    if (likely(entry_form(entry) != ENTRY_FAR)) {
        reply_bulk(call->reply, entry_string(entry, scratch));
    } else {
        reply_held(call, entry_blob(entry), blob_bytes(entry_blob(entry)));
    }
}

void reply_entry_part(struct call *call, const struct entry *entry, struct bytes part)
{
    struct blob *blob = entry_blob(entry);

    if (blob && part.len >= BLOB_FROM) {
        reply_held(call, blob, part);
    } else {
        reply_bulk(call->reply, part);
    }
}

bool call_is_enabled(const struct call *call, int64_t word)
{
    return word == DEBUG_COMMAND_YES || (word == DEBUG_COMMAND_LOCAL && session_host->is_local(call->session));
}

bool call_ok(struct call *call, enum status status)
{
    if (likely(status == OK)) return true;
    reply_error(call->reply, ERR_NO_MEMORY);
    return false;
}

void call_syntax_error(struct call *call)
{
    reply_error(call->reply, ERR_SYNTAX);
}

void call_arity_error(struct call *call)
{
    reply_errorf(call->reply, "ERR wrong number of arguments for '%s' command", call->command->full_name);
}

void call_unknown_sub(struct call *call)
{
    char container[40];
    struct bytes sub = call_arg(call, 1);
    size_t i;

    for (i = 0; call->command->name[i]; i++) container[i] = (char)toupper((unsigned char)call->command->name[i]);
    container[i] = '\0';
    reply_errorf(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", (int)(sub.len < 128 ? sub.len : 128),
                 sub.at, container);
}

void call_changed(struct call *call, const struct key *key, const char *event)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){.db = key->db,
                                    .key = key->name,
                                    .event = event,
                                    .effect = call->args.of,
                                    .effect_words = call->args.n});
}

void call_reply_help(struct call *call, const char *const *lines)
{
    const struct command *command = call->command->parent ? call->command->parent : call->command;
    char first[128], name[40];
    size_t count = 0, i;

    for (i = 0; command->name[i]; i++) name[i] = (char)toupper((unsigned char)command->name[i]);
    name[i] = '\0';
    snprintf(first, sizeof first, "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    while (lines[count]) count++;
    reply_array(call->reply, count + 3);
    reply_simple(call->reply, first);
    for (i = 0; i < count; i++) reply_simple(call->reply, lines[i]);
    reply_simple(call->reply, "HELP");
    reply_simple(call->reply, "    Prints this help.");
}
