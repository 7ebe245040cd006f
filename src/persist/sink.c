#include "coatcheck/persist/sink.h"

#include <endian.h>
#include "coatcheck/persist/crc64.h"

void sink_init(struct sink *sink, enum status (*write)(struct sink *sink, struct bytes bytes))
{
    sink->status = OK;
    sink->bytes = 0;
    sink->crc = 0;
    sink->write = write;
    sink->staged = 0;
}

void sink_fail(struct sink *sink, enum status status)
{
    if (sink->status == OK) sink->status = status;
    sink->staged = 0;
}

static void hand_on(struct sink *sink, struct bytes bytes)
{
    enum status status;

    sink->crc = crc64(sink->crc, bytes);
    status = sink->write(sink, bytes);
    if (status != OK) sink_fail(sink, status);
}

void sink_flush(struct sink *sink)
{
    size_t staged = sink->staged;

    sink->staged = 0;
    if (staged > 0) hand_on(sink, bytes_of(sink->stage, staged));
}

void sink_put(struct sink *sink, struct bytes bytes)
{
    if (sink->status != OK || bytes.len == 0) return;
    sink->bytes += bytes.len;
    if (bytes.len > SINK_STAGE - sink->staged) {
        sink_flush(sink);
        if (sink->status != OK) return;
        if (bytes.len >= SINK_STAGE) {
            hand_on(sink, bytes);
            return;
        }
    }
    memcpy(sink->stage + sink->staged, bytes.at, bytes.len);
    sink->staged += bytes.len;
}

void sink_put_byte(struct sink *sink, uint8_t byte)
{
    sink_put(sink, bytes_of(&byte, 1));
}

void sink_put_le64(struct sink *sink, uint64_t number)
{
    number = htole64(number);
    sink_put(sink, bytes_of(&number, sizeof number));
}
