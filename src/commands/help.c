/* help: HELP: what the commands are, told to a person at telnet from their rows. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/version.h"

#define LINE_WIDTH 78

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct command *const *)a)->full_name,
                  (*(const struct command *const *)b)->full_name);
}

/* The commands of one group, or all of them, by name: top-level ones that were not renamed away. */
static unsigned gather(const struct command **list, const char *group)
{
    unsigned count = 0;

    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (command->parent || command->name[0] == '\0') continue;
        if (group && strcmp(command->family->group, group) != 0) continue;
        list[count++] = command;
    }
    qsort(list, count, sizeof list[0], compare_names);
    return count;
}

static void add_upper(struct text *into, const char *name)
{
    for (; *name; name++)
        text_add_char(into, *name == '|' ? ' ' : (char)toupper((unsigned char)*name));
}

/* ---- HELP ---- */

/* "  @string      APPEND DECR …", as many lines as it takes. */
static void add_group(struct text *into, const char *group, const struct command **list)
{
    unsigned count = gather(list, group);
    size_t line = into->len;

    text_addf(into, "  @%-12s", group);
    for (unsigned i = 0; i < count; i++) {
        if (into->len - line + strlen(list[i]->name) + 1 > LINE_WIDTH) {
            text_add_char(into, '\n');
            line = into->len;
            text_addf(into, "%15s", "");
        }
        text_add_char(into, ' ');
        add_upper(into, list[i]->name);
    }
    text_add_char(into, '\n');
}

static bool group_was_before(unsigned number)
{
    for (unsigned n = 0; n < number; n++) {
        if (!commands_at(n)->parent &&
            strcmp(commands_at(n)->family->group, commands_at(number)->family->group) == 0) {
            return true;
        }
    }
    return false;
}

static void help_overview(struct text *into, const struct command **list)
{
    text_addf(into, "coatcheck %s: keys in, values out. A command is a line of words:\n",
              COATCHECK_VERSION);
    text_add(
        into,
        BYTES("  SET greeting \"hello world\"     keep a value\n"
              "  GET greeting                   have it back\n"
              "  EXPIRE greeting 60             let it go after a minute\n"
              "HELP <command> tells one of these, HELP @<group> a whole group, QUIT leaves.\n"));
    for (unsigned n = 0; n < commands_count(); n++) {
        if (!commands_at(n)->parent && !group_was_before(n))
            add_group(into, commands_at(n)->family->group, list);
    }
}

/* ---- HELP @group, HELP command ---- */

/* How far the next part of a text goes that is best kept in one line: a word, or what stands in
 * brackets when that is short. */
static size_t part_len(const char *words)
{
    size_t len = 0;
    int depth = 0;

    do {
        if (words[len] == '[' || words[len] == '<') depth++;
        if (words[len] == ']' || words[len] == '>') depth--;
        len++;
    } while (words[len] && (depth > 0 || words[len] != ' '));
    return len <= LINE_WIDTH / 2 ? len : strcspn(words, " ");
}

static size_t line_begin(const struct text *text)
{
    size_t at = text->len;

    while (at > 0 && text->at[at - 1] != '\n') at--;
    return at;
}

/* Adds the words to the line that was begun; where they don't fit it goes on in the next, indented.
 */
static void add_words(struct text *into, const char *words, const char *indent)
{
    size_t line = line_begin(into);

    while (*words) {
        size_t len = part_len(words);

        if (into->len - line + len + 1 > LINE_WIDTH) {
            text_add_char(into, '\n');
            line = into->len;
            text_add(into, bytes_of_text(indent));
        }
        if (into->len > line && into->at[into->len - 1] != ' ') text_add_char(into, ' ');
        text_add(into, bytes_of(words, len));
        words += len;
        words += strspn(words, " ");
    }
    text_add_char(into, '\n');
}

/* "  SET key value [NX | XX] …" and below what it does. */
static void add_usage(struct text *into, const struct command *command)
{
    text_add(into, BYTES("  "));
    add_upper(into, command->full_name);
    if (command->subs) {
        text_add(into, BYTES(" <subcommand> [...]\n"));
    } else if (command->row->syntax && *command->row->syntax) {
        text_add_char(into, ' ');
        add_words(into, command->row->syntax, "      ");
    } else {
        text_add_char(into, '\n');
    }
    text_add(into, BYTES("    "));
    add_words(into, command->row->summary, "    ");
}

