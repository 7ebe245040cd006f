/* sort: SORT and SORT_RO: the elements of a list, a set or a sorted set in the order of their own, or of what other
 * keys hold for them; told or stored. */
#include "sort_internal.h"

#include "coatcheck/acl/rules.h"
#include "coatcheck/acl/user.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/values/list.h"

/* ---- words ---- */

/* How many words follow the option at word `i`, or -1 for a word that is none. */
static int words_of_option(struct call *call, unsigned i, bool may_store)
{
    static const char *const alone[] = {"ASC", "DESC", "ALPHA"}, *const with_one[] = {"BY", "GET", "STORE"};

    for (unsigned k = 0; k < 3; k++) {
        if (call_arg_is(call, i, alone[k])) return 0;
        if (call_arg_is(call, i, with_one[k])) return k < 2 || may_store ? 1 : -1;
    }
    return call_arg_is(call, i, "LIMIT") ? 2 : -1;
}

/* What a pattern names no rules for single keys can judge. False: answered. */
static bool may_use_patterns(struct call *call, const char *option)
{
    if (likely(!(session_flags(call->session) & SESSION_RESTRICTED))) return true;
    if (rules_permit_reading_all(user_rules(session_user(call->session)), call->command)) return true;
    reply_errorf(call->reply, "ERR %s option of SORT denied due to insufficient ACL permissions.", option);
    return false;
}

/* False: answered. */
static bool take_by(struct call *call, unsigned i, struct sort *sort)
{
    bool is_constant = sort_pattern_is_constant(call_arg(call, i));

    /* Of several the last one counts; but that one was constant is not forgotten, as in redis-server. */
    sort->by = sort_pattern_read(call_arg(call, i));
    sort->sorts_by_other = true;
    if (is_constant) sort->in_order = true;
    return is_constant || may_use_patterns(call, "BY");
}

/* False: answered. */
static bool take_option(struct call *call, unsigned i, struct sort *sort)
{
    if (call_arg_is(call, i, "ASC")) sort->falling = false;
    if (call_arg_is(call, i, "DESC")) sort->falling = true;
    if (call_arg_is(call, i, "ALPHA")) sort->by_letters = true;
    if (call_arg_is(call, i, "STORE")) sort->is_stored = true;
    if (call_arg_is(call, i, "BY")) return take_by(call, i + 1, sort);
    if (call_arg_is(call, i, "GET")) {
        sort->gets++;
        return may_use_patterns(call, "GET");
    }
    if (!call_arg_is(call, i, "LIMIT")) return true;
    return call_read_int(call, i + 1, &sort->offset) && call_read_int(call, i + 2, &sort->limit);
}

/* False: answered. */
static bool read_words(struct call *call, bool may_store, struct sort *sort)
{
    *sort = (struct sort){.limit = -1};
    for (unsigned i = SORT_OPTIONS; i < call_argc(call);) {
        int words = words_of_option(call, i, may_store);

        if (words < 0 || (unsigned)words >= call_argc(call) - i) {
            call_syntax_error(call);
            return false;
        }
        if (!take_option(call, i, sort)) return false;
        i += 1 + (unsigned)words;
    }
    return true;
}

/* The word after the next GET from word *i on; *i is behind it afterwards. */
static struct bytes next_get(struct call *call, unsigned *i)
{
    for (;;) {
        unsigned at = *i;

        *i += 1 + (unsigned)words_of_option(call, at, true);
        if (call_arg_is(call, at, "GET")) return call_arg(call, at + 1);
    }
}

/* The last STORE's, after the source. Of options with words none is taken for an option itself. */
static int find_sort_keys(const struct args *args, unsigned *places)
{
    int count = 1;

    if (args->n < 2) return -1;
    places[0] = 1;
    for (unsigned i = 2; i < args->n; i++) {
        if (bytes_is(args->of[i], "LIMIT")) {
            i += 2;
        } else if (bytes_is(args->of[i], "GET") || bytes_is(args->of[i], "BY")) {
            i++;
        } else if (bytes_is(args->of[i], "STORE") && i + 1 < args->n) {
            places[1] = ++i;
            count = 2;
        }
    }
    return count;
}

