/* list: elements of a list, one by one: pushed, put in, replaced, read. */
#include "coatcheck/commands/list.h"

#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

/* ---- the list at a key ---- */

bool call_read_list(struct call *call, unsigned k, const struct list **list)
{
    struct entry *entry;

    if (!call_read_type(call, k, VALUE_LIST, &entry)) return false;
    *list = entry ? entry_container(entry) : NULL;
    return true;
}

bool call_find_list(struct call *call, unsigned k, struct spot *spot, struct list **list)
{
    if (!call_find_type(call, k, VALUE_LIST, spot)) return false;
    *list = spot->entry ? entry_container(spot->entry) : NULL;
    return true;
}

void list_drop_if_empty(const struct key *key, struct spot *spot)
{
    if (likely(list_count(entry_container(spot->entry)) > 0)) return;
    key_remove(key, spot, REMOVED_BY_CLIENT);
    effect_more(key, "del");
}

bool call_read_list_end(struct call *call, unsigned i, enum list_end *end)
{
    *end = call_arg_is(call, i, "RIGHT") ? LIST_RIGHT : LIST_LEFT;
    if (*end == LIST_RIGHT || call_arg_is(call, i, "LEFT")) return true;
    call_syntax_error(call);
    return false;
}

static void release_blob(void *holder)
{
    struct blob *blob = holder;

    blob_release(&blob);
}

void reply_element(struct reply *reply, const struct list_walk *walk)
{
    char scratch[NUMBER_MAX_TEXT];
    struct bytes text = list_walk_text(walk, scratch);

    if (likely(text.len < BLOB_FROM || !walk->blob)) {
        reply_bulk(reply, text);
    } else {
        blob_hold(walk->blob);
        reply_bulk_held(reply, text, release_blob, walk->blob);
    }
}

/* A bulk of less than a hundred bytes, where the window has room for it: what most elements of a
 * range are. */
static inline bool reply_short(struct reply *reply, struct bytes text)
{
    char *at = reply->at;

    if (text.len >= 100 || (size_t)(reply->end - at) < text.len + 7) return false;
    *at++ = '$';
    if (text.len >= 10) *at++ = (char)('0' + text.len / 10);
    *at++ = (char)('0' + text.len % 10);
    memcpy(at, "\r\n", 2);
    memcpy(at + 2, text.at, text.len);
    memcpy(at + 2 + text.len, "\r\n", 2);
    reply->at = at + text.len + 4;
    return true;
}

void reply_elements(struct reply *reply, const struct list *list, uint64_t at, uint64_t count,
                    bool backwards)
{
    struct list_walk walk;

    reply_array(reply, count);
    list_walk_from(&walk, list, at, backwards);
    for (; count > 0 && list_walk_next(&walk); count--) {
        char scratch[NUMBER_MAX_TEXT];

        if (unlikely(walk.blob) || !reply_short(reply, list_walk_text(&walk, scratch)))
            reply_element(reply, &walk);
    }
}

/* ---- LPUSH, RPUSH, LPUSHX, RPUSHX ---- */

/* All or, for want of memory, none of the words from the third on. */
static enum status push_all(struct call *call, struct list *list, enum list_end end)
{
    for (unsigned i = 2; i < call_argc(call); i++) {
        enum status status = list_push(list, end, call_arg(call, i));
        uint64_t count = list_count(list), pushed = i - 2;

        if (likely(status == OK)) continue;
        list_remove_range(list, end == LIST_LEFT ? 0 : count - pushed,
                          end == LIST_LEFT ? pushed : count);
        return status;
    }
    return OK;
}

static enum status push_to_new(struct call *call, struct spot *spot, enum list_end end,
                               uint64_t *count)
{
    struct list *list = list_new();
    void *container = list;
    enum status status;

    *count = 0;
    if (!list) return NO_MEMORY;
    status = push_all(call, list, end);
    *count = list_count(list);
    if (status == OK)
        status = key_put_container(&call->keys[0], spot, VALUE_LIST, &container, NEVER);
    if (status != OK) list_free(&list);
    return status;
}

static void push(struct call *call, enum list_end end, bool only_if_there)
{
    struct spot spot;
    struct list *list;
    uint64_t count;
    enum status status;

    if (!call_find_list(call, 0, &spot, &list)) return;
    if (likely(list != NULL)) {
        status = push_all(call, list, end);
        count = list_count(list);
    } else if (only_if_there) {
        reply_int(call->reply, 0);
        return;
    } else {
        status = push_to_new(call, &spot, end, &count);
    }
    if (!call_ok(call, status)) return;
    call_changed(call, &call->keys[0], end == LIST_LEFT ? "lpush" : "rpush");
    reply_int(call->reply, (int64_t)count);
}

static void cmd_lpush(struct call *call)
{
    push(call, LIST_LEFT, false);
}

static void cmd_rpush(struct call *call)
{
    push(call, LIST_RIGHT, false);
}

static void cmd_lpushx(struct call *call)
{
    push(call, LIST_LEFT, true);
}

static void cmd_rpushx(struct call *call)
{
    push(call, LIST_RIGHT, true);
}

