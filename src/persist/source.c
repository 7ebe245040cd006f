#include "coatcheck/persist/source.h"

#include <endian.h>

void source_init(struct source *source, struct bytes bytes)
{
    *source = (struct source){.at = (const uint8_t *)bytes.at, .end = (const uint8_t *)bytes.at + bytes.len};
}

bool source_fail(struct source *source, enum status status)
{
    if (source->status == OK) source->status = status;
    source->at = source->end;
    source->behind = 0;
    return false;
}

bool source_fetch(struct source *source, size_t need)
{
    enum status status;

    must(need <= SOURCE_STEP);
    if (source->status != OK) return false;
    if (source_left(source) < need) return source_fail(source, MALFORMED);
    status = source->more(source, need);
    if (status != OK) return source_fail(source, status);
    return true;
}

bool source_read(struct source *source, void *into, size_t len)
{
    char *to = into;

    if (source->status != OK) return false;
    if (source_left(source) < len) return source_fail(source, MALFORMED);
    while (len > 0) {
        size_t piece;

        if (!source_need(source, 1)) return false;
        piece = (size_t)(source->end - source->at);
        if (piece > len) piece = len;
        memcpy(to, source->at, piece);
        source->at += piece;
        to += piece;
        len -= piece;
    }
    return true;
}

bool source_read_le64(struct source *source, uint64_t *number)
{
    if (!source_read(source, number, sizeof *number)) return false;
    *number = le64toh(*number);
    return true;
}
