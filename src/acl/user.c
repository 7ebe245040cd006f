#include "coatcheck/acl/user.h"

#include <string.h>
#include "coatcheck/acl/options.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/options.h"
#include "user_internal.h"

static struct lock users_lock;
static struct user_table users;
static struct user *default_user;

static void users_take(void)
{
    lock_take(&users_lock, RANK_USERS, 0);
}

static void users_release(void)
{
    lock_release(&users_lock, RANK_USERS);
}

/* ---- old rules: freed when no worker can be reading them */

struct retired {
    struct retired *next, **at; /* under the users' lock */
    struct rules *rules;
    _Atomic unsigned workers; /* that have not ended their turn since */
};

/* All of them: a worker that came to its end does not tell any more. */
static struct retired *all_retired;

/* Holding the lock. */
static void retired_free(struct retired *retired)
{
    *retired->at = retired->next;
    if (retired->next) retired->next->at = retired->at;
    rules_free(&retired->rules);
    mem_free(retired);
}

static void worker_is_past(struct bytes text)
{
    struct retired *retired;

    memcpy(&retired, text.at, sizeof retired);
    if (atomic_fetch_sub(&retired->workers, 1) > 1) return;
    users_take();
    retired_free(retired);
    users_release();
}

/* Holding the lock. Without memory to say so they are kept for ever, which is safe. */
static void retire(struct rules *rules)
{
    struct retired *retired;
    unsigned workers = session_host ? session_host->workers() : 0;

    if (workers == 0) {
        rules_free(&rules);
        return;
    }
    retired = mem_alloc(sizeof *retired);
    if (!retired) return;
    retired->rules = rules;
    retired->next = all_retired;
    retired->at = &all_retired;
    if (all_retired) all_retired->at = &retired->next;
    all_retired = retired;
    atomic_init(&retired->workers, workers);
    for (unsigned i = 0; i < workers; i++) session_host->post(i, worker_is_past, bytes_of(&retired, sizeof retired));
}

/* ---- one user */

struct bytes user_name(const struct user *user)
{
    return bytes_of(user->name, user->name_len);
}

const struct rules *user_rules(const struct user *user)
{
    return atomic_load_explicit(&user->rules, memory_order_acquire);
}

void user_drop(struct user *user)
{
    struct rules *rules;

    if (atomic_fetch_sub(&user->references, 1) > 1) return;
    rules = atomic_load(&user->rules);
    rules_free(&rules);
    mem_free(user->name);
    mem_free(user);
}

static struct user *user_new(struct bytes name, struct rules *rules)
{
    struct user *user = mem_alloc(sizeof *user);
    char *copy = mem_alloc(name.len + 1);

    if (!user || !copy) {
        rules_free(&rules);
        mem_free(user);
        mem_free(copy);
        return NULL;
    }
    memcpy(copy, name.at, name.len);
    copy[name.len] = '\0';
    *user = (struct user){.references = 1, .name = copy, .name_len = name.len};
    atomic_init(&user->rules, rules);
    return user;
}

/* ---- a table */

unsigned user_table_find(const struct user_table *table, struct bytes name, bool *found)
{
    unsigned low = 0, high = table->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = bytes_compare(user_name(table->of[middle]), name);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = false;
    return low;
}

struct user *user_table_add(struct user_table *table, struct bytes name, struct rules *rules)
{
    bool found;
    unsigned at = user_table_find(table, name, &found);
    struct user *user;

    must(!found);
    if (table->count == table->room) {
        unsigned room = table->room ? table->room * 2 : 16;
        struct user **grown = mem_resize(table->of, room * sizeof *grown);

        if (!grown) {
            rules_free(&rules);
            return NULL;
        }
        table->of = grown;
        table->room = room;
    }
    user = user_new(name, rules);
    if (!user) return NULL;
    memmove(&table->of[at + 1], &table->of[at], (table->count - at) * sizeof *table->of);
    table->of[at] = user;
    table->count++;
    return user;
}

void user_table_fini(struct user_table *table)
{
    for (unsigned i = 0; i < table->count; i++) user_drop(table->of[i]);
    mem_free(table->of);
    *table = (struct user_table){0};
}

bool user_table_complete(struct user_table *table, struct rules *rules)
{
    bool found;

    user_table_find(table, BYTES("default"), &found);
    if (found) {
        rules_free(&rules);
        return true;
    }
    return rules && user_table_add(table, BYTES("default"), rules);
}

void user_table_print(const struct user_table *table, struct text *into)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (i > 0) text_add_char(into, '\n');
        text_add(into, user_name(table->of[i]));
        text_add_char(into, ' ');
        rules_print(user_rules(table->of[i]), into);
    }
}

/* ---- who a session's user is */

struct user *session_user(const struct session *session)
{
    return session->extras && session->extras->user ? session->extras->user : default_user;
}

/* What a session must be asked because of its user's rules. */
static unsigned flags_by(const struct rules *rules)
{
    return rules_are_boundless(rules) ? 0 : SESSION_RESTRICTED;
}