/* ---- one element ---- */

static void cmd_llen(struct call *call)
{
    const struct list *list;

    if (!call_read_list(call, 0, &list)) return;
    reply_int(call->reply, list ? (int64_t)list_count(list) : 0);
}

/* Negative ones count from the right. UINT64_MAX: beyond all. */
static uint64_t place_of(const struct list *list, int64_t index)
{
    if (index < 0) index += (int64_t)list_count(list);
    return index < 0 || (uint64_t)index >= list_count(list) ? UINT64_MAX : (uint64_t)index;
}

static void cmd_lindex(struct call *call)
{
    const struct list *list;
    struct list_walk walk;
    int64_t index;

    if (!call_read_list(call, 0, &list)) return;
    /* redis-server looks at the number only where there is a list. */
    if (!list) {
        reply_null(call->reply);
        return;
    }
    if (!call_read_int(call, 2, &index)) return;
    list_walk_from(&walk, list, place_of(list, index), false);
    if (list_walk_next(&walk)) {
        reply_element(call->reply, &walk);
    } else {
        reply_null(call->reply);
    }
}

static void cmd_lset(struct call *call)
{
    struct spot spot;
    struct list *list;
    int64_t index;
    uint64_t at;

    if (!call_find_list(call, 0, &spot, &list)) return;
    if (!list) {
        reply_error(call->reply, ERR_NO_SUCH_KEY);
        return;
    }
    if (!call_read_int(call, 2, &index)) return;
    at = place_of(list, index);
    if (at == UINT64_MAX) {
        reply_errorf(call->reply, "ERR index out of range");
        return;
    }
    if (!call_ok(call, list_set(list, at, call_arg(call, 3)))) return;
    call_changed(call, &call->keys[0], "lset");
    reply_ok(call->reply);
}

static void cmd_linsert(struct call *call)
{
    bool after = call_arg_is(call, 2, "AFTER");
    struct list_needle pivot;
    struct list_walk walk;
    struct spot spot;
    struct list *list;

    if (!after && !call_arg_is(call, 2, "BEFORE")) {
        call_syntax_error(call);
        return;
    }
    if (!call_find_list(call, 0, &spot, &list)) return;
    if (!list) {
        reply_int(call->reply, 0);
        return;
    }
    list_needle_init(&pivot, call_arg(call, 3));
    list_walk_from(&walk, list, 0, false);
    if (!list_walk_to(&walk, &pivot)) {
        reply_int(call->reply, -1);
        return;
    }
    if (!call_ok(call, list_insert(list, walk.at + after, call_arg(call, 4)))) return;
    call_changed(call, &call->keys[0], "linsert");
    reply_int(call->reply, (int64_t)list_count(list));
}

#define PUSHES                                                                                     \
    .arity = -3, .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST, .keys = KEYS_ONE,        \
    .access = KEY_RW | KEY_INSERT, .cost = "O(1) for each element",                                \
    .syntax = "key element [element ...]"
#define MORE_ELEMENTS(version) .history = version ": Accepts multiple `element` arguments."

static const struct command_row rows[] = {
    {.name = "lpush",
     .run = cmd_lpush,
     PUSHES,
     .since = "1.0.0",
     MORE_ELEMENTS("2.4.0"),
     .summary = "Puts elements to the left end of a list, one after the other."},
    {.name = "rpush",
     .run = cmd_rpush,
     PUSHES,
     .since = "1.0.0",
     MORE_ELEMENTS("2.4.0"),
     .summary = "Puts elements to the right end of a list, one after the other."},
    {.name = "lpushx",
     .run = cmd_lpushx,
     PUSHES,
     .since = "2.2.0",
     MORE_ELEMENTS("4.0.0"),
     .summary = "Puts elements to the left end of a list that is there already."},
    {.name = "rpushx",
     .run = cmd_rpushx,
     PUSHES,
     .since = "2.2.0",
     MORE_ELEMENTS("4.0.0"),
     .summary = "Puts elements to the right end of a list that is there already."},
    {.name = "llen",
     .run = cmd_llen,
     .arity = 2,
     .flags = COMMAND_READ | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RO,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "key",
     .summary = "Answers how many elements a list has."},
    {.name = "lindex",
     .run = cmd_lindex,
     .arity = 3,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "1.0.0",
     .cost = "O(log(N)) where N is the number of elements",
     .syntax = "key index",
     .summary = "Answers the element at a place, counted from the left or from the right."},
    {.name = "lset",
     .run = cmd_lset,
     .arity = 4,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_UPDATE,
     .since = "1.0.0",
     .cost = "O(log(N)) where N is the number of elements",
     .syntax = "key index element",
     .summary = "Puts another element to a place of a list."},
    {.name = "linsert",
     .run = cmd_linsert,
     .arity = 5,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_INSERT,
     .since = "2.2.0",
     .cost = "O(N) where N is the number of elements looked at before the pivot is found",
     .syntax = "key <BEFORE | AFTER> pivot element",
     .summary = "Puts an element before or behind another one, the first that equals the pivot."},
};

const struct command_family list_commands = COMMAND_FAMILY("list", rows);
