/* list_large: a first and a last node, and a tree of those between them. */
#include "coatcheck/base/compaction.h"
#include "coatcheck/base/version.h"
#include "list_internal.h"

/* A block in the middle that has become smaller than this part of what it may be goes together with
 * the next. */
#define SMALL_PART 4

/* Of what the list takes; redis-server's lists take twice as much more for what they know of each node. */
#define SPARE_PART 2048
#define BEGIN_PART 1024
#define BEGIN_FROM 1024

struct list_large *large_new(struct packed *head)
{
    struct list_large *large = mem_alloc(sizeof *large);

    if (!large) return NULL;
    *large = (struct list_large){
        .head = (uintptr_t)head, .count = packed_count(head), .used_bytes = packed_room(head), .version = version_new()};
    return large;
}

/* --- moving blocks together --- */

static void node_compact(uintptr_t *node, const struct compaction *compaction)
{
    struct packed *block = node_block(*node);

    /* A blob may be held by others, who know where it is. */
    if (*node == 0 || node_is_alone(*node)) return;
    packed_compact(&block, compaction);
    *node = (uintptr_t)block;
}

/* The ends; then the middle, by how many elements come before. */
bool large_compact(struct list_large **moving, struct compaction *compaction)
{
    struct list_large *large = *moving;
    uint64_t before = mem_compacted;
    bool is_over = false;

    if (compaction->at == 0) {
        large = *moving = mem_compact(large);
        node_compact(&large->head, compaction);
        node_compact(&large->tail, compaction);
        compaction->at = 1;
    }
    while (compaction->at <= large->middle.weight && !is_over) {
        struct countpath path;
        uintptr_t node;

        counttree_find(&large->middle, compaction->at - 1, &path);
        node = countpath_thing(&path);
        node_compact(&node, compaction);
        countpath_set(&path, node);
        compaction->at = 1 + path.before + countpath_weight(&path);
        counttree_compact(&large->middle, &path);
        is_over = compaction_is_over(compaction);
    }
    /* Whoever stands in the middle of it, by a version, would go on where a block was. */
    if (mem_compacted != before) large->version = version_new();
    return compaction->at > large->middle.weight;
}

/* --- places --- */

void large_find(const struct list_large *large, uint64_t at, struct list_place *place)
{
    unsigned first = node_count(large->head);

    must_debug(at < large->count);
    if (at < first) {
        place->part = LIST_HEAD;
        place->node = large->head;
        place->before = 0;
    } else if (at - first < large->middle.weight) {
        counttree_find(&large->middle, at - first, &place->path);
        place->part = LIST_MIDDLE;
        place->node = countpath_thing(&place->path);
        place->before = first + place->path.before;
    } else {
        place->part = LIST_TAIL;
        place->node = large->tail;
        place->before = first + large->middle.weight;
    }
}

static void at_middle(const struct list_large *large, struct list_place *place)
{
    place->part = LIST_MIDDLE;
    place->node = countpath_thing(&place->path);
    place->before = node_count(large->head) + place->path.before;
}

bool large_forth(const struct list_large *large, struct list_place *place)
{
    if (place->part == LIST_TAIL || !large->tail) return false;
    if (place->part == LIST_HEAD ? counttree_first(&large->middle, &place->path)
                                 : countpath_forth(&place->path)) {
        at_middle(large, place);
        return true;
    }
    place->part = LIST_TAIL;
    place->node = large->tail;
    place->before = node_count(large->head) + large->middle.weight;
    return true;
}

bool large_back(const struct list_large *large, struct list_place *place)
{
    if (place->part == LIST_HEAD) return false;
    if (place->part == LIST_TAIL ? counttree_last(&large->middle, &place->path)
                                 : countpath_back(&place->path)) {
        at_middle(large, place);
        return true;
    }
    place->part = LIST_HEAD;
    place->node = large->head;
    place->before = 0;
    return true;
}

/* Another node in a place, or the same with other elements; the caller has seen to used_bytes and
 * the count. */
static void place_set(struct list_large *large, struct list_place *place, uintptr_t node)
{
    place->node = node;
    if (place->part == LIST_HEAD) {
        large->head = node;
    } else if (place->part == LIST_TAIL) {
        large->tail = node;
    } else {
        countpath_set(&place->path, node);
        counttree_weigh(&large->middle, &place->path, node_count(node));
    }
}

