#include "coatcheck/tracking/inform.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/tracking/prefix.h"
#include "coatcheck/tracking/tracking.h"

/* A message from this size on is not copied for each of those who get it. */
#define SHARED_FROM 1024

/* A scratch text is kept up to this size. */
#define KEEP_BYTES (64 * 1024)

#define PUSH_HEAD ">2\r\n$10\r\ninvalidate\r\n"
#define MESSAGE_HEAD "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"

/* The bytes of one message, for several sessions of this worker. */
struct piece {
    uint32_t refs;
    size_t len;
    char bytes[];
};

/* One tail on its way to some of this worker's sessions, and the messages made of it so far. */
struct telling {
    struct bytes tail;
    struct piece *pieces[2]; /* RESP2, RESP3 */
};

static bool speaks_resp3(const struct session *session)
{
    return session_flags(session) & SESSION_RESP3;
}

void inform_tail(struct bytes name, struct text *into)
{
    text_addf(into, "*1\r\n$%zu\r\n", name.len);
    text_add(into, name);
    text_add(into, BYTES("\r\n"));
}

struct bytes inform_all_tail(const struct tracker *tracker)
{
    return speaks_resp3(tracker->session) ? BYTES("_\r\n") : BYTES("$-1\r\n");
}

/* ---- messages ---- */

/* A tracker listens for itself with RESP3 only; a receiver with RESP2 too, where messages may come anyhow. */
static bool can_hear(const struct session *session, bool for_another)
{
    return speaks_resp3(session) || (for_another && session_flags(session) & SESSION_LISTENS);
}

static struct bytes head_for(const struct session *session)
{
    return speaks_resp3(session) ? BYTES(PUSH_HEAD) : BYTES(MESSAGE_HEAD);
}

static void piece_release(void *holder)
{
    struct piece *piece = holder;

    if (--piece->refs == 0) mem_free(piece);
}

static struct piece *piece_for(struct telling *telling, const struct session *session)
{
    struct piece **piece = &telling->pieces[speaks_resp3(session)];
    struct bytes head = head_for(session);

    if (*piece) return *piece;
    *piece = mem_alloc(sizeof **piece + head.len + telling->tail.len);
    if (!*piece) return NULL;
    **piece = (struct piece){.refs = 1, .len = head.len + telling->tail.len};
    memcpy((*piece)->bytes, head.at, head.len);
    memcpy((*piece)->bytes + head.len, telling->tail.at, telling->tail.len);
    return *piece;
}

static void telling_end(struct telling *telling)
{
    for (unsigned i = 0; i < 2; i++) {
        if (telling->pieces[i]) piece_release(telling->pieces[i]);
    }
}

static bool push_piece(struct session *session, struct piece *piece)
{
    struct bytes bytes = bytes_of(piece->bytes, piece->len);

    if (piece->len < SHARED_FROM) return session_host->push(session, bytes);
    piece->refs++;
    if (likely(session_host->push_held(session, bytes, piece_release, piece))) return true;
    piece->refs--;
    return false;
}

static void push(struct session *session, struct telling *telling)
{
    struct piece *piece;

    if (unlikely(session_flags(session) & SESSION_CLOSING)) return;
    piece = piece_for(telling, session);
    /* An invalidation left out would never be missed, and what is in the cache be believed: rather no connection. */
    if (unlikely(!piece) || !push_piece(session, piece)) {
        session_host->close(session);
        return;
    }
    METRIC_ADD(tracking, tracking_invalidations, 1);
}

/* ---- to whom ---- */

/* There is nobody any more who hears for it, and never will be. */
static void add_broken(struct tracker *tracker, struct text *into)
{
    session_set(tracker->session, SESSION_REDIRECT_BROKEN);
    if (!speaks_resp3(tracker->session)) return;
    text_addf(into, ">2\r\n$21\r\ntracking-redir-broken\r\n:%llu\r\n", (unsigned long long)tracker->receiver->id);
}

static void push_broken(struct tracker *tracker)
{
    struct text broken = {0};

    add_broken(tracker, &broken);
    if (broken.len > 0 && !(session_flags(tracker->session) & SESSION_CLOSING) &&
        (text_failed(&broken) || !session_host->push(tracker->session, text_bytes(&broken)))) {
        session_host->close(tracker->session);
    }
    text_fini(&broken);
}

