/* list_range: several elements at once: read, kept, looked for, removed. */
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/list.h"
#include "coatcheck/commands/table.h"

/* ---- LRANGE, LTRIM ---- */

/* Words 2 and 3, the first and the last element. False: answered. */
static bool read_ends(struct call *call, int64_t *first, int64_t *last)
{
    return call_read_int(call, 2, first) && call_read_int(call, 3, last);
}

/* As a range of places: *first … *end-1, empty when *end <= *first. */
static void clip(const struct list *list, int64_t *first, int64_t *end)
{
    int64_t count = (int64_t)list_count(list), last = *end;

    if (*first < 0) *first += count;
    if (last < 0) last += count;
    if (*first < 0) *first = 0;
    *end = last >= count ? count : last < 0 ? 0 : last + 1;
    if (*end < *first) *end = *first;
}

static void cmd_lrange(struct call *call)
{
    const struct list *list;
    int64_t first, end;

    if (!read_ends(call, &first, &end) || !call_read_list(call, 0, &list)) return;
    if (!list) {
        reply_array(call->reply, 0);
        return;
    }
    clip(list, &first, &end);
    reply_elements(call->reply, list, (uint64_t)first, (uint64_t)(end - first), false);
}

/* What is left of a list of which little is left goes to a new one, and the old one is freed in
 * slices. */
static enum status trim(struct call *call, struct spot *spot, struct list *list, uint64_t first,
                        uint64_t end)
{
    enum status status = OK;
    void *kept;

    if (first < end && list_trims_by_copy(list, first, end)) {
        struct list *copy = list_copy_range(list, first, end);

        kept = copy;
        status = kept ? key_put_container(&call->keys[0], spot, VALUE_LIST, &kept, KEEP_DEADLINE)
                      : NO_MEMORY;
        if (status != OK) list_free(&copy);
        return status;
    }
    if (first == end) {
        key_remove(&call->keys[0], spot, REMOVED_BY_CLIENT);
        return OK;
    }
    list_remove_range(list, end, UINT64_MAX);
    list_remove_range(list, 0, first);
    return OK;
}

static void cmd_ltrim(struct call *call)
{
    struct spot spot;
    struct list *list;
    int64_t first, end;

    if (!read_ends(call, &first, &end) || !call_find_list(call, 0, &spot, &list)) return;
    if (list) {
        clip(list, &first, &end);
        if (!call_ok(call, trim(call, &spot, list, (uint64_t)first, (uint64_t)end))) return;
        call_changed(call, &call->keys[0], "ltrim");
        if (first == end) effect_more(&call->keys[0], "del");
    }
    reply_ok(call->reply);
}

/* ---- LREM ---- */

static void cmd_lrem(struct call *call)
{
    struct list_needle needle;
    struct spot spot;
    struct list *list;
    int64_t count, removed = 0;

    if (!call_read_int(call, 2, &count) || !call_find_list(call, 0, &spot, &list)) return;
    if (list) {
        uint64_t most = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;

        list_needle_init(&needle, call_arg(call, 3));
        removed = (int64_t)list_remove_equal(list, &needle, most ? most : UINT64_MAX, count < 0);
    }
    if (removed > 0) {
        call_changed(call, &call->keys[0], "lrem");
        list_drop_if_empty(&call->keys[0], &spot);
    }
    reply_int(call->reply, removed);
}

/* ---- LPOS ---- */

struct search {
    int64_t rank;  /* the first match to be told, from 1; negative: from the right */
    int64_t count; /* so many, 0: all; -1: one, and not as an array */
    int64_t most;  /* elements to be looked at, 0: all */
};

static bool read_rank(struct call *call, unsigned i, int64_t *rank)
{
    if (!call_read_int(call, i, rank)) return false;
    if (*rank == 0) {
        reply_errorf(
            call->reply,
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
            "or use negative to start from the end of the list");
        return false;
    }
    return true;
}