/* After a change of its block, which had this room: the count is the caller's affair. */
static void place_block(struct list_large *large, struct list_place *place, struct packed *block, size_t room)
{
    size_t spare = NODE_SPARE / 2 + large->used_bytes / SPARE_PART + large->count / SPARE_EACH;

    packed_fit(&block, place->part == LIST_MIDDLE ? 0 : spare, place->part == LIST_HEAD);
    large->used_bytes += packed_room(block) - room;
    place_set(large, place, (uintptr_t)block);
}

/* --- whole nodes at the ends --- */

static uintptr_t middle_take(struct list_large *large, struct countpath *path)
{
    uintptr_t node = countpath_thing(path);

    counttree_remove(&large->middle, path);
    return node;
}

uintptr_t large_take(struct list_large *large, enum list_end end)
{
    struct countpath path;
    bool at_tail = end == LIST_RIGHT && large->tail;
    uintptr_t node = at_tail ? large->tail : large->head;

    if (!node) return 0;
    /* Both may be the same blob. */
    if (at_tail) {
        large->tail = counttree_last(&large->middle, &path) ? middle_take(large, &path) : 0;
    } else if (counttree_first(&large->middle, &path)) {
        large->head = middle_take(large, &path);
    } else {
        large->head = large->tail;
        large->tail = 0;
    }
    large->count -= node_count(node);
    large->used_bytes -= node_used_bytes(node);
    return node;
}

static void middle_give(struct list_large *large, enum list_end end, uintptr_t node)
{
    struct countpath path;

    if (end == LIST_LEFT ? counttree_first(&large->middle, &path)
                         : counttree_last(&large->middle, &path)) {
        counttree_insert(&large->middle, &path, end == LIST_RIGHT, node, node_count(node));
    } else {
        counttree_insert(&large->middle, NULL, false, node, node_count(node));
    }
}

void large_give(struct list_large *large, enum list_end end, uintptr_t node)
{
    if (!large->head) {
        large->head = node;
    } else if (end == LIST_LEFT) {
        if (large->tail) {
            middle_give(large, LIST_LEFT, large->head);
        } else {
            large->tail = large->head;
        }
        large->head = node;
    } else {
        if (large->tail) middle_give(large, LIST_RIGHT, large->tail);
        large->tail = node;
    }
    large->version = version_new();
    large->count += node_count(node);
    large->used_bytes += node_used_bytes(node);
}

/* --- all of it --- */

bool large_free_some(struct list_large **large, size_t steps)
{
    uintptr_t node;

    for (; steps > 0; steps--) {
        node = large_take(*large, LIST_RIGHT);
        if (!node) {
            counttree_release(&(*large)->middle);
            mem_free_sized(*large, sizeof **large);
            *large = NULL;
            return true;
        }
        node_free(node);
    }
    return false;
}

struct list_large *large_copy(const struct list_large *large, uint64_t first, uint64_t end)
{
    struct list_large *copy = mem_alloc_zeroed(sizeof *copy);
    struct list_place place;

    if (!copy) return NULL;
    for (large_find(large, first, &place); copy->count < end - first; large_forth(large, &place)) {
        uint64_t from = first > place.before ? first - place.before : 0, to = end - place.before;
        uintptr_t node = 0;

        if (to > node_count(place.node)) to = node_count(place.node);
        if (counttree_reserve(&copy->middle, counttree_needs_at_most(&copy->middle, 1)) == OK) {
            node = node_copy(place.node, (unsigned)from, (unsigned)to);
        }
        if (!node) {
            while (!large_free_some(&copy, SIZE_MAX)) {}
            return NULL;
        }
        large_give(copy, LIST_RIGHT, node);
    }
    counttree_release(&copy->middle);
    return copy;
}

/* --- one element --- */

/* Into a node that takes it; `within` the node. */
static enum status put_within(struct list_large *large, struct list_place *place, unsigned within,
                              const struct element *element)
{
    struct packed *block = node_block(place->node);
    size_t room = packed_room(block);
    enum status status = packed_insert(&block, within, &element->item, 1);

    if (status != OK) return status;
    large->used_bytes += packed_room(block) - room;
    large->count++;
    if (likely(place->part != LIST_MIDDLE && (uintptr_t)block == place->node)) return OK;
    place_set(large, place, (uintptr_t)block);
    return OK;
}

