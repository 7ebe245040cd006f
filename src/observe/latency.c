#include "coatcheck/observe/latency.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/mem.h"

_Atomic int64_t latency_threshold_ms;

static struct lock series_lock;
static struct latency_series *series[LATENCY_EVENTS]; /* under the lock; owned */
static unsigned series_count;

static struct latency_series *series_find(struct bytes event)
{
    for (unsigned i = 0; i < series_count; i++) {
        if (bytes_equal(event, bytes_of_text(series[i]->event))) return series[i];
    }
    return NULL;
}

/* NULL when there is no memory or no place: an event more or less is not worth an error. */
static struct latency_series *series_needed(const char *event)
{
    struct latency_series *found = series_find(bytes_of_text(event));

    if (found || series_count == LATENCY_EVENTS) return found;
    found = mem_alloc_zeroed(sizeof *found);
    if (!found) return NULL;
    found->event = event;
    series[series_count++] = found;
    return found;
}

/* Only the worst of a second is kept: a burst must not push the minutes before it out. */
static void series_add(struct latency_series *to, struct latency_sample sample)
{
    struct latency_sample *last = to->count > 0 ? &to->samples[to->count - 1] : NULL;

    if (sample.ms > to->worst_ms) to->worst_ms = sample.ms;
    /* Another thread's turn may have begun a moment earlier, in the second before. */
    if (last && (last->at_s == sample.at_s || last->at_s == sample.at_s + 1)) {
        if (sample.ms > last->ms) last->ms = sample.ms;
        return;
    }
    if (to->count == LATENCY_SAMPLES) {
        memmove(to->samples, to->samples + 1, (LATENCY_SAMPLES - 1) * sizeof sample);
        to->count--;
    }
    to->samples[to->count++] = sample;
}

void latency_add(const char *event, int64_t ms)
{
    struct latency_series *to;

    if (!latency_matters(ms)) return;
    lock_take(&series_lock, RANK_METRICS, 0);
    to = series_needed(event);
    if (to) series_add(to, (struct latency_sample){.at_s = clock_now_ms() / 1000, .ms = ms});
    lock_release(&series_lock, RANK_METRICS);
}

unsigned latency_events(const char *events[LATENCY_EVENTS])
{
    unsigned count;

    lock_take(&series_lock, RANK_METRICS, 0);
    count = series_count;
    for (unsigned i = 0; i < count; i++) events[i] = series[i]->event;
    lock_release(&series_lock, RANK_METRICS);
    return count;
}

bool latency_read(struct bytes event, struct latency_series *into)
{
    const struct latency_series *found;

    lock_take(&series_lock, RANK_METRICS, 0);
    found = series_find(event);
    if (found) *into = *found;
    lock_release(&series_lock, RANK_METRICS);
    return found != NULL;
}

static unsigned forget(bool all, struct bytes event)
{
    unsigned kept = 0, forgotten;

    lock_take(&series_lock, RANK_METRICS, 0);
    for (unsigned i = 0; i < series_count; i++) {
        if (all || bytes_equal(event, bytes_of_text(series[i]->event))) {
            mem_free(series[i]);
        } else {
            series[kept++] = series[i];
        }
    }
    forgotten = series_count - kept;
    series_count = kept;
    lock_release(&series_lock, RANK_METRICS);
    return forgotten;
}

unsigned latency_reset(struct bytes event)
{
    return forget(false, event);
}

unsigned latency_reset_all(void)
{
    return forget(true, BYTES(""));
}
