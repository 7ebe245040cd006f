#include "coatcheck/wire/reply.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

void reply_open(struct reply *reply, char *window, size_t room, struct outbox *queue, uint8_t resp)
{
    reply->at = reply->start = window;
    reply->end = window + room;
    reply->queue = queue;
    reply->resp = resp;
    reply->failed = false;
    reply->errors = 0;
    reply->error_code = (struct bytes){NULL, 0};
}

/* A gap in the stream would make the client take the end of one reply for another: nothing is written from
 * here on. Without a window no writer takes its short way, so only the long ones have to ask. */
static bool fail(struct reply *reply)
{
    reply->failed = true;
    reply->at = reply->end = reply->start;
    return false;
}

/* Moves what stands in the window to the queue, which makes the whole window free again. */
static bool window_spill(struct reply *reply)
{
    if (reply->failed || !outbox_add(reply->queue, reply_in_window(reply))) return fail(reply);
    reply->at = reply->start;
    return true;
}

bool reply_make_room(struct reply *reply, size_t len)
{
    if ((size_t)(reply->end - reply->at) >= len && !reply->failed) return true;
    if (!window_spill(reply)) return false;
    must((size_t)(reply->end - reply->at) >= len);
    return true;
}

struct reply_mark reply_mark(const struct reply *reply)
{
    return (struct reply_mark){.at = reply->at, .queue = outbox_mark(reply->queue)};
}

void reply_take_back(struct reply *reply, struct reply_mark mark)
{
    struct outbox *queue = reply->queue;

    if (reply->failed) return;
    if (queue->bytes == mark.queue.bytes && queue->last == mark.queue.last) {
        reply->at = mark.at;
        return;
    }
    /* The window was spilled since: what stood in it at the mark is the head of what was added. */
    outbox_cut(queue, &mark.queue, (size_t)(mark.at - reply->start));
    reply->at = reply->start;
}

static void put(struct reply *reply, const char *at, size_t len)
{
    if (unlikely((size_t)(reply->end - reply->at) < len)) {
        if (!window_spill(reply)) return;
        if ((size_t)(reply->end - reply->at) < len) {
            if (!outbox_add(reply->queue, bytes_of(at, len))) fail(reply);
            return;
        }
    }
    memcpy(reply->at, at, len);
    reply->at += len;
}

void reply_raw(struct reply *reply, struct bytes bytes)
{
    put(reply, bytes.at, bytes.len);
}

void reply_ok(struct reply *reply)
{
    put(reply, "+OK\r\n", 5);
}

void reply_simple(struct reply *reply, const char *text)
{
    size_t len = strlen(text);

    put(reply, "+", 1);
    put(reply, text, len);
    put(reply, "\r\n", 2);
}

/* One line of at most 19 digits after a mark: the head of bulks and arrays, and integers. */
static void put_line(struct reply *reply, char mark, int64_t number)
{
    char line[NUMBER_MAX_TEXT];
    size_t len;

    if (likely(reply->end - reply->at >= NUMBER_MAX_TEXT)) {
        char *at = reply->at;

        *at++ = mark;
        if (likely(number >= 0 && number < 10)) {
            *at++ = (char)('0' + number);
        } else {
            at += number_print_int(at, number);
        }
        *at++ = '\r';
        *at++ = '\n';
        reply->at = at;
        return;
    }
    line[0] = mark;
    len = 1 + number_print_int(line + 1, number);
    line[len++] = '\r';
    line[len++] = '\n';
    put(reply, line, len);
}

static void note_error(struct reply *reply, struct bytes code)
{
    reply->errors++;
    reply->error_code = code;
}

void reply_error(struct reply *reply, enum wire_error error)
{
    const struct wire_error_row *row = &wire_errors[error];

    put(reply, "-", 1);
    put(reply, row->code, strlen(row->code));
    put(reply, " ", 1);
    put(reply, row->text, strlen(row->text));
    put(reply, "\r\n", 2);
    note_error(reply, bytes_of_text(row->code));
}

void reply_error_text(struct reply *reply, struct bytes text)
{
    size_t code_len = 0;

    put(reply, "-", 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '\r' || c == '\n') c = ' ';
        put(reply, &c, 1);
    }
    put(reply, "\r\n", 2);

    /* Counted by its first word, when it is short enough to be one. */
    while (code_len < text.len && code_len < sizeof reply->code_room && !strchr(" \r\n", text.at[code_len])) {
        code_len++;
    }
    if (code_len == 0 || code_len == text.len || code_len == sizeof reply->code_room) {
        note_error(reply, BYTES("ERR"));
        return;
    }
    memcpy(reply->code_room, text.at, code_len);
    note_error(reply, bytes_of(reply->code_room, code_len));
}

void reply_errorf(struct reply *reply, const char *format, ...)
{
    char line[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0) len = 0;
    if ((size_t)len >= sizeof line) len = sizeof line - 1;
    reply_error_text(reply, bytes_of(line, (size_t)len));
}

