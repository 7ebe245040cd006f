#include "coatcheck/engine/memory.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/purge.h"
#include "coatcheck/base/slab.h"
#include "coatcheck/engine/options.h"
#include "coatcheck/engine/transaction.h"
#include "coatcheck/observe/footprint.h"
#include "memory_internal.h"

METRIC_DEFINE(memory, MEMORY_METRICS)

_Atomic bool memory_is_bounded;
_Thread_local int64_t memory_allowance = INT64_MIN;

/* What a worker may allocate before it looks again: half of its part of what is left, within these. */
#define ALLOWANCE_LEAST 4096
#define ALLOWANCE_MOST (1 << 20)

/* How far below the limit an eviction goes, so that not each command has to evict. No further: the blocks of few
 * victims are in the caches still when they are taken again. */
#define SLACK ALLOWANCE_LEAST

/* A command waits for its room so long at most, and for MEMORY_WAIT_HOLDS; longer only when memory has run away by more
 * than what may be: by a 64th of the limit, by a 16th. */
#define INLINE_US 15
#define INLINE_LATE_US 200
#define INLINE_LAST_US 2000

#define SLICE_US 50

/* Between the first line, where pages begin to be short, and the last, what a worker moves together in each of its
 * rounds grows to this: who writes waits for it. */
#define PRESS_LEAST_US 200
#define PRESS_MOST_US 5000

/* Meanwhile the allocator's unused pages go back so often; else they do by themselves, within a second. */
#define PURGE_PAUSE_US 20000
#define PURGE_SLABS_US 200
#define PURGE_WAIT_US 2000

/* Whoever is behind takes the next slice so soon: a quarter of a core, and most of it when memory has run away. */
#define SLICE_PAUSE_US 1000
#define SLICE_FAR_US 250
#define SLICE_LAST_US 2000

/* Nothing has run away when the limit is lowered: that takes half of a core for as long as it takes, and nobody waits for
 * longer than at any other time. */
#define SLICE_LOWER_US 500
#define PRESS_LOWER_US 1000

static struct {
    struct keyspace *keyspace;
    unsigned workers;
    _Atomic int64_t limit;  /* maxmemory in bytes; 0: none */
    _Atomic int64_t target; /* what may be held, so that the process stays below the limit */
    _Atomic int policy, samples, tenacity;
    _Atomic size_t mean_key;

    _Atomic int64_t changed_since; /* bytes evicted and allowed to be taken, since the target was last set */
    _Atomic int64_t excess;        /* of the resident set, beyond what is aimed at; 0: none */
    _Atomic int64_t press_us;      /* a worker's time in each round for moving entries together; 0: no need */

    _Atomic int64_t purged_at_us;

    _Atomic int64_t exceeded_since_us; /* 0: it is not */
    _Atomic int64_t exceeded_total_us;

    _Atomic bool is_lowering; /* the limit was set, and RSS has not come below it yet */
    _Atomic unsigned limits;  /* how many there have been */

    int64_t looked_at_us; /* of worker 0, as what follows */
    int64_t excess_before;
    unsigned looks_lowering, limits_seen;
} the;

int64_t memory_limit(void)
{
    return atomic_load_explicit(&the.limit, memory_order_relaxed);
}

/* More than any machine has, and little enough to add to: what may be told as a limit goes up to INT64_MAX. */
#define LIMIT_MOST ((int64_t)1 << 60)

static int64_t limit_to_add_to(void)
{
    int64_t limit = memory_limit();

    return limit < LIMIT_MOST ? limit : LIMIT_MOST;
}

enum evict_policy memory_policy(void)
{
    return (enum evict_policy)atomic_load_explicit(&the.policy, memory_order_relaxed);
}

static bool is_lowering(void)
{
    return atomic_load_explicit(&the.is_lowering, memory_order_relaxed);
}

bool memory_counts_uses(void)
{
    return memory_policy() == EVICT_ALL_LFU || memory_policy() == EVICT_VOLATILE_LFU;
}

/* --- what is held, against what may be --- */

static void note_exceeded(bool exceeded)
{
    int64_t since = atomic_load_explicit(&the.exceeded_since_us, memory_order_relaxed), now_us;

    if (exceeded == (since != 0)) return;
    now_us = clock_steady_us();
    atomic_store_explicit(&the.exceeded_since_us, exceeded ? now_us : 0, memory_order_relaxed);
    if (!exceeded) atomic_fetch_add_explicit(&the.exceeded_total_us, now_us - since, memory_order_relaxed);
}