struct flagging {
    const struct user *user; /* NULL: the default one */
    unsigned flags;
};

static void flag_session(struct session *session, void *context)
{
    const struct flagging *flagging = context;

    if (!session_is_of(session, flagging->user)) return;
    if (flagging->flags & SESSION_RESTRICTED) {
        session_set(session, SESSION_RESTRICTED);
    } else {
        session_unset(session, SESSION_RESTRICTED);
    }
}

/* The user's rules have changed: so have its sessions, and for the default user those that will come. */
static void flag_sessions(const struct user *user)
{
    const struct rules *rules = user_rules(user);
    struct flagging flagging = {.user = user == default_user ? NULL : user, .flags = flags_by(rules)};

    if (user == default_user) {
        bool open = rules->flags & RULES_ON && rules->flags & RULES_NO_PASSWORD;

        session_newcomers(flagging.flags | (open ? SESSION_AUTHENTICATED : 0));
    }
    if (session_host) session_host->each(flag_session, &flagging);
}

/* ---- login */

static bool let_in(const struct rules *rules, struct bytes password)
{
    bool known = rules_know_password(rules, password); /* always asked, so that the time tells nothing */

    if (!(rules->flags & RULES_ON)) return false;
    return rules->flags & RULES_NO_PASSWORD || known;
}

/* The users are locked. False: no memory. */
static bool give_session(struct session *session, struct user *user)
{
    if (user == default_user) {
        session_set_user(session, NULL);
    } else {
        atomic_fetch_add(&user->references, 1);
        if (!session_set_user(session, user)) {
            user_drop(user);
            return false;
        }
    }
    session_unset(session, SESSION_RESTRICTED);
    session_set(session, SESSION_AUTHENTICATED | flags_by(user_rules(user)));
    return true;
}

bool users_login(struct session *session, struct bytes name, struct bytes password)
{
    bool found, good = false;
    unsigned at;

    users_take();
    at = user_table_find(&users, name, &found);
    if (found && let_in(user_rules(users.of[at]), password)) good = give_session(session, users.of[at]);
    users_release();
    return good;
}

bool users_login_certified(struct session *session, struct bytes name)
{
    bool found, good = false;
    unsigned at;

    users_take();
    at = user_table_find(&users, name, &found);
    if (found && user_rules(users.of[at])->flags & RULES_ON) good = give_session(session, users.of[at]);
    users_release();
    return good;
}

bool users_default_needs_password(void)
{
    return !(user_rules(default_user)->flags & RULES_NO_PASSWORD);
}

/* ---- changes */

/* The rules take the place of the user's. */
static void put_rules(struct user *user, struct rules *rules)
{
    retire(atomic_exchange(&user->rules, rules));
    flag_sessions(user);
}

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '\0' || strchr(" \t\n\v\f\r", name.at[i])) return false;
    }
    return true;
}

enum users_change users_set(struct bytes name, const struct bytes *words, unsigned count, struct text *why)
{
    enum users_change change = USERS_CHANGED;
    struct rules *rules;
    bool found;
    unsigned at;

    if (!is_name(name)) {
        text_addf(why, "Usernames can't contain spaces or null characters");
        return USERS_REFUSED;
    }
    users_take();
    at = user_table_find(&users, name, &found);
    rules = found ? rules_copy(user_rules(users.of[at])) : rules_new();
    if (!rules) {
        change = USERS_NO_MEMORY;
    } else if (!rules_take(rules, words, count, why)) {
        change = rules->failed ? USERS_NO_MEMORY : USERS_REFUSED;
        rules_free(&rules);
    } else if (found) {
        put_rules(users.of[at], rules);
    } else if (!user_table_add(&users, name, rules)) {
        change = USERS_NO_MEMORY;
    }
    users_release();
    return change;
}

struct user *users_remove(struct bytes name)
{
    struct user *user = NULL;
    bool found;
    unsigned at;

    users_take();
    at = user_table_find(&users, name, &found);
    if (found && users.of[at] != default_user) {
        user = users.of[at];
        users.count--;
        memmove(&users.of[at], &users.of[at + 1], (users.count - at) * sizeof *users.of);
    }
    users_release();
    return user;
}

void users_replace(struct user_table *fresh, void (*removed)(struct user *user, void *context), void *context)
{
    struct user_table old = {0};
    bool found;

    users_take();
    /* Who was there before stays the same user, so that its sessions stay. */
    for (unsigned i = 0; i < fresh->count; i++) {
        unsigned at = user_table_find(&users, user_name(fresh->of[i]), &found);
        struct user *stays;

        if (!found) continue;
        stays = users.of[at];
        put_rules(stays, atomic_exchange(&fresh->of[i]->rules, NULL));
        users.of[at] = fresh->of[i];
        fresh->of[i] = stays;
    }
    old = users;
    users = *fresh;
    *fresh = (struct user_table){0};
    users_release();
    for (unsigned i = 0; i < old.count; i++) {
        /* Those whose place was taken over are shells without rules. */
        if (removed && atomic_load(&old.of[i]->rules)) {
            removed(old.of[i], context);
        } else {
            user_drop(old.of[i]);
        }
    }
    mem_free(old.of);
}