void reply_int(struct reply *reply, int64_t number)
{
    put_line(reply, ':', number);
}

void reply_bulk(struct reply *reply, struct bytes bytes)
{
    put_line(reply, '$', (int64_t)bytes.len);
    if (likely((size_t)(reply->end - reply->at) >= bytes.len + 2)) {
        memcpy(reply->at, bytes.at, bytes.len);
        reply->at += bytes.len;
        *reply->at++ = '\r';
        *reply->at++ = '\n';
        return;
    }
    put(reply, bytes.at, bytes.len);
    put(reply, "\r\n", 2);
}

void reply_bulk_head(struct reply *reply, size_t len)
{
    put_line(reply, '$', (int64_t)len);
}

void reply_bulk_text(struct reply *reply, const char *text)
{
    reply_bulk(reply, bytes_of_text(text));
}

void reply_bulk_int(struct reply *reply, int64_t number)
{
    char digits[NUMBER_MAX_TEXT];

    reply_bulk(reply, bytes_of(digits, number_print_int(digits, number)));
}

void reply_bulk_held(struct reply *reply, struct bytes bytes, void (*release)(void *holder), void *holder)
{
    put_line(reply, '$', (int64_t)bytes.len);
    if (!window_spill(reply) || !outbox_add_held(reply->queue, bytes, release, holder)) {
        fail(reply);
        release(holder);
        return;
    }
    put(reply, "\r\n", 2);
}

void reply_null(struct reply *reply)
{
    if (reply->resp == 2) {
        put(reply, "$-1\r\n", 5);
    } else {
        put(reply, "_\r\n", 3);
    }
}

void reply_null_array(struct reply *reply)
{
    if (reply->resp == 2) {
        put(reply, "*-1\r\n", 5);
    } else {
        put(reply, "_\r\n", 3);
    }
}

void reply_array(struct reply *reply, size_t count)
{
    put_line(reply, '*', (int64_t)count);
}

void reply_map(struct reply *reply, size_t pairs)
{
    if (reply->resp == 2) {
        put_line(reply, '*', (int64_t)(2 * pairs));
    } else {
        put_line(reply, '%', (int64_t)pairs);
    }
}

void reply_set(struct reply *reply, size_t count)
{
    put_line(reply, reply->resp == 2 ? '*' : '~', (int64_t)count);
}

void reply_push(struct reply *reply, size_t count)
{
    put_line(reply, reply->resp == 2 ? '*' : '>', (int64_t)count);
}

void reply_attribute(struct reply *reply, size_t pairs)
{
    must(reply->resp == 3);
    put_line(reply, '|', (int64_t)pairs);
}

void reply_double_digits(struct reply *reply, struct bytes digits)
{
    if (reply->resp == 2) {
        reply_bulk(reply, digits);
        return;
    }
    put(reply, ",", 1);
    put(reply, digits.at, digits.len);
    put(reply, "\r\n", 2);
}

void reply_double(struct reply *reply, double number)
{
    char digits[64];

    reply_double_digits(reply, bytes_of(digits, number_print_double(digits, sizeof digits, number)));
}

void reply_bool(struct reply *reply, bool yes)
{
    if (reply->resp == 2) {
        put_line(reply, ':', yes);
    } else {
        put(reply, yes ? "#t\r\n" : "#f\r\n", 4);
    }
}

void reply_big_number(struct reply *reply, const char *digits)
{
    if (reply->resp == 2) {
        reply_bulk_text(reply, digits);
        return;
    }
    put(reply, "(", 1);
    put(reply, digits, strlen(digits));
    put(reply, "\r\n", 2);
}

void reply_verbatim(struct reply *reply, const char format[3], struct bytes text)
{
    if (reply->resp == 2) {
        reply_bulk(reply, text);
        return;
    }
    put_line(reply, '=', (int64_t)text.len + 4);
    put(reply, format, 3);
    put(reply, ":", 1);
    put(reply, text.at, text.len);
    put(reply, "\r\n", 2);
}

void reply_nest(struct reply *outer, struct reply_nested *nested)
{
    nested->queue = (struct outbox){0};
    reply_open(&nested->reply, nested->window, sizeof nested->window, &nested->queue, outer->resp);
}

void reply_unnest(struct reply *outer, struct reply_nested *nested,
                  void (*head)(struct reply *reply, size_t count), size_t count)
{
    struct outbox *queue = &nested->queue;

    head(outer, count);
    /* The window's bytes go to the outer queue first, then whole chunks change hands. */
    if (nested->reply.failed || (queue->first && !window_spill(outer))) {
        outbox_clear(queue);
        fail(outer);
        return;
    }
    outbox_move(outer->queue, queue);
    reply_raw(outer, reply_in_window(&nested->reply));
}