int64_t memory_exceeded_ms(void)
{
    int64_t since = atomic_load_explicit(&the.exceeded_since_us, memory_order_relaxed);

    return since ? (clock_steady_us() - since) / 1000 : 0;
}

int64_t memory_exceeded_total_ms(void)
{
    return atomic_load_explicit(&the.exceeded_total_us, memory_order_relaxed) / 1000 + memory_exceeded_ms();
}

/* Bytes above the target; below zero: so many are left. */
static int64_t memory_over(void)
{
    return (int64_t)held_all() - atomic_load_explicit(&the.target, memory_order_relaxed);
}

int64_t memory_left(void)
{
    return -memory_over();
}

static void allow(int64_t left)
{
    int64_t part = left / (2 * (int64_t)the.workers);

    if (part < ALLOWANCE_LEAST) part = ALLOWANCE_LEAST;
    if (part > ALLOWANCE_MOST) part = ALLOWANCE_MOST;
    memory_allowance = held_own() + part;
    atomic_fetch_add_explicit(&the.changed_since, part, memory_order_relaxed);
}

/* The process may take 5 % and 24 MB more than maxmemory: for what the allocator holds besides blocks, and for
 * itself. When it takes more of that than there is, less may be held in blocks. */
#define PERCENT_BESIDES 5
#define BYTES_BESIDES (24 << 20)
#define MARGIN_LEAST (10 << 20) /* so far below that is aimed */

/* Those of the sessions that were below the old limit look again. */
static void forget_allowance(struct bytes text)
{
    (void)text;
    memory_allowance = INT64_MIN;
}

/* Gaps between small values are no loss as long as there are pages; when there are few left, they have to be closed
 * as fast as others open, or the limit would only hold by evicting what could have stayed. */
static void set_pressure(int64_t left, int64_t margin, int64_t gaps)
{
    int64_t press_us = 0, need = gaps - margin / 3;

    if (left < 2 * margin && need > 0 && memory_policy() != EVICT_NONE) {
        if (need < margin - left) need = margin - left;
        if (need > margin / 2) need = margin / 2;
        press_us = PRESS_LEAST_US + (PRESS_MOST_US - PRESS_LEAST_US) * need / (margin / 2);
        if (is_lowering() && press_us > PRESS_LOWER_US) press_us = PRESS_LOWER_US;
    }
    /* Those that sleep have slabs, too. */
    if (atomic_exchange_explicit(&the.press_us, press_us, memory_order_relaxed) == 0 && press_us > 0)
        sessions_post_all(forget_allowance, BYTES(""));
}

/* What the process may take besides what is held. */
static int64_t may_be_besides(void)
{
    return limit_to_add_to() / 100 * PERCENT_BESIDES + BYTES_BESIDES;
}

/* RSS is to stay below this. */
static int64_t aimed_at(void)
{
    return limit_to_add_to() + may_be_besides() - limit_to_add_to() / 50 - MARGIN_LEAST;
}

/* After the limit was lowered, what is evicted for it leaves gaps, and no pages, before what stays is moved together: so
 * many bytes of RSS will come back in this way, and keys evicted for them would have fitted. */
static int64_t will_come_back(int64_t held, int64_t rss)
{
    int64_t apart = rss - held - held / 32 - BYTES_BESIDES / 2;

    return is_lowering() && apart > 0 ? apart : 0;
}

/* Ten times a second: until RSS is where it should be, or comes no nearer. */
#define LOOKS_FOR_MOVES 10
#define MOVES_PART 16

static void judge_lowering(int64_t rss)
{
    unsigned limits = atomic_load_explicit(&the.limits, memory_order_relaxed);
    int64_t excess = rss - aimed_at();
    bool is_stuck = false;

    if (likely(!is_lowering())) return;
    if (the.limits_seen != limits) the.looks_lowering = 0;
    the.limits_seen = limits;
    if (the.looks_lowering++ % LOOKS_FOR_MOVES == 0) {
        is_stuck = the.looks_lowering > 1 && excess > the.excess_before - the.excess_before / MOVES_PART;
        the.excess_before = excess;
    }
    if (excess > 0 && !is_stuck) return;
    the.looks_lowering = 0;
    atomic_store_explicit(&the.is_lowering, false, memory_order_relaxed);
}

