#include "words_internal.h"

#include "coatcheck/base/mem.h"

/* The line as it is eaten, and the unquoted bytes as they come out: never more than went in. */
struct eater {
    const char *at, *end;
    char *out;
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static void eat_escape(struct eater *eater)
{
    static const char names[] = "nrtba", meant[] = "\n\r\t\b\a";
    const char *at = eater->at + 1; /* behind the backslash, and not at the end */
    const char *name;

    if (*at == 'x' && eater->end - at >= 3 && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
        *eater->out++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
        eater->at = at + 3;
        return;
    }
    name = *at ? strchr(names, *at) : NULL;
    *eater->out++ = name ? meant[name - names] : *at;
    eater->at = at + 1;
}

/* From behind the opening quote to behind the closing one, which a blank or the end must follow. */
static bool eat_quoted(struct eater *eater, char quote)
{
    while (eater->at < eater->end) {
        bool escapes = *eater->at == '\\' && eater->end - eater->at >= 2;

        if (quote == '"' && escapes) {
            eat_escape(eater);
        } else if (quote == '\'' && escapes && eater->at[1] == '\'') {
            *eater->out++ = '\'';
            eater->at += 2;
        } else if (*eater->at == quote) {
            eater->at++;
            return eater->at == eater->end || is_blank(*eater->at);
        } else {
            *eater->out++ = *eater->at++;
        }
    }
    return false;
}

static bool eat_word(struct eater *eater)
{
    while (eater->at < eater->end && !is_blank(*eater->at)) {
        char c = *eater->at++;

        /* A quote may open in the middle of a word, and its end ends the word. */
        if (c == '"' || c == '\'') return eat_quoted(eater, c);
        *eater->out++ = c;
    }
    return true;
}

enum status words_split(struct words *words, struct bytes line)
{
    struct eater eater = {.at = line.at, .end = line.at + line.len};
    enum status status = OK;

    words->count = 0;
    words->memory = mem_alloc(line.len + 1);
    if (!words->memory) return NO_MEMORY;
    eater.out = words->memory;
    for (;;) {
        char *from = eater.out;

        while (eater.at < eater.end && is_blank(*eater.at)) eater.at++;
        if (eater.at == eater.end) return OK;
        if (words->count == WORDS_MAX) {
            status = TOO_BIG;
        } else if (!eat_word(&eater)) {
            status = MALFORMED;
        }
        if (status != OK) break;
        words->at[words->count++] = bytes_of(from, (size_t)(eater.out - from));
    }
    words_fini(words);
    return status;
}

void words_fini(struct words *words)
{
    mem_free(words->memory);
    words->memory = NULL;
    words->count = 0;
}

void words_join(const struct words *words, unsigned first, struct text *into)
{
    for (unsigned i = first; i < words->count; i++) {
        if (i > first) text_add_char(into, ' ');
        text_add(into, words->at[i]);
    }
}
