#include "coatcheck/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/number.h"

#define FIRST_ROOM 64

void text_init(struct text *text)
{
    *text = (struct text){0};
}

void text_fini(struct text *text)
{
    mem_free(text->at);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->len = 0;
    text->failed = false;
}

static bool make_room(struct text *text, size_t len)
{
    size_t wanted, room;
    char *at;

    if (text->failed) return false;
    if (len <= text->room - text->len) return true;
    if (__builtin_add_overflow(text->len, len, &wanted) || wanted > SIZE_MAX / 2) {
        text->failed = true;
        return false;
    }
    room = text->room * 2;
    if (room < FIRST_ROOM) room = FIRST_ROOM;
    if (room < wanted) room = wanted;
    at = mem_resize(text->at, room);
    if (!at) {
        text->failed = true;
        return false;
    }
    text->at = at;
    text->room = room;
    return true;
}

char *text_extend(struct text *text, size_t len)
{
    char *at;

    if (!make_room(text, len)) return NULL;
    /* Even for no bytes: NULL would read as a failure. */
    if (!text->at && !make_room(text, 1)) return NULL;
    at = text->at + text->len;
    text->len += len;
    return at;
}

void text_add(struct text *text, struct bytes bytes)
{
    if (bytes.len == 0 || !make_room(text, bytes.len)) return;
    memcpy(text->at + text->len, bytes.at, bytes.len);
    text->len += bytes.len;
}

void text_add_char(struct text *text, char c)
{
    if (!make_room(text, 1)) return;
    text->at[text->len++] = c;
}

void text_addf(struct text *text, const char *format, ...)
{
    char small[256];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0) {
        text->failed = true;
        return;
    }
    if ((size_t)len < sizeof small) {
        text_add(text, bytes_of(small, (size_t)len));
        return;
    }
    if (!make_room(text, (size_t)len + 1)) return; /* vsnprintf ends with a zero */
    va_start(args, format);
    vsnprintf(text->at + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void text_add_int(struct text *text, int64_t number)
{
    char digits[NUMBER_MAX_TEXT];

    text_add(text, bytes_of(digits, number_print_int(digits, number)));
}

static void add_quoted_char(struct text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char out[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

    switch (c) {
    case '\n':
        out[1] = 'n';
        break;
    case '\r':
        out[1] = 'r';
        break;
    case '\t':
        out[1] = 't';
        break;
    case '\a':
        out[1] = 'a';
        break;
    case '\b':
        out[1] = 'b';
        break;
    case '"':
    case '\\':
        out[1] = (char)c;
        break;
    default:
        if (c >= 0x20 && c < 0x7f) {
            text_add_char(text, (char)c);
        } else {
            text_add(text, bytes_of(out, 4));
        }
        return;
    }
    text_add(text, bytes_of(out, 2));
}

void text_add_quoted(struct text *text, struct bytes bytes)
{
    text_add_char(text, '"');
    for (size_t i = 0; i < bytes.len; i++) add_quoted_char(text, (unsigned char)bytes.at[i]);
    text_add_char(text, '"');
}
