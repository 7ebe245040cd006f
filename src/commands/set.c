/* set: members of a set, one by one: added, removed, told, moved to another set. */
#include "coatcheck/commands/set.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"

/* ---- the set at a key ---- */

bool call_read_set(struct call *call, unsigned k, const struct set **set)
{
    struct entry *entry;

    if (!call_read_type(call, k, VALUE_SET, &entry)) return false;
    *set = entry ? entry_container(entry) : NULL;
    return true;
}

bool call_find_set(struct call *call, unsigned k, struct spot *spot, struct set **set)
{
    if (!call_find_type(call, k, VALUE_SET, spot)) return false;
    *set = spot->entry ? entry_container(spot->entry) : NULL;
    return true;
}

void set_drop_if_empty(const struct key *key, struct spot *spot)
{
    if (likely(set_count(entry_container(spot->entry)) > 0)) return;
    key_remove(key, spot, REMOVED_BY_CLIENT);
    effect_more(key, "del");
}

bool call_put_set(struct call *call, const struct key *key, struct set **set, const char *event)
{
    void *container = *set;
    struct spot spot;

    key_find(key, &spot);
    if (set_count(*set) == 0) {
        set_free(set);
        if (!spot.entry) return true;
        key_remove(key, &spot, REMOVED_BY_CLIENT);
        effect_deleted(key);
        return true;
    }
    if (!call_ok(call, key_put_container(key, &spot, VALUE_SET, &container, NEVER))) {
        set_free(set);
        return false;
    }
    *set = NULL;
    call_changed(call, key, event);
    return true;
}

bool set_batch_fill(struct set_batch *batch, struct set_walk *walk)
{
    for (batch->count = 0; batch->count < SET_BATCH && set_walk_next(walk); batch->count++) {
        struct bytes *member = &batch->members[batch->count];

        *member = walk->member;
        if (member->at != walk->digits) continue;
        memcpy(batch->digits[batch->count], walk->digits, member->len);
        member->at = batch->digits[batch->count];
    }
    return batch->count > 0;
}

/* ---- SADD ---- */

/* Which members of a call are new, so that they can be taken back; a bit each. So many need no
 * memory of their own. */
#define FEW 1024
struct adding {
    uint64_t few[FEW / 64], *bits;
    int64_t added;
};

static bool adding_init(struct adding *adding, unsigned members)
{
    adding->added = 0;
    adding->bits = members <= FEW ? adding->few
                                  : mem_alloc((size_t)(members + 63) / 64 * sizeof *adding->bits);
    return adding->bits != NULL;
}

static void adding_fini(struct adding *adding)
{
    if (adding->bits != adding->few) mem_free(adding->bits);
}

/* The words from 2 on; all of them or, for want of memory, none. */
static enum status add_words(struct call *call, struct set *set, struct adding *adding)
{
    unsigned members = call_argc(call) - 2;

    for (unsigned i = 0; i < members; i++) {
        bool added;

        if (i % SET_BATCH == 0) {
            for (unsigned ahead = i; members > 1 && ahead < members && ahead < i + SET_BATCH;
                 ahead++) {
                set_prefetch(set, call_arg(call, 2 + ahead));
            }
        }
        if (i % 64 == 0) adding->bits[i / 64] = 0;
        if (unlikely(set_add(set, call_arg(call, 2 + i), &added) != OK)) {
            while (i-- > 0) {
                if (adding->bits[i / 64] >> i % 64 & 1) set_remove(set, call_arg(call, 2 + i));
            }
            return NO_MEMORY;
        }
        adding->bits[i / 64] |= (uint64_t)added << i % 64;
        adding->added += added;
    }
    return OK;
}

static enum status add_to_new(struct call *call, struct spot *spot, struct adding *adding)
{
    struct set *set = set_new();
    void *container = set;
    enum status status;

    if (!set) return NO_MEMORY;
    status = add_words(call, set, adding);
    if (status == OK)
        status = key_put_container(&call->keys[0], spot, VALUE_SET, &container, NEVER);
    if (status != OK) set_free(&set);
    return status;
}

static void cmd_sadd(struct call *call)
{
    struct adding adding;
    struct spot spot;
    struct set *set;
    enum status status;

    if (!call_find_set(call, 0, &spot, &set)) return;
    if (!call_ok(call, adding_init(&adding, call_argc(call) - 2) ? OK : NO_MEMORY)) return;
    status = set ? add_words(call, set, &adding) : add_to_new(call, &spot, &adding);
    if (call_ok(call, status)) {
        if (adding.added > 0) call_changed(call, &call->keys[0], "sadd");
        reply_int(call->reply, adding.added);
    }
    adding_fini(&adding);
}

/* ---- SREM ---- */

static void cmd_srem(struct call *call)
{
    struct spot spot;
    struct set *set;
    int64_t removed = 0;

    if (!call_find_set(call, 0, &spot, &set)) return;
    for (unsigned i = 2; set && i < call_argc(call); i++)
        removed += set_remove(set, call_arg(call, i));
    if (removed > 0) {
        call_changed(call, &call->keys[0], "srem");
        set_drop_if_empty(&call->keys[0], &spot);
    }
    reply_int(call->reply, removed);
}

/* ---- SMOVE ---- */

