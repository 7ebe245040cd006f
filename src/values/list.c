#include "coatcheck/values/list.h"

#include "coatcheck/base/compaction.h"
#include "coatcheck/values/kind.h"
#include "list_internal.h"

#define OPTIONS_HERE list_options
#define OPTION_HOOKS_HERE list_option_hooks
OPTION_DEFINE(list, LIST_OPTIONS)

/* Of a list with so many bytes, less than this part is copied rather than all the others freed at
 * once. */
#define COPY_FROM (512 * 1024)
#define COPY_PART 4

struct list *list_new(void)
{
    return mem_alloc_zeroed(sizeof(struct list));
}

void list_free(struct list **list)
{
    while (*list && !list_free_some(list, SIZE_MAX)) {}
}

bool list_free_some(struct list **list, size_t steps)
{
    struct packed *block;
    struct list_large *large;

    if (list_is_large(*list)) {
        large = list_large_of(*list);
        if (!large_free_some(&large, steps)) return false;
    } else {
        block = list_block_of(*list);
        packed_free(&block);
    }
    mem_free_sized(*list, sizeof **list);
    *list = NULL;
    return true;
}

uint64_t list_count(const struct list *list)
{
    if (list_is_large(list)) return list_large_of(list)->count;
    return list->root ? packed_count(list_block_of(list)) : 0;
}

uint64_t list_version(const struct list *list)
{
    return list_is_large(list) ? list_large_of(list)->version : 0;
}

/* --- from small to large and back --- */

/* With nothing in it, for those who put a first node there. */
static enum status become_large(struct list *list)
{
    struct list_large *large;

    if (list_is_large(list)) return OK;
    large = list->root ? large_new(list_block_of(list)) : mem_alloc_zeroed(sizeof *large);
    if (!large) return NO_MEMORY;
    list->root = (uintptr_t)large | ROOT_LARGE;
    return OK;
}

/* The block of a small list after a change. */
static void set_block(struct list *list, struct packed *block, bool grows_left)
{
    packed_fit(&block, NODE_SPARE + packed_count(block) / SPARE_EACH, grows_left);
    list->root = (uintptr_t)block;
}

/* One with a single block is small. */
static void settle(struct list *list)
{
    struct list_large *large = list_large_of(list);

    if (likely(!list_is_large(list) || large->tail || node_is_alone(large->head))) return;
    list->root = 0;
    if (large->head) set_block(list, node_block(large->head), true);
    counttree_release(&large->middle);
    mem_free_sized(large, sizeof *large);
}

/* --- changes --- */

/* Into the block of a small list. TOO_BIG: it has to be a large one for that. */
static enum status small_put(struct list *list, unsigned at, const struct element *element,
                             const struct node_limit *limit)
{
    struct packed *block = list_block_of(list);
    enum status status;

    if (unlikely(!block)) {
        if (element->alone) return TOO_BIG;
        list->root = node_of(element);
        return list->root ? OK : NO_MEMORY;
    }
    if (!node_takes(list->root, element, limit)) return TOO_BIG;
    status = packed_insert(&block, at, &element->item, 1);
    list->root = (uintptr_t)block;
    return status;
}

static enum status push(struct list *list, enum list_end end, const struct element *element,
                        const struct node_limit *limit)
{
    enum status status;
    uintptr_t node;

    if (!list_is_large(list)) {
        status = small_put(list, end == LIST_LEFT ? 0 : (unsigned)list_count(list), element, limit);
        if (likely(status != TOO_BIG)) return status;
        if (become_large(list) != OK) return NO_MEMORY;
    }
    if (unlikely(!list_large_of(list)->head)) {
        node = node_of(element);
        if (node) large_give(list_large_of(list), end, node);
        settle(list);
        return node ? OK : NO_MEMORY;
    }
    status = large_push(list_large_of(list), end, element, limit);
    settle(list);
    return status;
}

enum status list_push(struct list *list, enum list_end end, struct bytes text)
{
    struct node_limit limit = node_limit();
    struct element element;

    element_init(&element, text, &limit);
    return push(list, end, &element, &limit);
}

enum status list_fill(struct list *list, const struct packitem *items, unsigned count)
{
    struct node_limit limit = node_limit();
    size_t size = NODE_HEAD;

    must_debug(!list->root && count > 0);
    for (unsigned i = 0; i < count; i++) size += packitem_size(&items[i]);
    if (size > limit.bytes || count > limit.count) return TOO_BIG;
    list->root = (uintptr_t)packed_of(PACKED_DEQUE, items, count);
    return list->root ? OK : NO_MEMORY;
}