static bool has_star_after(const struct args *args, const char *option)
{
    for (unsigned i = SORT_OPTIONS; i + 1 < args->n; i++) {
        if (bytes_is(args->of[i], option) && !sort_pattern_is_constant(args->of[i + 1])) return true;
    }
    return false;
}

/* A star in a pattern stands for keys that only the elements can name. */
static bool names_keys_by_pattern(const struct args *args)
{
    return has_star_after(args, "BY") || has_star_after(args, "GET");
}

/* ---- what is sorted ---- */

/* False: answered. */
static bool find_source(struct call *call, struct sort *sort)
{
    enum value_type type;

    sort->entry = sort->tries == 0 ? call_read(call, 0) : key_look_again(&call->keys[0]);
    if (!sort->entry) return true;
    type = entry_type(sort->entry);
    if (type != VALUE_LIST && type != VALUE_SET && type != VALUE_ZSET) {
        reply_error(call->reply, ERR_WRONGTYPE);
        return false;
    }
    if (sort->in_order && type == VALUE_SET && sort->is_stored) {
        /* A set has no order of its own: what is stored should not depend on how it lies. */
        sort->in_order = false;
        sort->by_letters = true;
        sort->sorts_by_other = false;
    }
    return true;
}

static int64_t between(int64_t least, int64_t number, int64_t most)
{
    if (number < least) return least;
    return number > most ? most : number;
}

static void find_window(struct sort *sort)
{
    int64_t count = sort->entry ? (int64_t)value_kind_of(entry_type(sort->entry))->length(entry_container(sort->entry)) : 0;
    int64_t first = between(0, sort->offset, count), limit = between(-1, sort->limit, count);

    sort->first = (uint64_t)first;
    sort->end = (uint64_t)(limit < 0 || limit > count - first ? count : first + limit);
}

static enum status gather(struct sort *sort)
{
    uint64_t count;

    if (!sort->entry) return OK;
    if (sort->in_order && entry_type(sort->entry) != VALUE_SET) {
        count = sort->end - sort->first;
        if (sort_elements_fill(&sort->elements, sort->entry, sort->first, sort->end, sort->falling) != OK) return NO_MEMORY;
        sort->first = 0;
        sort->end = count;
        return OK;
    }
    count = value_kind_of(entry_type(sort->entry))->length(entry_container(sort->entry));
    return sort_elements_fill(&sort->elements, sort->entry, 0, count, false);
}

/* What the element goes by: of itself, or of what was found for it. False: it is no number. */
static bool read_weight(const struct sort_found *found, struct sort_element *element)
{
    element->weight = 0;
    if (!found->there) return true;
    if (found->entry && entry_form(found->entry) == ENTRY_INT) {
        element->weight = (double)entry_int(found->entry);
        return true;
    }
    return number_read_weight(found->text, &element->weight);
}

/* What it goes by as a text. A string may stay where it stands, where all is done at once: nothing changes it meanwhile. A
 * hash drops fields past their deadlines when it is looked at again. */
static bool keep_other(struct sort *sort, const struct sort_found *found, struct sort_element *element)
{
    bool stays = !sort->elements.copies && found->entry && found->text.at != found->digits;

    element->by = bytes_of(NULL, 0);
    if (!found->there) return true;
    element->by = stays ? found->text : sort_scraps_keep(&sort->elements.scraps, found->text);
    return element->by.at != NULL;
}

bool sort_weigh_own(struct sort *sort, size_t i)
{
    struct sort_element *element = &sort->elements.of[i];
    struct sort_found found = {.there = true, .text = element->text};

    return read_weight(&found, element);
}

