#include "coatcheck/persist/sequence.h"

#include <limits.h>

#define LAST_BYTE 0xff
#define COUNT_UNTOLD UINT64_MAX

#define LISTPACK_HEAD 6
#define ZIPLIST_HEAD 10
#define ZIPMAP_HEAD 1
#define INTSET_HEAD 8

/* A number of so many bytes, little end first. */
static uint64_t read_number(const uint8_t *at, unsigned bytes)
{
    uint64_t number = 0;

    for (unsigned i = bytes; i-- > 0;) number = number << 8 | at[i];
    return number;
}

static int64_t read_signed(const uint8_t *at, unsigned bytes)
{
    uint64_t number = read_number(at, bytes);
    unsigned unused = 64 - 8 * bytes;

    return (int64_t)(number << unused) >> unused;
}

static size_t left(const struct sequence *sequence)
{
    return (size_t)(sequence->end - sequence->at);
}

/* Always false. */
static bool is_broken(struct sequence *sequence)
{
    sequence->broken = true;
    sequence->at = sequence->end;
    return false;
}

/* ---- opening ---- */

static bool has_frame(const struct bytes *string, size_t head)
{
    const uint8_t *at = (const uint8_t *)string->at;

    return string->len >= head + 1 && at[string->len - 1] == LAST_BYTE &&
           (head == ZIPMAP_HEAD || read_number(at, 4) == string->len);
}

bool sequence_open(struct sequence *sequence, enum sequence_form form, struct bytes string)
{
    const uint8_t *at = (const uint8_t *)string.at;
    uint64_t width;

    *sequence = (struct sequence){.form = form, .start = at, .at = at, .end = at, .told = COUNT_UNTOLD};
    if (string.len == 0) return is_broken(sequence);
    sequence->end = at + string.len - 1;
    switch (form) {
    case SEQUENCE_LISTPACK:
        if (!has_frame(&string, LISTPACK_HEAD)) return is_broken(sequence);
        sequence->at = at + LISTPACK_HEAD;
        if (read_number(at + 4, 2) != UINT16_MAX) sequence->told = read_number(at + 4, 2);
        return true;
    case SEQUENCE_ZIPLIST:
        if (!has_frame(&string, ZIPLIST_HEAD)) return is_broken(sequence);
        sequence->at = at + ZIPLIST_HEAD;
        if (read_number(at + 8, 2) != UINT16_MAX) sequence->told = read_number(at + 8, 2);
        return true;
    case SEQUENCE_ZIPMAP:
        if (!has_frame(&string, ZIPMAP_HEAD)) return is_broken(sequence);
        sequence->at = at + ZIPMAP_HEAD;
        if (at[0] < 0xfe) sequence->told = 2u * at[0];
        return true;
    case SEQUENCE_INTSET:
        break;
    }
    if (string.len < INTSET_HEAD) return is_broken(sequence);
    sequence->at = at + INTSET_HEAD;
    sequence->end = at + string.len;
    width = read_number(at, 4);
    sequence->told = read_number(at + 4, 4);
    if ((width != 2 && width != 4 && width != 8) || left(sequence) != sequence->told * width)
        return is_broken(sequence);
    sequence->before = width;
    return true;
}

uint64_t sequence_most(const struct sequence *sequence)
{
    size_t bytes = left(sequence); /* no element takes less than two, or one in a zipmap */

    return sequence->told < bytes ? sequence->told : bytes;
}

/* ---- elements ---- */

/* `head` bytes, and then a text of so many. False: they do not fit. */
static bool take_text(struct sequence *sequence, size_t head, uint64_t len, struct sequence_element *element)
{
    if (left(sequence) < head || left(sequence) - head < len) return is_broken(sequence);
    element->is_number = false;
    element->text = bytes_of(sequence->at + head, len);
    sequence->at += head + len;
    return true;
}

/* `head` bytes, and then a number of so many. */
static bool take_number(struct sequence *sequence, size_t head, unsigned bytes, struct sequence_element *element)
{
    if (left(sequence) < head + bytes) return is_broken(sequence);
    element->is_number = true;
    element->number = read_signed(sequence->at + head, bytes);
    sequence->at += head + bytes;
    return true;
}

/* A number that stands in `head` bytes themselves. */
static bool take_small(struct sequence *sequence, size_t head, int64_t number, struct sequence_element *element)
{
    sequence->at += head;
    element->is_number = true;
    element->number = number;
    return true;
}

/* How long the element was that ends here, as it is to be read from behind: seven bits a byte, the lowest last; all
 * but the first byte say that there is one before. */
static bool take_back(struct sequence *sequence, size_t bytes)
{
    unsigned width = 1;

    while (width < 5 && bytes >> 7 * width > 0) width++;
    if (left(sequence) < width) return is_broken(sequence);
    for (unsigned i = 0; i < width; i++) {
        uint8_t wanted = (bytes >> 7 * (width - 1 - i) & 127) | (i > 0 ? 128 : 0);

        if (sequence->at[i] != wanted) return is_broken(sequence);
    }
    sequence->at += width;
    return true;
}

