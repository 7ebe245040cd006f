#include "coatcheck/acl/journal.h"

#include <stdatomic.h>
#include <string.h>
#include "coatcheck/acl/options.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"

/* Those so near to each other are one. */
#define SAME_MS 60000
/* So much of a name that nobody has is worth a line of the log. */
#define SHOWN_NAME 64

struct noted {
    struct noted *next;
    struct denial denial;
    char *texts; /* owned: object, user and client, one behind the other */
};

void (*denial_describe)(struct session *session, struct text *into);

static struct lock lock;
static struct noted *newest;
static size_t noted_count;
static uint64_t next_number;

static void noted_free(struct noted *noted)
{
    mem_free(noted->texts);
    mem_free(noted);
}

/* Copies of the three, of which the denial's slices are made. */
static bool keep_texts(struct noted *noted, struct bytes object, struct bytes user, struct bytes client)
{
    char *texts = mem_alloc(object.len + user.len + client.len + 1);

    if (!texts) return false;
    memcpy(texts, object.at, object.len);
    memcpy(texts + object.len, user.at, user.len);
    memcpy(texts + object.len + user.len, client.at, client.len);
    mem_free(noted->texts);
    noted->texts = texts;
    noted->denial.object = bytes_of(texts, object.len);
    noted->denial.user = bytes_of(texts + object.len, user.len);
    noted->denial.client = bytes_of(texts + object.len + user.len, client.len);
    return true;
}

/* Takes the one that is the same out of the list, or makes a new one; NULL: no memory. */
static struct noted *take_same(enum permit reason, enum denial_context context, struct bytes object, struct bytes user,
                               int64_t now_ms)
{
    struct noted *fresh;

    for (struct noted **at = &newest; *at; at = &(*at)->next) {
        struct noted *noted = *at;

        if (noted->denial.reason != reason || noted->denial.context != context ||
            now_ms - noted->denial.created_ms > SAME_MS || !bytes_equal(noted->denial.object, object) ||
            !bytes_equal(noted->denial.user, user))
            continue;
        *at = noted->next;
        noted_count--;
        return noted;
    }
    fresh = mem_alloc_zeroed(sizeof *fresh);
    if (fresh) {
        fresh->denial = (struct denial){.reason = reason, .context = context, .number = next_number++,
                                        .created_ms = now_ms};
    }
    return fresh;
}

static void forget_beyond(size_t most)
{
    struct noted **at = &newest;

    if (noted_count <= most) return;
    for (size_t i = 0; i < most; i++) at = &(*at)->next;
    while (*at) {
        struct noted *old = *at;

        *at = old->next;
        noted_free(old);
        noted_count--;
    }
}

/* One line a second at most: whoever guesses must not fill the log. */
static void log_login(struct session *session, struct bytes user)
{
    static _Atomic int64_t said_s;
    static _Atomic unsigned unsaid;
    int64_t now_s = clock_steady_us() / 1000000;
    struct session_facts facts;
    struct text name = {0};
    bool more;

    if (atomic_exchange(&said_s, now_s) == now_s) {
        atomic_fetch_add(&unsaid, 1);
        return;
    }
    more = atomic_exchange(&unsaid, 0) > 0;
    session_host->facts(session, &facts);
    text_add_quoted(&name, bytes_of(user.at, user.len < SHOWN_NAME ? user.len : SHOWN_NAME));
    log_warning("login refused: user %.*s from %s%s", (int)name.len, text_bytes(&name).at, facts.peer,
                more ? ", and others since the last such line" : "");
    text_fini(&name);
}

void denial_add(struct session *session, enum permit reason, enum denial_context context, struct bytes object,
                struct bytes user)
{
    struct text client = {0};
    int64_t now_ms = clock_wall_us() / 1000;
    struct noted *noted;

    if (reason == DENIED_LOGIN) log_login(session, user);
    if (denial_describe) denial_describe(session, &client);
    lock_take(&lock, RANK_OPTIONS, 0);
    noted = take_same(reason, context, object, user, now_ms);
    if (noted && !keep_texts(noted, object, user, text_bytes(&client))) {
        noted_free(noted);
        noted = NULL;
    }
    if (noted) {
        noted->denial.count++;
        noted->denial.updated_ms = now_ms;
        noted->next = newest;
        newest = noted;
        noted_count++;
        forget_beyond((size_t)option_int(&acl_options.acllog_max_len));
    }
    lock_release(&lock, RANK_OPTIONS);
    text_fini(&client);
}

void denials_each(size_t most, void (*begin)(size_t count, void *context),
                  void (*see)(const struct denial *denial, void *context), void *context)
{
    size_t count;

    lock_take(&lock, RANK_OPTIONS, 0);
    count = noted_count < most ? noted_count : most;
    begin(count, context);
    for (struct noted *noted = newest; count > 0; noted = noted->next, count--) see(&noted->denial, context);
    lock_release(&lock, RANK_OPTIONS);
}

void denials_clear(void)
{
    lock_take(&lock, RANK_OPTIONS, 0);
    forget_beyond(0);
    lock_release(&lock, RANK_OPTIONS);
}
