/* Lengths and texts. */
#include "rdb_internal.h"

#include <endian.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/persist/lzf.h"

/* ---- writing ---- */

void rdb_write_length(struct sink *sink, uint64_t length)
{
    uint8_t head[9];

    if (length < 1 << 6) {
        sink_put_byte(sink, (uint8_t)(LENGTH_SHORT | length));
    } else if (length < 1 << 14) {
        head[0] = (uint8_t)(LENGTH_MIDDLE | length >> 8);
        head[1] = (uint8_t)length;
        sink_put(sink, bytes_of(head, 2));
    } else if (length <= UINT32_MAX) {
        uint32_t number = htobe32((uint32_t)length);

        head[0] = LENGTH_32;
        memcpy(head + 1, &number, sizeof number);
        sink_put(sink, bytes_of(head, 5));
    } else {
        uint64_t number = htobe64(length);

        head[0] = LENGTH_64;
        memcpy(head + 1, &number, sizeof number);
        sink_put(sink, bytes_of(head, 9));
    }
}

#define NUMBER_TEXT_MOST 11 /* "-2147483648" */

static bool write_as_number(struct sink *sink, struct bytes text)
{
    int64_t number;
    uint8_t bytes[5];
    unsigned width;

    if (text.len > NUMBER_TEXT_MOST || !number_read_int(text, &number)) return false;
    if (number < INT32_MIN || number > INT32_MAX) return false;
    width = number >= INT8_MIN && number <= INT8_MAX ? 1 : number >= INT16_MIN && number <= INT16_MAX ? 2 : 4;
    bytes[0] = (uint8_t)(width == 1 ? TEXT_INT8 : width == 2 ? TEXT_INT16 : TEXT_INT32);
    for (unsigned i = 0; i < width; i++) bytes[1 + i] = (uint8_t)((uint64_t)number >> 8 * i);
    sink_put(sink, bytes_of(bytes, 1 + width));
    return true;
}

#define PACKED_FROM 21       /* bytes; shorter ones have nothing to repeat */
#define PACKED_SAVES 4       /* bytes at least, or it is not worth it */

/* A text is packed into a buffer: on the stack, or a larger one. What is longer still is packed twice: measured first,
 * then written. */
#define BUFFER_SMALL 65536
#define BUFFER_LARGE (1024 * 1024)

static void put_piece(void *context, struct bytes piece)
{
    sink_put(context, piece);
}

struct buffer {
    size_t len;
    char *at;
};

static void keep_piece(void *context, struct bytes piece)
{
    struct buffer *buffer = context;

    memcpy(buffer->at + buffer->len, piece.at, piece.len);
    buffer->len += piece.len;
}

static void write_packed_head(struct sink *sink, size_t packed, size_t len)
{
    sink_put_byte(sink, TEXT_LZF);
    rdb_write_length(sink, packed);
    rdb_write_length(sink, len);
}

static bool write_packed_once(struct sink *sink, struct bytes text, struct buffer *buffer)
{
    if (lzf_pack(text, text.len - PACKED_SAVES, keep_piece, buffer) == 0) return false;
    write_packed_head(sink, buffer->len, text.len);
    sink_put(sink, bytes_of(buffer->at, buffer->len));
    return true;
}

/* Kept apart so that the room is on the stack only while it is needed. */
static __attribute__((noinline)) bool write_packed_small(struct sink *sink, struct bytes text)
{
    char room[BUFFER_SMALL];

    return write_packed_once(sink, text, &(struct buffer){.at = room});
}

static bool write_packed_twice(struct sink *sink, struct bytes text)
{
    size_t packed = lzf_pack(text, text.len - PACKED_SAVES, NULL, NULL);

    if (packed == 0) return false;
    write_packed_head(sink, packed, text.len);
    lzf_pack(text, packed, put_piece, sink);
    return true;
}

static bool write_packed(struct sink *sink, struct bytes text)
{
    struct buffer buffer = {.len = 0};
    bool written;

    if (text.len <= BUFFER_SMALL) return write_packed_small(sink, text);
    if (text.len <= BUFFER_LARGE) buffer.at = mem_alloc(text.len);
    written = buffer.at ? write_packed_once(sink, text, &buffer) : write_packed_twice(sink, text);
    mem_free(buffer.at);
    return written;
}

void rdb_write_text(struct sink *sink, struct bytes text)
{
    if (write_as_number(sink, text)) return;
    if (text.len >= PACKED_FROM && text.len < UINT32_MAX && sink->status == OK && write_packed(sink, text)) return;
    rdb_write_length(sink, text.len);
    sink_put(sink, text);
}