static bool take_listpack_body(struct sequence *sequence, struct sequence_element *element)
{
    const uint8_t *at = sequence->at;
    uint8_t kind = at[0];
    int64_t number;

    if (kind < 0x80) return take_small(sequence, 1, kind, element);
    if (kind < 0xc0) return take_text(sequence, 1, kind & 0x3f, element);
    if (left(sequence) < 2) return is_broken(sequence);
    if (kind < 0xe0) {
        number = (kind & 0x1f) << 8 | at[1];
        return take_small(sequence, 2, number < 0x1000 ? number : number - 0x2000, element);
    }
    if (kind < 0xf0) return take_text(sequence, 2, (uint64_t)(kind & 15) << 8 | at[1], element);
    switch (kind) {
    case 0xf0:
        if (left(sequence) < 5) return is_broken(sequence);
        return take_text(sequence, 5, read_number(at + 1, 4), element);
    case 0xf1:
    case 0xf2:
    case 0xf3:
        return take_number(sequence, 1, kind - 0xefu, element);
    case 0xf4:
        return take_number(sequence, 1, 8, element);
    default:
        return is_broken(sequence);
    }
}

static bool take_from_listpack(struct sequence *sequence, struct sequence_element *element)
{
    const uint8_t *start = sequence->at;

    return take_listpack_body(sequence, element) && take_back(sequence, (size_t)(sequence->at - start));
}

static bool take_ziplist_body(struct sequence *sequence, struct sequence_element *element)
{
    const uint8_t *at = sequence->at;
    uint8_t kind;

    if (left(sequence) < 1) return is_broken(sequence);
    kind = at[0];
    if (kind < 0x40) return take_text(sequence, 1, kind, element);
    if (kind < 0x80) {
        if (left(sequence) < 2) return is_broken(sequence);
        return take_text(sequence, 2, (uint64_t)(kind & 0x3f) << 8 | at[1], element);
    }
    if (kind < 0xc0) {
        if (left(sequence) < 5) return is_broken(sequence);
        return take_text(sequence, 5, (uint64_t)at[1] << 24 | at[2] << 16 | at[3] << 8 | at[4], element);
    }
    switch (kind) {
    case 0xc0:
        return take_number(sequence, 1, 2, element);
    case 0xd0:
        return take_number(sequence, 1, 4, element);
    case 0xe0:
        return take_number(sequence, 1, 8, element);
    case 0xf0:
        return take_number(sequence, 1, 3, element);
    case 0xfe:
        return take_number(sequence, 1, 1, element);
    default:
        if (kind < 0xf1 || kind > 0xfd) return is_broken(sequence);
        return take_small(sequence, 1, (kind & 15) - 1, element);
    }
}

static bool take_from_ziplist(struct sequence *sequence, struct sequence_element *element)
{
    const uint8_t *start = sequence->at;
    uint64_t before = start[0];
    size_t width = 1;

    if (start[0] == 0xfe) {
        if (left(sequence) < 5) return is_broken(sequence);
        before = read_number(start + 1, 4);
        width = 5;
    }
    if (before != sequence->before) return is_broken(sequence);
    sequence->at += width;
    if (!take_ziplist_body(sequence, element)) return false;
    sequence->before = (size_t)(sequence->at - start);
    /* The head knows where the last one begins. */
    return sequence->at < sequence->end ||
           read_number(sequence->start + 4, 4) == (uint64_t)(start - sequence->start) || is_broken(sequence);
}

static bool take_from_zipmap(struct sequence *sequence, struct sequence_element *element)
{
    const uint8_t *at = sequence->at;
    size_t head = 1;
    uint64_t len = at[0], slack = 0;

    if (len == 0xff) return is_broken(sequence);
    if (len == 0xfe) {
        if (left(sequence) < 5) return is_broken(sequence);
        len = read_number(at + 1, 4);
        head = 5;
    }
    if (sequence->at_value) {
        if (left(sequence) <= head) return is_broken(sequence);
        slack = at[head++];
    }
    if (!take_text(sequence, head, len, element)) return false;
    if (left(sequence) < slack) return is_broken(sequence);
    sequence->at += slack;
    sequence->at_value = !sequence->at_value;
    return true;
}

static bool take_from_intset(struct sequence *sequence, struct sequence_element *element)
{
    unsigned width = (unsigned)sequence->before;
    int64_t number = read_signed(sequence->at, width);

    if (sequence->seen > 0 && number <= sequence->last) return is_broken(sequence);
    sequence->last = number;
    return take_small(sequence, width, number, element);
}

bool sequence_take(struct sequence *sequence, struct sequence_element *element)
{
    bool taken = false;

    if (sequence->at == sequence->end) {
        if (!sequence->broken && sequence->told != COUNT_UNTOLD && sequence->seen != sequence->told)
            is_broken(sequence);
        return false;
    }
    if (sequence->seen == sequence->told) return is_broken(sequence);
    switch (sequence->form) {
    case SEQUENCE_LISTPACK:
        taken = take_from_listpack(sequence, element);
        break;
    case SEQUENCE_ZIPLIST:
        taken = take_from_ziplist(sequence, element);
        break;
    case SEQUENCE_ZIPMAP:
        taken = take_from_zipmap(sequence, element);
        break;
    case SEQUENCE_INTSET:
        taken = take_from_intset(sequence, element);
        break;
    }
    sequence->seen += taken;
    return taken;
}

bool sequence_next(struct sequence *sequence, char scratch[NUMBER_MAX_TEXT], struct bytes *text)
{
    struct sequence_element element;

    if (!sequence_take(sequence, &element)) return false;
    *text = element.is_number ? bytes_of(scratch, number_print_int(scratch, element.number)) : element.text;
    return true;
}
