#include "coatcheck/wire/request.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

/* Telnet's "interpret as command" and the two commands that need a look (RFC 854). */
#define TELNET_IAC 0xff
#define TELNET_SB 0xfa
#define TELNET_SE 0xf0

static enum request_state broken(struct request *request, const char *error)
{
    request->error = error;
    return REQUEST_BROKEN;
}

/* Room for one more word. Doubles, so a count from the wire costs nothing until its words have come. */
static bool push_word(struct request *request, const char *at, size_t len)
{
    if (unlikely(request->n == request->room)) {
        unsigned room = request->room < 16 ? 32 : 2 * request->room;
        struct bytes *args;

        if (request->args_on_heap) {
            args = mem_resize(request->args, room * sizeof *args);
        } else {
            args = mem_alloc(room * sizeof *args);
            if (args) memcpy(args, request->args, request->n * sizeof *args);
        }
        if (!args) return false;
        request->args = args;
        request->args_on_heap = true;
        request->room = room;
    }
    request->args[request->n++] = (struct bytes){at, len};
    return true;
}

/* The input has moved: the words move along. */
static void rebase(struct request *request, const char *base)
{
    if (request->base) {
        for (unsigned i = 0; i < request->n; i++) {
            request->args[i].at = base + (request->args[i].at - request->base);
        }
    }
    request->base = base;
}

/* ---- plain lines ---- */

static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Fewer than isspace() knows: a vertical tab or a form feed may stand before a word, yet it does not end one. So
 * redis-server has it, and a key may hold such a byte. */
static inline bool ends_bare_word(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0';
}

static char escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* Reads the word at *in into *out, both moving on. False: quotes do not balance. */
static bool split_word(const char **in, const char *end, char **out)
{
    enum { BARE, DOUBLE, SINGLE } quotes = BARE;
    const char *p = *in;
    char *to = *out;

    for (;; p++) {
        if (p == end) {
            if (quotes != BARE) return false;
            break;
        }
        if (quotes == BARE) {
            if (ends_bare_word(*p)) break;
            if (*p == '"') {
                quotes = DOUBLE;
            } else if (*p == '\'') {
                quotes = SINGLE;
            } else {
                *to++ = *p;
            }
            continue;
        }
        if (quotes == SINGLE) {
            if (*p == '\\' && end - p > 1 && p[1] == '\'') {
                *to++ = *++p;
            } else if (*p != '\'') {
                *to++ = *p;
                continue;
            } else {
                if (end - p > 1 && !isspace((unsigned char)p[1])) return false;
                p++;
                break;
            }
            continue;
        }
        if (*p == '\\' && end - p > 3 && p[1] == 'x' && hex_value(p[2]) >= 0 && hex_value(p[3]) >= 0) {
            *to++ = (char)(hex_value(p[2]) * 16 + hex_value(p[3]));
            p += 3;
        } else if (*p == '\\' && end - p > 1) {
            *to++ = escaped(*++p);
        } else if (*p == '"') {
            if (end - p > 1 && !isspace((unsigned char)p[1])) return false;
            p++;
            break;
        } else {
            *to++ = *p;
        }
    }
    *in = p;
    *out = to;
    return true;
}

int request_split(struct bytes line, char *into, struct bytes *words, unsigned most)
{
    const char *p = line.at, *end = line.at + line.len;
    unsigned n = 0;

    for (;;) {
        char *start = into;

        while (p < end && isspace((unsigned char)*p)) p++;
        /* A zero byte ends a line, as it does for a reader of C strings. */
        if (p == end || *p == '\0') return (int)n;
        if (n == most) return -1;
        if (!split_word(&p, end, &into)) return -1;
        words[n++] = bytes_of(start, (size_t)(into - start));
    }
}

/* Words of a line without quotes are slices of it; false: no memory. */
static bool split_bare(struct request *request, const char *p, const char *end)
{
    while (p < end) {
        const char *start;

        while (p < end && isspace((unsigned char)*p)) p++;
        start = p;
        while (p < end && !ends_bare_word(*p)) p++;
        if (p > start && !push_word(request, start, (size_t)(p - start))) return false;
        if (p < end && !*p) break;
    }
    return true;
}

