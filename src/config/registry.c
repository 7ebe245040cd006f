#include "registry_internal.h"

#include "foreign_internal.h"
#include "value_internal.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* Every text that an option ever had. Readers hold plain pointers to them, so none is freed; the
 * same text given again is found again, so switching to and fro costs nothing. */
struct kept_text {
    struct kept_text *next;
    char text[];
};

struct slot {
    const struct option_row *row;
    bool given; /* by a line of the file or the command line: defaults do not repeat */
    const char *place; /* of that line, among the kept texts; NULL: none, or CONFIG SET was later */
};

static struct lock options_lock; /* over all below, and over the values themselves */
static struct slot *slots;
static unsigned slot_count;
static struct kept_text *kept_texts;

/* One of several values that CONFIG SET changes together. */
struct change {
    const struct option_row *row;
    const char *name; /* the row's, or a former one of it */
    struct bytes given;
    int64_t number, number_before;
    const char *text, *text_before;
    bool differs; /* from what was stored */
};

void config_add(const struct option_set *set)
{
    size_t size = (slot_count + set->count) * sizeof *slots;
    struct slot *more = mem_need(size);

    if (slots) memcpy(more, slots, slot_count * sizeof *slots);
    mem_free(slots);
    slots = more;
    for (unsigned i = 0; i < set->count; i++) {
        must(!config_find(bytes_of_text(set->rows[i].name)));
        slots[slot_count++] = (struct slot){.row = &set->rows[i]};
    }
}

static struct slot *slot_find(struct bytes name)
{
    for (unsigned i = 0; i < slot_count; i++) {
        if (bytes_is(name, slots[i].row->name)) return &slots[i];
    }
    return NULL;
}

const struct option_row *registry_row(struct bytes name)
{
    struct slot *slot = slot_find(name);

    return slot ? slot->row : NULL;
}

/* *name is how it is called, in its own case. */
static const struct option_row *find_named(struct bytes given, const char **name)
{
    const struct option_row *row = registry_row(given);

    *name = row ? row->name : registry_former(given, &row);
    return row;
}

const struct option_row *config_find(struct bytes name)
{
    const char *unused;

    return find_named(name, &unused);
}

const struct option_row *config_row(unsigned index)
{
    return index < slot_count ? slots[index].row : NULL;
}

static const char *text_now(const struct option_row *row)
{
    const char *text = option_text(row->value);

    return text ? text : "";
}

void registry_print_lines(const struct option_row *row, struct text *into)
{
    if (row->hooks && row->hooks->print) {
        row->hooks->print(into);
    } else if (row->kind == OPTION_TEXT) {
        text_add(into, bytes_of_text(text_now(row)));
    } else {
        value_print_number(row, option_int(row->value), into);
    }
}

void config_print(const struct option_row *row, struct text *into)
{
    size_t from = into->len;

    registry_print_lines(row, into);
    if (!(row->flags & OPTION_REPEATS)) return;
    for (size_t i = from; i < into->len; i++) {
        if (into->at[i] == '\n') into->at[i] = ' ';
    }
}

bool registry_holds(const struct option_row *row, struct bytes given)
{
    struct text unused = {0};
    int64_t number;
    bool read;

    if (row->hooks && row->hooks->holds) return row->hooks->holds(given);
    if (row->kind == OPTION_TEXT) return bytes_equal(given, bytes_of_text(text_now(row)));
    read = value_read(row, given, &number, &unused);
    text_fini(&unused);
    return read && number == option_int(row->value);
}

bool registry_holds_initial(const struct option_row *row)
{
    if (row->hooks && row->hooks->holds) return row->hooks->holds(bytes_of_text(row->initial_text));
    if (row->kind != OPTION_TEXT) return option_int(row->value) == row->initial;
    return strcmp(text_now(row), row->initial_text ? row->initial_text : "") == 0;
}