static bool read_search(struct call *call, struct search *search)
{
    *search = (struct search){.rank = 1, .count = -1};
    for (unsigned i = 3; i < call_argc(call); i += 2) {
        bool more = i + 1 < call_argc(call);

        if (more && call_arg_is(call, i, "RANK")) {
            if (!read_rank(call, i + 1, &search->rank)) return false;
        } else if (more && call_arg_is(call, i, "COUNT")) {
            if (!call_read_int_between(call, i + 1, 0, INT64_MAX, &search->count,
                                       "COUNT can't be negative"))
                return false;
        } else if (more && call_arg_is(call, i, "MAXLEN")) {
            if (!call_read_int_between(call, i + 1, 0, INT64_MAX, &search->most,
                                       "MAXLEN can't be negative"))
                return false;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    /* As redis-server, for which its opposite is still negative: the last match, or with COUNT all.
     */
    if (search->rank == INT64_MIN) {
        search->rank = -1;
        if (search->count > 0) search->count = 0;
    }
    return true;
}

/* Places of the matches from the wanted one on into `reply`; returns how many. */
static uint64_t reply_places(struct reply *reply, const struct list *list,
                             const struct search *search, const struct list_needle *needle)
{
    bool backwards = search->rank < 0;
    int64_t skip = (backwards ? -search->rank : search->rank) - 1;
    uint64_t start = backwards ? list_count(list) - 1 : 0, told = 0,
             wanted = search->count < 0 ? 1 : (uint64_t)search->count;
    struct list_walk walk;

    list_walk_from(&walk, list, start, backwards);
    while ((wanted == 0 || told < wanted) && list_walk_to(&walk, needle)) {
        uint64_t passed = backwards ? start - walk.at : walk.at;

        if (search->most > 0 && passed >= (uint64_t)search->most) break;
        if (skip-- > 0) continue;
        reply_int(reply, (int64_t)walk.at);
        told++;
    }
    return told;
}

static void cmd_lpos(struct call *call)
{
    struct reply_nested nested;
    struct list_needle needle;
    struct search search;
    const struct list *list;

    if (!read_search(call, &search) || !call_read_list(call, 0, &list)) return;
    list_needle_init(&needle, call_arg(call, 2));
    if (search.count < 0) {
        if (!list || reply_places(call->reply, list, &search, &needle) == 0)
            reply_null(call->reply);
    } else if (!list) {
        reply_array(call->reply, 0);
    } else {
        reply_nest(call->reply, &nested);
        reply_unnest(call->reply, &nested, reply_array,
                     reply_places(&nested.reply, list, &search, &needle));
    }
}

static const struct command_row rows[] = {
    {.name = "lrange",
     .run = cmd_lrange,
     .arity = 4,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "1.0.0",
     .cost = "O(log(N)+M) where N is the number of elements and M that of those answered",
     .syntax = "key start stop",
     .summary = "Answers the elements from one place to another."},
    {.name = "ltrim",
     .run = cmd_ltrim,
     .arity = 4,
     .flags = COMMAND_WRITE,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_DELETE,
     .since = "1.0.0",
     .cost =
         "O(M) where M is the number of elements removed; of those that stay where these are few",
     .syntax = "key start stop",
     .summary = "Removes all elements but those from one place to another."},
    {.name = "lrem",
     .run = cmd_lrem,
     .arity = 4,
     .flags = COMMAND_WRITE,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_DELETE,
     .since = "1.0.0",
     .cost = "O(N) where N is the number of elements",
     .syntax = "key count element",
     .summary =
         "Removes elements that equal this one: so many from the left, from the right, or all."},
    {.name = "lpos",
     .run = cmd_lpos,
     .arity = -3,
     .flags = COMMAND_READ,
     .keys = KEYS_ONE,
     .access = KEY_RO | KEY_ACCESS,
     .since = "6.0.6",
     .cost = "O(N) where N is the number of elements looked at, at most MAXLEN",
     .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
     .summary = "Answers at which places of a list an element is."},
};

const struct command_family list_range_commands = COMMAND_FAMILY("list", rows);
