#include "coatcheck/structs/packed.h"

#include "coatcheck/base/compaction.h"
#include "packed_internal.h"

/* A block keeps this much beyond its need before it goes to a smaller size: an element that leaves
 * and comes again should not move it each time. Small ones are many, and do without. */
#define TIDY_SLACK 32
#define TIDY_SLACK_FROM 256

/* --- whole blocks --- */

#define ROOM(blocks) (SLAB_BYTES / (blocks) & ~7u)
#define EIGHT_ROOMS(blocks)                                                                        \
    ROOM(blocks), ROOM((blocks)-1), ROOM((blocks)-2), ROOM((blocks)-3), ROOM((blocks)-4),          \
        ROOM((blocks)-5), ROOM((blocks)-6), ROOM((blocks)-7)

/* As slab_size() rounds up. */
const uint16_t packed_coarse_rooms[COARSE_MOST - COARSE_LEAST + 1] = {
    EIGHT_ROOMS(63), EIGHT_ROOMS(55), EIGHT_ROOMS(47), EIGHT_ROOMS(39),
    EIGHT_ROOMS(31), EIGHT_ROOMS(23), EIGHT_ROOMS(15),
};
_Static_assert(ROOM(COARSE_LEAST) == SLAB_MOST, "the last one is the largest block of a slab");

/* With nothing in it yet. */
static struct packed *block_new(unsigned shape, size_t size)
{
    unsigned room = room_for(shape, size);
    struct packed *block;

    if (size > PACKED_SIZE_MAX) return NULL;
    block = room_is_slab(shape, room) ? slab_alloc(size) : mem_alloc(room_size(shape, room));
    if (!block) return NULL;
    *block = (struct packed){.room = (uint8_t)room, .shape = (uint8_t)shape};
    set_ends(block, 0, 0);
    return block;
}

struct packed *packed_new(enum packed_form form, size_t size)
{
    return block_new(form, size > DEQUE_HEAD ? size : DEQUE_HEAD);
}

struct packed *packed_of(enum packed_form form, const struct packitem *items, unsigned count)
{
    struct packed *block;
    size_t size = DEQUE_HEAD;

    for (unsigned i = 0; i < count; i++) size += packitem_size(&items[i]);
    if (form == PACKED_PLAIN) size -= DEQUE_HEAD - PLAIN_HEAD;
    block = block_new(form, size);
    if (block && packed_insert(&block, 0, items, count) != OK) packed_free(&block);
    return block;
}

void packed_free(struct packed **block)
{
    size_t room;

    if (!*block) return;
    room = room_of(*block);
    if (room_is_slab((*block)->shape, (*block)->room)) {
        slab_free(*block, room);
    } else {
        mem_free_sized(*block, room);
    }
    *block = NULL;
}

void packed_compact(struct packed **block, const struct compaction *compaction)
{
    struct packed *moved;
    size_t room = room_of(*block);

    if (!room_is_slab((*block)->shape, (*block)->room)) {
        if (compaction->moves_blocks) *block = mem_compact(*block);
        return;
    }
    if (!slab_is_sparse(*block)) return;
    if (compaction->own_only && !slab_is_own(*block)) return;
    moved = slab_alloc(room);
    if (!moved) return;
    memcpy(moved, *block, room);
    slab_free(*block, room);
    *block = moved;
}

size_t packed_size(const struct packed *block)
{
    return head_of(block) + block->bytes + block->count;
}

size_t packed_room(const struct packed *block)
{
    return room_of(block);
}

/* --- changes --- */

/* What becomes of a block: the elements from … to-1 go, and `count` others of `width` bytes take
 * their place. */
struct change {
    unsigned from, to, count;
    size_t width;

    /* found out by plan(): */
    size_t left, gone; /* bytes of data before, and of what goes */
    size_t bytes, size;
    unsigned total;
};

static enum status plan(const struct packed *block, struct change *change)
{
    struct packwalk first, end;

    packwalk_begin(&first, block, change->from);
    end = first;
    if (change->to == change->from + 1) {
        packwalk_forth(&end);
    } else if (change->to > change->from) {
        packwalk_begin(&end, block, change->to);
    }
    change->left = (size_t)(first.at - data_of(block));
    change->gone = (size_t)(end.at - first.at);
    change->bytes = block->bytes - change->gone + change->width;
    change->total = block->count - (change->to - change->from) + change->count;
    change->size = head_of(block) + change->bytes + change->total;
    return change->total > PACKED_COUNT_MAX || change->size > PACKED_SIZE_MAX ? TOO_BIG : OK;
}

