/* hash_random: fields of a hash, drawn by lot. */
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/draw.h"
#include "coatcheck/commands/hash.h"
#include "coatcheck/commands/table.h"

/* From one field in so many on a walk over all of them is cheaper than drawing each one. */
#define WALK_FROM 8

static void reply_drawn(struct reply *reply, const struct hash_field *field, bool with_values)
{
    if (with_values && reply->resp == 3) reply_array(reply, 2);
    reply_bulk(reply, field->name);
    if (with_values) reply_bulk(reply, field->value);
}

static void reply_head(struct reply *reply, uint64_t count, bool with_values)
{
    reply_array(reply, with_values && reply->resp == 2 ? 2 * count : count);
}

/* How many fields can be drawn: those past their deadlines are gone, but for a great many at once. */
static uint64_t count_living(const struct hash *hash)
{
    struct hash_walk walk;
    uint64_t count = 0;

    if (likely(hash_soonest_ms(hash) > clock_now_ms())) return hash_count(hash);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) count++;
    return count;
}

/* ---- each one once ---- */

/* Marks of fields that were drawn, by open addressing; 0 is an empty place. */
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
static void draw_few(struct call *call, const struct hash *hash, uint64_t wanted, bool with_values)
{
    struct drawn drawn;
    uint64_t room = 4;

    while (room < 2 * wanted) room *= 2;
    drawn = (struct drawn){mem_alloc_zeroed(room * sizeof *drawn.marks), room - 1};
    if (!call_ok(call, drawn.marks ? OK : NO_MEMORY)) return;
    reply_head(call->reply, wanted, with_values);
    while (wanted > 0) {
        struct hash_field field;

        must(hash_draw(hash, random_of_thread(), &field));
        if (!drawn_add(&drawn, field.mark)) continue;
        reply_drawn(call->reply, &field, with_values);
        wanted--;
    }
    mem_free(drawn.marks);
}

/* Many of them, or all: each is taken with the chance that is left for it. */
static void draw_many(struct call *call, const struct hash *hash, uint64_t there, uint64_t wanted, bool with_values)
{
    struct hash_walk walk;

    reply_head(call->reply, wanted, with_values);
    hash_walk_begin(&walk, hash);
    for (; wanted > 0 && hash_walk_next(&walk); there--) {
        if (wanted < there && random_below(random_of_thread(), there) >= wanted) continue;
        reply_drawn(call->reply, &walk.field, with_values);
        wanted--;
    }
}

static void draw_distinct(struct call *call, const struct hash *hash, uint64_t wanted, bool with_values)
{
    uint64_t there = count_living(hash);

    if (wanted > there) wanted = there;
    if (wanted < there / WALK_FROM) {
        draw_few(call, hash, wanted, with_values);
    } else {
        draw_many(call, hash, there, wanted, with_values);
    }
}

/* ---- the command ---- */

/* The same one may come again and again. */
static void draw_each(struct call *call, const struct hash *hash, uint64_t wanted, bool with_values)
{
    struct hash_field field;

    if (!call_may_draw(call, wanted)) return;
    if (count_living(hash) == 0) wanted = 0;
    reply_head(call->reply, wanted, with_values);
    for (; wanted > 0 && likely(!call->reply->failed); wanted--) {
        must(hash_draw(hash, random_of_thread(), &field));
        reply_drawn(call->reply, &field, with_values);
    }
}

/* False: answered. */
static bool read_count(struct call *call, int64_t *count, bool *with_values)
{
    if (!call_read_int(call, 2, count)) return false;
    if (*count == INT64_MIN) {
        reply_errorf(call->reply, "ERR value is out of range, value must between %lld and %lld",
                     (long long)-INT64_MAX, (long long)INT64_MAX);
        return false;
    }
    *with_values = call_argc(call) == 4 && call_arg_is(call, 3, "WITHVALUES");
    if (call_argc(call) > 3 && !*with_values) {
        call_syntax_error(call);
        return false;
    }
    if (*with_values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) {
        reply_error(call->reply, ERR_OUT_OF_RANGE);
        return false;
    }
    return true;
}

static void cmd_hrandfield(struct call *call)
{
    const struct hash *hash;
    struct hash_field field;
    int64_t count = 1;
    bool with_values = false;

    if (call_argc(call) > 2 && !read_count(call, &count, &with_values)) return;
    if (!call_read_hash(call, &hash)) return;
    if (call_argc(call) == 2) {
        if (hash && hash_draw(hash, random_of_thread(), &field)) {
            reply_bulk(call->reply, field.name);
        } else {
            reply_null(call->reply);
        }
    } else if (!hash || count == 0) {
        reply_array(call->reply, 0);
    } else if (count < 0) {
        draw_each(call, hash, (uint64_t)-count, with_values);
    } else {
        draw_distinct(call, hash, (uint64_t)count, with_values);
    }
}

static const struct command_row rows[] = {
    {.name = "hrandfield", .run = cmd_hrandfield, .arity = -2, .flags = COMMAND_READ, .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS, .since = "6.2.0",
     .cost = "O(N) where N is the number of fields answered", .syntax = "key [count [WITHVALUES]]",
     .tips = "nondeterministic_output", .summary = "Answers fields of a hash, drawn by lot."},
};

const struct command_family hash_random_commands = COMMAND_FAMILY("hash", rows);