/* Off to the receiver's worker, its own too while a turn goes on there. */
static void forward(struct tracker *tracker, struct bytes tail)
{
    struct receiver *receiver = tracker->receiver;
    struct news *news = parcel_add(receiver->lane, NEWS_FORWARD, (uintptr_t)receiver, tail.len);

    if (unlikely(!news)) {
        session_host->close_after_reply(tracker->session);
        return;
    }
    memcpy(news->at, tail.at, tail.len);
    receiver_hold(receiver);
}

static void tell(struct tracker *tracker, struct telling *telling)
{
    struct receiver *receiver = tracker->receiver;

    if (likely(!receiver)) {
        if (can_hear(tracker->session, false)) push(tracker->session, telling);
    } else if (receiver_is_gone(receiver)) {
        push_broken(tracker);
    } else if (receiver->lane != metric_lane) {
        forward(tracker, telling->tail);
    } else if (can_hear(receiver->session, true)) {
        push(receiver->session, telling);
    }
}

void inform_within(struct tracker *tracker, struct bytes tail, struct reply *reply)
{
    struct receiver *receiver = tracker->receiver;
    struct text broken = {0};

    if (!receiver || receiver->session == tracker->session) {
        if (!can_hear(tracker->session, receiver != NULL)) return;
        reply_raw(reply, head_for(tracker->session));
        reply_raw(reply, tail);
        METRIC_ADD(tracking, tracking_invalidations, 1);
    } else if (receiver_is_gone(receiver)) {
        add_broken(tracker, &broken);
        if (text_failed(&broken)) reply->failed = true;
        if (!reply->failed) reply_raw(reply, text_bytes(&broken));
        text_fini(&broken);
    } else {
        forward(tracker, tail);
    }
}

/* ---- news: keys that were read ---- */

/* For one tail at a time. */
static _Thread_local struct text text;

static struct text *scratch(void)
{
    if (text.room > KEEP_BYTES || text_failed(&text)) {
        text_fini(&text);
        text = (struct text){0};
    }
    text_clear(&text);
    return &text;
}

/* The tail could not be written: who would have got it is told of the loss by its connection's end. */
static void give_up(struct tracker *tracker)
{
    session_host->close(tracker->session);
}

static void tell_readers(const struct news *news)
{
    const tracker_item *items = news_items(news);
    struct text *tail = scratch();
    struct telling telling = {0};

    inform_tail(bytes_of(news->at, news->len), tail);
    telling.tail = text_bytes(tail);
    for (uint32_t i = 0; i < news->count; i++) {
        struct tracker *tracker = tracker_find(items[i]);

        if (!tracker || !tracker_is_told_of_reads(tracker)) continue;
        if (unlikely(text_failed(tail))) {
            give_up(tracker);
        } else {
            tell(tracker, &telling);
        }
    }
    telling_end(&telling);
}

/* ---- news: anything may have changed ---- */

static void tell_all_changed(struct tracker *tracker, void *context)
{
    const tracker_item *who = context;
    struct telling telling = {.tail = inform_all_tail(tracker)};

    if (tracker->item == *who) return;
    tell(tracker, &telling);
    telling_end(&telling);
}

void inform_of_loss(void)
{
    tracker_item nobody = 0;

    tracker_each(tell_all_changed, &nobody);
}

/* ---- news: all keys that were changed, for those with BCAST ---- */

/* The names of one piece of news, in their order. */
struct changes {
    const struct changed_key **of;
    unsigned count, room;
};
static _Thread_local struct changes changes_here;

static void changes_free(struct changes *changes)
{
    mem_free(changes->of);
    *changes = (struct changes){0};
}

static bool read_changes(const struct news *news, struct changes *changes)
{
    const char *at = news->at;

    if (changes->room < news->count) {
        const struct changed_key **grown = mem_resize(changes->of, news->count * sizeof *grown);

        if (!grown) return false;
        changes->of = grown;
        changes->room = news->count;
    }
    for (changes->count = 0; changes->count < news->count; changes->count++) {
        const struct changed_key *key = (const struct changed_key *)at;

        changes->of[changes->count] = key;
        at += sizeof *key + PARCEL_PAD(key->len);
    }
    return true;
}