/* NULL when there is no memory. */
static const char *keep_text(struct bytes given)
{
    struct kept_text *kept;

    for (kept = kept_texts; kept; kept = kept->next) {
        if (bytes_equal(given, bytes_of_text(kept->text))) return kept->text;
    }
    kept = mem_alloc(sizeof *kept + given.len + 1);
    if (!kept) return NULL;
    if (given.len > 0) memcpy(kept->text, given.at, given.len);
    kept->text[given.len] = 0;
    kept->next = kept_texts;
    kept_texts = kept;
    return kept->text;
}

/* Holding the lock: everything that can go wrong does so here, so that storing cannot. */
static enum put change_prepare(struct change *change, struct text *why)
{
    const struct option_row *row = change->row;

    if (!value_read(row, change->given, &change->number, why)) return PUT_MALFORMED;
    if (row->hooks && row->hooks->check && !row->hooks->check(change->given, why)) {
        return PUT_REFUSED;
    }
    if (row->kind != OPTION_TEXT) return PUT_DONE;
    change->text = keep_text(change->given);
    if (change->text) return PUT_DONE;
    text_addf(why, "out of memory");
    return PUT_REFUSED;
}

/* Did that make a difference? */
static bool change_store(struct change *change)
{
    struct option_text *text = change->row->value;
    _Atomic int64_t *number = change->row->value;

    if (change->row->kind == OPTION_TEXT) {
        change->text_before = text_now(change->row);
        if (strcmp(change->text_before, change->text) == 0) return false;
        atomic_store_explicit(&text->at, change->text, memory_order_release);
        return true;
    }
    change->number_before = atomic_exchange_explicit(number, change->number, memory_order_relaxed);
    return change->number_before != change->number;
}

static void change_take_back(const struct change *change)
{
    struct option_text *text = change->row->value;
    _Atomic int64_t *number = change->row->value;

    if (change->row->kind == OPTION_TEXT) {
        atomic_store_explicit(&text->at, change->text_before, memory_order_release);
    } else {
        atomic_store_explicit(number, change->number_before, memory_order_relaxed);
    }
}

enum put registry_put(const struct option_row *row, struct bytes given, const char *place, struct text *why)
{
    struct slot *slot = slot_find(bytes_of_text(row->name));
    struct text joined = {0};
    struct change change = {.row = row, .given = given};
    enum put put;

    if (row->kind == OPTION_TEXT && row->flags & OPTION_REPEATS && slot->given) {
        text_addf(&joined, "%s\n", text_now(row));
        text_add(&joined, given);
        change.given = text_bytes(&joined);
    }
    lock_take(&options_lock, RANK_OPTIONS, 0);
    if (text_failed(&joined)) {
        text_addf(why, "out of memory");
        put = PUT_REFUSED;
    } else {
        put = change_prepare(&change, why);
    }
    if (put == PUT_DONE) {
        change_store(&change);
        slot->given = true;
        slot->place = keep_text(bytes_of_text(place));
    }
    lock_release(&options_lock, RANK_OPTIONS);
    text_fini(&joined);
    return put;
}

static bool refuse(struct text *why, struct bytes name, const char *reason)
{
    text_addf(why, "CONFIG SET failed (possibly related to argument '");
    text_add(why, name);
    text_addf(why, "') - %s", reason);
    return false;
}

/* Which rows are meant, and may they be set at all?  As in Redis all names are looked at before any
 * value. */
static bool find_rows(const struct config_pair *pairs, unsigned count, bool may_protected,
                      struct change *changes, unsigned *found, struct text *why)
{
    *found = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *name, *reason = NULL;
        const struct option_row *row = find_named(pairs[i].name, &name);

        if (!row && foreign_is_ours_anyhow(pairs[i].name, pairs[i].value)) continue;
        if (!row && (reason = foreign_reason(pairs[i].name))) {
            return refuse(why, pairs[i].name, reason);
        }
        if (!row) {
            text_addf(why, "Unknown option or number of arguments for CONFIG SET - '");
            text_add(why, pairs[i].name);
            text_add_char(why, '\'');
            return false;
        }
        if (row->flags & OPTION_AT_START) {
            reason = "can't set immutable config";
        } else if (row->flags & OPTION_PROTECTED && !may_protected) {
            reason = "can't set protected config";
        }
        for (unsigned j = 0; j < *found && !reason; j++) {
            if (changes[j].name == name) reason = "duplicate parameter";
        }
        if (reason) return refuse(why, pairs[i].name, reason);
        changes[(*found)++] = (struct change){.row = row, .name = name, .given = pairs[i].value};
    }
    return true;
}