static void help_command(struct text *into, const struct command *command)
{
    const struct command_row *row = command->row;

    add_usage(into, command);
    if (row->cost && !command->subs) {
        text_add(into, BYTES("    Cost: "));
        add_words(into, row->cost, "    ");
    }
    text_addf(into, "    Since %s %s, group @%s%s%s.\n",
              row->since[0] == '0' ? "coatcheck" : "Redis", row->since, command->family->group,
              row->replaced_by ? ", replaced by " : "", row->replaced_by ? row->replaced_by : "");
    for (unsigned i = 0; command->subs && command->subs[i]; i++) add_usage(into, command->subs[i]);
}

static bool help_group(struct text *into, struct bytes group, const struct command **list)
{
    for (unsigned n = 0; n < commands_count(); n++) {
        const char *name = commands_at(n)->family->group;
        unsigned count;

        if (!bytes_is(group, name)) continue;
        count = gather(list, name);
        for (unsigned i = 0; i < count; i++) add_usage(into, list[i]);
        return true;
    }
    return false;
}

static const struct command *find_asked(struct call *call)
{
    const struct command *command = commands_find_full(call_arg(call, 1));

    if (call_argc(call) > 3) return NULL;
    if (command && call_argc(call) > 2)
        return command->subs ? commands_find_sub(command, call_arg(call, 2)) : NULL;
    return command;
}

static void refuse(struct call *call)
{
    const char *nearest = commands_nearest(call_arg(call, 1));
    char words[128];
    size_t len = 0;

    for (unsigned i = 1; i < call_argc(call); i++) {
        struct bytes word = call_arg(call, i);

        len += (size_t)snprintf(words + len, sizeof words - len, "%s%.*s", i > 1 ? " " : "",
                                (int)(word.len < 50 ? word.len : 50), word.at);
        if (len >= sizeof words) len = sizeof words - 1;
    }
    if (nearest && !commands_find_full(call_arg(call, 1))) {
        reply_errorf(call->reply, "ERR there is no command '%s' - did you mean '%s'?", words,
                     nearest);
    } else {
        reply_errorf(call->reply,
                     "ERR there is no command or @group '%s': HELP alone names them all", words);
    }
}

static void reply_lines(struct call *call, const struct text *text)
{
    const char *at = text->at, *end = text->at + text->len;
    size_t count = 0;

    for (const char *p = at; p < end; p++) count += *p == '\n';
    reply_array(call->reply, count);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));

        reply_raw(call->reply, BYTES("+"));
        reply_raw(call->reply, bytes_of(at, (size_t)(line_end - at)));
        reply_raw(call->reply, BYTES("\r\n"));
        at = line_end + 1;
    }
}

static void cmd_help(struct call *call)
{
    const struct command **list = mem_alloc(commands_count() * sizeof *list);
    const struct command *command = NULL;
    struct text text = {0};
    bool found = true;

    if (!list) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    if (call_argc(call) == 1) {
        help_overview(&text, list);
    } else if (call_arg(call, 1).len > 0 && call_arg(call, 1).at[0] == '@') {
        struct bytes group = call_arg(call, 1);

        found =
            call_argc(call) == 2 && help_group(&text, bytes_of(group.at + 1, group.len - 1), list);
    } else {
        command = find_asked(call);
        found = command != NULL;
        if (command) help_command(&text, command);
    }
    if (!found) {
        refuse(call);
    } else if (text_failed(&text)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_lines(call, &text);
    }
    text_fini(&text);
    mem_free(list);
}

static const struct command_row rows[] = {
    {.name = "help",
     .run = cmd_help,
     .arity = -1,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST | COMMAND_CONNECTION | COMMAND_IS_OURS,
     .since = "0.1.0",
     .cost = "O(N) where N is the number of commands",
     .syntax = "[command [subcommand] | @group]",
     .summary = "Tells a person what the commands are, a line of text each."},
};

const struct command_family help_commands = COMMAND_FAMILY("server", rows);