/* As much of `spare` bytes at the ends as would take elements like those that are there; of a deque
 * only. */
static void split_spare(const struct change *change, size_t spare, size_t *front, size_t *back)
{
    size_t each = change->total > 0 ? change->bytes / change->total : 0;

    *back = spare / (each + 1);
    if (*back > UINT16_MAX) *back = UINT16_MAX;
    *front = spare - *back;
    if (*front > UINT16_MAX) *front = UINT16_MAX;
}

/* To a block of its own size. At the end where it grows there is free space then. */
static enum status rebuild(struct packed **blockp, const struct change *change)
{
    struct packed *old = *blockp, *block = block_new(old->shape, change->size);
    const uint8_t *from = codes_of(old);
    size_t front = 0, back = 0, right = old->bytes - change->left - change->gone;
    unsigned behind = old->count - change->to;
    uint8_t *codes;
    char *data;

    if (!block) return NO_MEMORY;
    if (block->shape == PACKED_DEQUE && change->from == 0 && behind > 0) {
        split_spare(change, room_of(block) - change->size, &front, &back);
    }
    set_ends(block, front, back);
    data = data_of(block);
    codes = codes_of(block);
    memcpy(data, data_of(old), change->left);
    memcpy(codes - change->from, from - change->from, change->from);
    memcpy(data + change->left + change->width, data_of(old) + change->left + change->gone, right);
    memcpy(codes - change->total, from - old->count, behind);
    block->bytes = (uint32_t)change->bytes;
    block->count = (uint16_t)change->total;
    packed_free(blockp);
    *blockp = block;
    return OK;
}

/* Moves all of a deque so that its free space lies half at the front and half at the other end,
 * once the change, for which it lacks room on either side, has been made on this side. */
static void balance(struct packed *block, const struct change *change, bool at_front)
{
    size_t spare = room_of(block) - change->size, front, back;
    uint8_t *codes = codes_of(block) - block->count;
    char *data = data_of(block);

    split_spare(change, spare / 2, &front, &back);
    if (at_front) {
        size_t more = change->width - change->gone,
               codes_more = change->count - (change->to - change->from);

        /* What is too much for the ends' two bytes stays in the middle. */
        if (front + more > UINT16_MAX) front = UINT16_MAX - more;
        if (back + codes_more > UINT16_MAX) back = UINT16_MAX - codes_more;
        front += more;
        back += codes_more;
    }
    if (back < back_of(block)) {
        set_ends(block, front_of(block), back);
        memmove(codes_of(block) - block->count, codes, block->count);
        codes = codes_of(block) - block->count;
    }
    set_ends(block, front, back_of(block));
    memmove(data_of(block), data, block->bytes);
    set_ends(block, front, back);
    memmove(codes_of(block) - block->count, codes, block->count);
}

/* Left of the change everything moves outwards, or inwards. */
static bool move_left(struct packed *block, const struct change *change)
{
    ptrdiff_t wider = (ptrdiff_t)change->width - (ptrdiff_t)change->gone;
    ptrdiff_t more = (ptrdiff_t)change->count - (ptrdiff_t)(change->to - change->from);
    ptrdiff_t front = (ptrdiff_t)front_of(block) - wider, back = (ptrdiff_t)back_of(block) - more;
    uint8_t *codes = codes_of(block) - change->from;
    char *data = data_of(block);

    if (block->shape != PACKED_DEQUE || front < 0 || front > UINT16_MAX || back < 0 ||
        back > UINT16_MAX)
        return false;
    set_ends(block, (size_t)front, (size_t)back);
    memmove(data_of(block), data, change->left);
    memmove(codes_of(block) - change->from, codes, change->from);
    return true;
}

static bool move_right(struct packed *block, const struct change *change)
{
    char *end = data_of(block) + change->left;
    uint8_t *codes = codes_of(block);
    size_t right = block->bytes - change->left - change->gone;
    unsigned behind = block->count - change->to, was = block->count;

    if (front_of(block) + back_of(block) + change->size > room_of(block)) return false;
    /* Codes and data may lie next to each other: what makes room goes first. */
    if (change->total < was) memmove(codes - change->total, codes - was, behind);
    memmove(end + change->width, end + change->gone, right);
    if (change->total > was) memmove(codes - change->total, codes - was, behind);
    return true;
}

/* Makes a hole for what comes; *hole is where it begins. */
static enum status make(struct packed **blockp, struct change *change, struct packwalk *hole)
{
    struct packed *block = *blockp;
    enum status status = plan(block, change);
    bool at_front;