/* The end node that others go beyond has its final size. */
static void fit_end(struct list_large *large, struct list_place *place)
{
    struct packed *block = node_block(place->node);
    size_t room;

    if (node_is_alone(place->node)) return;
    room = packed_room(block);
    packed_fit(&block, 0, place->part == LIST_HEAD);
    large->used_bytes += packed_room(block) - room;
    place_set(large, place, (uintptr_t)block);
}

/* A node for the first element behind an end. It will be filled as the last one was, and need not grow by a quarter
 * each time, unless that were much for a list like this one. */
static uintptr_t node_at_end(const struct list_large *large, enum list_end end, const struct element *element,
                             const struct node_limit *limit)
{
    size_t room = large->used_bytes / BEGIN_PART;

    if (element->alone || limit->count < PACKED_COUNT_MAX || room < BEGIN_FROM) return node_of(element);
    return (uintptr_t)packed_begin(&element->item, room < limit->bytes ? room : limit->bytes, end == LIST_LEFT);
}

enum status large_push(struct list_large *large, enum list_end end, const struct element *element,
                       const struct node_limit *limit)
{
    struct list_place place = {.part = end == LIST_LEFT || !large->tail ? LIST_HEAD : LIST_TAIL};
    struct countpath path;
    unsigned needs = 0;
    uintptr_t node;

    large->version = version_new();
    place.node = place.part == LIST_HEAD ? large->head : large->tail;
    if (likely(node_takes(place.node, element, limit))) {
        return put_within(large, &place, end == LIST_LEFT ? 0 : node_count(place.node), element);
    }
    if (large->tail) {
        if (end == LIST_LEFT ? counttree_first(&large->middle, &path)
                             : counttree_last(&large->middle, &path)) {
            needs = counttree_needs(&large->middle, &path);
        } else {
            needs = 1;
        }
    }
    if (counttree_reserve(&large->middle, needs) != OK || !(node = node_at_end(large, end, element, limit))) {
        counttree_release(&large->middle);
        return NO_MEMORY;
    }
    fit_end(large, &place);
    large_give(large, end, node);
    return OK;
}

/* A node of its own right before the place, where the tree has nodes at hand. The place is invalid
 * afterwards. */
static void give_before(struct list_large *large, struct list_place *place, uintptr_t node)
{
    must_debug(place->part != LIST_HEAD);
    if (place->part == LIST_TAIL) {
        middle_give(large, LIST_RIGHT, node);
    } else {
        counttree_insert(&large->middle, &place->path, false, node, node_count(node));
    }
    large->count += node_count(node);
    large->used_bytes += node_used_bytes(node);
}

/* Cuts the node at the place in two, where there is room in the tree for one node more. */
static enum status split(struct list_large *large, struct list_place *place, unsigned within)
{
    struct packed *block = node_block(place->node), *right;
    uint64_t at = place->before + within;
    size_t room = packed_room(block);
    unsigned behind = packed_count(block) - within;

    right = packed_slice(block, within, packed_count(block), PACKED_DEQUE);
    if (!right) return NO_MEMORY;
    packed_cut(&block, within, packed_count(block));
    large->count -= behind;
    place_block(large, place, block, room);
    if (place->part == LIST_TAIL) {
        large_give(large, LIST_RIGHT, (uintptr_t)right);
    } else if (place->part == LIST_HEAD && !large->tail) {
        large_give(large, LIST_RIGHT, (uintptr_t)right);
    } else if (place->part == LIST_HEAD) {
        middle_give(large, LIST_LEFT, (uintptr_t)right);
        large->count += behind;
        large->used_bytes += packed_room(right);
    } else {
        counttree_insert(&large->middle, &place->path, true, (uintptr_t)right, behind);
        large->count += behind;
        large->used_bytes += packed_room(right);
    }
    large_find(large, at, place);
    return OK;
}

/* Between nodes: `place` is the one before which it goes. It may go to either or stand by itself.
 */
static enum status insert_between(struct list_large *large, struct list_place *place,
                                  const struct element *element, const struct node_limit *limit)
{
    struct list_place before = *place;
    uintptr_t node;

    if (node_takes(place->node, element, limit)) return put_within(large, place, 0, element);
    if (large_back(large, &before) && node_takes(before.node, element, limit)) {
        return put_within(large, &before, node_count(before.node), element);
    }
    if (!(node = node_of(element))) return NO_MEMORY;
    give_before(large, place, node);
    return OK;
}