static enum request_state split_quoted(struct request *request, const char *p, const char *end)
{
    char *to = mem_alloc((size_t)(end - p) + 1 + REQUEST_PADDING);

    if (!to) return REQUEST_NO_MEMORY;
    request->unquoted = to;
    for (;;) {
        char *start = to;

        while (p < end && isspace((unsigned char)*p)) p++;
        if (p == end || *p == '\0') return REQUEST_READY;
        if (!split_word(&p, end, &to)) {
            return broken(request, "Protocol error: unbalanced quotes in request");
        }
        if (!push_word(request, start, (size_t)(to - start))) return REQUEST_NO_MEMORY;
    }
}

/* Answers telnet's offers with silence: skips its option bytes. 0: more input is needed. */
static size_t telnet_option_len(const unsigned char *p, size_t len)
{
    if (len < 2) return 0;
    if (p[1] == TELNET_SB) {
        for (size_t i = 2; i + 1 < len && i < 256; i++) {
            if (p[i] == TELNET_IAC && p[i + 1] == TELNET_SE) return i + 2;
        }
        return 0;
    }
    if (p[1] >= 0xfb && p[1] <= 0xfe) return len < 3 ? 0 : 3;
    return 2;
}

/* Many of them in a row must not cost what so many requests would. */
static bool skip_empty_lines(struct request *request, struct bytes input)
{
    const char *start = input.at + request->at, *end = input.at + input.len, *p = start;

    for (;;) {
        if (p < end && *p == '\n') {
            p++;
        } else if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') {
            p += 2;
        } else {
            break;
        }
    }
    request->at += (size_t)(p - start);
    return p > start;
}

static enum request_state read_inline(struct request *request, struct bytes input)
{
    const char *start = input.at + request->at, *end = input.at + input.len;
    const char *line_end = memchr(start, '\n', (size_t)(end - start));
    const char *next;
    enum request_state state = REQUEST_READY;

    if (!line_end) {
        if (end - start > REQUEST_INLINE_MAX) {
            return broken(request, "Protocol error: too big inline request");
        }
        return REQUEST_MORE;
    }
    if (line_end - start > REQUEST_INLINE_MAX) {
        return broken(request, "Protocol error: too big inline request");
    }
    next = line_end + 1;
    if (line_end > start && line_end[-1] == '\r') line_end--;
    while (line_end - start >= 2 && (unsigned char)*start == TELNET_IAC) {
        size_t skip = telnet_option_len((const unsigned char *)start, (size_t)(line_end - start));

        if (skip == 0) break;
        start += skip;
    }

    if (memchr(start, '"', (size_t)(line_end - start)) || memchr(start, '\'', (size_t)(line_end - start))) {
        state = split_quoted(request, start, line_end);
    } else if (!split_bare(request, start, line_end)) {
        state = REQUEST_NO_MEMORY;
    }
    request->at = (size_t)(next - input.at);
    return state;
}

/* ---- RESP arrays of bulk strings ---- */

enum line_state { LINE_MORE, LINE_READ, LINE_TOO_LONG, LINE_BAD };

/* "<mark><number>\r\n" at `at`: the number, and *at behind the line. */
static inline enum line_state read_number_line(struct bytes input, size_t *at, int64_t *number)
{
    const char *p = input.at + *at + 1, *end = input.at + input.len;
    const char *digits = p, *line_end;
    int64_t value = 0;

    /* Up to nine digits without a sign or a leading zero: all that honest clients send. */
    while (p < end && p - digits < 9 && (unsigned char)(*p - '0') < 10) value = value * 10 + (*p++ - '0');
    if (likely(end - p >= 2 && p > digits && *p == '\r' && (*digits != '0' || p - digits == 1))) {
        *number = value;
        *at = (size_t)(p + 2 - input.at);
        return LINE_READ;
    }

    line_end = memchr(digits, '\r', (size_t)(end - digits));
    if (!line_end) return end - digits >= REQUEST_INLINE_MAX ? LINE_TOO_LONG : LINE_MORE;
    if (line_end + 1 >= end) return LINE_MORE;
    if (!number_read_int(bytes_of(digits, (size_t)(line_end - digits)), number)) return LINE_BAD;
    *at = (size_t)(line_end + 2 - input.at);
    return LINE_READ;
}

