/* rules_commands: which commands a selector allows, and the words that said so.
 *
 * The words are kept, so that the rules can be told back as they were given: each word that names the same as an
 * earlier one, or all of it, replaces it. */
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/category.h"
#include "rules_internal.h"

static void allow(struct selector *selector, unsigned command, bool yes)
{
    uint64_t bit = 1ull << command % 64;

    if (yes) {
        selector->allowed[command / 64] |= bit;
    } else {
        selector->allowed[command / 64] &= ~bit;
    }
}

/* The first words under which a command was allowed: now it is allowed, or not, with any. */
static void forget_first_words(struct selector *selector, unsigned command)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < selector->first_count; i++) {
        if (selector->first[i].command == command) {
            mem_free(selector->first[i].word);
        } else {
            selector->first[kept++] = selector->first[i];
        }
    }
    selector->first_count = kept;
}

static void forget_all_first_words(struct selector *selector)
{
    for (unsigned i = 0; i < selector->first_count; i++) mem_free(selector->first[i].word);
    selector->first_count = 0;
}

/* A command with all its subcommands. */
static void allow_whole(struct selector *selector, const struct command *command, bool yes)
{
    allow(selector, command->number, yes);
    forget_first_words(selector, command->number);
    for (const struct command *const *sub = command->subs; sub && *sub; sub++) allow(selector, (*sub)->number, yes);
}

/* Does the word `later` say anew all that the word `earlier` says? Both without their sign. */
static bool covers(struct bytes later, struct bytes earlier)
{
    if (bytes_equal_nocase(later, earlier)) return true;
    return earlier.len > later.len && earlier.at[later.len] == '|' &&
           bytes_equal_nocase(later, bytes_of(earlier.at, later.len));
}

/* Adds "+name" and takes out what it makes void. */
static void note(struct selector *selector, struct bytes word)
{
    struct bytes rest = text_bytes(&selector->commands);
    struct text kept = {0};

    while (rest.len > 0) {
        const char *end = memchr(rest.at, ' ', rest.len);
        struct bytes earlier = bytes_of(rest.at, end ? (size_t)(end - rest.at) : rest.len);

        if (!covers(bytes_of(word.at + 1, word.len - 1), bytes_of(earlier.at + 1, earlier.len - 1))) {
            if (kept.len > 0) text_add_char(&kept, ' ');
            text_add(&kept, earlier);
        }
        rest = bytes_of(rest.at + earlier.len + !!end, rest.len - earlier.len - !!end);
    }
    if (kept.len > 0) text_add_char(&kept, ' ');
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];

        text_add_char(&kept, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    if (selector->commands.failed) kept.failed = true;
    text_fini(&selector->commands);
    selector->commands = kept;
}

static void take_all(struct selector *selector, bool yes)
{
    memset(selector->allowed, yes ? 0xff : 0, sizeof selector->allowed);
    selector->future = yes;
    forget_all_first_words(selector);
    text_clear(&selector->commands);
}

static enum refusal take_category(struct selector *selector, struct bytes word, struct bytes name, bool yes)
{
    enum category category = category_find(name);

    if (category == CATEGORY_COUNT) return REFUSED_UNKNOWN;
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (!(command_categories(command) & 1u << category)) continue;
        allow(selector, n, yes);
        forget_first_words(selector, n);
    }
    note(selector, word);
    return TAKEN;
}

/* By the name that it was registered under: what rename-command did to it is nothing to the rules. */
static const struct command *find_registered(struct bytes name, const struct command *parent)
{
    for (unsigned n = 0; n < commands_count(); n++) {
        const struct command *command = commands_at(n);

        if (command->parent == parent && bytes_is(name, command->row->name)) return command;
    }
    return NULL;
}

static enum refusal take_first_word(struct rules *rules, struct selector *selector, const struct command *command,
                                    struct bytes first)
{
    struct first_word *grown;
    char *copy;

    for (unsigned i = 0; i < selector->first_count; i++) {
        if (selector->first[i].command == command->number && bytes_is(first, selector->first[i].word)) return TAKEN;
    }
    if (selector->first_count == selector->first_room) {
        unsigned room = selector->first_room ? selector->first_room * 2 : 4;

        grown = mem_resize(selector->first, room * sizeof *grown);
        if (!grown) goto no_memory;
        selector->first = grown;
        selector->first_room = room;
    }
    copy = mem_alloc(first.len + 1);
    if (!copy) goto no_memory;
    memcpy(copy, first.at, first.len);
    copy[first.len] = '\0';
    selector->first[selector->first_count++] = (struct first_word){.command = command->number, .word = copy};
    return TAKEN;
no_memory:
    rules->failed = true;
    return TAKEN;
}

/* "+name", "-name|sub", "+name|first". */
static enum refusal take_command(struct rules *rules, struct selector *selector, struct bytes word)
{
    struct bytes name = bytes_of(word.at + 1, word.len - 1), rest;
    const char *bar = memchr(name.at, '|', name.len);
    const struct command *command, *sub;
    bool yes = word.at[0] == '+';
    enum refusal refusal;

    if (!bar) {
        command = find_registered(name, NULL);
        if (!command) return REFUSED_UNKNOWN;
        allow_whole(selector, command, yes);
        note(selector, word);
        return TAKEN;
    }
    rest = bytes_of(bar + 1, name.len - (size_t)(bar - name.at) - 1);
    command = find_registered(bytes_of(name.at, (size_t)(bar - name.at)), NULL);
    if (!command) return REFUSED_UNKNOWN;
    sub = find_registered(rest, command);
    if (sub) {
        allow(selector, sub->number, yes);
        note(selector, word);
        return TAKEN;
    }
    if (!yes) return REFUSED_UNKNOWN;
    bar = memchr(rest.at, '|', rest.len);
    if (bar) return command->subs ? REFUSED_FIRST_WORD : REFUSED_UNKNOWN;
    if (command->subs) return REFUSED_UNKNOWN;
    if (rest.len == 0) return REFUSED_SYNTAX;
    refusal = take_first_word(rules, selector, command, rest);
    if (refusal == TAKEN) note(selector, word);
    return refusal;
}

enum refusal selector_take_command(struct rules *rules, struct selector *selector, struct bytes word)
{
    if (bytes_is(word, "allcommands") || bytes_is(word, "+@all")) {
        take_all(selector, true);
        return TAKEN;
    }
    if (bytes_is(word, "nocommands") || bytes_is(word, "-@all")) {
        take_all(selector, false);
        return TAKEN;
    }
    if (word.len < 1 || (word.at[0] != '+' && word.at[0] != '-')) return REFUSED_SYNTAX;
    if (memchr(word.at, ' ', word.len) || memchr(word.at, '\0', word.len)) return REFUSED_UNKNOWN;
    if (word.len > 1 && word.at[1] == '@') {
        return take_category(selector, word, bytes_of(word.at + 2, word.len - 2), word.at[0] == '+');
    }
    return take_command(rules, selector, word);
}

void selector_print_commands(const struct selector *selector, struct text *into)
{
    text_addf(into, selector->future ? "+@all" : "-@all");
    if (selector->commands.len == 0) return;
    text_add_char(into, ' ');
    text_add(into, text_bytes(&selector->commands));
}
