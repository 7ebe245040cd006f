/* list_pop: elements taken from an end of a list. */
#include "coatcheck/base/number.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/list.h"
#include "coatcheck/commands/mpop.h"
#include "coatcheck/commands/table.h"

/* As LPOP or RPOP with the number of elements that were there. */
static void tell_popped(const struct key *key, enum list_end end, uint64_t count)
{
    char digits[NUMBER_MAX_TEXT];
    struct bytes words[3] = {
        end == LIST_LEFT ? BYTES("LPOP") : BYTES("RPOP"), key->name, {digits, 0}};

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    words[2].len = number_print_uint(digits, count);
    change_publish(&(struct change){.db = key->db,
                                    .key = key->name,
                                    .event = end == LIST_LEFT ? "lpop" : "rpop",
                                    .effect = words,
                                    .effect_words = 3});
}

void list_pop(const struct key *key, struct spot *spot, enum list_end end, uint64_t count,
              bool alone, struct reply *reply)
{
    struct list *list = entry_container(spot->entry);
    uint64_t there = list_count(list), first = end == LIST_LEFT ? 0 : there - 1;
    struct list_walk walk;

    if (count > there) count = there;
    if (alone) {
        list_walk_from(&walk, list, first, false);
        if (list_walk_next(&walk)) reply_element(reply, &walk);
    } else {
        reply_elements(reply, list, first, count, end == LIST_RIGHT);
    }
    if (count == 0 || unlikely(reply->failed)) return;
    /* A list of which nothing is left is freed in slices, with its key. */
    if (count == there) {
        key_remove(key, spot, REMOVED_BY_CLIENT);
    } else if (end == LIST_LEFT) {
        list_remove_range(list, 0, count);
    } else {
        list_remove_range(list, there - count, there);
    }
    tell_popped(key, end, count);
    if (count == there) effect_more(key, "del");
}

/* ---- LPOP, RPOP ---- */

static void pop(struct call *call, enum list_end end)
{
    bool has_count = call_argc(call) == 3;
    struct spot spot;
    struct list *list;
    int64_t count = 1;

    if (call_argc(call) > 3) {
        call_arity_error(call);
        return;
    }
    if (has_count && !call_read_int_between(call, 2, 0, INT64_MAX, &count, NULL)) return;
    if (!call_find_list(call, 0, &spot, &list)) return;
    if (likely(list != NULL)) {
        list_pop(&call->keys[0], &spot, end, (uint64_t)count, !has_count, call->reply);
    } else if (has_count) {
        reply_null_array(call->reply);
    } else {
        reply_null(call->reply);
    }
}

static void cmd_lpop(struct call *call)
{
    pop(call, LIST_LEFT);
}

static void cmd_rpop(struct call *call)
{
    pop(call, LIST_RIGHT);
}

/* ---- LMPOP ---- */

bool list_read_mpop(struct call *call, unsigned at, struct list_mpop *asked)
{
    static const char *const ends[] = {"LEFT", "RIGHT"};
    struct mpop_words words;

    if (!mpop_read(call, at, ends, &words)) return false;
    *asked = (struct list_mpop){.keys = words.keys,
                                .end = words.end == 0 ? LIST_LEFT : LIST_RIGHT,
                                .count = words.count};
    return true;
}

void list_mpop(const struct key *key, struct spot *spot, const struct list_mpop *asked,
               struct reply *reply)
{
    reply_array(reply, 2);
    reply_bulk(reply, key->name);
    list_pop(key, spot, asked->end, (uint64_t)asked->count, false, reply);
}

static void cmd_lmpop(struct call *call)
{
    struct list_mpop asked;

    if (!list_read_mpop(call, 1, &asked)) return;
    for (unsigned k = 0; k < asked.keys; k++) {
        struct spot spot;
        struct list *list;

        if (!call_find_list(call, k, &spot, &list)) return;
        if (!list) continue;
        list_mpop(&call->keys[k], &spot, &asked, call->reply);
        return;
    }
    reply_null_array(call->reply);
}

#define POPS                                                                                       \
    .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE,                          \
    .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .since = "1.0.0", .syntax = "key [count]",         \
    .cost = "O(M) where M is the number of elements taken",                                        \
    .history = "6.2.0: Added the `count` argument."

static const struct command_row rows[] = {
    {.name = "lpop",
     .run = cmd_lpop,
     POPS,
     .summary = "Takes elements from the left end of a list, and answers them."},
    {.name = "rpop",
     .run = cmd_rpop,
     POPS,
     .summary = "Takes elements from the right end of a list, and answers them."},
    {.name = "lmpop",
     .run = cmd_lmpop,
     .arity = -4,
     .flags = COMMAND_WRITE | COMMAND_MOVABLE_KEYS,
     .find_keys = counted_keys_find,
     .key_specs = counted_keys_popped,
     .since = "7.0.0",
     .cost = "O(K+M) where K is the number of keys and M that of elements taken",
     .syntax = "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements from one end of the first of several lists that is there."},
};

const struct command_family list_pop_commands = COMMAND_FAMILY("list", rows);
