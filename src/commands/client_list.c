/* client_list: CLIENT LIST and INFO: a line for each connection. */
#include <stdlib.h>
#include "client_internal.h"
#include "coatcheck/base/mem.h"

static const struct {
    const char *name;
    enum client_type type;
} type_names[] = {
    {"normal", CLIENT_NORMAL}, {"slave", CLIENT_REPLICA}, {"replica", CLIENT_REPLICA},
    {"pubsub", CLIENT_PUBSUB}, {"master", CLIENT_MASTER},
};

bool client_read_type(struct call *call, unsigned i, enum client_type *type)
{
    for (size_t t = 0; t < sizeof type_names / sizeof type_names[0]; t++) {
        if (!call_arg_is(call, i, type_names[t].name)) continue;
        *type = type_names[t].type;
        return true;
    }
    client_refuse(call, "ERR Unknown client type", call_arg(call, i));
    return false;
}

enum client_type client_type_of(const struct session *session)
{
    /* A monitor counts as a normal client; the other types have yet to come. */
    return session_flags(session) & SESSION_LISTENS ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

/* ---- one line ---- */

static void print_flags(const struct session *session, bool unix_socket, struct text *into)
{
    static const struct {
        unsigned flags;
        char letter;
    } letters[] = {
        {SESSION_MONITOR, 'O'},   {SESSION_LISTENS, 'P'},  {SESSION_MULTI, 'x'},
        {SESSION_POSTPONED, 'b'}, {SESSION_TRACKS, 't'},   {SESSION_REDIRECT_BROKEN, 'R'},
        {SESSION_TRACKS_ALL, 'B'}, {SESSION_TOUCHED, 'd'}, {SESSION_CLOSING, 'c'},
        {0, 'U'},                 {SESSION_NO_EVICT, 'e'}, {SESSION_NO_TOUCH, 'T'},
    };
    unsigned flags = session_flags(session) | (session_is_waiting(session) ? SESSION_POSTPONED : 0);
    size_t before = into->len;

    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (letters[i].flags ? (flags & letters[i].flags) != 0 : unix_socket) {
            text_add_char(into, letters[i].letter);
        }
    }
    if (into->len == before) text_add_char(into, 'N');
}

void client_describe(struct session *session, struct text *into)
{
    unsigned last = atomic_load_explicit(&session->last, memory_order_relaxed);
    uint32_t now_s = session_now_s();
    struct session_queue queue = session_queue(session);
    uint32_t subscriptions[SESSION_SUBSCRIPTIONS];
    struct session_facts facts;
    size_t before;

    session_host->facts(session, &facts);
    session_read_subscriptions(session, subscriptions);
    text_addf(into, "id=%llu addr=%s laddr=%s fd=%d name=", (unsigned long long)session->id,
              facts.peer, facts.local, facts.fd);
    session_add_text(session, SESSION_NAME, into);
    text_addf(into, " age=%u idle=%u flags=",
              now_s - atomic_load_explicit(&session->created_s, memory_order_relaxed),
              now_s - atomic_load_explicit(&session->active_s, memory_order_relaxed));
    print_flags(session, facts.unix_socket, into);
    text_addf(
        into,
        " db=%u sub=%u psub=%u ssub=%u multi=%lld qbuf=%zu qbuf-free=0 argv-mem=0 multi-mem=%zu rbs=0 "
        "rbp=0 obl=0 "
        "oll=%d omem=%zu tot-mem=%zu events=%s cmd=%s user=",
        session_db(session), subscriptions[0], subscriptions[1], subscriptions[2],
        session_flags(session) & SESSION_MULTI
            ? (long long)queue.commands
            : -1,
        facts.input_bytes, queue.bytes, facts.output_bytes > 0, facts.output_bytes,
        facts.memory_bytes, facts.output_bytes > 0 ? "rw" : "r",
        last > 0 ? commands_at(last - 1)->full_name : "NULL");
    before = into->len;
    session_add_text(session, SESSION_USER, into);
    if (into->len == before) text_add(into, BYTES("default"));
    text_addf(into, " redir=%lld resp=%d lib-name=", (long long)session_redirect(session), session_resp(session));
    session_add_text(session, SESSION_LIBRARY_NAME, into);
    text_add(into, BYTES(" lib-ver="));
    session_add_text(session, SESSION_LIBRARY_VERSION, into);
}

static void reply_lines(struct call *call, struct text *lines)
{
    if (text_failed(lines)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        reply_verbatim(call->reply, "txt", text_bytes(lines));
    }
    text_fini(lines);
}

