/* memberindex_scan: what goes through all of an index: scans, copies and checks. */
#include "memberindex_internal.h"

uint64_t memberindex_scan(const struct memberindex *index, uint32_t cursor,
                          void (*see)(void *context, uint32_t hash, uint32_t leaf), void *context)
{
    struct segment segment = segment_at(index, entry_for(index, cursor));
    uint32_t home = home_of(segment, cursor), at = home;
    uint64_t position, prefix = 0;

    for (uint32_t left = segment.count; left > 0; left--) {
        const struct indexgroup *group = &segment.groups[at];

        for (unsigned slot = 0; slot < SLOTS; slot++) {
            uint32_t hash = group->hashes[slot];

            if (hash && hash >= cursor && home_of(segment, hash) == home)
                see(context, hash, leaf_read(group, slot));
        }
        if (!group->overflow) break;
        at = next_group(at, segment.count);
    }
    /* The least position whose home is the next group, then the least hash with that position. */
    position = (((uint64_t)(home + 1) << 32) + segment.count - 1) / segment.count;
    position = (position + ((uint64_t)1 << segment.depth) - 1) >> segment.depth;
    if (segment.depth > 0)
        prefix = (uint64_t)(cursor >> (32 - segment.depth)) << (32 - segment.depth);
    return prefix + position > UINT32_MAX ? 0 : prefix + position;
}

enum status memberindex_copy(struct memberindex *copy, const struct memberindex *index)
{
    size_t at = 0, entries = (size_t)1 << index->bits;

    *copy = (struct memberindex){.deepest = index->deepest};
    if (!index_new_directory(copy, index->bits)) return NO_MEMORY;
    while (at < entries) {
        struct segment segment = segment_at(index, at);
        struct indexgroup *groups = index_new_groups(copy, segment.count);

        if (!groups) break;
        memcpy(groups, segment.groups, segment_bytes(segment.count));
        segment.groups = groups;
        index_put_segment(copy, at, segment, index->counts[at]);
        at += (size_t)1 << (index->bits - segment.depth);
    }
    if (at == entries) {
        copy->count = index->count;
        return OK;
    }
    copy->count = UINT64_MAX;
    copy->deepest = (uint32_t)at;
    memberindex_fini(copy);
    return NO_MEMORY;
}

static uint32_t check_group(const struct memberindex *index, struct segment segment, size_t first,
                            uint32_t at, uint32_t *beyond)
{
    const struct indexgroup *group = &segment.groups[at];
    uint32_t live = 0;

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint32_t hash = group->hashes[slot];

        if (!hash) continue;
        live++;
        if (segment.depth > 0)
            must(hash >> (32 - segment.depth) == prefix_of(index, first, segment.depth));
        for (uint32_t i = home_of(segment, hash); i != at; i = next_group(i, segment.count))
            beyond[i]++;
    }
    return live;
}

void memberindex_check(const struct memberindex *index)
{
    uint64_t count = 0;
    uint32_t deepest = 0;
    size_t used = mem_good_size(directory_bytes(index->bits)), at = 0;

    while (at < (size_t)1 << index->bits) {
        struct segment segment = segment_at(index, at);
        uint32_t beyond[GROUPS_LIMIT] = {0}, live = 0;

        must(segment.depth <= index->bits && first_entry(index, at, segment.depth) == at);
        for (uint32_t i = 0; i < segment.count; i++)
            live += check_group(index, segment, at, i, beyond);
        for (uint32_t i = 0; i < segment.count; i++) {
            uint8_t overflow = segment.groups[i].overflow;

            must(overflow == STICKY || overflow == beyond[i]);
        }
        must(live == index->counts[at]);
        for (size_t i = 1; i < (size_t)1 << (index->bits - segment.depth); i++) {
            must(index->directory[at + i] == index->directory[at]);
        }
        count += live;
        deepest += segment.depth == index->bits;
        used += mem_good_size(segment_bytes(segment.count));
        at += (size_t)1 << (index->bits - segment.depth);
    }
    must(count == index->count && deepest == index->deepest && used == index->used_bytes);
}
