/* The syntax line of a row, "key value [NX | XX] [EX seconds | KEEPTTL]", read into the tree of
 * arguments that COMMAND DOCS tells.
 *
 *   choice   = line { "|" line }
 *   line     = part …
 *   part     = WORD | name | "..." | [ choice ] | < choice >
 *
 * WORD is typed as it stands and takes the name behind it along: EX seconds. What repeats stands
 * again in brackets with "..." at their end: key value [key value ...]. */
#include "command_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "coatcheck/base/must.h"

#define NODES_MAX 96
#define NAME_ROOM 64

enum node_flags { NODE_OPTIONAL = 1, NODE_MULTIPLE = 2, NODE_MULTIPLE_TOKEN = 4 };

struct node {
    char name[NAME_ROOM];
    const char *type;
    struct bytes token; /* of the row's text; empty: none */
    unsigned flags;
    int key_spec; /* -1: no key */
    struct node *children, *next;
};

struct parser {
    const char *at;
    const struct command *command;
    struct node nodes[NODES_MAX];
    unsigned used;
    bool broken; /* the line is not in this form: what was read of it means nothing */
};

static struct node *parse_line(struct parser *parser);

/* Reading ends here, wherever it is. */
static void give_up(struct parser *parser)
{
    parser->broken = true;
    parser->at += strlen(parser->at);
}

static struct node *node_new(struct parser *parser, const char *type)
{
    struct node *node = &parser->nodes[parser->used];

    if (parser->used + 1 < NODES_MAX) {
        parser->used++;
    } else {
        give_up(parser);
    }
    *node = (struct node){.type = type, .key_spec = -1};
    return node;
}

static struct bytes next_word(struct parser *parser)
{
    struct bytes word;

    parser->at += strspn(parser->at, " ");
    word = bytes_of(parser->at, strcspn(parser->at, " []<>|"));
    return word;
}

static bool is_token(struct bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (islower((unsigned char)word.at[i])) return false;
    }
    return word.len > 0 && !bytes_is(word, "...");
}

static void set_name(struct node *node, struct bytes word)
{
    size_t len = word.len < NAME_ROOM - 1 ? word.len : NAME_ROOM - 1;

    for (size_t i = 0; i < len; i++) node->name[i] = (char)tolower((unsigned char)word.at[i]);
    node->name[len] = '\0';
}

/* Several in one place have no name of their own in the line: it is made of theirs. */
static void join_names(struct node *node)
{
    size_t len = 0;

    for (const struct node *child = node->children; child && len < NAME_ROOM / 2;
         child = child->next) {
        len += (size_t)snprintf(node->name + len, NAME_ROOM - len, "%s%.30s", len > 0 ? "_" : "",
                                child->name);
    }
}

static const char *type_of(const struct parser *parser, const char *name)
{
    static const char integers[] = " seconds milliseconds increment decrement offset start end "
                                   "stop count cursor index index2 db "
                                   "destination-db port timeout len bits numkeys numreplicas "
                                   "protover client-id index1 samples percentage "
                                   "min-match-len maxage arity version weight limit ";
    static const char doubles[] = " score longitude latitude radius width height ";
    char padded[NAME_ROOM + 2];

    snprintf(padded, sizeof padded, " %s ", name);
    if (strcmp(name, "increment") == 0 && strstr(parser->command->full_name, "float"))
        return "double";
    if (strstr(doubles, padded)) return "double";
    if (strstr(integers, padded)) return "integer";
    if (strncmp(name, "unix-time", 9) == 0) return "unix-time";
    if (strcmp(name, "pattern") == 0) return "pattern";
    return "string";
}

/* ---- reading ---- */

static struct node *wrap(struct parser *parser, const char *type, struct node *children)
{
    struct node *node = node_new(parser, type);

    node->children = children;
    join_names(node);
    return node;
}

/* The line up to '|' or a closing bracket, as one node. "LIMIT offset count" is a block that begins
 * with its word. */
static struct node *parse_alternative(struct parser *parser)
{
    struct node *line = parse_line(parser), *block;

    if (!line) {
        give_up(parser);
        return node_new(parser, "string");
    }
    if (!line->next) return line;
    block = wrap(parser, "block", line);
    if (line->token.len > 0 && line->type[0] != 'p' && !(line->flags & NODE_OPTIONAL)) {
        block->token = line->token;
        line->token.len = 0;
    }
    return block;
}

static struct node *parse_choice(struct parser *parser, char closing)
{
    struct node *first = parse_alternative(parser), *last = first;
    unsigned count = 1;

    while (*parser->at == '|') {
        parser->at++;
        last->next = parse_alternative(parser);
        last = last->next;
        count++;
    }
    if (*parser->at != closing) {
        give_up(parser);
    } else if (closing) {
        parser->at++;
    }
    return count == 1 ? first : wrap(parser, "oneof", first);
}

/* At "[…": are these brackets the repetition of what stands before them? Then they are stepped
 * over. */
static bool skip_repetition(struct parser *parser, bool *with_token, unsigned *words)
{
    const char *end = parser->at + 1, *from = parser->at + 1;
    unsigned depth = 1;

    for (; depth > 0; end++) {
        if (!*end) return false;
        if (*end == '[') depth++;
        if (*end == ']') depth--;
    }
    if (end - from < 5 || memcmp(end - 4, "...]", 4) != 0 ||
        memchr(from, '[', (size_t)(end - from)))
        return false;
    *words = 0;
    *with_token = is_token(bytes_of(from, strcspn(from, " ]")));
    for (const char *p = from; p < end - 4; p += strspn(p, " ")) {
        p += strcspn(p, " ");
        ++*words;
    }
    parser->at = end;
    return true;
}