static bool prepare_all(struct change *changes, unsigned count, struct text *why)
{
    struct text reason = {0};
    unsigned i;

    for (i = 0; i < count; i++) {
        if (change_prepare(&changes[i], &reason) == PUT_DONE) continue;
        text_add_char(&reason, 0);
        refuse(why, bytes_of_text(changes[i].name), text_failed(&reason) ? "" : reason.at);
        break;
    }
    text_fini(&reason);
    return i == count;
}

/* All that can refuse the changes together; a hook that several share is asked once. */
static bool apply_all(const struct change *changes, unsigned count, struct text *why)
{
    for (unsigned i = 0; i < count; i++) {
        bool (*apply)(struct text *) = changes[i].row->hooks ? changes[i].row->hooks->apply : NULL;
        struct text reason = {0};
        bool good;

        for (unsigned j = 0; j < i && apply; j++) {
            if (changes[j].row->hooks && changes[j].row->hooks->apply == apply) apply = NULL;
        }
        if (!apply) continue;
        good = apply(&reason);
        text_add_char(&reason, 0);
        if (!good) refuse(why, bytes_of_text(changes[i].name), text_failed(&reason) ? "" : reason.at);
        text_fini(&reason);
        if (!good) return false;
    }
    return true;
}

/* Holding the lock. On refusal everything is as it was; else `changes` begins with those that made a difference. */
static bool store_all(struct change *changes, unsigned count, unsigned *differ, struct text *why)
{
    for (unsigned i = 0; i < count; i++) changes[i].differs = change_store(&changes[i]);
    if (!apply_all(changes, count, why)) {
        /* The last one first: one row may have been given by two names. */
        while (count > 0) change_take_back(&changes[--count]);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        slot_find(bytes_of_text(changes[i].row->name))->place = NULL;
        if (changes[i].differs) changes[(*differ)++] = changes[i];
    }
    return true;
}

/* Several options may share a hook: it is told once. */
static void tell(const struct change *changes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void (*changed)(void) = changes[i].row->hooks ? changes[i].row->hooks->changed : NULL;

        for (unsigned j = 0; j < i && changed; j++) {
            if (changes[j].row->hooks && changes[j].row->hooks->changed == changed) changed = NULL;
        }
        if (changed) changed();
    }
}

static bool set_all(const struct config_pair *pairs, unsigned count, bool may_protected,
                    struct text *why)
{
    struct change *changes = mem_alloc((count + 1) * sizeof *changes);
    unsigned found, differ = 0;
    bool good;

    if (!changes) {
        text_addf(why, "CONFIG SET failed - out of memory");
        return false;
    }
    good = find_rows(pairs, count, may_protected, changes, &found, why);
    if (good) {
        lock_take(&options_lock, RANK_OPTIONS, 0);
        good = prepare_all(changes, found, why);
        good = good && store_all(changes, found, &differ, why);
        lock_release(&options_lock, RANK_OPTIONS);
        if (good) tell(changes, differ);
    }
    mem_free(changes);
    return good;
}

bool config_apply(struct bytes name, struct text *why)
{
    const struct option_row *row = config_find(name);
    bool good;

    must(row && row->hooks && row->hooks->apply);
    lock_take(&options_lock, RANK_OPTIONS, 0);
    good = row->hooks->apply(why);
    lock_release(&options_lock, RANK_OPTIONS);
    return good;
}

const char *config_place(struct bytes name)
{
    const struct slot *slot = slot_find(name);

    return slot ? slot->place : NULL;
}

bool config_set(const struct config_pair *pairs, unsigned count, struct text *why)
{
    return set_all(pairs, count, false, why);
}

bool config_set_protected(const struct config_pair *pairs, unsigned count, struct text *why)
{
    return set_all(pairs, count, true, why);
}