static enum request_state read_count(struct request *request, struct bytes input,
                                     const struct request_limits *limits)
{
    int64_t count;

    switch (read_number_line(input, &request->at, &count)) {
    case LINE_MORE: return REQUEST_MORE;
    case LINE_TOO_LONG: return broken(request, "Protocol error: too big mbulk count string");
    case LINE_BAD: return broken(request, "Protocol error: invalid multibulk length");
    case LINE_READ: break;
    }
    if (count > REQUEST_ARGS_MAX) return broken(request, "Protocol error: invalid multibulk length");
    if (!limits->authenticated && count > REQUEST_ARGS_MAX_UNKNOWN) {
        return broken(request, "Protocol error: unauthenticated multibulk length");
    }
    request->words_to_come = count > 0 ? count : 0;
    return REQUEST_READY;
}

static enum request_state read_bulk_len(struct request *request, struct bytes input,
                                        const struct request_limits *limits)
{
    if (request->at >= input.len) return REQUEST_MORE;
    if (unlikely(input.at[request->at] != '$')) {
        /* redis-server looks for the end of the line before it looks at its first byte. */
        size_t left = input.len - request->at;

        if (!memchr(input.at + request->at, '\r', left)) {
            if (left > REQUEST_INLINE_MAX) {
                return broken(request, "Protocol error: too big bulk count string");
            }
            return REQUEST_MORE;
        }
        snprintf(request->error_text, sizeof request->error_text,
                 "Protocol error: expected '$', got '%c'", input.at[request->at]);
        return broken(request, request->error_text);
    }
    switch (read_number_line(input, &request->at, &request->bulk)) {
    case LINE_MORE: request->bulk = -1; return REQUEST_MORE;
    case LINE_TOO_LONG: return broken(request, "Protocol error: too big bulk count string");
    case LINE_BAD: return broken(request, "Protocol error: invalid bulk length");
    case LINE_READ: break;
    }
    if (request->bulk < 0 || request->bulk > limits->max_bulk) {
        return broken(request, "Protocol error: invalid bulk length");
    }
    if (!limits->authenticated && request->bulk > REQUEST_BULK_MAX_UNKNOWN) {
        return broken(request, "Protocol error: unauthenticated bulk length");
    }
    return REQUEST_READY;
}

/* Whole words of up to 99 bytes, as most are: no limit is near. The first that is anything else is left to others. */
static inline void read_short_words(struct request *request, struct bytes input)
{
    const char *p = input.at + request->at, *end = input.at + input.len;
    unsigned n = request->n;

    while (request->words_to_come > 0 && n < request->room && end - p >= 6 && *p == '$') {
        unsigned len = (unsigned char)p[1] - (unsigned)'0', second;
        const char *word = p + 4;

        if (len > 9) break;
        if (p[2] != '\r') {
            second = (unsigned char)p[2] - (unsigned)'0';
            if (second > 9 || len == 0 || p[3] != '\r') break;
            len = 10 * len + second;
            word++;
        }
        if (end - word < (ptrdiff_t)len + 2) break;
        request->args[n++] = (struct bytes){word, len};
        p = word + len + 2;
        request->words_to_come--;
    }
    request->n = n;
    request->at = (size_t)(p - input.at);
}

static enum request_state read_words(struct request *request, struct bytes input,
                                     const struct request_limits *limits)
{
    if (likely(request->bulk < 0)) read_short_words(request, input);
    while (request->words_to_come > 0) {
        if (request->bulk < 0) {
            enum request_state state = read_bulk_len(request, input, limits);

            if (state != REQUEST_READY) return state;
        }
        if (input.len - request->at < (size_t)request->bulk + 2) return REQUEST_MORE;
        if (!push_word(request, input.at + request->at, (size_t)request->bulk)) return REQUEST_NO_MEMORY;
        request->at += (size_t)request->bulk + 2;
        request->bulk = -1;
        request->words_to_come--;
    }
    return REQUEST_READY;
}

