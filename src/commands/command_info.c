/* One command as COMMAND INFO tells it: the facts that cluster clients and proxies route by. */
#include "command_internal.h"

#include "coatcheck/engine/category.h"

static const struct {
    uint32_t flag;
    const char *word;
} flag_words[] = {
    {COMMAND_WRITE, "write"},
    {COMMAND_READ, "readonly"},
    {COMMAND_DENYOOM, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_NOSCRIPT, "noscript"},
    {COMMAND_BLOCKING, "blocking"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_MONITOR, "skip_monitor"},
    {COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_MAY_REPLICATE, "may_replicate"},
    {COMMAND_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_MOVABLE_KEYS, "movablekeys"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
};
#define FLAG_WORDS (sizeof flag_words / sizeof flag_words[0])

static const struct {
    unsigned access;
    const char *word;
} access_words[] = {
    {KEY_RW, "RW"},
    {KEY_RO, "RO"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE, "variable_flags"},
};
#define ACCESS_WORDS (sizeof access_words / sizeof access_words[0])

void reply_key_access(struct reply *reply, unsigned access)
{
    reply_set(reply, (size_t)__builtin_popcount(access));
    for (size_t i = 0; i < ACCESS_WORDS; i++) {
        if (access & access_words[i].access) reply_simple(reply, access_words[i].word);
    }
}

static void reply_number(struct reply *reply, const char *name, int number)
{
    reply_bulk_text(reply, name);
    reply_int(reply, number);
}

static void reply_unknown(struct reply *reply, const char *name)
{
    reply_bulk_text(reply, name);
    reply_map(reply, 2);
    reply_bulk_text(reply, "type");
    reply_bulk_text(reply, "unknown");
    reply_bulk_text(reply, "spec");
    reply_map(reply, 0);
}

static void reply_begin_search(struct reply *reply, const struct command_key_spec *spec)
{
    if (spec->unknown) {
        reply_unknown(reply, "begin_search");
        return;
    }
    reply_bulk_text(reply, "begin_search");
    reply_map(reply, 2);
    reply_bulk_text(reply, "type");
    reply_bulk_text(reply, spec->keyword ? "keyword" : "index");
    reply_bulk_text(reply, "spec");
    if (spec->keyword) {
        reply_map(reply, 2);
        reply_bulk_text(reply, "keyword");
        reply_bulk_text(reply, spec->keyword);
        reply_number(reply, "startfrom", spec->index);
    } else {
        reply_map(reply, 1);
        reply_number(reply, "index", spec->index);
    }
}

static void reply_find_keys(struct reply *reply, const struct command_key_spec *spec)
{
    if (spec->unknown) {
        reply_unknown(reply, "find_keys");
        return;
    }
    reply_bulk_text(reply, "find_keys");
    reply_map(reply, 2);
    reply_bulk_text(reply, "type");
    reply_bulk_text(reply, spec->counted ? "keynum" : "range");
    reply_bulk_text(reply, "spec");
    reply_map(reply, 3);
    if (spec->counted) {
        reply_number(reply, "keynumidx", spec->number);
        reply_number(reply, "firstkey", spec->first);
        reply_number(reply, "keystep", spec->step);
    } else {
        reply_number(reply, "lastkey", spec->last);
        reply_number(reply, "keystep", spec->step);
        reply_number(reply, "limit", spec->limit);
    }
}

static void reply_key_specs(struct reply *reply, const struct command_row *row)
{
    struct command_key_spec spec;
    unsigned count = 0;

    while (command_key_spec_at(row, count, &spec)) count++;
    reply_set(reply, count);
    for (unsigned i = 0; command_key_spec_at(row, i, &spec); i++) {
        reply_map(reply, spec.notes ? 4 : 3);
        if (spec.notes) {
            reply_bulk_text(reply, "notes");
            reply_bulk_text(reply, spec.notes);
        }
        reply_bulk_text(reply, "flags");
        reply_key_access(reply, spec.access);
        reply_begin_search(reply, &spec);
        reply_find_keys(reply, &spec);
    }
}

static void reply_flags(struct reply *reply, const struct command_row *row)
{
    size_t count = 0;

    for (size_t i = 0; i < FLAG_WORDS; i++) count += (row->flags & flag_words[i].flag) != 0;
    reply_set(reply, count);
    for (size_t i = 0; i < FLAG_WORDS; i++) {
        if (row->flags & flag_words[i].flag) reply_simple(reply, flag_words[i].word);
    }
}

static void reply_categories(struct reply *reply, const struct command *command)
{
    uint32_t categories = command_categories(command);
    char word[32] = "@";

    reply_set(reply, (size_t)__builtin_popcount(categories));
    for (unsigned i = 0; category_names[i]; i++) {
        if (!(categories & 1u << i)) continue;
        strcpy(word + 1, category_names[i]);
        reply_simple(reply, word);
    }
}

static void reply_tips(struct reply *reply, const char *tips)
{
    size_t count = 0;

    for (const char *p = tips; p && *p; p += strspn(p, " ")) {
        p += strcspn(p, " ");
        count++;
    }
    reply_set(reply, count);
    for (const char *p = tips; p && *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");

        reply_bulk(reply, bytes_of(p, len));
        p += len;
    }
}

static void reply_subs(struct reply *reply, const struct command *command)
{
    size_t count = 0;

    while (command->subs && command->subs[count]) count++;
    if (count == 0) {
        reply_set(reply, 0);
        return;
    }
    reply_array(reply, count);
    for (size_t i = 0; i < count; i++) reply_command_info(reply, command->subs[i]);
}

void reply_command_info(struct reply *reply, const struct command *command)
{
    const struct command_row *row;

    if (!command) {
        reply_null(reply);
        return;
    }
    row = command->row;
    reply_array(reply, 10);
    reply_bulk_text(reply, command->full_name);
    reply_int(reply, row->arity);
    reply_flags(reply, row);
    reply_int(reply, row->keys.first);
    reply_int(reply, row->keys.last);
    reply_int(reply, row->keys.step);
    reply_categories(reply, command);
    reply_tips(reply, row->tips);
    reply_key_specs(reply, row);
    reply_subs(reply, command);
}