bool sort_weigh(struct call *call, struct sort *sort)
{
    struct sort_found found = {.there = true};
    bool good = true;

    if (sort->by_letters && !sort->sorts_by_other) return true;
    for (size_t i = 0; i < sort->elements.count; i++) {
        struct sort_element *element = &sort->elements.of[i];

        if (sort->sorts_by_other) {
            if (!call_ok(call, sort_look_up(call, &sort->by, element->text, &sort->name, &found) ? OK : NO_MEMORY))
                return false;
        } else {
            found.text = element->text;
        }
        if (!sort->by_letters) {
            good &= read_weight(&found, element);
        } else if (!call_ok(call, keep_other(sort, &found, element) ? OK : NO_MEMORY)) {
            return false;
        }
    }
    if (!good) reply_errorf(call->reply, "ERR One or more scores can't be converted into double");
    return good;
}

/* Equal ones of a list stay as they stand in it; those of the others, which may lie in another order in a copy of
 * them, go by their text. */
enum sort_order sort_order_of(const struct sort *sort)
{
    if (!sort->by_letters) return SORT_BY_NUMBER;
    if (!sort->sorts_by_other) return SORT_BY_TEXT;
    return entry_type(sort->entry) == VALUE_LIST ? SORT_BY_OTHER : SORT_BY_OTHER_TOO;
}

/* ---- what becomes of it ---- */

void sort_answer_got(struct call *call, struct reply *reply, struct sort *sort, struct bytes element, unsigned *word)
{
    struct sort_pattern pattern = sort_pattern_read(next_get(call, word));
    struct sort_found found;

    if (!sort_look_up(call, &pattern, element, &sort->name, &found)) {
        reply->failed = true;
    } else if (!found.there) {
        reply_null(reply);
    } else if (found.entry) {
        reply_entry(call, found.entry);
    } else {
        reply_bulk(reply, found.text);
    }
}

static void answer_element(struct call *call, struct sort *sort, size_t i)
{
    struct bytes element = sort->elements.of[i].text;

    if (sort->gets == 0) reply_bulk(call->reply, element);
    for (unsigned k = 0, word = SORT_OPTIONS; k < sort->gets; k++) sort_answer_got(call, call->reply, sort, element, &word);
}

static void answer(struct call *call, struct sort *sort)
{
    reply_array(call->reply, (sort->end - sort->first) * (sort->gets ? sort->gets : 1));
    for (uint64_t i = sort->first; i < sort->end && !call->reply->failed; i++) answer_element(call, sort, i);
}

static enum status push_gets(struct call *call, struct sort *sort, struct bytes element, struct list *list)
{
    for (unsigned k = 0, word = SORT_OPTIONS; k < sort->gets; k++) {
        struct sort_pattern pattern = sort_pattern_read(next_get(call, &word));
        struct sort_found found;

        if (!sort_look_up(call, &pattern, element, &sort->name, &found)) return NO_MEMORY;
        if (list_push(list, LIST_RIGHT, found.there ? found.text : BYTES("")) != OK) return NO_MEMORY;
    }
    return OK;
}

enum status sort_push(struct call *call, struct sort *sort, uint64_t i, struct list *list)
{
    struct bytes element = sort->elements.of[i].text;

    return sort->gets ? push_gets(call, sort, element, list) : list_push(list, LIST_RIGHT, element);
}

/* The result as a list; NULL: no memory. */
static struct list *list_of(struct call *call, struct sort *sort)
{
    struct list *list = list_new();
    enum status status = list ? OK : NO_MEMORY;

    for (uint64_t i = sort->first; i < sort->end && status == OK; i++) status = sort_push(call, sort, i, list);
    if (status != OK && list) list_free(&list);
    return list;
}

static void delete_result(struct call *call)
{
    const struct key *key = &call->keys[1];
    struct spot spot;

    if (!key_find(key, &spot)) return;
    key_remove(key, &spot, REMOVED_BY_CLIENT);
    effect_deleted(key);
}

void sort_store(struct call *call, struct list **list)
{
    const struct key *key = &call->keys[1];
    uint64_t count = list_count(*list);
    void *container = *list;
    struct spot spot;

    if (count == 0) {
        list_free(list);
        delete_result(call);
    } else {
        key_find(key, &spot);
        if (!call_ok(call, key_put_container(key, &spot, VALUE_LIST, &container, NEVER))) {
            list_free(list);
            return;
        }
        *list = NULL;
        call_changed(call, key, "sortstore");
    }
    reply_int(call->reply, (int64_t)count);
}

