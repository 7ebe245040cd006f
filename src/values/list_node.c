/* list_node: a block of elements, or one element alone. */
#include "coatcheck/base/mem.h"
#include "list_internal.h"

#define COUNTED_BYTES 8192 /* of a block that is limited by its count */

size_t node_used_bytes(uintptr_t node)
{
    if (node_is_alone(node)) return mem_good_size(sizeof(struct blob) + node_blob(node)->room);
    return packed_room(node_block(node));
}

void node_free(uintptr_t node)
{
    struct blob *blob;
    struct packed *block;

    if (node_is_alone(node)) {
        blob = node_blob(node);
        blob_release(&blob);
    } else {
        block = node_block(node);
        packed_free(&block);
    }
}

uintptr_t node_copy(uintptr_t node, unsigned from, unsigned to)
{
    if (!node_is_alone(node))
        return (uintptr_t)packed_slice(node_block(node), from, to, PACKED_DEQUE);
    blob_hold(node_blob(node));
    return node;
}

struct node_limit node_limit(void)
{
    int64_t size = option_int(&list_options.list_max_listpack_size);

    if (size >= 0) {
        return (struct node_limit){COUNTED_BYTES, size == 0                 ? 1
                                                  : size < PACKED_COUNT_MAX ? (unsigned)size
                                                                            : PACKED_COUNT_MAX};
    }
    return (struct node_limit){(size_t)2048 << (size < -5 ? 5 : -size), PACKED_COUNT_MAX};
}

void element_init(struct element *element, struct bytes text, const struct node_limit *limit)
{
    element->text = text;
    element->blob = NULL;
    element->alone = !packitem_init(&element->item, text) ||
                     packitem_size(&element->item) + NODE_HEAD > limit->bytes;
}

bool node_takes(uintptr_t node, const struct element *element, const struct node_limit *limit)
{
    const struct packed *block = node_block(node);

    return !node_is_alone(node) && !element->alone && packed_count(block) < limit->count &&
           packed_size(block) + packitem_size(&element->item) <= limit->bytes;
}

uintptr_t node_of(const struct element *element)
{
    struct packed *block;
    struct blob *blob;

    if (element->blob) {
        blob_hold(element->blob);
        return (uintptr_t)element->blob | NODE_ALONE;
    }
    if (element->alone) {
        blob = blob_new(element->text.len);
        if (!blob) return 0;
        memcpy(blob->at, element->text.at, element->text.len);
        blob->len = element->text.len;
        return (uintptr_t)blob | NODE_ALONE;
    }
    block = packed_new(PACKED_DEQUE, NODE_HEAD + packitem_size(&element->item));
    if (block && packed_insert(&block, 0, &element->item, 1) != OK) packed_free(&block);
    return (uintptr_t)block;
}

void list_needle_init(struct list_needle *needle, struct bytes text)
{
    needle->text = text;
    needle->may_be_packed = packitem_init(&needle->item, text);
}

bool node_element_equals(uintptr_t node, const struct packwalk *walk,
                         const struct list_needle *needle)
{
    if (node_is_alone(node)) return bytes_equal(blob_bytes(node_blob(node)), needle->text);
    return needle->may_be_packed && packwalk_equals(walk, &needle->item);
}