enum status large_insert(struct list_large *large, uint64_t at, const struct element *element,
                         const struct node_limit *limit)
{
    struct list_place place;
    enum status status;
    unsigned within;

    if (at == 0) return large_push(large, LIST_LEFT, element, limit);
    if (at == large->count) return large_push(large, LIST_RIGHT, element, limit);
    large->version = version_new();
    large_find(large, at, &place);
    within = (unsigned)(at - place.before);
    if (node_takes(place.node, element, limit)) return put_within(large, &place, within, element);
    status = counttree_reserve(&large->middle, counttree_needs_at_most(&large->middle, 2));
    if (status == OK && within > 0) status = split(large, &place, within);
    /* A block that is cut in two is the same list. */
    if (status == OK) status = insert_between(large, &place, element, limit);
    counttree_release(&large->middle);
    return status;
}

bool block_takes_instead(const struct packed *block, unsigned within, const struct element *element,
                         const struct node_limit *limit)
{
    size_t size = packitem_size(&element->item), was;
    struct packwalk walk;

    if (element->alone) return false;
    packwalk_begin(&walk, block, within);
    was = packwalk_width(&walk) + 1;
    return size <= was || packed_size(block) - was + size <= limit->bytes;
}

enum status large_set(struct list_large *large, uint64_t at, const struct element *element,
                      const struct node_limit *limit)
{
    struct list_place place;
    enum status status;
    uintptr_t node;

    large->version = version_new();
    large_find(large, at, &place);
    if (node_is_alone(place.node) && element->alone) {
        if (!(node = node_of(element))) return NO_MEMORY;
        large->used_bytes += node_used_bytes(node) - node_used_bytes(place.node);
        node_free(place.node);
        place_set(large, &place, node);
        return OK;
    }
    if (!node_is_alone(place.node)) {
        struct packed *block = node_block(place.node);
        unsigned within = (unsigned)(at - place.before);
        size_t room = packed_room(block);

        if (block_takes_instead(block, within, element, limit)) {
            status = packed_replace(&block, within, &element->item);
            if (status == OK) place_block(large, &place, block, room);
            return status;
        }
    }
    status = large_insert(large, at, element, limit);
    if (status == OK) large_remove_range(large, at + 1, at + 2);
    return status;
}

/* --- removing --- */

/* What was little room to spare in a long list is much in a short one. */
static void fit_ends(struct list_large *large)
{
    struct list_place head = {.part = LIST_HEAD, .node = large->head}, tail = {.part = LIST_TAIL, .node = large->tail};

    if (head.node && !node_is_alone(head.node))
        place_block(large, &head, node_block(head.node), packed_room(node_block(head.node)));
    if (tail.node && !node_is_alone(tail.node))
        place_block(large, &tail, node_block(tail.node), packed_room(node_block(tail.node)));
}

/* All of the node at the place. */
static void drop_node(struct list_large *large, struct list_place *place)
{
    uintptr_t node = place->node;

    large->version = version_new();
    if (place->part != LIST_MIDDLE) {
        node = large_take(large, place->part == LIST_HEAD ? LIST_LEFT : LIST_RIGHT);
        fit_ends(large);
    } else {
        large->count -= node_count(node);
        large->used_bytes -= node_used_bytes(node);
        counttree_remove(&large->middle, &place->path);
    }
    node_free(node);
}

/* A small one in the middle and the next one become one, if there is memory and room for that. */
static void merge_small(struct list_large *large, struct list_place *place)
{
    struct node_limit limit;
    struct countpath next;
    struct packed *block = node_block(place->node), *other, *both;

    if (likely(place->part != LIST_MIDDLE)) return;
    limit = node_limit();
    if (likely(packed_size(block) > limit.bytes / SMALL_PART)) return;
    next = place->path;
    if (!countpath_forth(&next) || node_is_alone(countpath_thing(&next))) return;
    other = node_block(countpath_thing(&next));
    if (packed_size(block) + packed_size(other) > limit.bytes - limit.bytes / SMALL_PART) return;
    if (packed_count(block) + packed_count(other) > limit.count ||
        !(both = packed_join(block, other)))
        return;
    large->used_bytes += packed_room(both) - packed_room(block) - packed_room(other);
    place_set(large, place, (uintptr_t)both);
    large_find(large, place->before + packed_count(both), place);
    counttree_remove(&large->middle, &place->path);
    packed_free(&block);
    packed_free(&other);
}