static void store(struct call *call, struct sort *sort)
{
    struct list *list = list_of(call, sort);

    if (call_ok(call, list ? OK : NO_MEMORY)) sort_store(call, &list);
}

void sort_fini(struct sort *sort)
{
    sort_elements_fini(&sort->elements);
    text_fini(&sort->name);
}

/* What it needs of other keys, when it goes on, is known of the elements. Of those by which it was stored it would have to be
 * known at the end whether they are what they were. */
static bool needs_no_keys(struct call *call, const struct sort *sort)
{
    if (sort->in_order || has_star_after(&call->args, "GET")) return false;
    return !sort->is_stored || !has_star_after(&call->args, "BY");
}

static void run_at_once(struct call *call, struct sort *sort)
{
    bool good = call_ok(call, gather(sort));

    if (good && !sort->in_order && sort->entry) {
        good = sort_weigh(call, sort) &&
               call_ok(call, sort_elements_order(&sort->elements, sort_order_of(sort), sort->falling));
    }
    if (good && sort->is_stored) {
        store(call, sort);
    } else if (good) {
        answer(call, sort);
    }
    sort_fini(sort);
}

void sort_run(struct call *call, bool may_store, unsigned tries)
{
    struct sort sort;
    bool in_slices;

    if (!read_words(call, may_store, &sort)) return;
    sort.tries = tries;
    in_slices = needs_no_keys(call, &sort);
    if ((in_slices && tries == 0 && sort_waits(call)) || !find_source(call, &sort)) return;
    find_window(&sort);
    if (in_slices && sort.entry && sort_begin_slices(call, &sort)) return;
    run_at_once(call, &sort);
}

static void run_sort(struct call *call, bool may_store)
{
    struct task *task = call_resumed(call);

    if (unlikely(task != NULL)) {
        sort_go_on(call, task);
    } else {
        sort_run(call, may_store, 0);
    }
}

static void cmd_sort(struct call *call)
{
    run_sort(call, true);
}

static void cmd_sort_ro(struct call *call)
{
    run_sort(call, false);
}

#define PATTERN_NOTES                                                                                  \
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the " \
    "key we sort"
#define STORE_NOTES                                                                                    \
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array"

static const struct command_key_spec sort_specs[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .unknown = true, .notes = PATTERN_NOTES},
    {.access = KEY_OW | KEY_UPDATE, .unknown = true, .notes = STORE_NOTES},
    {0},
};
static const struct command_key_spec sort_ro_specs[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .unknown = true, .notes = PATTERN_NOTES},
    {0},
};

#define SORTS .arity = -2, .keys = KEYS_ONE, .every_shard = names_keys_by_pattern,                     \
    .cost = "O(N+M*log(N)) where N is the number of elements and M that of those that are sorted, all of them or, "  \
            "without sorting, none"
#define OPTIONS "[BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]"

static const struct command_row rows[] = {
    {.name = "sort", .run = cmd_sort, SORTS, .find_keys = find_sort_keys, .key_specs = sort_specs,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLE_KEYS | COMMAND_DANGEROUS | COMMAND_SORTS,
     .since = "1.0.0", .syntax = "key " OPTIONS " [STORE destination]",
     .summary = "Answers or stores the elements of a list, a set or a sorted set in order."},
    {.name = "sort_ro", .run = cmd_sort_ro, SORTS, .key_specs = sort_ro_specs,
     .flags = COMMAND_READ | COMMAND_MOVABLE_KEYS | COMMAND_DANGEROUS | COMMAND_SORTS, .since = "7.0.0",
     .syntax = "key " OPTIONS, .summary = "Answers the elements of a list, a set or a sorted set in order."},
};

const struct command_family sort_commands = COMMAND_FAMILY("generic", rows);