/* The last `words` words of the line so far are what repeats. */
static void make_multiple(struct parser *parser, struct node **line, unsigned words,
                          bool with_token)
{
    struct node **from = line;
    unsigned count = 0, nodes;
    struct bytes token;

    for (const struct node *node = *line; node; node = node->next) count++;
    nodes = with_token ? words - 1 : words;
    if (count < nodes) {
        give_up(parser);
        return;
    }
    for (unsigned i = nodes; i < count; i++) from = &(*from)->next;
    if (nodes > 1) {
        token = (*from)->token;
        (*from)->token.len = 0;
        *from = wrap(parser, "block", *from);
        (*from)->token = token;
    }
    (*from)->flags |= NODE_MULTIPLE | (with_token ? NODE_MULTIPLE_TOKEN : 0u);
}

static struct node *parse_word(struct parser *parser)
{
    struct bytes word = next_word(parser), after;
    struct node *node;

    parser->at += word.len;
    if (!is_token(word)) {
        node = node_new(parser, "string");
        set_name(node, word);
        node->type = type_of(parser, node->name);
        return node;
    }
    after = next_word(parser);
    if (after.len > 0 && !is_token(after)) {
        node = parse_word(parser);
        node->token = word;
        return node;
    }
    if (*parser->at == '<') {
        parser->at++;
        node = parse_choice(parser, '>');
        node->token = word;
        return node;
    }
    node = node_new(parser, "pure-token");
    set_name(node, word);
    node->token = word;
    return node;
}

static struct node *parse_line(struct parser *parser)
{
    struct node *line = NULL, **end = &line;

    for (;;) {
        bool with_token;
        unsigned words;

        parser->at += strspn(parser->at, " ");
        if (!*parser->at || strchr("|]>", *parser->at)) return line;
        if (*parser->at == '[' && line && skip_repetition(parser, &with_token, &words)) {
            make_multiple(parser, &line, words, with_token);
        } else if (*parser->at == '[' || *parser->at == '<') {
            char opening = *parser->at++;

            *end = parse_choice(parser, opening == '[' ? ']' : '>');
            if (opening == '[') (*end)->flags |= NODE_OPTIONAL;
        } else if (next_word(parser).len > 0 && !bytes_is(next_word(parser), "...")) {
            *end = parse_word(parser);
        } else {
            give_up(parser);
            return line;
        }
        end = &line;
        while (*end) end = &(*end)->next;
    }
}

/* ---- which of them are keys ---- */

static void mark_key(struct node *node, int spec)
{
    while (node->children) node = node->children;
    node->type = "key";
    node->key_spec = spec;
}

/* Keys behind a count or a word, which have no fixed place, go by their name. */
static void mark_keys_by_name(struct node *node, int spec)
{
    for (; node; node = node->next) {
        if (node->children) {
            mark_keys_by_name(node->children, spec);
        } else if (node->key_spec < 0 && (strcmp(node->name, "key") == 0)) {
            mark_key(node, spec);
        }
    }
}

static void mark_keys(struct parser *parser, struct node *line)
{
    struct command_key_spec spec;

    for (unsigned i = 0; command_key_spec_at(parser->command->row, i, &spec); i++) {
        int place = parser->command->parent ? 2 : 1;

        if (spec.unknown) continue;
        if (spec.keyword || spec.counted) {
            mark_keys_by_name(line, (int)i);
            continue;
        }
        for (struct node *node = line; node && !(node->flags & NODE_OPTIONAL);
             node = node->next, place++) {
            if (place >= spec.index && (place == spec.index || place <= spec.index + spec.last))
                mark_key(node, (int)i);
        }
    }
}

/* ---- telling ---- */

static void reply_text(struct reply *reply, const char *name, const char *text)
{
    reply_bulk_text(reply, name);
    reply_bulk_text(reply, text);
}

static void reply_node_flags(struct reply *reply, unsigned flags)
{
    reply_bulk_text(reply, "flags");
    reply_set(reply, (size_t)__builtin_popcount(flags));
    if (flags & NODE_OPTIONAL) reply_simple(reply, "optional");
    if (flags & NODE_MULTIPLE) reply_simple(reply, "multiple");
    if (flags & NODE_MULTIPLE_TOKEN) reply_simple(reply, "multiple_token");
}

static void reply_line(struct reply *reply, const struct node *line)
{
    size_t count = 0;

    for (const struct node *node = line; node; node = node->next) count++;
    reply_array(reply, count);
    for (const struct node *node = line; node; node = node->next) {
        reply_map(reply, 2u + (node->key_spec >= 0) + (node->token.len > 0) + (node->flags != 0) +
                             (node->children != NULL));
        reply_text(reply, "name", node->name);
        reply_text(reply, "type", node->type);
        if (node->key_spec >= 0) {
            reply_bulk_text(reply, "key_spec_index");
            reply_int(reply, node->key_spec);
        }
        if (node->token.len > 0) {
            reply_bulk_text(reply, "token");
            reply_bulk(reply, node->token);
        }
        if (node->flags) reply_node_flags(reply, node->flags);
        if (node->children) {
            reply_bulk_text(reply, "arguments");
            reply_line(reply, node->children);
        }
    }
}

bool reply_command_arguments(struct reply *reply, const struct command *command)
{
    struct parser parser = {.at = command->row->syntax, .command = command};
    struct node *line = parse_line(&parser);

    if (*parser.at == '|') {
        parser = (struct parser){.at = command->row->syntax, .command = command};
        line = parse_choice(&parser, '\0');
    }
    if (*parser.at) give_up(&parser);
    if (!parser.broken) mark_keys(&parser, line);
    reply_line(reply, parser.broken ? NULL : line);
    return !parser.broken;
}
