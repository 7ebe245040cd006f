/* text: bytes that grow at the end, for reports and replies off the hot path.
 * A failed allocation is remembered instead of returned, so that building reads straight on;
 * who sends the text asks text_failed() first. */
#ifndef COATCHECK_BASE_TEXT_H
#define COATCHECK_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

struct text {
    char *at; /* owned; not zero-terminated */
    size_t len;
    size_t room;
    bool failed;
};

/* All zero is an empty text as well. */
void text_init(struct text *text);
void text_fini(struct text *text);

void text_add(struct text *text, struct bytes bytes);
void text_add_char(struct text *text, char c);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_int(struct text *text, int64_t number);

/* Bytes between quotes, with \" \\ \n \r \t \a \b and \xHH, as redis-cli and MONITOR print them. */
void text_add_quoted(struct text *text, struct bytes bytes);

/* Room for `len` more bytes at the end, to be filled by the caller; NULL when memory failed. */
char *text_extend(struct text *text, size_t len);

/* Forgets the content, keeps the memory. */
void text_clear(struct text *text);

/* Valid until the text changes. Never a NULL pointer, not even for no bytes: C forbids arithmetic on it. */
static inline struct bytes text_bytes(const struct text *text)
{
    return (struct bytes){text->at ? text->at : "", text->len};
}

static inline bool text_failed(const struct text *text)
{
    return text->failed;
}

#endif
