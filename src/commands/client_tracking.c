/* client_tracking: client-side caching: CLIENT TRACKING and what belongs to it. */
#include <limits.h>
#include <stdlib.h>
#include "client_internal.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/tracking/prefix.h"
#include "coatcheck/tracking/tracker.h"

/* The words after ON and OFF. The receiver is a reference, and `prefixes` are owned. */
struct request_for {
    struct tracker_wish wish;
    struct bytes *prefixes;
};

static void request_fini_for(struct request_for *request)
{
    if (request->wish.receiver) receiver_release(&request->wish.receiver);
    mem_free(request->prefixes);
}

/* Word `i` is whom to redirect to. False: the client has been answered. */
static bool read_receiver(struct call *call, unsigned i, struct request_for *request)
{
    enum status status;
    int64_t id;

    if (request->wish.receiver) {
        reply_errorf(call->reply, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!call_read_int(call, i, &id)) return false;
    status = receiver_find((uint64_t)id, &request->wish.receiver);
    if (status == NOT_FOUND) {
        reply_errorf(call->reply, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    return call_ok(call, status);
}

static bool read_flag(struct call *call, unsigned i, unsigned *flags)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {
        {"BCAST", SESSION_TRACKS_ALL}, {"OPTIN", SESSION_OPTIN}, {"OPTOUT", SESSION_OPTOUT}, {"NOLOOP", SESSION_NOLOOP}};

    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        if (!call_arg_is(call, i, words[w].word)) continue;
        *flags |= words[w].flag;
        return true;
    }
    return false;
}

/* False: the client has been answered. */
static bool read_request(struct call *call, struct request_for *request)
{
    request->prefixes = mem_alloc(call_argc(call) * sizeof *request->prefixes);
    if (!request->prefixes) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return false;
    }
    request->wish.prefixes = request->prefixes;
    for (unsigned i = 3; i < call_argc(call); i++) {
        bool more = i + 1 < call_argc(call);

        if (more && call_arg_is(call, i, "REDIRECT")) {
            if (!read_receiver(call, ++i, request)) return false;
        } else if (more && call_arg_is(call, i, "PREFIX")) {
            request->prefixes[request->wish.prefix_count++] = call_arg(call, ++i);
        } else if (!read_flag(call, i, &request->wish.flags)) {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

/* Do the options go together, and with how it tracks now? False: the client has been answered. */
static bool options_fit(struct call *call, const struct tracker_wish *wish)
{
    unsigned flags = session_flags(call->session), both = SESSION_OPTIN | SESSION_OPTOUT;

    if (!(wish->flags & SESSION_TRACKS_ALL) && wish->prefix_count > 0) {
        reply_errorf(call->reply, "ERR PREFIX option requires BCAST mode to be enabled");
    } else if (flags & SESSION_TRACKS && (flags ^ wish->flags) & SESSION_TRACKS_ALL) {
        reply_errorf(call->reply, "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
                                  "then re-enabling it with a different mode.");
    } else if (wish->flags & SESSION_TRACKS_ALL && wish->flags & both) {
        reply_errorf(call->reply, "ERR OPTIN and OPTOUT are not compatible with BCAST");
    } else if ((wish->flags & both) == both) {
        reply_errorf(call->reply, "ERR You can't specify both OPTIN mode and OPTOUT mode");
    } else if ((wish->flags & SESSION_OPTIN && flags & SESSION_OPTOUT) ||
               (wish->flags & SESSION_OPTOUT && flags & SESSION_OPTIN)) {
        reply_errorf(call->reply, "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
                                  "then re-enabling it with a different mode.");
    } else {
        return true;
    }
    return false;
}

static bool overlap(struct bytes a, struct bytes b)
{
    return bytes_start_with(a, b) || bytes_start_with(b, a);
}

/* As C texts, so far as redis-server shows them. */
static void refuse_prefix(struct call *call, struct bytes prefix, const char *what, struct bytes other)
{
    reply_errorf(call->reply, "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client must not overlap.",
                 (int)strnlen(prefix.at, prefix.len), prefix.at, what, (int)strnlen(other.at, other.len), other.at);
}

/* A prefix, and the how manieth of the request it is; NOT_ASKED: one that the client has. */
struct asked_prefix {
    struct bytes name;
    unsigned number;
};
#define NOT_ASKED UINT_MAX

static int by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct asked_prefix *)a)->name, ((const struct asked_prefix *)b)->name);
}

static void note_least(unsigned number, unsigned *least)
{
    if (number < *least) *least = number;
}

/* The first of the request that overlaps with any other, sorted: what begins with a name stands right behind it.
 * NOT_ASKED: none. */
static unsigned first_overlapping(const struct asked_prefix *sorted, unsigned count)
{
    const struct asked_prefix *shortest = sorted;
    unsigned least = NOT_ASKED;

    for (unsigned i = 1; i < count; i++) {
        if (!bytes_start_with(sorted[i].name, shortest->name)) {
            shortest = &sorted[i];
            continue;
        }
        note_least(shortest->number, &least);
        note_least(sorted[i].number, &least);
    }
    return least;
}

