/* set_random: members of a set, drawn by lot: told, or taken out. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/draw.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/set.h"
#include "coatcheck/commands/table.h"

/* From one member in so many on a walk over all of them is cheaper than drawing each one. */
#define WALK_FROM 8

/* ---- SPOP ---- */

/* As SREM: a copy of the data loses the same one. The event is told with the first of a call. */
static void tell_popped(const struct key *key, const char *event, struct bytes member)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){.db = key->db,
                                    .key = key->name,
                                    .event = event,
                                    .effect = (struct bytes[]){BYTES("SREM"), key->name, member},
                                    .effect_words = 3});
}

static void pop_one(struct call *call, struct spot *spot, struct set *set)
{
    struct set_spot drawn;

    set_draw(set, random_of_thread(), &drawn);
    reply_bulk(call->reply, drawn.member);
    if (unlikely(call->reply->failed)) return;
    tell_popped(&call->keys[0], "spop", drawn.member);
    set_take(set, &drawn);
    set_drop_if_empty(&call->keys[0], spot);
}

/* The key goes as a whole, and is freed in slices. */
static void pop_all(struct call *call, struct spot *spot, const struct set *set)
{
    const struct key *key = &call->keys[0];

    reply_members_of(call->reply, set);
    if (unlikely(call->reply->failed)) return;
    key_remove(key, spot, REMOVED_BY_CLIENT);
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){.db = key->db,
                                    .key = key->name,
                                    .event = "spop",
                                    .effect = (struct bytes[]){BYTES("DEL"), key->name},
                                    .effect_words = 2});
    effect_more(key, "del");
}

static void pop_few(struct call *call, struct set *set, uint64_t count)
{
    reply_set(call->reply, count);
    for (uint64_t i = 0; i < count && likely(!call->reply->failed); i++) {
        struct set_spot drawn;

        set_draw(set, random_of_thread(), &drawn);
        reply_bulk(call->reply, drawn.member);
        tell_popped(&call->keys[0], i == 0 ? "spop" : NULL, drawn.member);
        set_take(set, &drawn);
    }
}

/* Few stay: those are drawn, each with the chance that is left for it, and make a new set, which
 * may be one of numbers alone again. */
static struct set *keep_some(const struct set *set, uint64_t kept, bool *failed)
{
    struct set *rest = set_new();
    uint64_t there = set_count(set);
    struct set_walk walk;
    bool added;

    *failed = !rest;
    for (set_walk_begin(&walk, set); !*failed && kept > 0 && set_walk_next(&walk); there--) {
        if (random_below(random_of_thread(), there) >= kept) continue;
        *failed = set_add(rest, walk.member, &added) != OK;
        kept--;
    }
    if (*failed) set_free(&rest);
    return rest;
}

static void pop_most(struct call *call, struct set *set, uint64_t count)
{
    const char *event = "spop";
    struct set_walk walk;
    struct set *rest;
    bool failed;

    rest = keep_some(set, set_count(set) - count, &failed);
    if (!call_ok(call, failed ? NO_MEMORY : OK)) return;
    reply_set(call->reply, count);
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) {
        if (set_has(rest, walk.member)) continue;
        reply_bulk(call->reply, walk.member);
        tell_popped(&call->keys[0], event, walk.member);
        event = NULL;
    }
    if (likely(!call->reply->failed)) set_swap(set, rest);
    set_free(&rest);
}

static void pop_count(struct call *call)
{
    uint64_t count, there;
    int64_t asked;
    struct spot spot;
    struct set *set;

    if (!call_read_int_between(call, 2, 0, INT64_MAX, &asked, wire_errors[ERR_NOT_POSITIVE].text))
        return;
    if (!call_find_set(call, 0, &spot, &set)) return;
    if (!set || asked == 0) {
        reply_set(call->reply, 0);
        return;
    }
    count = (uint64_t)asked;
    there = set_count(set);
    if (count >= there) {
        pop_all(call, &spot, set);
    } else if ((there - count) * 5 > count) {
        pop_few(call, set, count);
    } else {
        pop_most(call, set, count);
    }
}

static void cmd_spop(struct call *call)
{
    struct spot spot;
    struct set *set;

    if (call_argc(call) > 3) {
        call_syntax_error(call);
    } else if (call_argc(call) == 3) {
        pop_count(call);
    } else if (call_find_set(call, 0, &spot, &set)) {
        if (set) {
            pop_one(call, &spot, set);
        } else {
            reply_null(call->reply);
        }
    }
}

/* ---- SRANDMEMBER, each one once ---- */

/* Marks of members that were drawn, by open addressing; 0 is an empty place. */
struct drawn {
    uint64_t *marks;
    uint64_t mask;
};

