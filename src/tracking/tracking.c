#include "coatcheck/tracking/tracking.h"

#include <string.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/engine/watch.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/tracking/changes.h"
#include "coatcheck/tracking/inform.h"
#include "coatcheck/tracking/remembered.h"

METRIC_DEFINE(tracking, TRACKING_METRICS)

#define OPTIONS_HERE tracking_options
#define OPTION_HOOKS_HERE tracking_option_hooks
OPTION_DEFINE(tracking, TRACKING_OPTIONS)

/* A command that has read so many keys makes room for as many and these. */
#define EVICT_MORE 16

/* Of a key that is read and never changed, the items of clients that have gone add up: one that has twice as many as there
 * are clients, and these, makes room. */
#define ITEMS_MORE 64

#define SLICE_US 50
#define PAUSE_US 1000

/* A text is kept up to this size. */
#define KEEP_BYTES 4096

static struct keyspace *the_keyspace;

/* What the session whose command is at work has to be told itself, behind the reply: names one behind the other, each after
 * its length, or ANY_NAME alone for "anything may have changed"; and the keys that it has read. */
static _Thread_local struct {
    struct text names;
    unsigned keys_read;
} own;

#define ANY_NAME SIZE_MAX

/* ---- inside of shards ---- */

static struct tracker *tracker_at_work(void)
{
    const struct call *call = turn_call_at_work();

    return call ? tracker_of(call->session) : NULL;
}

static void tell_oneself(struct bytes name)
{
    size_t len = name.len;

    text_add(&own.names, bytes_of(&len, sizeof len));
    text_add(&own.names, name);
}

static void tell_oneself_all(void)
{
    size_t len = ANY_NAME;

    text_add(&own.names, bytes_of(&len, sizeof len));
}

/* What a command changes beyond its own keys (those of clients that it wakes, what was evicted for it), its client does not
 * know of, NOLOOP or not. */
static bool is_named_at_work(struct bytes name)
{
    const struct call *call = turn_call_at_work();

    for (unsigned k = 0; k < call->key_count; k++) {
        if (bytes_equal(call->keys[k].name, name)) return true;
    }
    return false;
}

/* To all who have read it, since it was changed, or has only lost its place in the table. */
static void tell_readers(const struct remembered *remembered, bool has_changed)
{
    struct tracker *at_work = tracker_at_work();
    struct bytes name = remembered_name(remembered);
    bool is_first = true;
    tracker_item item;
    uint32_t at = 0;

    while ((item = remembered_next(remembered, &at))) {
        if (at_work && item == at_work->item) {
            if (!tracker_is_told_of_reads(at_work)) continue;
            if (session_flags(at_work->session) & SESSION_NOLOOP && has_changed && is_named_at_work(name)) continue;
            tell_oneself(name);
        } else {
            parcel_add_reader(is_first, name, item);
            is_first = false;
        }
    }
}

static void key_was_touched(const struct key *key, bool by_itself)
{
    struct remembered *remembered = remembered_take(key);

    if (unlikely(trackers_of_all_exist())) {
        struct tracker *at_work = by_itself ? NULL : tracker_at_work();

        changes_add(key->name, at_work && is_named_at_work(key->name) ? at_work->item : 0);
    }
    if (likely(!remembered)) return;
    tell_readers(remembered, true);
    remembered_free(&remembered);
}

static void all_was_touched(struct keyspace *keyspace)
{
    struct tracker *at_work = tracker_at_work();
    unsigned lanes = session_host->workers() + 1;

    remembered_forget_all(keyspace);
    for (unsigned lane = 1; lane < lanes; lane++) {
        if (trackers_in(lane) > 0) parcel_add(lane, NEWS_ALL, at_work ? at_work->item : 0, 0);
    }
    if (at_work && session_flags(at_work->session) & SESSION_TRACKS) tell_oneself_all();
}

static void make_room(struct remembered *remembered)
{
    tell_readers(remembered, false);
    remembered_free(&remembered);
    METRIC_ADD(tracking, tracking_evicted, 1);
}

static void remember(const struct key *key, tracker_item item)
{
    uint64_t most = 2 * (uint64_t)trackers_count() + ITEMS_MORE;
    enum status status = remembered_add(key, item, most);

    if (unlikely(status == TOO_BIG)) {
        make_room(remembered_take(key));
        status = remembered_add(key, item, most);
    }
    /* It must not believe in what it has just read: nobody would tell it better. */
    if (unlikely(status != OK)) tell_oneself(key->name);
}