static void aim(size_t resident)
{
    int64_t limit = limit_to_add_to(), held = (int64_t)held_all(), rss = (int64_t)resident;
    int64_t besides = may_be_besides(), margin = limit / 50 + MARGIN_LEAST;
    int64_t excess = rss - aimed_at(), returns = excess > 0 ? will_come_back(held, rss) : 0;
    int64_t target = held - (returns < excess ? excess - returns : excess > 0 ? 0 : excess);

#ifdef COATCHECK_SANITIZED
    excess = 0; /* the resident set is the sanitizer's */
    target = limit;
#endif
    if (memory_policy() == EVICT_NONE) excess = 0;
    if (target > limit || memory_policy() == EVICT_NONE) target = limit;
    if (target < limit / 2) target = limit / 2;
    atomic_store_explicit(&the.target, target, memory_order_relaxed);
    atomic_store_explicit(&the.excess, excess > 0 ? excess : 0, memory_order_relaxed);
    set_pressure(limit + besides - rss, margin, rss - held - BYTES_BESIDES / 2);
}

/* Between two pieces of work: not for each worker. Who has it done waits for that, as more would be taken meanwhile; but
 * not for as long as the kernel takes for a hundred megabytes. */
static void give_pages_back(int64_t now_us)
{
    int64_t purged_at_us = atomic_load_explicit(&the.purged_at_us, memory_order_relaxed);

    if (now_us - purged_at_us < PURGE_PAUSE_US) return;
    if (!atomic_compare_exchange_strong(&the.purged_at_us, &purged_at_us, now_us)) return;
    slab_press(clock_ticks() + clock_us_to_ticks(PURGE_SLABS_US));
    purge_wait(PURGE_WAIT_US);
}

/* Pages are kept for a moment for who comes next; not when there are none to spare. */
static bool pages_are_short(size_t resident)
{
    return (int64_t)resident > limit_to_add_to() + limit_to_add_to() / 100 * PERCENT_BESIDES + BYTES_BESIDES / 2;
}

/* Small values that go leave gaps where large ones do not fit: pages are taken though no more is held. And pages of
 * what was freed a moment ago may not have been given back while others are taken: a thousand requests take 35 MB in a
 * tenth of a second. So after so much was evicted or taken, the kernel is asked again; not while a command waits, as
 * its answer takes 40 us. */
static void aim_again(int64_t now_us)
{
    size_t resident;
    int64_t since = atomic_load_explicit(&the.changed_since, memory_order_relaxed);

    if (likely(since < limit_to_add_to() / 64 + (1 << 20))) return;
    if (!atomic_compare_exchange_strong(&the.changed_since, &since, 0)) return; /* another worker does it */
    resident = mem_resident();
    aim(resident);
    if (pages_are_short(resident)) give_pages_back(now_us);
}

static enum evict_end evict(int64_t over, int64_t budget_us, unsigned holds)
{
    struct evict_rules rules = {
        .policy = memory_policy(),
        .samples = (unsigned)atomic_load_explicit(&the.samples, memory_order_relaxed),
        .mean_key = atomic_load_explicit(&the.mean_key, memory_order_relaxed),
        .holds = holds,
    };
    int64_t held = held_own();
    uint64_t began = clock_ticks();
    enum evict_end end;

    /* Far above the limit all of them evict, and none sees what the others take meanwhile. */
    if (over > limit_to_add_to() / 64) over /= the.workers;
    end = evict_some(the.keyspace, &rules, (size_t)(over + SLACK),
                     budget_us == INT64_MAX ? UINT64_MAX : began + clock_us_to_ticks((uint64_t)budget_us));
    METRIC_ADD(memory, evict_us, (int64_t)(clock_ticks_to_ns(clock_ticks() - began) / 1000));
    held -= held_publish();
    if (held > 0) atomic_fetch_add_explicit(&the.changed_since, held, memory_order_relaxed);
    return end;
}

static int64_t tenacity_now(void)
{
    return atomic_load_explicit(&the.tenacity, memory_order_relaxed);
}