/* Some of the elements of the block at the place, which has more. */
static void cut_within(struct list_large *large, struct list_place *place, unsigned from,
                       unsigned to)
{
    struct packed *block = node_block(place->node);
    size_t room = packed_room(block);

    packed_cut(&block, from, to);
    large->count -= to - from;
    place_block(large, place, block, room);
    merge_small(large, place);
}

void large_remove_range(struct list_large *large, uint64_t first, uint64_t end)
{
    large->version = version_new();
    while (first < end) {
        struct list_place place;
        uint64_t from, to;

        large_find(large, first, &place);
        from = first - place.before;
        to = end - place.before < node_count(place.node) ? end - place.before
                                                         : node_count(place.node);
        end -= to - from;
        if (to - from == node_count(place.node)) {
            drop_node(large, &place);
        } else {
            cut_within(large, &place, (unsigned)from, (unsigned)to);
        }
    }
}

/* In the block at the place, up to `most`; returns how many. */
static unsigned remove_within(struct packed **block, const struct list_needle *needle,
                              uint64_t most, bool backwards)
{
    unsigned removed = 0, at = backwards ? packed_count(*block) : 0;
    struct packwalk walk;

    packwalk_begin(&walk, *block, at);
    while (removed < most && !backwards && packed_find(*block, &needle->item, 1, &walk, &at)) {
        packed_cut(block, at, at + 1);
        packwalk_begin(&walk, *block, at);
        removed++;
    }
    while (removed < most && backwards && at > 0) {
        packwalk_back(&walk);
        if (!packwalk_equals(&walk, &needle->item)) {
            at--;
            continue;
        }
        packed_cut(block, at - 1, at);
        at--;
        packwalk_begin(&walk, *block, at);
        removed++;
    }
    return removed;
}

/* From the node at the place; an empty one goes. */
static uint64_t remove_from_node(struct list_large *large, struct list_place *place,
                                 const struct list_needle *needle, uint64_t most, bool backwards)
{
    struct packed *block;
    size_t room;
    unsigned removed;

    if (node_is_alone(place->node)) {
        if (!bytes_equal(blob_bytes(node_blob(place->node)), needle->text)) return 0;
        drop_node(large, place);
        return 1;
    }
    if (!needle->may_be_packed) return 0;
    block = node_block(place->node);
    room = packed_room(block);
    removed = remove_within(&block, needle, most, backwards);
    if (removed == 0) return 0;
    large->count -= removed;
    large->version = version_new();
    if (packed_count(block) > 0) {
        place_block(large, place, block, room);
    } else {
        large->used_bytes += packed_room(block) - room;
        place->node = (uintptr_t)block;
        if (place->part == LIST_HEAD) large->head = place->node;
        if (place->part == LIST_TAIL) large->tail = place->node;
        if (place->part == LIST_MIDDLE) countpath_set(&place->path, place->node);
        drop_node(large, place);
    }
    return removed;
}

uint64_t large_remove_equal(struct list_large *large, const struct list_needle *needle,
                            uint64_t most, bool backwards)
{
    uint64_t removed = 0, at = backwards ? large->count : 0;
    struct list_place place;

    while (removed < most && (backwards ? at > 0 : at < large->count)) {
        uint64_t count, gone;

        large_find(large, backwards ? at - 1 : at, &place);
        count = node_count(place.node);
        at = place.before;
        gone = remove_from_node(large, &place, needle, most - removed, backwards);
        removed += gone;
        if (!backwards) at += count - gone;
    }
    return removed;
}

void large_check(const struct list_large *large)
{
    struct list_place place;
    uint64_t count = 0;
    size_t used = 0;
    bool more = true;

    counttree_check(&large->middle);
    must(large->head && large->middle.spares == 0);
    must(large->tail || large->middle.weight == 0);
    must(large->tail || node_is_alone(large->head));
    for (large_find(large, 0, &place); more; more = large_forth(large, &place)) {
        must(place.before == count && node_count(place.node) > 0);
        if (place.part == LIST_MIDDLE)
            must(countpath_weight(&place.path) == node_count(place.node));
        if (!node_is_alone(place.node)) packed_check(node_block(place.node));
        count += node_count(place.node);
        used += node_used_bytes(place.node);
    }
    must(place.node == (large->tail ? large->tail : large->head));
    must(count == large->count && used == large->used_bytes);
}
