#include "coatcheck/commands/string_options.h"

#define DEADLINES (STRING_TIMES | STRING_KEEPTTL | STRING_PERSIST)

struct option {
    const char *word;
    unsigned flag;
    unsigned excludes; /* others that may not stand beside it */
    bool takes_word;
    struct deadline_unit unit;
};

static const struct option table[] = {
    {"NX", STRING_NX, STRING_XX | STRING_IFEQ, false, {0}},
    {"XX", STRING_XX, STRING_NX | STRING_IFEQ, false, {0}},
    {"IFEQ", STRING_IFEQ, STRING_CONDITIONS, true, {0}},
    {"GET", STRING_GET, 0, false, {0}},
    {"KEEPTTL", STRING_KEEPTTL, DEADLINES & ~STRING_KEEPTTL, false, {0}},
    {"PERSIST", STRING_PERSIST, DEADLINES & ~STRING_PERSIST, false, {0}},
    {"EX", STRING_EX, DEADLINES & ~STRING_EX, true, {.seconds = true}},
    {"PX", STRING_PX, DEADLINES & ~STRING_PX, true, {0}},
    {"EXAT", STRING_EXAT, DEADLINES & ~STRING_EXAT, true, {.seconds = true, .absolute = true}},
    {"PXAT", STRING_PXAT, DEADLINES & ~STRING_PXAT, true, {.absolute = true}},
};

static const struct option *find(struct bytes word, unsigned allowed)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].flag & allowed && bytes_is(word, table[i].word)) return &table[i];
    }
    return NULL;
}

bool string_options_read(struct call *call, unsigned from, unsigned allowed, struct string_options *options)
{
    *options = (struct string_options){0};
    for (unsigned i = from; i < call_argc(call); i++) {
        const struct option *option = find(call_arg(call, i), allowed);

        if (!option || options->flags & option->excludes ||
            (option->takes_word && i + 1 == call_argc(call))) {
            call_syntax_error(call);
            return false;
        }
        options->flags |= option->flag;
        if (!option->takes_word) continue;
        i++;
        if (option->flag == STRING_IFEQ) {
            options->expected = call_arg(call, i);
        } else {
            options->time_word = i;
            options->unit = option->unit;
        }
    }
    return true;
}

bool string_options_deadline(struct call *call, const struct string_options *options, int64_t *deadline_ms)
{
    *deadline_ms = options->flags & STRING_KEEPTTL ? KEEP_DEADLINE : NEVER;
    if (!(options->flags & STRING_TIMES)) return true;
    return deadline_read(call, options->time_word, options->unit, deadline_ms);
}