/* ---- reading ---- */

/* What follows the first byte of a length. */
static bool read_length_after(struct source *source, uint8_t first, uint64_t *length)
{
    uint8_t second;
    uint32_t number;

    if (first < LENGTH_MIDDLE) {
        *length = first;
        return true;
    }
    if (first < LENGTH_32) {
        if (!source_read_byte(source, &second)) return false;
        *length = (uint64_t)(first & 0x3f) << 8 | second;
        return true;
    }
    if (first == LENGTH_32) {
        if (!source_read(source, &number, sizeof number)) return false;
        *length = be32toh(number);
        return true;
    }
    if (first != LENGTH_64) return source_fail(source, MALFORMED);
    if (!source_read(source, length, sizeof *length)) return false;
    *length = be64toh(*length);
    return true;
}

bool rdb_read_length(struct source *source, uint64_t *length)
{
    uint8_t first;

    return source_read_byte(source, &first) && read_length_after(source, first, length);
}

bool rdb_read_count(struct source *source, size_t least, uint64_t *count)
{
    if (!rdb_read_length(source, count)) return false;
    return (*count > 0 && *count <= source_left(source) / least) || source_fail(source, MALFORMED);
}

static bool read_number(struct source *source, unsigned bytes, int64_t *number)
{
    uint8_t at[4];
    uint32_t sum = 0;

    if (!source_read(source, at, bytes)) return false;
    for (unsigned i = bytes; i-- > 0;) sum = sum << 8 | at[i];
    *number = bytes == 1 ? (int8_t)sum : bytes == 2 ? (int16_t)sum : (int32_t)sum;
    return true;
}

bool rdb_read_text_head(struct source *source, struct rdb_text_head *head)
{
    uint8_t first;

    *head = (struct rdb_text_head){.form = TEXT_IS_PLAIN};
    if (!source_read_byte(source, &first)) return false;
    if (first >= TEXT_INT8 && first <= TEXT_INT32) {
        head->form = TEXT_IS_NUMBER;
        return read_number(source, 1u << (first - TEXT_INT8), &head->number);
    }
    if (first != TEXT_LZF) {
        if (!read_length_after(source, first, &head->len)) return false;
        return (head->len <= TEXT_MOST && head->len <= source_left(source)) || source_fail(source, MALFORMED);
    }
    head->form = TEXT_IS_PACKED;
    if (!rdb_read_length(source, &head->packed) || !rdb_read_length(source, &head->len)) return false;
    return (head->packed <= source_left(source) && head->len <= TEXT_MOST && head->len > 0 &&
            head->len <= lzf_most(head->packed)) ||
           source_fail(source, MALFORMED);
}

bool rdb_read_text_body(struct source *source, const struct rdb_text_head *head, char *into)
{
    if (head->form == TEXT_IS_PACKED) return lzf_unpack(source, head->packed, into, head->len);
    return source_read(source, into, head->len);
}

static bool text_make_room(struct rdb_text *text, size_t len)
{
    if (text->room >= len) return true;
    mem_free(text->own);
    text->room = mem_good_size(len);
    text->own = mem_alloc(text->room);
    if (!text->own) text->room = 0;
    return text->own != NULL;
}

bool rdb_read_text_after(struct source *source, const struct rdb_text_head *head, struct rdb_text *text)
{
    if (head->form == TEXT_IS_NUMBER) {
        text->bytes = bytes_of(text->digits, number_print_int(text->digits, head->number));
        return true;
    }
    if (head->len == 0) {
        text->bytes = BYTES("");
        return true;
    }
    /* Where more is to come, what is at hand makes room for it. */
    if (head->form == TEXT_IS_PLAIN && !source->more) {
        text->bytes = bytes_of(source->at, head->len);
        source->at += head->len;
        return true;
    }
    if (!text_make_room(text, head->len)) return source_fail(source, NO_MEMORY);
    text->bytes = bytes_of(text->own, head->len);
    return rdb_read_text_body(source, head, text->own);
}

bool rdb_read_text(struct source *source, struct rdb_text *text)
{
    struct rdb_text_head head;

    return rdb_read_text_head(source, &head) && rdb_read_text_after(source, &head, text);
}

void rdb_text_fini(struct rdb_text *text)
{
    mem_free(text->own);
    text->own = NULL;
    text->room = 0;
}
