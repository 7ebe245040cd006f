#include "coatcheck/base/outbox.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* Many small replies share a chunk, and a large one is cut into some: two pages, which are the allocator's again as
 * soon as they are sent. Chunks of many sizes would leave pages that are used in part, or rounded up. */
#define CHUNK_BYTES (8 * 1024)

struct outbox_chunk *outbox_room(struct outbox *outbox, size_t len)
{
    struct outbox_chunk *chunk = outbox->last;
    size_t size = sizeof *chunk + len > CHUNK_BYTES ? sizeof *chunk + len : CHUNK_BYTES;

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

struct outbox_mark outbox_mark(const struct outbox *outbox)
{
    return (struct outbox_mark){
        .last = outbox->last, .last_len = outbox->last ? outbox->last->len : 0, .bytes = outbox->bytes};
}

void outbox_cut(struct outbox *outbox, const struct outbox_mark *mark, size_t keep)
{
    struct outbox_chunk *last = mark->last, *drop;
    size_t added = last ? last->len - mark->last_len : 0, left = keep;

    while (left > added) {
        left -= added;
        last = last ? last->next : outbox->first;
        added = last->len;
    }
    if (last) last->len -= added - left;
    drop = last ? last->next : outbox->first;
    if (last) {
        last->next = NULL;
    } else {
        outbox->first = NULL;
    }
    outbox->last = last;
    outbox->bytes = mark->bytes + keep;
    while (drop) {
        struct outbox_chunk *next = drop->next;

        outbox_chunk_free(drop);
        drop = next;
    }
}

bool outbox_add(struct outbox *outbox, struct bytes bytes)
{
    struct outbox_mark before = outbox_mark(outbox);

    while (bytes.len > 0) {
        struct outbox_chunk *chunk = outbox->last;
        size_t part;

        if (!chunk || chunk->room == 0 || chunk->len == chunk->room) chunk = outbox_room(outbox, 1);
        if (!chunk) {
            outbox_cut(outbox, &before, 0);
            return false;
        }
        part = chunk->room - chunk->len < bytes.len ? chunk->room - chunk->len : bytes.len;
        memcpy(chunk->own + chunk->len, bytes.at, part);
        chunk->len += part;
        outbox->bytes += part;
        bytes = bytes_of(bytes.at + part, bytes.len - part);
    }
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