/* False: it was there. */
static bool drawn_add(struct drawn *drawn, uint64_t mark)
{
    uint64_t at = (mark * 0x9e3779b97f4a7c15u >> 32) & drawn->mask;

    for (; drawn->marks[at] != 0; at = (at + 1) & drawn->mask) {
        if (drawn->marks[at] == mark + 1) return false;
    }
    drawn->marks[at] = mark + 1;
    return true;
}

/* Few of many: what was drawn before is drawn again, which happens to one in WALK_FROM at most. */
static void draw_few(struct call *call, const struct set *set, uint64_t wanted)
{
    struct drawn drawn;
    uint64_t room = 4;

    while (room < 2 * wanted) room *= 2;
    drawn = (struct drawn){mem_alloc_zeroed(room * sizeof *drawn.marks), room - 1};
    if (!call_ok(call, drawn.marks ? OK : NO_MEMORY)) return;
    reply_array(call->reply, wanted);
    while (wanted > 0) {
        struct set_spot spot;

        set_draw(set, random_of_thread(), &spot);
        if (!drawn_add(&drawn, spot.mark)) continue;
        reply_bulk(call->reply, spot.member);
        wanted--;
    }
    mem_free(drawn.marks);
}

/* Many of them, or all: each is taken with the chance that is left for it. */
static void draw_many(struct call *call, const struct set *set, uint64_t wanted)
{
    uint64_t there = set_count(set);
    struct set_walk walk;

    reply_array(call->reply, wanted);
    for (set_walk_begin(&walk, set); wanted > 0 && set_walk_next(&walk); there--) {
        if (wanted < there && random_below(random_of_thread(), there) >= wanted) continue;
        reply_bulk(call->reply, walk.member);
        wanted--;
    }
}

static void draw_distinct(struct call *call, const struct set *set, uint64_t wanted)
{
    uint64_t there = set_count(set);

    if (wanted > there) wanted = there;
    if (wanted < there / WALK_FROM) {
        draw_few(call, set, wanted);
    } else {
        draw_many(call, set, wanted);
    }
}

/* ---- SRANDMEMBER ---- */

/* The same one may come again and again. */
static void draw_each(struct call *call, const struct set *set, uint64_t wanted)
{
    if (!call_may_draw(call, wanted)) return;
    reply_array(call->reply, wanted);
    for (; wanted > 0 && likely(!call->reply->failed); wanted--) {
        struct set_spot spot;

        set_draw(set, random_of_thread(), &spot);
        reply_bulk(call->reply, spot.member);
    }
}

/* False: answered. */
static bool read_count(struct call *call, int64_t *count)
{
    if (!call_read_int(call, 2, count)) return false;
    if (*count != INT64_MIN) return true;
    reply_errorf(call->reply, "ERR value is out of range, value must between %lld and %lld",
                 (long long)-INT64_MAX, (long long)INT64_MAX);
    return false;
}

static void draw_count(struct call *call)
{
    const struct set *set;
    int64_t count;

    if (!read_count(call, &count) || !call_read_set(call, 0, &set)) return;
    if (!set || count == 0) {
        reply_array(call->reply, 0);
    } else if (count < 0) {
        draw_each(call, set, (uint64_t)-count);
    } else {
        draw_distinct(call, set, (uint64_t)count);
    }
}

static void cmd_srandmember(struct call *call)
{
    const struct set *set;
    struct set_spot spot;

    if (call_argc(call) > 3) {
        call_syntax_error(call);
    } else if (call_argc(call) == 3) {
        draw_count(call);
    } else if (call_read_set(call, 0, &set)) {
        if (set) {
            set_draw(set, random_of_thread(), &spot);
            reply_bulk(call->reply, spot.member);
        } else {
            reply_null(call->reply);
        }
    }
}

static const struct command_row rows[] = {
    {.name = "spop",
     .run = cmd_spop,
     .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_ACCESS | KEY_DELETE,
     .since = "1.0.0",
     .cost = "O(1) for each member answered",
     .syntax = "key [count]",
     .tips = "nondeterministic_output",
     .summary = "Takes members of a set, drawn by lot, and answers them.",
     .history = "3.2.0: Added the `count` argument."},
    {.name = "srandmember",
     .run = cmd_srandmember,
     .arity = -2,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "1.0.0",
     .cost = "O(1) for each member answered",
     .syntax = "key [count]",
     .tips = "nondeterministic_output",
     .summary = "Answers members of a set, drawn by lot.",
     .history = "2.6.0: Added the optional `count` argument."},
};

const struct command_family set_random_commands = COMMAND_FAMILY("set", rows);
