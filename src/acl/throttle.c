#include "coatcheck/acl/throttle.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>
#include "coatcheck/acl/options.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/base/hash.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/must.h"

METRIC_DEFINE(throttle, THROTTLE_METRICS)

/* Who commands many addresses pushes others out of a set, not out of the table. */
#define SETS 512
#define WAYS 8

/* Those who wait are looked through so often at the most: there may be thousands. */
#define STEP_US 20000

struct culprit {
    uint64_t address; /* 0: nobody */
    int64_t last_us;
    uint32_t failures;
};

static struct lock throttle_lock;
#define THROTTLE_RANK RANK_OPTIONS
static struct culprit culprits[SETS][WAYS];

static _Atomic int64_t last_failed_us;

static _Thread_local int64_t look_at_us; /* 0: nobody of this worker's waits */

/* ---- addresses ---- */

/* "1.2.3.4:5", "[::1]:5", "/path:0": what of it is the same for all connections of one who guesses. */
static uint64_t address_of(struct session *session)
{
    struct session_facts facts;
    unsigned char part[17] = {0};
    struct in6_addr v6;
    char *end;

    session_host->facts(session, &facts);
    if (facts.unix_socket) return 1;
    end = strrchr(facts.peer, facts.peer[0] == '[' ? ']' : ':');
    if (end) *end = '\0';
    if (facts.peer[0] != '[') return hash_bytes(bytes_of_text(facts.peer)) | 2;
    if (inet_pton(AF_INET6, facts.peer + 1, &v6) != 1) return 2;
    memcpy(part, &v6, IN6_IS_ADDR_V4MAPPED(&v6) ? 16 : 8);
    return hash_bytes(bytes_of((const char *)part, 16)) | 2;
}

/* Holding the lock: the one, or NULL. */
static struct culprit *culprit_find(uint64_t address, int64_t now_us)
{
    struct culprit *set = culprits[(address >> 8) % SETS];

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].address == address && now_us - set[i].last_us < THROTTLE_WINDOW_US) return &set[i];
    }
    return NULL;
}

/* Holding the lock: the one that is remembered least well becomes this one. */
static struct culprit *culprit_new(uint64_t address)
{
    struct culprit *set = culprits[(address >> 8) % SETS], *oldest = set;

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].address == address) {
            oldest = &set[i];
            break;
        }
        if (set[i].last_us < oldest->last_us) oldest = &set[i];
    }
    *oldest = (struct culprit){.address = address};
    return oldest;
}

/* ---- failures ---- */

void throttle_failed(struct session *session)
{
    int64_t now_us = clock_steady_us();
    struct culprit *culprit;
    uint64_t address;

    if (option_int(&acl_options.auth_failure_delay) == 0) return;
    address = address_of(session);
    lock_take(&throttle_lock, THROTTLE_RANK, 0);
    culprit = culprit_find(address, now_us);
    if (!culprit) culprit = culprit_new(address);
    culprit->last_us = now_us;
    if (culprit->failures < UINT32_MAX) culprit->failures++;
    if (culprit->failures >= THROTTLE_FREE) {
        atomic_store_explicit(&last_failed_us, now_us, memory_order_relaxed);
        gate_raise(GATE_LOGINS);
    }
    lock_release(&throttle_lock, THROTTLE_RANK);
}

static bool is_raised(void)
{
    return atomic_load_explicit(&gate_reasons, memory_order_relaxed) & GATE_LOGINS;
}

/* How long a login of this session has to wait. */
static int64_t wait_of(struct session *session, int64_t now_us)
{
    int64_t delay_us = option_int(&acl_options.auth_failure_delay) * 1000;
    struct culprit *culprit;
    uint64_t address;
    unsigned times = 0;

    if (!is_raised() || delay_us == 0) return 0;
    address = address_of(session);
    lock_take(&throttle_lock, THROTTLE_RANK, 0);
    culprit = culprit_find(address, now_us);
    if (culprit) times = culprit->failures / THROTTLE_FREE;
    lock_release(&throttle_lock, THROTTLE_RANK);
    return delay_us * (times < THROTTLE_MOST ? times : THROTTLE_MOST);
}

bool throttle_permits(struct session *session)
{
    return likely(!is_raised()) || wait_of(session, clock_steady_us()) == 0;
}

/* ---- waiting ---- */

static bool is_login(const struct call *call)
{
    const char *name = call->command->row->name;

    if (strcmp(name, "auth") == 0) return true;
    if (strcmp(name, "hello") != 0) return false;
    for (unsigned i = 2; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "auth")) return true;
    }
    return false;
}

enum gate_answer gate_throttle(struct call *call)
{
    struct session_extras *extras = call->session->extras;
    int64_t now_us, wait_us;

    if (likely(!is_raised()) || !is_login(call)) return GATE_PASS;
    now_us = clock_steady_us();
    if (extras && extras->login_at_us != 0) {
        if (now_us >= extras->login_at_us) {
            /* This one has waited; the next one waits again. */
            extras->login_at_us = 0;
            return GATE_PASS;
        }
    } else {
        wait_us = wait_of(call->session, now_us);
        if (wait_us == 0) return GATE_PASS;
        extras = session_need_extras(call->session);
        if (!extras) {
            reply_error(call->reply, ERR_NO_MEMORY);
            return GATE_REFUSED;
        }
        extras->login_at_us = now_us + wait_us;
        METRIC_ADD(throttle, auth_logins_delayed, 1);
    }
    if (look_at_us == 0 || extras->login_at_us < look_at_us) look_at_us = extras->login_at_us;
    session_set(call->session, SESSION_POSTPONED);
    return GATE_WAIT;
}

struct look {
    int64_t now_us, next_us;
};

static void wake(struct session *session, void *context)
{
    struct look *look = context;
    int64_t login_at_us = session->extras ? session->extras->login_at_us : 0;

    if (login_at_us == 0 || !(session_flags(session) & SESSION_POSTPONED)) return;
    if (login_at_us > look->now_us) {
        if (login_at_us < look->next_us) look->next_us = login_at_us;
        return;
    }
    session_unset(session, SESSION_POSTPONED);
    session_host->resume(session);
}

/* Nobody has failed for so long that nobody is remembered. */
static void forget(int64_t now_us)
{
    lock_take(&throttle_lock, THROTTLE_RANK, 0);
    if (now_us - atomic_load_explicit(&last_failed_us, memory_order_relaxed) >= THROTTLE_WINDOW_US) {
        gate_lower(GATE_LOGINS);
    }
    lock_release(&throttle_lock, THROTTLE_RANK);
}

int64_t throttle_look_after(int64_t now_us)
{
    struct look look = {.now_us = now_us, .next_us = INT64_MAX};

    if (likely(look_at_us == 0)) {
        if (unlikely(is_raised()) &&
            now_us - atomic_load_explicit(&last_failed_us, memory_order_relaxed) >= THROTTLE_WINDOW_US) {
            forget(now_us);
        }
        return INT64_MAX;
    }
    if (now_us < look_at_us) return look_at_us - now_us;
    session_host->each_own(wake, &look);
    look_at_us = 0;
    if (look.next_us == INT64_MAX) return INT64_MAX;
    look_at_us = look.next_us > now_us + STEP_US ? look.next_us : now_us + STEP_US;
    return look_at_us - now_us;
}
