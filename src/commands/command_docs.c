/* One command as COMMAND DOCS tells it: for people, and for programs that make help or code of it.
 */
#include "command_internal.h"

static void reply_history(struct reply *reply, const char *history)
{
    size_t lines = 1;

    for (const char *p = history; *p; p++) lines += *p == '\n';
    reply_bulk_text(reply, "history");
    reply_set(reply, lines);
    for (const char *p = history; lines > 0; lines--) {
        size_t version = strcspn(p, ":\n"), len = strcspn(p, "\n"),
               text = version + strspn(p + version, ": ");

        reply_array(reply, 2);
        reply_bulk(reply, bytes_of(p, version));
        reply_bulk(reply, bytes_of(p + text, len - text));
        p += len + 1;
    }
}

static void reply_deprecation(struct reply *reply, const struct command_row *row)
{
    reply_bulk_text(reply, "doc_flags");
    reply_set(reply, 1);
    reply_simple(reply, "deprecated");
    reply_bulk_text(reply, "deprecated_since");
    reply_bulk_text(reply, row->deprecated_since);
    reply_bulk_text(reply, "replaced_by");
    reply_bulk_text(reply, row->replaced_by);
}

static void reply_text(struct reply *reply, const char *name, const char *text)
{
    reply_bulk_text(reply, name);
    reply_bulk_text(reply, text);
}

void reply_command_docs(struct reply *reply, const struct command *command)
{
    const struct command_row *row = command->row;
    bool has_arguments = row->syntax && *row->syntax && !command->subs;
    size_t subs = 0;

    while (command->subs && command->subs[subs]) subs++;
    reply_map(reply, 3u + (row->cost != NULL) + 3u * (row->replaced_by != NULL) +
                         (row->history != NULL) + has_arguments + (subs > 0));
    reply_text(reply, "summary", row->summary);
    reply_text(reply, "since", row->since);
    reply_text(reply, "group", command->family->group);
    if (row->cost) reply_text(reply, "complexity", row->cost);
    if (row->replaced_by) reply_deprecation(reply, row);
    if (row->history) reply_history(reply, row->history);
    if (has_arguments) {
        reply_bulk_text(reply, "arguments");
        reply_command_arguments(reply, command);
    }
    if (subs == 0) return;
    reply_bulk_text(reply, "subcommands");
    reply_map(reply, subs);
    for (size_t i = 0; i < subs; i++) {
        reply_bulk_text(reply, command->subs[i]->full_name);
        reply_command_docs(reply, command->subs[i]);
    }
}