static enum status move_to_new(const struct key *key, struct spot *spot, struct bytes member)
{
    struct set *set = set_new();
    void *container = set;
    enum status status;
    bool added;

    if (!set) return NO_MEMORY;
    status = set_add(set, member, &added);
    if (status == OK) status = key_put_container(key, spot, VALUE_SET, &container, NEVER);
    if (status != OK) set_free(&set);
    return status;
}

static void cmd_smove(struct call *call)
{
    const struct key *from = &call->keys[0], *to = &call->keys[1];
    struct bytes member = call_arg(call, 3);
    struct spot source, target;
    struct set *set, *other;
    bool added = true, is_new;
    enum status status;

    if (!call_find_set(call, 0, &source, &set)) return;
    if (!set) {
        reply_int(call->reply, 0);
        return;
    }
    if (!call_find_set(call, 1, &target, &other)) return;
    if (set == other || !set_has(set, member)) {
        reply_int(call->reply, set_has(set, member));
        return;
    }
    /* First what memory may fail for. */
    change_hold_new();
    status = other ? set_add(other, member, &added) : move_to_new(to, &target, member);
    is_new = change_release_new();
    if (!call_ok(call, status)) return;
    set_remove(set, member);
    call_changed(call, from, "srem");
    set_drop_if_empty(from, &source);
    if (unlikely(is_new)) change_publish_more(to->db, to->name, "new");
    if (added) effect_more(to, "sadd");
    reply_int(call->reply, 1);
}

/* ---- reading ---- */

static void cmd_sismember(struct call *call)
{
    const struct set *set;

    if (call_read_set(call, 0, &set))
        reply_int(call->reply, set && set_has(set, call_arg(call, 2)));
}

static void cmd_smismember(struct call *call)
{
    const struct set *set;
    unsigned end = call_argc(call);

    if (!call_read_set(call, 0, &set)) return;
    reply_array(call->reply, end - 2);
    for (unsigned i = 2; i < end; i++) {
        if (set && (i - 2) % SET_BATCH == 0) {
            for (unsigned ahead = i; ahead < end && ahead < i + SET_BATCH; ahead++) {
                set_prefetch(set, call_arg(call, ahead));
            }
        }
        reply_int(call->reply, set && set_has(set, call_arg(call, i)));
    }
}

static void cmd_scard(struct call *call)
{
    const struct set *set;

    if (call_read_set(call, 0, &set)) reply_int(call->reply, set ? (int64_t)set_count(set) : 0);
}

void reply_members_of(struct reply *reply, const struct set *set)
{
    struct set_walk walk;

    reply_set(reply, set_count(set));
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) reply_bulk(reply, walk.member);
}

static void cmd_smembers(struct call *call)
{
    const struct set *set;

    if (!call_read_set(call, 0, &set)) return;
    if (set) {
        reply_members_of(call->reply, set);
    } else {
        reply_set(call->reply, 0);
    }
}

static const struct command_key_spec move_specs[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE, .index = 1, .step = 1},
    {.access = KEY_RW | KEY_INSERT, .index = 2, .step = 1},
    {0},
};

#define READS .flags = COMMAND_READ | COMMAND_FAST, .keys = KEYS_ONE

static const struct command_row rows[] = {
    {.name = "sadd",
     .run = cmd_sadd,
     .element = 2,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_INSERT,
     .since = "1.0.0",
     .cost = "O(1) for each member given",
     .syntax = "key member [member ...]",
     .summary = "Adds members to a set, and answers how many are new.",
     .history = "2.4.0: Accepts multiple `member` arguments."},
    {.name = "srem",
     .run = cmd_srem,
     .element = 2,
     .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_DELETE,
     .since = "1.0.0",
     .cost = "O(1) for each member given",
     .syntax = "key member [member ...]",
     .summary = "Removes members of a set, and the set with its last one.",
     .history = "2.4.0: Accepts multiple `member` arguments."},
    {.name = "smove",
     .run = cmd_smove,
     .arity = 4,
     .flags = COMMAND_WRITE | COMMAND_FAST,
     .keys = {1, 2, 1},
     .key_specs = move_specs,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "source destination member",
     .summary = "Moves a member of one set to another."},
    {.name = "sismember",
     .run = cmd_sismember,
     .element = 2,
     .arity = 3,
     READS,
     .access = KEY_RO,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "key member",
     .summary = "Tells whether a set has a member."},
    {.name = "smismember",
     .run = cmd_smismember,
     .element = 2,
     .arity = -3,
     READS,
     .access = KEY_RO | KEY_ACCESS,
     .since = "6.2.0",
     .cost = "O(1) for each member asked for",
     .syntax = "key member [member ...]",
     .summary = "Tells of each of several members whether a set has it."},
    {.name = "scard",
     .run = cmd_scard,
     .element = 1,
     .arity = 2,
     READS,
     .access = KEY_RO,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "key",
     .summary = "Answers how many members a set has."},
    {.name = "smembers",
     .run = cmd_smembers,
     .element = 1,
     .arity = 2,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "1.0.0",
     .cost = "O(N) where N is the number of members",
     .syntax = "key",
     .tips = "nondeterministic_output_order",
     .summary = "Answers all members of a set."},
};

const struct command_family set_commands = COMMAND_FAMILY("set", rows);
