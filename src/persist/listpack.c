#include "coatcheck/persist/listpack.h"

#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

#define HEAD_BYTES 6
#define HEAD_MOST 9 /* bytes before a text, or of a number: its kind, its length or itself */

void listpack_begin(struct listpack *listpack, char *at, size_t room)
{
    must(room >= LISTPACK_EMPTY);
    *listpack = (struct listpack){.start = at, .len = LISTPACK_EMPTY, .room = room};
}

static unsigned put_number(uint8_t *head, uint8_t kind, unsigned bytes, uint64_t number)
{
    head[0] = kind;
    for (unsigned i = 0; i < bytes; i++) head[1 + i] = (uint8_t)(number >> 8 * i);
    return 1 + bytes;
}

static unsigned head_of_number(uint8_t *head, int64_t number)
{
    if (number >= 0 && number < 128) {
        head[0] = (uint8_t)number;
        return 1;
    }
    if (number >= -4096 && number < 4096) {
        head[0] = (uint8_t)(0xc0 | (number >> 8 & 0x1f));
        head[1] = (uint8_t)number;
        return 2;
    }
    if (number >= INT16_MIN && number <= INT16_MAX) return put_number(head, 0xf1, 2, (uint64_t)number);
    if (number >= -(1 << 23) && number < 1 << 23) return put_number(head, 0xf2, 3, (uint64_t)number);
    if (number >= INT32_MIN && number <= INT32_MAX) return put_number(head, 0xf3, 4, (uint64_t)number);
    return put_number(head, 0xf4, 8, (uint64_t)number);
}

static unsigned head_of_text(uint8_t *head, size_t len)
{
    if (len < 64) {
        head[0] = (uint8_t)(0x80 | len);
        return 1;
    }
    if (len < 4096) {
        head[0] = (uint8_t)(0xe0 | len >> 8);
        head[1] = (uint8_t)len;
        return 2;
    }
    return put_number(head, 0xf0, 4, len);
}

/* What stands before the text, or instead of it: then the text is empty afterwards. */
static unsigned head_of(uint8_t *head, struct bytes *text)
{
    int64_t number;

    if (text->len < NUMBER_MAX_TEXT && number_read_int(*text, &number)) {
        text->len = 0;
        return head_of_number(head, number);
    }
    return head_of_text(head, text->len);
}

static unsigned back_bytes(size_t bytes)
{
    unsigned width = 1;

    while (bytes >> 7 * width > 0) width++;
    return width;
}

size_t listpack_size(struct bytes text)
{
    uint8_t head[HEAD_MOST];
    size_t bytes = head_of(head, &text) + text.len;

    return bytes + back_bytes(bytes);
}

bool listpack_add(struct listpack *listpack, struct bytes text)
{
    uint8_t head[HEAD_MOST], *at = (uint8_t *)listpack->start + listpack->len - 1;
    unsigned head_bytes = head_of(head, &text), back;
    size_t bytes = head_bytes + text.len;

    back = back_bytes(bytes);
    if (listpack->room - listpack->len < bytes + back) return false;
    memcpy(at, head, head_bytes);
    if (text.len > 0) memcpy(at + head_bytes, text.at, text.len);
    at += bytes;
    at[0] = (uint8_t)bytes;
    for (unsigned i = 0; i < back && back > 1; i++)
        at[i] = (uint8_t)((bytes >> 7 * (back - 1 - i) & 127) | (i > 0 ? 128 : 0));
    listpack->len += bytes + back;
    listpack->count++;
    return true;
}

struct bytes listpack_end(struct listpack *listpack)
{
    uint8_t *at = (uint8_t *)listpack->start;
    uint32_t count = listpack->count < UINT16_MAX ? listpack->count : UINT16_MAX;

    for (unsigned i = 0; i < 4; i++) at[i] = (uint8_t)(listpack->len >> 8 * i);
    at[4] = (uint8_t)count;
    at[5] = (uint8_t)(count >> 8);
    at[listpack->len - 1] = 0xff;
    return bytes_of(at, listpack->len);
}