enum status list_push_walked(struct list *list, enum list_end end, const struct list_walk *walk)
{
    struct node_limit limit = node_limit();
    struct element element;
    char scratch[NUMBER_MAX_TEXT], few[256], *copy = NULL;
    struct bytes text = list_walk_text(walk, scratch);
    enum status status;

    if (walk->blob) {
        element = (struct element){.text = text, .blob = walk->blob, .alone = true};
        return push(list, end, &element, &limit);
    }
    /* In the list itself the text would move away under it. */
    if (walk->list == list) {
        copy = text.len <= sizeof few ? few : mem_alloc(text.len);
        if (!copy) return NO_MEMORY;
        memcpy(copy, text.at, text.len);
        text.at = copy;
    }
    element_init(&element, text, &limit);
    status = push(list, end, &element, &limit);
    if (copy != few) mem_free(copy);
    return status;
}

enum status list_insert(struct list *list, uint64_t at, struct bytes text)
{
    struct node_limit limit = node_limit();
    struct element element;
    enum status status;

    if (at == 0 || at == list_count(list))
        return list_push(list, at == 0 ? LIST_LEFT : LIST_RIGHT, text);
    element_init(&element, text, &limit);
    if (!list_is_large(list)) {
        status = small_put(list, (unsigned)at, &element, &limit);
        if (likely(status != TOO_BIG)) return status;
        if (become_large(list) != OK) return NO_MEMORY;
    }
    status = large_insert(list_large_of(list), at, &element, &limit);
    settle(list);
    return status;
}

enum status list_set(struct list *list, uint64_t at, struct bytes text)
{
    struct node_limit limit = node_limit();
    struct element element;
    struct packed *block = list_block_of(list);
    enum status status;

    must_debug(at < list_count(list));
    element_init(&element, text, &limit);
    if (!list_is_large(list) && block_takes_instead(block, (unsigned)at, &element, &limit)) {
        status = packed_replace(&block, (unsigned)at, &element.item);
        if (status == OK) set_block(list, block, false);
        return status;
    }
    if (become_large(list) != OK) return NO_MEMORY;
    status = large_set(list_large_of(list), at, &element, &limit);
    settle(list);
    return status;
}

void list_remove_range(struct list *list, uint64_t first, uint64_t end)
{
    uint64_t count = list_count(list);
    struct packed *block = list_block_of(list);

    if (end > count) end = count;
    if (first >= end) return;
    if (list_is_large(list)) {
        large_remove_range(list_large_of(list), first, end);
        settle(list);
    } else if (end - first == count) {
        packed_free(&block);
        list->root = 0;
    } else {
        packed_cut(&block, (unsigned)first, (unsigned)end);
        set_block(list, block, first == 0);
    }
}

uint64_t list_remove_equal(struct list *list, const struct list_needle *needle, uint64_t most,
                           bool backwards)
{
    struct list_large one;
    uint64_t removed;

    if (!list->root) return 0;
    if (list_is_large(list)) {
        removed = large_remove_equal(list_large_of(list), needle, most, backwards);
        settle(list);
        return removed;
    }
    one = (struct list_large){
        .head = list->root, .count = list_count(list), .used_bytes = node_used_bytes(list->root)};
    removed = large_remove_equal(&one, needle, most, backwards);
    list->root = one.head;
    return removed;
}

bool list_trims_by_copy(const struct list *list, uint64_t first, uint64_t end)
{
    uint64_t kept = end - first;

    return list_is_large(list) && list_large_of(list)->used_bytes > COPY_FROM &&
           kept < list_count(list) / COPY_PART;
}

struct list *list_copy_range(const struct list *list, uint64_t first, uint64_t end)
{
    struct list *copy = list_new();

    if (!copy) return NULL;
    must(list_is_large(list) && first < end);
    copy->root = (uintptr_t)large_copy(list_large_of(list), first, end);
    if (!copy->root) {
        list_free(&copy);
        return NULL;
    }
    copy->root |= ROOT_LARGE;
    settle(copy);
    return copy;
}

/* --- walking --- */

/* At element `within` the block at the place. */
static void enter_node(struct list_walk *walk, unsigned within)
{
    uintptr_t node = walk->place.node;

    if (node_is_alone(node)) {
        walk->blob = node_blob(node);
        walk->left = 0;
        return;
    }
    walk->blob = NULL;
    packwalk_begin(&walk->pack, node_block(node), within);
    walk->left = walk->backwards ? within : node_count(node) - within - 1;
}