/* ---- looking */

void users_each(void (*see)(struct bytes name, const struct rules *rules, void *context), void *context)
{
    users_take();
    for (unsigned i = 0; i < users.count; i++) see(user_name(users.of[i]), user_rules(users.of[i]), context);
    users_release();
}

bool users_look(struct bytes name, void (*see)(struct bytes name, const struct rules *rules, void *context),
                void *context)
{
    bool found;
    unsigned at;

    users_take();
    at = user_table_find(&users, name, &found);
    if (found) see(user_name(users.of[at]), user_rules(users.of[at]), context);
    users_release();
    return found;
}

bool users_know(struct bytes name)
{
    bool found;

    users_take();
    user_table_find(&users, name, &found);
    users_release();
    return found;
}

/* ---- the default user, and the beginning */

struct rules *user_default_rules(void)
{
    static const struct bytes all[] = {BYTES("on"), BYTES("nopass"), BYTES("allkeys"), BYTES("allchannels"),
                                       BYTES("allcommands")};
    struct rules *rules = rules_new();
    struct text why = {0};

    if (rules && !rules_take(rules, all, sizeof all / sizeof all[0], &why)) rules_free(&rules);
    text_fini(&why);
    return rules;
}

/* requirepass is the default user's only password, or none. False: no memory. */
static bool set_requirepass(struct rules *rules)
{
    const char *password = option_text(&engine_options.requirepass);
    struct bytes words[2] = {BYTES("resetpass"), BYTES("nopass")};
    struct text why = {0}, set = {0};
    bool good;

    if (*password) {
        text_addf(&set, ">%s", password);
        words[1] = text_bytes(&set);
    }
    good = !text_failed(&set) && rules_take(rules, words, 2, &why);
    if (set.at) explicit_bzero(set.at, set.room);
    text_fini(&set);
    text_fini(&why);
    return good;
}

/* CONFIG SET requirepass. */
static void take_requirepass(void)
{
    struct rules *rules;

    users_take();
    rules = rules_copy(user_rules(default_user));
    if (rules && set_requirepass(rules)) {
        put_rules(default_user, rules);
    } else {
        log_warning("the new password holds when there is memory for it: set requirepass again");
        rules_free(&rules);
    }
    users_release();
}

bool user_table_take_option(struct user_table *table, struct bytes lines, struct text *why)
{
    struct rules *rules;

    while (lines.len > 0) {
        const char *end = memchr(lines.at, '\n', lines.len);
        struct bytes line = bytes_of(lines.at, end ? (size_t)(end - lines.at) : lines.len);

        if (!user_table_take_line(table, line, why)) return false;
        lines = bytes_of(lines.at + line.len + !!end, lines.len - line.len - !!end);
    }
    rules = user_default_rules();
    if (rules && *option_text(&engine_options.requirepass) && !set_requirepass(rules)) rules_free(&rules);
    if (user_table_complete(table, rules)) return true;
    text_addf(why, "there is no memory for these users");
    return false;
}

void users_print(struct text *into)
{
    users_take();
    user_table_print(&users, into);
    users_release();
}

bool users_hold(struct bytes lines)
{
    struct user_table table = {0};
    struct text why = {0}, these = {0}, now = {0};
    bool same = user_table_take_option(&table, lines, &why);

    user_table_print(&table, &these);
    users_print(&now);
    same = same && bytes_equal(text_bytes(&these), text_bytes(&now));
    user_table_fini(&table);
    text_fini(&why);
    text_fini(&these);
    text_fini(&now);
    return same;
}

bool users_setup(struct text *why)
{
    const char *file = option_text(&acl_options.aclfile), *lines = option_text(&acl_options.user);
    struct user_table fresh = {0};
    struct rules *rules = user_default_rules();

    must(rules);
    default_user = user_table_add(&users, BYTES("default"), rules);
    must(default_user);
    session_drop_user = user_drop;
    engine_option_hooks.requirepass.changed = take_requirepass;
    if (*file && *lines) {
        text_addf(why, "users are named by lines of 'user' and by 'aclfile %s': one of the two is wanted", file);
        return false;
    }
    if (*file) return users_load(NULL, NULL, why);
    acl_option_hooks.user.print = users_print;
    acl_option_hooks.user.holds = users_hold;
    if (!user_table_take_option(&fresh, bytes_of_text(lines), why)) {
        user_table_fini(&fresh);
        return false;
    }
    users_replace(&fresh, NULL, NULL);
    return true;
}

void users_teardown(void)
{
    while (all_retired) retired_free(all_retired);
    user_table_fini(&users);
    default_user = NULL;
}