static struct bytes name_of(const struct changed_key *key)
{
    return bytes_of(key->name, key->len);
}

/* The first that begins with the prefix or comes behind all that do. */
static unsigned first_with(const struct changes *changes, struct bytes prefix)
{
    unsigned low = 0, high = changes->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (bytes_compare(name_of(changes->of[middle]), prefix) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct range {
    const struct changes *changes;
    unsigned from, until;
};

/* All of them but what `without` has changed itself. False: none. */
static bool range_tail(const struct range *range, tracker_item without, struct text *into)
{
    unsigned count = 0;

    for (unsigned i = range->from; i < range->until; i++) {
        count += without == 0 || range->changes->of[i]->who != without;
    }
    if (count == 0) return false;
    text_addf(into, "*%u\r\n", count);
    for (unsigned i = range->from; i < range->until; i++) {
        const struct changed_key *key = range->changes->of[i];

        if (without != 0 && key->who == without) continue;
        text_addf(into, "$%llu\r\n", (unsigned long long)key->len);
        text_add(into, name_of(key));
        text_add(into, BYTES("\r\n"));
    }
    return true;
}

static bool has_changed_some(const struct range *range, tracker_item item)
{
    for (unsigned i = range->from; i < range->until; i++) {
        if (range->changes->of[i]->who == item) return true;
    }
    return false;
}

/* To one that does not want to hear of what it has done itself. */
static void tell_of_others(struct tracker *tracker, const struct range *range)
{
    struct text tail = {0};
    struct telling telling = {0};

    if (range_tail(range, tracker->item, &tail)) {
        telling.tail = text_bytes(&tail);
        if (text_failed(&tail)) {
            give_up(tracker);
        } else {
            tell(tracker, &telling);
        }
        telling_end(&telling);
    }
    text_fini(&tail);
}

static void tell_prefix(const struct prefix *prefix, const struct range *range)
{
    struct text *tail = scratch();
    struct telling telling = {0};
    struct tracker *tracker;
    uint32_t at = 0;

    range_tail(range, 0, tail);
    telling.tail = text_bytes(tail);
    while ((tracker = pointerset_next(&prefix->trackers, &at))) {
        if (session_flags(tracker->session) & SESSION_NOLOOP && has_changed_some(range, tracker->item)) {
            tell_of_others(tracker, range);
        } else if (text_failed(tail)) {
            give_up(tracker);
        } else {
            tell(tracker, &telling);
        }
    }
    telling_end(&telling);
}

static struct range range_of(const struct changes *changes, struct bytes prefix)
{
    struct range range = {.changes = changes, .from = first_with(changes, prefix)};

    range.until = range.from;
    while (range.until < changes->count && bytes_start_with(name_of(changes->of[range.until]), prefix)) range.until++;
    return range;
}

static void tell_of_keys(const struct news *news)
{
    struct changes *changes = &changes_here;
    const struct prefix *prefix;

    if (!read_changes(news, changes)) {
        inform_of_loss();
        return;
    }
    for (unsigned i = 0; (prefix = prefix_at(i)); i++) {
        struct range range = range_of(changes, prefix_name(prefix));

        if (range.until > range.from) tell_prefix(prefix, &range);
    }
    if (changes->room > KEEP_BYTES / sizeof *changes->of) changes_free(changes);
}

void inform_stop(void)
{
    text_fini(&text);
    text = (struct text){0};
    changes_free(&changes_here);
}

/* ---- news ---- */

static void take_forwarded(const struct news *news)
{
    struct receiver *receiver = (struct receiver *)news->who;
    struct telling telling = {.tail = bytes_of(news->at, news->len)};

    if (!receiver_is_gone(receiver) && can_hear(receiver->session, true)) push(receiver->session, &telling);
    telling_end(&telling);
    receiver_release(&receiver);
}

void inform(const struct news *news)
{
    tracker_item who = news->who;

    switch ((enum news_kind)news->kind) {
    case NEWS_KEY:
        tell_readers(news);
        break;
    case NEWS_KEYS:
        tell_of_keys(news);
        break;
    case NEWS_ALL:
        tracker_each(tell_all_changed, &who);
        break;
    case NEWS_FORWARD:
        take_forwarded(news);
        break;
    }
}