void list_walk_from(struct list_walk *walk, const struct list *list, uint64_t at, bool backwards)
{
    walk->list = list;
    walk->at = at;
    walk->backwards = backwards;
    walk->begun = false;
    walk->left = 0;
    walk->over = at >= list_count(list);
    if (walk->over) return;
    if (list_is_large(list)) {
        large_find(list_large_of(list), at, &walk->place);
    } else {
        walk->place.node = list->root;
        walk->place.before = 0;
    }
    enter_node(walk, (unsigned)(at - walk->place.before));
}

bool list_walk_leave(struct list_walk *walk)
{
    const struct list_large *large = list_large_of(walk->list);

    if (walk->over) return false;
    if (!walk->begun) {
        walk->begun = true;
        return true;
    }
    walk->over =
        !list_is_large(walk->list) ||
        !(walk->backwards ? large_back(large, &walk->place) : large_forth(large, &walk->place));
    if (walk->over) return false;
    enter_node(walk, walk->backwards ? node_count(walk->place.node) - 1 : 0);
    walk->at += walk->backwards ? UINT64_MAX : 1;
    return true;
}

bool list_walk_is(const struct list_walk *walk, const struct list_needle *needle)
{
    return node_element_equals(walk->place.node, &walk->pack, needle);
}

bool list_walk_to(struct list_walk *walk, const struct list_needle *needle)
{
    while (list_walk_next(walk)) {
        if (list_walk_is(walk, needle)) return true;
        /* Through a block without looking at the walk's own state at each step. */
        if (!walk->blob && !walk->backwards && needle->may_be_packed && walk->left > 0) {
            const struct packed *block = node_block(walk->place.node);
            unsigned count = packed_count(block), from = count - walk->left, at = from;
            bool found;

            packwalk_forth(&walk->pack);
            found = packed_find(block, &needle->item, 1, &walk->pack, &at);
            if (found) {
                walk->at += at - from + 1;
                walk->left = count - at - 1;
                return true;
            }
            walk->at += count - from;
            walk->left = 0;
        }
    }
    return false;
}

/* --- as a kind --- */

void list_check(const struct list *list)
{
    if (list_is_large(list)) {
        large_check(list_large_of(list));
    } else if (list->root) {
        must(packed_count(list_block_of(list)) > 0);
        packed_check(list_block_of(list));
    }
}

uint64_t list_nodes(const struct list *list)
{
    struct list_place place;
    uint64_t nodes = 1;

    if (!list_is_large(list)) return list->root != 0;
    large_find(list_large_of(list), 0, &place);
    while (large_forth(list_large_of(list), &place)) nodes++;
    return nodes;
}

static bool kind_free_some(void **container, size_t steps)
{
    struct list *list = *container;
    bool done = list_free_some(&list, steps);

    *container = list;
    return done;
}

static void *kind_copy(const void *container)
{
    const struct list *list = container;
    struct list *copy = list_new();

    if (!copy || !list->root) return copy;
    if (list_is_large(list)) {
        copy->root = (uintptr_t)large_copy(list_large_of(list), 0, list_count(list));
        if (copy->root) copy->root |= ROOT_LARGE;
    } else {
        copy->root = node_copy(list->root, 0, node_count(list->root));
    }
    if (!copy->root) list_free(&copy);
    return copy;
}

static size_t kind_length(const void *container)
{
    return list_count(container);
}

static const char *kind_encoding(const void *container)
{
    (void)container;
    return "quicklist";
}

static size_t kind_used_bytes(const void *container)
{
    const struct list *list = container;
    const struct list_large *large = list_large_of(list);
    size_t used = mem_good_size(sizeof *list);

    if (!list->root) return used;
    if (!list_is_large(list)) return used + node_used_bytes(list->root);
    return used + mem_good_size(sizeof *large) + large->used_bytes + large->middle.used_bytes;
}

static bool kind_compact(void **container, struct compaction *compaction)
{
    struct list *list = *container;
    struct list_large *large;
    struct packed *block;
    bool is_through;

    if (!compaction->moves_blocks) return true;
    if (compaction->at == 0) list = *container = mem_compact(list);
    if (list_is_large(list)) {
        large = list_large_of(list);
        is_through = large_compact(&large, compaction);
        list->root = (uintptr_t)large | ROOT_LARGE;
        return is_through;
    }
    block = list_block_of(list);
    if (block) packed_compact(&block, compaction);
    list->root = (uintptr_t)block;
    return true;
}

static const struct value_kind kind = {
    .name = "list",
    .free_some = kind_free_some,
    .copy = kind_copy,
    .length = kind_length,
    .encoding = kind_encoding,
    .used_bytes = kind_used_bytes,
    .compact = kind_compact,
};

void list_setup(void)
{
    value_kind_add(VALUE_LIST, &kind);
}