/* With whom prefix `i` of the request overlaps: one that the client has, or a later one. */
static void refuse_overlapping(struct call *call, const struct tracker_wish *wish, unsigned i)
{
    const struct tracker *tracker = tracker_of(call->session);

    for (unsigned j = 0; tracker && j < tracker->prefix_count; j++) {
        struct bytes other = prefix_name(tracker->prefixes[j]);

        if (!overlap(other, wish->prefixes[i])) continue;
        refuse_prefix(call, wish->prefixes[i], "an existing", other);
        return;
    }
    for (unsigned j = i + 1; j < wish->prefix_count; j++) {
        if (!overlap(wish->prefixes[i], wish->prefixes[j])) continue;
        refuse_prefix(call, wish->prefixes[i], "another provided", wish->prefixes[j]);
        return;
    }
    must(!"a prefix overlaps with another");
}

/* No key is to be told to a client twice. There may be a hundred thousand, so not each is held against each; they are by
 * name afterwards, which is how they are added in the least time. False: the client has been answered. */
static bool prefixes_fit(struct call *call, struct request_for *request)
{
    const struct tracker *tracker = tracker_of(call->session);
    unsigned asked = request->wish.prefix_count, there = tracker ? tracker->prefix_count : 0, wrong;
    struct asked_prefix *sorted = asked > 0 ? mem_alloc(((size_t)asked + there) * sizeof *sorted) : NULL;

    if (asked == 0) return true;
    if (!sorted) {
        reply_error(call->reply, ERR_NO_MEMORY);
        return false;
    }
    for (unsigned i = 0; i < asked; i++) sorted[i] = (struct asked_prefix){request->prefixes[i], i};
    for (unsigned i = 0; i < there; i++) sorted[asked + i] = (struct asked_prefix){prefix_name(tracker->prefixes[i]), NOT_ASKED};
    qsort(sorted, asked + there, sizeof *sorted, by_name);
    wrong = first_overlapping(sorted, asked + there);
    if (wrong != NOT_ASKED) {
        refuse_overlapping(call, &request->wish, wrong);
    } else {
        for (unsigned i = 0, n = 0; i < asked + there; i++) {
            if (sorted[i].number != NOT_ASKED) request->prefixes[n++] = sorted[i].name;
        }
    }
    mem_free(sorted);
    return wrong == NOT_ASKED;
}

static void track(struct call *call, struct request_for *request)
{
    if (!options_fit(call, &request->wish)) return;
    if (request->wish.flags & SESSION_TRACKS_ALL && !prefixes_fit(call, request)) return;
    if (!call_ok(call, tracker_begin(call->session, &request->wish))) return;
    request->wish.receiver = NULL;
    reply_ok(call->reply);
}

void cmd_client_tracking(struct call *call)
{
    struct request_for request = {0};

    if (read_request(call, &request)) {
        if (call_arg_is(call, 2, "ON")) {
            track(call, &request);
        } else if (call_arg_is(call, 2, "OFF")) {
            tracker_end(call->session);
            reply_ok(call->reply);
        } else {
            call_syntax_error(call);
        }
    }
    request_fini_for(&request);
}

void cmd_client_caching(struct call *call)
{
    unsigned flags = session_flags(call->session);
    bool yes = call_arg_is(call, 2, "YES"), no = call_arg_is(call, 2, "NO");

    if (!(flags & SESSION_TRACKS)) {
        reply_errorf(call->reply, "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
                                  "OPTOUT mode enabled");
    } else if (yes && !(flags & SESSION_OPTIN)) {
        reply_errorf(call->reply, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    } else if (no && !(flags & SESSION_OPTOUT)) {
        reply_errorf(call->reply, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    } else if (!yes && !no) {
        call_syntax_error(call);
    } else {
        session_set(call->session, SESSION_CACHING);
        reply_ok(call->reply);
    }
}

void cmd_client_getredir(struct call *call)
{
    reply_int(call->reply, session_redirect(call->session));
}

static unsigned flag_words(unsigned flags, const char *words[8])
{
    unsigned count = 0;

    words[count++] = flags & SESSION_TRACKS ? "on" : "off";
    if (flags & SESSION_TRACKS_ALL) words[count++] = "bcast";
    if (flags & SESSION_OPTIN) {
        words[count++] = "optin";
        if (flags & SESSION_CACHING) words[count++] = "caching-yes";
    }
    if (flags & SESSION_OPTOUT) {
        words[count++] = "optout";
        if (flags & SESSION_CACHING) words[count++] = "caching-no";
    }
    if (flags & SESSION_NOLOOP) words[count++] = "noloop";
    if (flags & SESSION_REDIRECT_BROKEN) words[count++] = "broken_redirect";
    return count;
}

void cmd_client_trackinginfo(struct call *call)
{
    const struct tracker *tracker = tracker_of(call->session);
    unsigned prefixes = tracker ? tracker->prefix_count : 0;
    const char *words[8];
    unsigned count = flag_words(session_flags(call->session), words);

    reply_map(call->reply, 3);
    reply_bulk_text(call->reply, "flags");
    reply_set(call->reply, count);
    for (unsigned i = 0; i < count; i++) reply_bulk_text(call->reply, words[i]);
    reply_bulk_text(call->reply, "redirect");
    reply_int(call->reply, session_redirect(call->session));
    reply_bulk_text(call->reply, "prefixes");
    reply_array(call->reply, prefixes);
    for (unsigned i = 0; i < prefixes; i++) reply_bulk(call->reply, prefix_name(tracker->prefixes[i]));
}