    if (unlikely(status != OK)) return status;
    if (unlikely(change->size > room_of(block))) {
        status = rebuild(blockp, change);
        if (status != OK) return status;
        block = *blockp;
    } else {
        at_front = change->from < block->count - change->to;
        if (!(at_front && move_left(block, change)) && !move_right(block, change)) {
            /* A queue goes on growing on the right: room for one element there would be wanted again at once. */
            if (change->to == block->count || !move_left(block, change)) {
                balance(block, change, at_front);
                must((at_front && move_left(block, change)) || move_right(block, change) ||
                     move_left(block, change));
            }
        }
        block->bytes = (uint32_t)change->bytes;
        block->count = (uint16_t)change->total;
    }
    hole->at = data_of(block) + change->left;
    hole->code = codes_of(block) - 1 - change->from;
    return OK;
}

/* The walk goes on behind it. */
static void write_item(struct packwalk *walk, const struct packitem *item)
{
    char *at = (char *)walk->at;
    uint32_t len = item->len;

    *(uint8_t *)walk->code-- = item->code;
    if (likely(item->code < MIDDLE_FROM)) {
        if (len > 0) memcpy(at, item->at ? item->at : item->number, len);
        walk->at += len;
    } else if (item->code < LONG_CODE) {
        at[0] = at[len + 1] = (char)((len - MIDDLE_MIN) % 256);
        memcpy(at + 1, item->at, len);
        walk->at += len + 2;
    } else {
        memcpy(at, &len, 3);
        memcpy(at + 3, item->at, len);
        memcpy(at + 3 + len, &len, 3);
        walk->at += len + 6;
    }
}

struct packed *packed_begin(const struct packitem *item, size_t size, bool grows_left)
{
    struct change change = {.count = 1, .width = packitem_size(item) - 1, .bytes = packitem_size(item) - 1, .total = 1};
    struct packed *block;
    struct packwalk hole;
    size_t front, back;

    change.size = DEQUE_HEAD + change.bytes + 1;
    block = block_new(PACKED_DEQUE, size > change.size ? size : change.size);
    if (!block) return NULL;
    if (grows_left) {
        split_spare(&change, room_of(block) - change.size, &front, &back);
        set_ends(block, front, back);
    }
    block->bytes = (uint32_t)change.bytes;
    block->count = 1;
    hole = (struct packwalk){data_of(block), codes_of(block) - 1};
    write_item(&hole, item);
    return block;
}

/* One element to an end of a deque that has the room there, as queues put it; nothing else moves. */
static inline bool push(struct packed *block, unsigned at, const struct packitem *item)
{
    size_t front = front_of(block), back = back_of(block), width = item->len;
    uint8_t *code;
    char *data;

    if (block->shape != PACKED_DEQUE || item->code >= MIDDLE_FROM) return false;
    if (at == block->count) {
        if (front + back + packed_size(block) + width + 1 > room_of(block)) return false;
        if (at == PACKED_COUNT_MAX) return false;
        data = data_of(block) + block->bytes;
        code = codes_of(block) - 1 - at;
    } else {
        if (at > 0 || front < width || back == 0) return false;
        if (block->count == PACKED_COUNT_MAX) return false;
        set_ends(block, front - width, back - 1);
        data = data_of(block);
        code = codes_of(block) - 1;
    }
    *code = item->code;
    if (width > 0) memcpy(data, item->at ? item->at : item->number, width);
    block->bytes += (uint32_t)width;
    block->count++;
    return true;
}

enum status packed_insert(struct packed **block, unsigned at, const struct packitem *items,
                          unsigned count)
{
    struct change change = {.from = at, .to = at, .count = count};
    struct packwalk hole;
    enum status status;

    must_debug(at <= (*block)->count);
    if (count == 1 && push(*block, at, items)) return OK;
    if (count > PACKED_COUNT_MAX) return TOO_BIG;
    for (unsigned i = 0; i < count; i++) change.width += packitem_size(&items[i]) - 1;
    status = make(block, &change, &hole);
    for (unsigned i = 0; status == OK && i < count; i++) write_item(&hole, &items[i]);
    return status;
}

enum status packed_replace(struct packed **block, unsigned at, const struct packitem *item)
{
    struct change change = {.from = at, .to = at + 1, .count = 1, .width = packitem_size(item) - 1};
    struct packwalk hole;
    enum status status;

