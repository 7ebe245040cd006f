/* zset_pop: members taken from an end of a sorted set. */
#include "coatcheck/commands/zset_pop.h"

#include "coatcheck/base/number.h"
#include "coatcheck/commands/counted_keys.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/mpop.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"

/* As ZPOPMIN or ZPOPMAX with the number of members that were there: the order is total, so a copy
 * of the data loses the same ones. */
static void tell_popped(const struct key *key, enum zset_end end, uint64_t count)
{
    char digits[NUMBER_MAX_TEXT];
    struct bytes words[3] = {
        end == ZSET_LOWEST ? BYTES("ZPOPMIN") : BYTES("ZPOPMAX"), key->name, {digits, 0}};

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    words[2].len = number_print_uint(digits, count);
    change_publish(&(struct change){.db = key->db,
                                    .key = key->name,
                                    .event = end == ZSET_LOWEST ? "zpopmin" : "zpopmax",
                                    .effect = words,
                                    .effect_words = 3});
}

/* `count` members from this end on, which stay where they are. */
static void reply_end(struct reply *reply, const struct zset *zset, enum zset_end end,
                      uint64_t count, enum zset_pop_shape shape)
{
    struct zset_walk walk;

    if (shape == ZSET_POP_FLAT) reply_array(reply, 2 * count);
    if (shape == ZSET_POP_PAIRS) reply_array(reply, count);
    zset_walk_from(&walk, zset, end == ZSET_LOWEST ? 0 : zset_count(zset) - 1, end == ZSET_HIGHEST);
    for (; count > 0 && zset_walk_next(&walk); count--) {
        if (shape == ZSET_POP_PAIRS) reply_array(reply, 2);
        reply_bulk(reply, walk.member);
        reply_double(reply, walk.score);
    }
}

uint64_t zset_pop(const struct key *key, struct spot *spot, enum zset_end end, uint64_t count,
                  enum zset_pop_shape shape, struct reply *reply)
{
    struct zset *zset = entry_container(spot->entry);
    uint64_t there = zset_count(zset);

    if (count > there) count = there;
    if (count == 0) {
        if (shape != ZSET_POP_BARE) reply_array(reply, 0);
        return 0;
    }
    reply_end(reply, zset, end, count, shape);
    if (unlikely(reply->failed)) return 0;
    /* A set of which nothing is left is freed in slices, with its key. */
    if (count == there) {
        key_remove(key, spot, REMOVED_BY_CLIENT);
    } else if (end == ZSET_LOWEST) {
        zset_remove_range(zset, 0, count, NULL, NULL);
    } else {
        zset_remove_range(zset, there - count, there, NULL, NULL);
    }
    tell_popped(key, end, count);
    if (count == there) effect_more(key, "del");
    return count;
}

/* ---- ZPOPMIN, ZPOPMAX ---- */

static void pop(struct call *call, enum zset_end end)
{
    bool has_count = call_argc(call) > 2;
    int64_t count = 1;
    struct spot spot;
    struct zset *zset;

    if (call_argc(call) > 3) {
        call_syntax_error(call);
        return;
    }
    if (has_count && !call_read_int_between(call, 2, 0, INT64_MAX, &count, NULL)) return;
    if (!call_find_zset(call, 0, &spot, &zset)) return;
    if (!zset) {
        reply_array(call->reply, 0);
        return;
    }
    /* redis-server's shapes: pairs only in RESP3, and there only where a count was given. */
    zset_pop(&call->keys[0], &spot, end, (uint64_t)count,
             has_count && call->reply->resp == 3 ? ZSET_POP_PAIRS : ZSET_POP_FLAT, call->reply);
}

static void cmd_zpopmin(struct call *call)
{
    pop(call, ZSET_LOWEST);
}

static void cmd_zpopmax(struct call *call)
{
    pop(call, ZSET_HIGHEST);
}

/* ---- ZMPOP ---- */

bool zset_read_mpop(struct call *call, unsigned at, struct zset_mpop *asked)
{
    static const char *const ends[] = {"MIN", "MAX"};
    struct mpop_words words;

    if (!mpop_read(call, at, ends, &words)) return false;
    *asked = (struct zset_mpop){.keys = words.keys,
                                .end = words.end == 0 ? ZSET_LOWEST : ZSET_HIGHEST,
                                .count = words.count};
    return true;
}

uint64_t zset_mpop(const struct key *key, struct spot *spot, const struct zset_mpop *asked,
                   struct reply *reply)
{
    reply_array(reply, 2);
    reply_bulk(reply, key->name);
    return zset_pop(key, spot, asked->end, (uint64_t)asked->count, ZSET_POP_PAIRS, reply);
}

static void cmd_zmpop(struct call *call)
{
    struct zset_mpop asked;

    if (!zset_read_mpop(call, 1, &asked)) return;
    for (unsigned k = 0; k < asked.keys; k++) {
        struct spot spot;
        struct zset *zset;

        if (!call_find_zset(call, k, &spot, &zset)) return;
        if (!zset) continue;
        zset_mpop(&call->keys[k], &spot, &asked, call->reply);
        return;
    }
    reply_null_array(call->reply);
}

#define POPS                                                                                       \
    .arity = -2, .flags = COMMAND_WRITE | COMMAND_FAST, .keys = KEYS_ONE, .element = 1,            \
    .access = KEY_RW | KEY_ACCESS | KEY_DELETE, .since = "5.0.0", .syntax = "key [count]",         \
    .cost = "O(log(N)+M) where M is the number of members taken"

static const struct command_row rows[] = {
    {.name = "zpopmin",
     .run = cmd_zpopmin,
     POPS,
     .summary = "Takes the members with the lowest scores out of a sorted set, and answers them."},
    {.name = "zpopmax",
     .run = cmd_zpopmax,
     POPS,
     .summary = "Takes the members with the highest scores out of a sorted set, and answers them."},
    {.name = "zmpop",
     .run = cmd_zmpop,
     .arity = -4,
     .flags = COMMAND_WRITE | COMMAND_MOVABLE_KEYS,
     .find_keys = counted_keys_find,
     .key_specs = counted_keys_popped,
     .since = "7.0.0",
     .cost = "O(K+log(N)+M) where K is the number of keys and M that of members taken",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Takes members from one end of the first of several sorted sets that is there."},
};

const struct command_family zset_pop_commands = COMMAND_FAMILY("sorted-set", rows);