void cmd_client_info(struct call *call)
{
    struct text line = {0};

    client_describe(call->session, &line);
    text_add_char(&line, '\n');
    reply_lines(call, &line);
}

/* ---- many ---- */

/* One line of the listing, by its place in the text: clients come by worker, and are told in the
 * order in which they connected. */
struct listed {
    uint64_t id;
    size_t at, len;
};

struct listing {
    bool by_type;
    enum client_type type;
    const int64_t *ids; /* these alone, sorted; NULL: all */
    unsigned id_count;

    struct text text;
    struct listed *lines;
    unsigned count, room;
    bool failed;
};

static int compare_ids(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

static int compare_lines(const void *a, const void *b)
{
    uint64_t one = ((const struct listed *)a)->id, other = ((const struct listed *)b)->id;

    return (one > other) - (one < other);
}

static struct listed *listing_add(struct listing *listing)
{
    if (listing->count == listing->room) {
        unsigned room = listing->room ? listing->room * 2 : 64;
        struct listed *grown = mem_resize(listing->lines, room * sizeof *grown);

        if (!grown) {
            listing->failed = true;
            return NULL;
        }
        listing->lines = grown;
        listing->room = room;
    }
    return &listing->lines[listing->count++];
}

static void see_session(struct session *session, void *context)
{
    struct listing *listing = context;
    struct listed *line;

    if (session_flags(session) & SESSION_KILLED) return;
    if (listing->by_type && client_type_of(session) != listing->type) return;
    if (listing->ids && !bsearch(&session->id, listing->ids, listing->id_count,
                                 sizeof listing->ids[0], compare_ids)) {
        return;
    }
    line = listing_add(listing);
    if (!line) return;
    line->id = session->id;
    line->at = listing->text.len;
    client_describe(session, &listing->text);
    text_add_char(&listing->text, '\n');
    line->len = listing->text.len - line->at;
}

static void listing_take(struct listing *listing)
{
    session_host->each(see_session, listing);
    if (listing->failed) listing->text.failed = true;
    if (listing->count > 1) {
        if (listing->count > 0)
            qsort(listing->lines, listing->count, sizeof listing->lines[0], compare_lines);
    }
}

static void add_line(const struct listing *listing, const struct listed *line, struct text *into)
{
    text_add(into, bytes_of(listing->text.at + line->at, line->len));
}

static void reply_listing(struct call *call, struct listing *listing, struct text *lines)
{
    if (text_failed(&listing->text)) lines->failed = true;
    mem_free(listing->lines);
    text_fini(&listing->text);
    reply_lines(call, lines);
}

static void list_all(struct call *call, struct listing *listing)
{
    struct text lines = {0};

    listing_take(listing);
    for (unsigned i = 0; i < listing->count && !text_failed(&listing->text); i++) {
        add_line(listing, &listing->lines[i], &lines);
    }
    reply_listing(call, listing, &lines);
}

/* In the order in which they were asked for, and as often. */
static void list_by_id(struct call *call)
{
    unsigned count = call_argc(call) - 3;
    int64_t *ids = mem_alloc(2 * count * sizeof *ids), *asked = ids + count;
    struct listing listing = {.ids = ids, .id_count = count};
    struct text lines = {0};

    if (!ids) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!call_read_int_between(call, 3 + i, INT64_MIN, INT64_MAX, &asked[i],
                                   "Invalid client ID")) {
            mem_free(ids);
            return;
        }
        ids[i] = asked[i];
    }
    qsort(ids, count, sizeof ids[0], compare_ids);
    listing_take(&listing);
    for (unsigned i = 0; i < count && !text_failed(&listing.text); i++) {
        struct listed wanted = {.id = (uint64_t)asked[i]}, *line;

        line = listing.count == 0
                   ? NULL
                   : bsearch(&wanted, listing.lines, listing.count, sizeof wanted, compare_lines);
        if (line) add_line(&listing, line, &lines);
    }
    mem_free(ids);
    reply_listing(call, &listing, &lines);
}

void cmd_client_list(struct call *call)
{
    struct listing listing = {0};

    if (call_argc(call) == 4 && call_arg_is(call, 2, "TYPE")) {
        if (!client_read_type(call, 3, &listing.type)) return;
        listing.by_type = true;
    } else if (call_argc(call) > 3 && call_arg_is(call, 2, "ID")) {
        list_by_id(call);
        return;
    } else if (call_argc(call) != 2) {
        call_syntax_error(call);
        return;
    }
    list_all(call, &listing);
}