enum request_state request_read(struct request *request, struct bytes input,
                                const struct request_limits *limits)
{
    if (request->base != input.at) rebase(request, input.at);
    for (;;) {
        enum request_state state;

        if (request->words_to_come > 0) return read_words(request, input, limits);
        if (request->at >= input.len) return REQUEST_MORE;
        if (input.at[request->at] == '*') {
            state = read_count(request, input, limits);
            if (state != REQUEST_READY) return state;
            continue;
        }
        if (skip_empty_lines(request, input)) continue;
        state = read_inline(request, input);
        if (state != REQUEST_READY) return state;
        request->is_inline = request->n > 0;
        if (request->is_inline) return REQUEST_READY;
        mem_free(request->unquoted);
        request->unquoted = NULL;
    }
}

void request_move(struct request *request, const char *input)
{
    must(!request->unquoted);
    if (request->base != input) rebase(request, input);
}

size_t request_wants(const struct request *request)
{
    if (request->words_to_come > 0 && request->bulk >= 0) {
        return request->at + (size_t)request->bulk + 2;
    }
    return request->at + 1;
}

bool request_keep(struct request *request)
{
    unsigned room = request->n < 4 ? 4 : request->n;
    struct bytes *args;

    if (request->args_on_heap) return true;
    args = mem_alloc(room * sizeof *args);
    if (!args) return false;
    memcpy(args, request->args, request->n * sizeof *args);
    request->args = args;
    request->room = room;
    request->args_on_heap = true;
    return true;
}

bool request_detach(struct request *request)
{
    size_t size = 0;
    char *copy;

    must(request->words_to_come >= 1 && !request->unquoted);
    for (unsigned i = 0; i < request->n; i++) size += request->args[i].len;
    copy = mem_alloc(size + REQUEST_PADDING);
    if (!copy) return false;
    /* The word gets its place now, so that request_put() cannot fail. */
    if (!request_keep(request) || !push_word(request, copy, 0)) {
        mem_free(copy);
        return false;
    }
    request->n--;
    request->unquoted = copy;
    for (unsigned i = 0; i < request->n; i++) {
        memcpy(copy, request->args[i].at, request->args[i].len);
        request->args[i].at = copy;
        copy += request->args[i].len;
    }
    request->base = NULL;
    request->at = 0;
    return true;
}

void request_put(struct request *request, struct bytes word)
{
    must(request->words_to_come >= 1 && request->n < request->room);
    request->args[request->n++] = word;
    request->words_to_come--;
    request->bulk = -1;
}

void request_part(struct request *request, struct request_words *before, struct bytes *room, unsigned count)
{
    must(request->args_on_heap && request->words_to_come > 0);
    *before = (struct request_words){.args = request->args, .n = request->n, .text = request->unquoted};
    request->args = room;
    request->n = 0;
    request->room = count;
    request->unquoted = NULL;
    request->base = NULL;
    request->at = 0;
}

bool request_join(struct request *request, struct request_words *before, char **text)
{
    size_t size = 0;
    struct bytes *args = mem_resize(before->args, (before->n + request->n) * sizeof *args);
    char *at;

    if (!args) return false;
    before->args = args;
    for (unsigned i = 0; i < request->n; i++) size += request->args[i].len;
    at = *text = mem_alloc(size + REQUEST_PADDING);
    if (!at) return false;
    for (unsigned i = 0; i < request->n; i++) {
        memcpy(at, request->args[i].at, request->args[i].len);
        args[before->n + i] = bytes_of(at, request->args[i].len);
        at += request->args[i].len;
    }
    mem_free(request->args);
    request->args = args;
    request->n += before->n;
    request->room = request->n;
    request->unquoted = before->text;
    request->base = NULL;
    request->at = 0;
    *before = (struct request_words){0};
    return true;
}

void request_fini(struct request *request)
{
    if (request->args_on_heap) mem_free(request->args);
    mem_free(request->unquoted);
    request->unquoted = NULL;
    request->args_on_heap = false;
    request->n = 0;
}