static int64_t inline_budget_us(int64_t over)
{
    int64_t limit = limit_to_add_to(), budget_us = INLINE_US;
    int64_t tenacity = tenacity_now();

    if (tenacity >= 100) return INT64_MAX;
    if (is_lowering()) return 1 + INLINE_US * tenacity / 10;
    if (over > limit / 64) budget_us = INLINE_LATE_US;
    if (over > limit / 16) budget_us = INLINE_LAST_US;
    return 1 + budget_us * tenacity / 10;
}

/* As long as memory has not run away, the clock is not the only one to say when it is enough. */
static unsigned inline_holds(int64_t over)
{
    int64_t tenacity = tenacity_now();

    if (tenacity >= 100 || (over > limit_to_add_to() / 64 && !is_lowering())) return 0;
    return (unsigned)(1 + (MEMORY_WAIT_HOLDS - 1) * tenacity / 10);
}

static int64_t slice_budget_us(int64_t over)
{
    int64_t limit = limit_to_add_to();

    if (is_lowering()) return SLICE_LOWER_US;
    if (over > limit / 16) return SLICE_LAST_US;
    return over > limit / 64 ? SLICE_FAR_US : SLICE_US;
}

int64_t memory_for_unread(void)
{
    int64_t limit = limit_to_add_to(), over, room;

    if (likely(limit == 0)) return 0;
    /* Replies come faster than keys can be evicted for them; and of what lay among others, as members of sorted sets, evicting
     * gives no pages back. */
    over = memory_over();
    room = limit / MEMORY_UNREAD_SHARE - (over > 0 ? 2 * over : 0) -
           2 * atomic_load_explicit(&the.excess, memory_order_relaxed);
    return room > 0 ? room : 1;
}

/* As this worker last found out. */
static _Thread_local bool nothing_to_evict;

bool memory_is_behind(void)
{
    int64_t limit = limit_to_add_to();

    return limit > 0 && memory_over() > limit / 64 && memory_policy() != EVICT_NONE && !nothing_to_evict;
}

/* Room for the next command. False: there is none, and nothing can be evicted for it. */
static bool make_room(void)
{
    int64_t over = memory_over();
    uint64_t since_ns;
    enum evict_end end;

    if (over <= 0) {
        note_exceeded(false);
        nothing_to_evict = false;
        allow(-over);
        return true;
    }
    note_exceeded(true);
    nothing_to_evict = true;
    if (memory_policy() == EVICT_NONE) {
        memory_allowance = INT64_MIN;
        return false;
    }
    since_ns = memory_waits_now_ns();
    end = evict(over, inline_budget_us(over), inline_holds(over));
    memory_waits_note(since_ns);
    nothing_to_evict = end == EVICT_EMPTY;
    if (nothing_to_evict && memory_over() > 0) {
        memory_allowance = INT64_MIN;
        return false;
    }
    if (end == EVICT_ENOUGH) {
        note_exceeded(false);
        allow(-memory_over());
    } else {
        memory_allowance = INT64_MIN; /* the next command goes on with it */
    }
    return true;
}

enum gate_answer gate_memory(struct call *call)
{
    uint32_t flags = transaction_flags(call);
    bool queues = session_flags(call->session) & SESSION_MULTI && !(flags & COMMAND_ENDS_MULTI);

    if (likely(!memory_asks())) return GATE_PASS;
    /* What is queued takes memory, too. Replies do, but none is refused for it: who can't evict need not try. */
    if (!(flags & COMMAND_DENYOOM || queues)) {
        if (!nothing_to_evict) make_room();
        return GATE_PASS;
    }
    if (make_room()) return GATE_PASS;
    METRIC_ADD(memory, oom_refusals, 1);
    reply_error(call->reply, ERR_OVER_LIMIT);
    return GATE_REFUSED;
}

/* --- slices --- */

/* What a key takes on average, of all that is held for keys; of a few keys it would say more of other things. */
#define KEYS_FOR_A_MEAN 1000

static void weigh_keys(const struct footprint *footprint)
{
    uint64_t keys = 0;
    size_t held = held_all();

    for (unsigned db = 0; db < keyspace_databases(the.keyspace); db++) keys += keyspace_count(the.keyspace, db);
    held = held > footprint->at_start ? held - footprint->at_start : 0;
    atomic_store_explicit(&the.mean_key, keys >= KEYS_FOR_A_MEAN ? held / keys : 0, memory_order_relaxed);
}

