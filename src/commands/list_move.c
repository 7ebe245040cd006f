/* list_move: an element from one list to another. */
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/list.h"
#include "coatcheck/commands/table.h"

static struct bytes word_of(enum list_end end)
{
    return end == LIST_LEFT ? BYTES("LEFT") : BYTES("RIGHT");
}

/* As LMOVE, whatever the command was. */
static void tell_moved(const struct key *from, enum list_end wherefrom, const struct key *to,
                       enum list_end whereto)
{
    struct bytes words[5] = {BYTES("LMOVE"), from->name, to->name, word_of(wherefrom),
                             word_of(whereto)};

    key_touched(from);
    key_touched(to);
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){.db = to->db,
                                    .key = to->name,
                                    .event = whereto == LIST_LEFT ? "lpush" : "rpush",
                                    .effect = words,
                                    .effect_words = 5});
    effect_more(from, wherefrom == LIST_LEFT ? "lpop" : "rpop");
}

static void walk_to_end(struct list_walk *walk, const struct list *list, enum list_end end)
{
    list_walk_from(walk, list, end == LIST_LEFT ? 0 : list_count(list) - 1, false);
    list_walk_next(walk);
}

/* The element of the walk to the key, into a list that is made when there is none. */
static enum status push_element(const struct key *to, struct spot *target, enum list_end end,
                                const struct list_walk *walk)
{
    struct list *list;
    void *container;
    enum status status;

    if (target->entry) return list_push_walked(entry_container(target->entry), end, walk);
    container = list = list_new();
    status = list ? list_push_walked(list, end, walk) : NO_MEMORY;
    if (status == OK) status = key_put_container(to, target, VALUE_LIST, &container, NEVER);
    if (status != OK) list_free(&list);
    return status;
}

static void remove_end(const struct key *key, struct spot *spot, enum list_end end)
{
    struct list *list = entry_container(spot->entry);
    uint64_t count = list_count(list);

    if (count == 1) {
        key_remove(key, spot, REMOVED_BY_CLIENT);
    } else {
        list_remove_range(list, end == LIST_LEFT ? 0 : count - 1, end == LIST_LEFT ? 1 : count);
    }
}

void list_move(const struct key *from, struct spot *source, enum list_end wherefrom,
               const struct key *to, enum list_end whereto, struct reply *reply)
{
    struct list_walk walk;
    struct spot target;

    if (key_find(to, &target) && entry_type(target.entry) != VALUE_LIST) {
        reply_error(reply, ERR_WRONGTYPE);
        return;
    }
    walk_to_end(&walk, entry_container(source->entry), wherefrom);
    if (push_element(to, &target, whereto, &walk) != OK) {
        reply_error(reply, ERR_NO_MEMORY);
        return;
    }
    /* What is told is the element where it is now: in the same list, the old one may have moved. */
    walk_to_end(&walk, entry_container(target.entry), whereto);
    reply_element(reply, &walk);
    if (unlikely(reply->failed)) {
        remove_end(to, &target, whereto);
        return;
    }
    remove_end(from, source, wherefrom);
    tell_moved(from, wherefrom, to, whereto);
    if (!source->entry) effect_more(from, "del");
}

static void move(struct call *call, enum list_end wherefrom, enum list_end whereto)
{
    struct spot source;
    struct list *list;

    if (!call_find_list(call, 0, &source, &list)) return;
    if (list) {
        list_move(&call->keys[0], &source, wherefrom, &call->keys[1], whereto, call->reply);
    } else {
        reply_null(call->reply);
    }
}

static void cmd_lmove(struct call *call)
{
    enum list_end wherefrom, whereto;

    if (!call_read_list_end(call, 3, &wherefrom) || !call_read_list_end(call, 4, &whereto)) return;
    move(call, wherefrom, whereto);
}

static void cmd_rpoplpush(struct call *call)
{
    move(call, LIST_RIGHT, LIST_LEFT);
}

static const struct command_key_spec move_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE, .index = 1, .step = 1},
    {.access = KEY_RW | KEY_INSERT, .index = 2, .step = 1},
    {0},
};

static const struct command_row rows[] = {
    {.name = "lmove",
     .run = cmd_lmove,
     .arity = 5,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, 2, 1},
     .key_specs = move_specs,
     .since = "6.2.0",
     .cost = "O(1)",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
     .summary =
         "Takes an element from an end of one list, puts it to an end of another, and answers it."},
    {.name = "rpoplpush",
     .run = cmd_rpoplpush,
     .arity = 3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, 2, 1},
     .key_specs = move_specs,
     .since = "1.2.0",
     .cost = "O(1)",
     .syntax = "source destination",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
     .deprecated_since = "6.2.0",
     .summary = "Takes the rightmost element of one list, puts it to the left end of another, and "
                "answers it."},
};

const struct command_family list_move_commands = COMMAND_FAMILY("list", rows);
