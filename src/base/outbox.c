#include "coatcheck/base/outbox.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* A chunk of an outbox is at least this large, so that many small replies share one. */
#define CHUNK_BYTES (16 * 1024)

struct outbox_chunk *outbox_room(struct outbox *outbox, size_t len)
{
    struct outbox_chunk *chunk = outbox->last;
    size_t size = sizeof *chunk + (len > CHUNK_BYTES ? len : CHUNK_BYTES);

    if (chunk && chunk->room - chunk->len >= len && chunk->room > 0) return chunk;
    chunk = mem_alloc(size);
    if (!chunk) return NULL;
    *chunk = (struct outbox_chunk){.room = mem_usable(chunk) - sizeof *chunk};
    chunk->at = chunk->own;
    if (outbox->last) {
        outbox->last->next = chunk;
    } else {
        outbox->first = chunk;
    }
    outbox->last = chunk;
    return chunk;
}

bool outbox_add(struct outbox *outbox, struct bytes bytes)
{
    struct outbox_chunk *chunk;

    if (bytes.len == 0) return true;
    chunk = outbox_room(outbox, bytes.len);
    if (!chunk) return false;
    memcpy(chunk->own + chunk->len, bytes.at, bytes.len);
    chunk->len += bytes.len;
    outbox->bytes += bytes.len;
    return true;
}

bool outbox_add_held(struct outbox *outbox, struct bytes bytes, void (*release)(void *holder),
                          void *holder)
{
    struct outbox_chunk *chunk = mem_alloc(sizeof *chunk);

    if (!chunk) return false;
    *chunk = (struct outbox_chunk){
        .len = bytes.len, .at = bytes.at, .release = release, .holder = holder};
    if (outbox->last) {
        outbox->last->next = chunk;
    } else {
        outbox->first = chunk;
    }
    outbox->last = chunk;
    outbox->bytes += bytes.len;
    return true;
}

void outbox_move(struct outbox *into, struct outbox *from)
{
    if (!from->first) return;
    if (into->last) {
        into->last->next = from->first;
    } else {
        into->first = from->first;
    }
    into->last = from->last;
    into->bytes += from->bytes;
    *from = (struct outbox){0};
}

void outbox_chunk_free(struct outbox_chunk *chunk)
{
    if (chunk->release) chunk->release(chunk->holder);
    mem_free(chunk);
}

void outbox_sent(struct outbox *outbox, size_t bytes)
{
    must(bytes <= outbox->bytes);
    outbox->bytes -= bytes;
    while (outbox->first) {
        struct outbox_chunk *chunk = outbox->first;
        size_t left = chunk->len - chunk->sent;

        if (bytes < left) {
            chunk->sent += bytes;
            return;
        }
        bytes -= left;
        outbox->first = chunk->next;
        if (!outbox->first) outbox->last = NULL;
        outbox_chunk_free(chunk);
    }
}

void outbox_clear(struct outbox *outbox)
{
    while (outbox->first) {
        struct outbox_chunk *chunk = outbox->first;

        outbox->first = chunk->next;
        outbox_chunk_free(chunk);
    }
    *outbox = (struct outbox){0};
}