/* The keys of a reading command, as redis-server counts such, are in its client's cache from now on. */
static void keys_were_read(struct call *call)
{
    unsigned flags = session_flags(call->session);
    struct tracker *tracker = tracker_of(call->session);

    if (!(call->command->row->flags & COMMAND_READ) || call->command->row->flags & COMMAND_PUBSUB) return;
    if (flags & SESSION_TRACKS_ALL) return;
    if (flags & SESSION_OPTIN && !(flags & SESSION_CACHING)) return;
    if (flags & SESSION_OPTOUT && flags & SESSION_CACHING) return;
    for (unsigned k = 0; k < call->key_count; k++) remember(&call->keys[k], tracker->item);
    own.keys_read += call->key_count;
}

/* ---- when a command has been answered ---- */

static bool is_over_limit(void)
{
    uint64_t most = (uint64_t)option_int(&tracking_options.tracking_table_max_keys);

    return most > 0 && remembered_count() > most;
}

/* False: there was none. */
static bool evict_one(void)
{
    struct remembered *remembered = remembered_take_any(the_keyspace);

    if (!remembered) return false;
    make_room(remembered);
    return true;
}

static void own_forget(void)
{
    if (own.names.room > KEEP_BYTES || text_failed(&own.names)) {
        text_fini(&own.names);
        own.names = (struct text){0};
    }
    text_clear(&own.names);
}

static void tell_own_name(struct tracker *tracker, struct bytes name, struct text *tail, struct reply *reply)
{
    text_clear(tail);
    inform_tail(name, tail);
    if (text_failed(tail)) {
        own.names.failed = true;
    } else {
        inform_within(tracker, text_bytes(tail), reply);
    }
}

/* The reply to the command stands: what it has changed of its own client's cache goes behind it. */
static void tell_own(struct tracker *tracker, struct reply *reply)
{
    struct text tail = {0};
    size_t at = 0;

    while (at < own.names.len && !text_failed(&own.names)) {
        size_t len;

        memcpy(&len, own.names.at + at, sizeof len);
        at += sizeof len;
        if (len == ANY_NAME) {
            inform_within(tracker, inform_all_tail(tracker), reply);
            continue;
        }
        tell_own_name(tracker, bytes_of(own.names.at + at, len), &tail, reply);
        at += len;
    }
    if (text_failed(&own.names)) inform_within(tracker, inform_all_tail(tracker), reply);
    text_fini(&tail);
    own_forget();
}

static bool is_client_command(const struct command *command)
{
    return command && command->parent && !strcmp(command->parent->row->name, "client");
}

static void call_was_answered(struct call *call, bool again)
{
    struct tracker *tracker = tracker_of(call->session);
    unsigned effort = own.keys_read + EVICT_MORE;

    if (own.keys_read > 0) {
        while (unlikely(is_over_limit()) && effort-- > 0 && evict_one()) continue;
        own.keys_read = 0;
    }
    if (unlikely(own.names.len > 0 || text_failed(&own.names))) tell_own(tracker, call->reply);
    /* CLIENT CACHING holds for the next command, or the next transaction. */
    if (unlikely(session_flags(call->session) & SESSION_CACHING) && !again && !(session_flags(call->session) & SESSION_MULTI) &&
        !is_client_command(call->command)) {
        session_unset(call->session, SESSION_CACHING);
    }
}

/* ---- between two turns ---- */

void tracking_send_off(void)
{
    changes_pack();
    parcels_send_off();
}

bool tracking_hand_out(int64_t budget_us)
{
    return parcels_open(budget_us, inform, inform_of_loss);
}

int64_t tracking_look_after(void)
{
    uint64_t until = clock_ticks() + clock_us_to_ticks(SLICE_US);
    bool all_given_back = remembered_reclaim(until);

    if (likely(trackers_exist() ? !is_over_limit() : remembered_count() == 0)) return all_given_back ? INT64_MAX : PAUSE_US;
    /* With nobody left who tracks, nobody is told, and what is remembered is of no use. */
    while (clock_ticks() < until && (is_over_limit() || !trackers_exist())) {
        if (!evict_one()) break;
    }
    return PAUSE_US;
}

void tracking_forget(struct session *session, bool ends)
{
    if (!ends) {
        tracker_end(session);
        return;
    }
    tracker_free(session);
    if (session_flags(session) & SESSION_RECEIVES) receiver_leave(session);
}

void tracking_stop(void)
{
    tracking_send_off();
    parcels_stop();
    inform_stop();
    text_fini(&own.names);
    own.names = (struct text){0};
    trackers_stop();
    changes_stop();
    remembered_reclaim(UINT64_MAX);
}

static const struct touch_followers followers = {.touched = key_was_touched, .all_touched = all_was_touched};

void tracking_setup(struct keyspace *keyspace)
{
    the_keyspace = keyspace;
    touch_follow(&followers);
    watch_hooks.tracked = keys_were_read;
    watch_hooks.answered = call_was_answered;
    watch_hooks.waking = tracking_send_off;
}