/* The allocator's own figures take long to add up: ten times a second, by one worker. */
static void look(int64_t now_us)
{
    struct footprint footprint;

    if (now_us - the.looked_at_us < FOOTPRINT_FRESH_US) return;
    the.looked_at_us = now_us;
    footprint_read(&footprint);
    held_level();
    judge_lowering((int64_t)footprint.rss);
    aim(footprint.rss);
    weigh_keys(&footprint);
    evict_judge(the.keyspace);
    if (pages_are_short(footprint.rss)) give_pages_back(now_us);
}

/* Moves entries together while pages are short. True: there is more to move. */
static bool press(unsigned worker, int64_t now_us)
{
    int64_t press_us = atomic_load_explicit(&the.press_us, memory_order_relaxed);
    bool is_behind;

    if (likely(press_us == 0)) return false;
    METRIC_ADD(memory, compact_slices, 1);
    is_behind = keyspace_compact(the.keyspace, worker, clock_ticks() + clock_us_to_ticks((uint64_t)press_us));
    give_pages_back(now_us);
    aim(mem_resident());
    return is_behind;
}

int64_t memory_look_after(unsigned worker, int64_t now_us)
{
    int64_t over, wait_us;
    enum evict_end end;

    /* Without a limit, too: when one is set, what was never told would be counted twice. */
    held_publish();
    if (memory_clients_limit() > 0) memory_clients_look_after(worker, now_us);
    if (likely(!atomic_load_explicit(&memory_is_bounded, memory_order_relaxed))) return INT64_MAX;
    if (worker == 0) look(now_us);
    aim_again(now_us);
    wait_us = worker == 0 ? FOOTPRINT_FRESH_US : INT64_MAX;
    if (press(worker, now_us)) wait_us = SLICE_PAUSE_US;
    if (likely(!memory_asks())) return wait_us;
    over = memory_over();
    if (over <= 0) {
        note_exceeded(false);
        nothing_to_evict = false;
        allow(-over);
        return wait_us;
    }
    if (memory_policy() == EVICT_NONE) return wait_us;
    METRIC_ADD(memory, evict_slices, 1);
    end = evict(over, slice_budget_us(over), 0);
    nothing_to_evict = end == EVICT_EMPTY;
    if (end != EVICT_BUSY) return wait_us;
    memory_allowance = INT64_MIN; /* what it frees are blocks of its own, too: it would think that it is done */
    return SLICE_PAUSE_US;
}

/* --- options --- */

static void read_options(void)
{
    int64_t limit = option_int(&engine_options.maxmemory);
    int policy = (int)option_int(&engine_options.maxmemory_policy);
    bool remembers = limit != 0 && policy != EVICT_NONE && policy != EVICT_ALL_RANDOM &&
                     policy != EVICT_VOLATILE_RANDOM && policy != EVICT_VOLATILE_TTL;

    /* Below zero: percents of the machine. */
    if (limit < 0) limit = (int64_t)(mem_machine() / 100) * -limit;
    atomic_store(&the.policy, policy);
    atomic_store(&the.samples, (int)option_int(&engine_options.maxmemory_samples));
    atomic_store(&the.tenacity, (int)option_int(&engine_options.maxmemory_eviction_tenacity));
    if (atomic_exchange(&the.limit, limit) != limit) {
        atomic_fetch_add(&the.limits, 1);
        atomic_store(&the.is_lowering, limit > 0);
    }
    atomic_store(&the.target, limit);
    evict_remember(the.keyspace, remembers);
    atomic_store(&memory_is_bounded, limit > 0);
    note_exceeded(false);
}

int64_t memory_clients_limit(void)
{
    int64_t limit = option_int(&engine_options.maxmemory_clients);

    return limit >= 0 ? limit : limit_to_add_to() / 100 * -limit;
}

static void options_changed(void)
{
    struct footprint footprint;

    read_options();
    footprint_read(&footprint);
    held_level();
    weigh_keys(&footprint);
    memory_allowance = INT64_MIN;
    sessions_post_all(forget_allowance, BYTES(""));
}

void memory_setup(struct keyspace *keyspace, unsigned workers)
{
    the.keyspace = keyspace;
    the.workers = workers;
    engine_option_hooks.maxmemory.changed = options_changed;
    engine_option_hooks.maxmemory_policy.changed = options_changed;
    engine_option_hooks.maxmemory_samples.changed = options_changed;
    engine_option_hooks.maxmemory_eviction_tenacity.changed = options_changed;
    read_options();
}