    must_debug(at < (*block)->count);
    status = make(block, &change, &hole);
    if (status == OK) write_item(&hole, item);
    return status;
}

/* Without memory it stays as large as it is. */
static void tidy(struct packed **blockp)
{
    struct packed *block = *blockp;
    struct change none = {0};
    size_t size = packed_size(block);

    if (likely(room_for(block->shape, size + (size >= TIDY_SLACK_FROM ? TIDY_SLACK : 0)) >= block->room)) return;
    plan(block, &none);
    (void)rebuild(blockp, &none);
}

void packed_fit(struct packed **blockp, size_t spare, bool grows_left)
{
    struct packed *block = *blockp;
    struct change none = {0};

    if (likely(room_for(block->shape, packed_size(block) + spare) >= block->room)) return;
    if (!grows_left) none.from = none.to = block->count;
    plan(block, &none);
    (void)rebuild(blockp, &none);
}

/* The element at an end of a deque, as queues take it. */
static inline bool pop(struct packed *block, unsigned at)
{
    size_t front = front_of(block), back = back_of(block), width;
    uint8_t code;

    if (block->shape != PACKED_DEQUE || (at > 0 && at + 1 < block->count)) return false;
    code = codes_of(block)[-1 - (int)at];
    if (code >= MIDDLE_FROM) return false;
    width = code < NUMBER_FROM ? code : code - (NUMBER_FROM - 1u);
    if (at == 0) {
        if (front + width > UINT16_MAX || back == UINT16_MAX) return false;
        set_ends(block, front + width, back + 1);
    }
    block->bytes -= (uint32_t)width;
    block->count--;
    return true;
}

void packed_cut(struct packed **block, unsigned from, unsigned to)
{
    struct change change = {.from = from, .to = to};
    struct packwalk hole;

    must_debug(from <= to && to <= (*block)->count);
    if (to != from + 1 || !pop(*block, from)) must(make(block, &change, &hole) == OK);
    if ((*block)->shape == PACKED_PLAIN) tidy(block);
}

/* --- blocks of parts of others --- */

/* Those of a block, into one that is large enough. */
static void add_all(struct packed *block, const struct packed *from, unsigned first, unsigned end)
{
    struct packwalk begin, behind;
    size_t width;

    packwalk_begin(&begin, from, first);
    packwalk_begin(&behind, from, end);
    width = (size_t)(behind.at - begin.at);
    memcpy(data_of(block) + block->bytes, begin.at, width);
    memcpy(codes_of(block) - block->count - (end - first), behind.code + 1, end - first);
    block->bytes += (uint32_t)width;
    block->count = (uint16_t)(block->count + (end - first));
}

struct packed *packed_slice(const struct packed *block, unsigned from, unsigned to,
                            enum packed_form form)
{
    struct packwalk begin, behind;
    struct packed *slice;

    packwalk_begin(&begin, block, from);
    packwalk_begin(&behind, block, to);
    slice = packed_new(form, DEQUE_HEAD + (size_t)(behind.at - begin.at) + (to - from));
    if (slice) add_all(slice, block, from, to);
    return slice;
}

struct packed *packed_join(const struct packed *left, const struct packed *right)
{
    struct packed *block;

    if (left->count + right->count > PACKED_COUNT_MAX) return NULL;
    block = block_new(left->shape, packed_size(left) + right->bytes + right->count);
    if (!block) return NULL;
    add_all(block, left, 0, left->count);
    add_all(block, right, 0, right->count);
    return block;
}

struct packed *packed_copy(const struct packed *block)
{
    struct packed *copy = block_new(block->shape, packed_size(block));

    if (copy) add_all(copy, block, 0, block->count);
    return copy;
}

void packed_check(const struct packed *block)
{
    size_t room = room_of(block);
    struct packwalk walk;

    must(block->shape == PACKED_PLAIN || block->shape == PACKED_DEQUE);
    must(room_for(block->shape, room) == block->room);
    must(room_is_slab(block->shape, block->room) ? room == slab_size(room) : room <= mem_usable(block));
    must(front_of(block) + back_of(block) + packed_size(block) <= room);
    packwalk_begin(&walk, block, 0);
    for (unsigned i = 0; i < block->count; i++) {
        struct packwalk at;

        packwalk_begin(&at, block, i);
        must(at.at == walk.at && at.code == walk.code);
        packwalk_forth(&walk);
        at = walk;
        packwalk_back(&at);
        packwalk_forth(&at);
        must(at.at == walk.at && at.code == walk.code);
    }
    must(walk.at == data_of(block) + block->bytes);
}
