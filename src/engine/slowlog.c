#include "coatcheck/engine/slowlog.h"

#include <stdio.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/secret.h"
#include "coatcheck/engine/watch.h"
#include "coatcheck/observe/latency.h"

/* The words' bytes stand behind it. */
struct kept {
    struct slow_entry entry; /* first, so that one is the other */
    struct kept *older, *newer;
    _Atomic unsigned references; /* one is the log's */
    char room[];
};

static struct lock log_lock;
static struct kept *newest, *oldest; /* under the lock, as the two below */
static size_t kept_count;
static uint64_t next_id;

static void kept_release(struct kept *kept)
{
    if (atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) == 1) mem_free(kept);
}

/* ---- making an entry ---- */

/* What is shown of word `i`; a cut one ends with the number of bytes that are left out, printed to
 * `tail`. */
static struct bytes shown_word(const struct call *call, unsigned i, char tail[64], size_t *tail_len)
{
    struct bytes word = call->args.of[i];

    *tail_len = 0;
    if (call_arg_is_secret(call, i)) return BYTES("(redacted)");
    if (word.len <= SLOWLOG_WORD_BYTES) return word;
    *tail_len = (size_t)snprintf(tail, 64, "... (%zu more bytes)", word.len - SLOWLOG_WORD_BYTES);
    return bytes_of(word.at, SLOWLOG_WORD_BYTES);
}

static struct bytes put(char **at, struct bytes bytes)
{
    struct bytes there = bytes_of(*at, bytes.len);

    if (bytes.len > 0) memcpy(*at, bytes.at, bytes.len);
    *at += bytes.len;
    return there;
}

static void put_words(struct kept *kept, const struct call *call, char **at)
{
    unsigned words = call->args.n, whole = words > SLOWLOG_WORDS ? SLOWLOG_WORDS - 1 : words;
    char tail[64];

    for (unsigned i = 0; i < whole; i++) {
        size_t tail_len;
        struct bytes shown = put(at, shown_word(call, i, tail, &tail_len));

        put(at, bytes_of(tail, tail_len));
        shown.len += tail_len;
        kept->entry.words[i] = shown;
    }
    kept->entry.count = whole;
    if (whole == words) return;
    snprintf(tail, sizeof tail, "... (%u more arguments)", words - whole);
    kept->entry.words[kept->entry.count++] = put(at, bytes_of_text(tail));
}

static struct kept *kept_new(const struct call *call, int64_t us)
{
    struct bytes name = session_own_text(call->session, SESSION_NAME), peer;
    struct session_facts facts;
    size_t room = name.len + sizeof facts.peer + 64;
    struct kept *kept;
    char *at;

    for (unsigned i = 0; i < call->args.n && i < SLOWLOG_WORDS; i++) {
        room += (call->args.of[i].len < SLOWLOG_WORD_BYTES ? call->args.of[i].len
                                                           : SLOWLOG_WORD_BYTES) +
                64;
    }
    kept = mem_alloc(sizeof *kept + room);
    if (!kept) return NULL;
    at = kept->room;
    session_host->facts(call->session, &facts);
    peer = bytes_of_text(facts.peer);
    kept->entry.at_s = clock_now_ms() / 1000;
    kept->entry.us = us;
    kept->entry.peer = put(&at, peer);
    kept->entry.name = put(&at, name);
    put_words(kept, call, &at);
    kept->older = kept->newer = NULL;
    atomic_init(&kept->references, 1);
    return kept;
}

/* ---- the log ---- */

static void link_newest(struct kept *kept)
{
    kept->entry.id = next_id++;
    kept->older = newest;
    if (newest) newest->newer = kept;
    newest = kept;
    if (!oldest) oldest = kept;
    kept_count++;
}

/* The oldest ones beyond `most`, taken out of the log, as a list by `newer`. */
static struct kept *unlink_beyond(size_t most)
{
    struct kept *first = oldest, *last = NULL;

    while (kept_count > most) {
        last = oldest;
        oldest = oldest->newer;
        kept_count--;
    }
    if (!last) return NULL;
    last->newer = NULL;
    if (oldest) {
        oldest->older = NULL;
    } else {
        newest = NULL;
    }
    return first;
}

static void release_list(struct kept *kept)
{
    while (kept) {
        struct kept *next = kept->newer;

        kept_release(kept);
        kept = next;
    }
}

static void log_add(const struct call *call, int64_t us)
{
    struct kept *kept = kept_new(call, us), *dropped;

    if (!kept) return; /* an entry less in a log that forgets anyhow */
    lock_take(&log_lock, RANK_SLOWLOG, 0);
    link_newest(kept);
    dropped = unlink_beyond((size_t)option_int(&engine_options.slowlog_max_len));
    lock_release(&log_lock, RANK_SLOWLOG);
    release_list(dropped);
}

size_t slowlog_len(void)
{
    size_t len;

    lock_take(&log_lock, RANK_SLOWLOG, 0);
    len = kept_count;
    lock_release(&log_lock, RANK_SLOWLOG);
    return len;
}

void slowlog_reset(void)
{
    struct kept *dropped;

    lock_take(&log_lock, RANK_SLOWLOG, 0);
    dropped = unlink_beyond(0);
    lock_release(&log_lock, RANK_SLOWLOG);
    release_list(dropped);
}

size_t slowlog_hold(const struct slow_entry **entries, size_t count)
{
    size_t held = 0;

    lock_take(&log_lock, RANK_SLOWLOG, 0);
    for (struct kept *kept = newest; kept && held < count; kept = kept->older) {
        atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed);
        entries[held++] = &kept->entry;
    }
    lock_release(&log_lock, RANK_SLOWLOG);
    return held;
}

void slowlog_release(const struct slow_entry **entries, size_t count)
{
    for (size_t i = 0; i < count; i++) kept_release((struct kept *)(uintptr_t)entries[i]);
}

/* ---- who is told of what ---- */

static void command_was_slow(struct call *call, int64_t ns)
{
    int64_t slower_than_us = option_int(&engine_options.slowlog_log_slower_than);

    if (slower_than_us >= 0 && ns / 1000 >= slower_than_us) log_add(call, ns / 1000);
    latency_add(call->command->row->flags & COMMAND_FAST ? "fast-command" : "command",
                ns / 1000000);
}

static uint64_t ticks_of_us(int64_t us)
{
    /* Centuries would overflow, and are never anyhow. */
    return us > INT64_MAX / 1000000 ? UINT64_MAX : clock_us_to_ticks((uint64_t)us);
}

static void follow_thresholds(void)
{
    int64_t slower_than_us = option_int(&engine_options.slowlog_log_slower_than);
    int64_t threshold_ms = option_int(&engine_options.latency_monitor_threshold);
    uint64_t ticks = UINT64_MAX;

    atomic_store_explicit(&latency_threshold_ms, threshold_ms, memory_order_relaxed);
    if (slower_than_us >= 0) ticks = ticks_of_us(slower_than_us);
    if (threshold_ms > 0) {
        uint64_t of_latency =
            ticks_of_us(threshold_ms > INT64_MAX / 1000 ? INT64_MAX : threshold_ms * 1000);

        if (of_latency < ticks) ticks = of_latency;
    }
    atomic_store_explicit(&watch_slow_ticks, ticks, memory_order_relaxed);
}

void slowlog_setup(void)
{
    watch_hooks.slow = command_was_slow;
    engine_option_hooks.slowlog_log_slower_than.changed = follow_thresholds;
    engine_option_hooks.latency_monitor_threshold.changed = follow_thresholds;
    follow_thresholds();
}
