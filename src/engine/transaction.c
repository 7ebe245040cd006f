/* transaction: the queue: how commands come into it, how EXEC runs it, how it ends. */
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/secret.h"
#include "coatcheck/net/worker.h"
#include "dispatch_internal.h"
#include "half_internal.h"
#include "transaction_internal.h"

METRIC_DEFINE(transaction, TRANSACTION_METRICS)

#define CHUNK_LEAST 4096

/* Of the errors for which EXEC may be refused the longest is a third of it. */
#define REFUSAL_MOST 256

struct transaction *transaction_of(struct session *session)
{
    struct transaction *transaction = session_transaction(session);
    struct session_extras *extras;

    if (transaction) return transaction;
    extras = session_need_extras(session);
    if (!extras) return NULL;
    transaction = mem_alloc(sizeof *transaction);
    if (!transaction) return NULL;
    transaction->first = NULL;
    transaction->last = &transaction->first;
    transaction->watches = NULL;
    transaction->chunks = NULL;
    transaction->at = transaction->room;
    transaction->end = transaction->room + sizeof transaction->room;
    transaction->keys = transaction->few;
    transaction->key_count = 0;
    transaction->key_room = FEW_KEYS;
    transaction->flags = 0;
    transaction->every_shard = false;
    extras->transaction = transaction;
    atomic_store_explicit(&session->extras->queue_bytes, sizeof *transaction, memory_order_relaxed);
    return transaction;
}

static void transaction_free(struct transaction *transaction)
{
    for (struct queued *queued = transaction->first; queued; queued = queued->next) {
        if (row_may_have_secrets(queued->command->row)) {
            call_wipe_secrets(&(struct call){.command = queued->command, .args = {.n = queued->count, .of = queued->words}});
        }
        half_free(&queued->half);
    }
    for (struct queue_chunk *chunk = transaction->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        mem_free(chunk);
    }
    if (transaction->keys != transaction->few) mem_free(transaction->keys);
    mem_free(transaction);
}

void transaction_end(struct session *session)
{
    struct transaction *transaction = session_transaction(session);

    if (transaction) {
        watches_drop(&transaction->watches, false);
        session->extras->transaction = NULL;
        transaction_free(transaction);
        atomic_store_explicit(&session->extras->queue_bytes, 0, memory_order_relaxed);
        atomic_store_explicit(&session->extras->queued, 0, memory_order_relaxed);
    }
    /* Nobody else touches the session any more. */
    session_unset(session, SESSION_MULTI | SESSION_SPOILED | SESSION_TOUCHED);
}

void transaction_unwatch(struct session *session)
{
    struct transaction *transaction = session_transaction(session);

    if (!transaction) return;
    if (session_flags(session) & SESSION_MULTI) {
        /* As a command of the transaction: EXEC has dropped them before it began. */
        must(!transaction->watches);
    } else {
        transaction_end(session);
    }
}

void transaction_spoil(struct session *session)
{
    if (session_flags(session) & SESSION_MULTI) session_set(session, SESSION_SPOILED);
}

uint32_t transaction_flags(const struct call *call)
{
    uint32_t flags = call->command->row->flags;

    if (flags & COMMAND_EXECUTES && session_transaction(call->session)) {
        flags |= session_transaction(call->session)->flags;
    }
    return flags;
}

enum gate_answer gate_transaction(struct call *call)
{
    if (likely(!(session_flags(call->session) & SESSION_MULTI))) return GATE_PASS;
    if (!(call->command->row->flags & COMMAND_NO_MULTI)) return GATE_PASS;
    reply_errorf(call->reply, "ERR Command not allowed inside a transaction");
    return GATE_REFUSED;
}

/* ---- the queue ---- */

/* `size` bytes that stay where they are, and are followed by as many readable ones as input is. */
static char *take_room(struct transaction *transaction, struct session *session, size_t size)
{
    size_t wanted = (size + 7) & ~(size_t)7, room;
    struct queue_chunk *chunk;
    char *at;

    if (wanted + REQUEST_PADDING > (size_t)(transaction->end - transaction->at)) {
        room = wanted + REQUEST_PADDING < CHUNK_LEAST ? CHUNK_LEAST : wanted + REQUEST_PADDING;
        chunk = mem_alloc(sizeof *chunk + room);
        if (!chunk) return NULL;
        chunk->next = transaction->chunks;
        transaction->chunks = chunk;
        transaction->at = chunk->room;
        transaction->end = chunk->room + room;
        atomic_fetch_add_explicit(&session->extras->queue_bytes, sizeof *chunk + room, memory_order_relaxed);
    }
    at = transaction->at;
    transaction->at += wanted;
    return at;
}

static bool room_for_keys(struct transaction *transaction, struct session *session, unsigned count)
{
    unsigned room = transaction->key_room;
    struct key *keys;

    if (count <= room - transaction->key_count) return true;
    while (room - transaction->key_count < count) room *= 2;
    keys = mem_resize(transaction->keys == transaction->few ? NULL : transaction->keys, room * sizeof *keys);
    if (!keys) return false;
    if (transaction->keys == transaction->few) {
        memcpy(keys, transaction->few, transaction->key_count * sizeof *keys);
    }
    atomic_fetch_add_explicit(&session->extras->queue_bytes, (room - transaction->key_room) * sizeof *keys,
                              memory_order_relaxed);
    transaction->keys = keys;
    transaction->key_room = room;
    return true;
}

/* Does it look at more than its keys, or may it enter shards itself? What is said of connections does not. */
static bool wants_every_shard(const struct call *call)
{
    uint32_t flags = call->command->row->flags;
    uint32_t beyond = COMMAND_READ | COMMAND_WRITE | COMMAND_KEYSPACE | COMMAND_ADMIN | COMMAND_DANGEROUS;

    if (command_wants_every_shard(call->command->row, &call->args)) return true;
    if (call->key_count > 0) return false;
    return flags & beyond || !(flags & (COMMAND_CONNECTION | COMMAND_FAST));
}

/* The words one behind the other, and where each begins. */
static void keep_words(struct queued *queued, const struct call *call)
{
    char *at = (char *)(queued->words + call->args.n);

    for (unsigned i = 0; i < call->args.n; i++) {
        struct bytes word = call->args.of[i];

        if (word.len > 0) memcpy(at, word.at, word.len);
        queued->words[i] = bytes_of(at, word.len);
        at += word.len;
    }
}

/* Of a plain line an empty word begins where the next one does. */
static inline bool is_word(const struct key *key, struct bytes word)
{
    return key->name.at == word.at && key->name.len == word.len;
}

/* Its names are the words that stay. */
static void keep_keys(struct transaction *transaction, const struct queued *queued, const struct call *call)
{
    struct key *keys = transaction->keys + transaction->key_count;

    for (unsigned k = 0, i = 0; k < call->key_count; k++) {
        /* Keys stand in the order of the words as a rule; where they do not, all words are looked through. */
        for (unsigned tries = 0; tries < call->args.n && !is_word(&call->keys[k], call->args.of[i]); tries++) {
            i = i + 1 < call->args.n ? i + 1 : 0;
        }
        keys[k] = call->keys[k];
        keys[k].name = queued->words[i];
    }
}

/* NULL: no memory, nothing was queued. */
static struct queued *queue_add(struct transaction *transaction, struct call *call)
{
    struct session *session = call->session;
    struct half *half = call->half && call->half->blob ? call->half : NULL;
    size_t size = sizeof(struct queued);
    struct queued *queued;

    if (!room_for_keys(transaction, session, call->key_count)) return NULL;
    if (!half) {
        size += call->args.n * sizeof(struct bytes);
        for (unsigned i = 0; i < call->args.n; i++) size += call->args.of[i].len;
    }
    queued = (struct queued *)take_room(transaction, session, size);
    if (!queued) return NULL;
    *queued = (struct queued){.command = call->command,
                              .half = half,
                              .count = call->args.n,
                              .first_key = transaction->key_count,
                              .key_count = call->key_count,
                              .is_inline = call->is_inline};
    if (half) {
        /* Its words have memory of their own. (Of a request that came in pieces, but whole, they are the input's.) */
        queued->words = half->request.args;
        for (unsigned i = 0; i < call->args.n; i++) size += sizeof(struct bytes) + call->args.of[i].len;
        atomic_fetch_add_explicit(&session->extras->queue_bytes, size, memory_order_relaxed);
        call->half = NULL;
    } else {
        queued->words = (struct bytes *)(queued + 1);
        keep_words(queued, call);
    }
    keep_keys(transaction, queued, call);
    transaction->key_count += call->key_count;
    transaction->flags |= call->command->row->flags;
    transaction->every_shard |= wants_every_shard(call);
    *transaction->last = queued;
    transaction->last = &queued->next;
    atomic_fetch_add_explicit(&session->extras->queued, 1, memory_order_relaxed);
    return queued;
}

/* True: the client is being closed. */
static bool is_over_limit(struct session *session)
{
    size_t bytes = atomic_load_explicit(&session->extras->queue_bytes, memory_order_relaxed);
    struct session_facts facts;

    if (likely((int64_t)bytes <= option_int(&net_options.client_query_buffer_limit))) return false;
    session_host->facts(session, &facts);
    log_warning("closing %s: its transaction has %zu bytes, over client-query-buffer-limit", facts.peer, bytes);
    METRIC_ADD(net, client_query_buffer_limit_disconnections, 1);
    session_set(session, SESSION_CLOSING);
    return true;
}

void transaction_queue(struct call *call)
{
    struct session *session = call->session;

    if (likely(!(session_flags(session) & (SESSION_SPOILED | SESSION_TOUCHED)))) {
        struct transaction *transaction = transaction_of(session);

        if (!transaction || !queue_add(transaction, call)) {
            transaction_spoil(session);
            reply_error(call->reply, ERR_NO_MEMORY);
            return;
        }
        if (is_over_limit(session)) return;
    }
    reply_simple(call->reply, "QUEUED");
}

/* ---- EXEC ---- */

/* The shards of the watched keys are entered too: between the question whether one was changed and the first
 * command nobody changes it. */
static bool add_watched_keys(struct transaction *transaction, struct session *session)
{
    for (struct watch *watch = transaction->watches; watch; watch = watch->next_own) {
        if (!room_for_keys(transaction, session, 1)) return false;
        transaction->keys[transaction->key_count++] = watch_key(watch);
    }
    return true;
}

static void enter(struct transaction *transaction, struct keyspace *keyspace)
{
    if (!transaction->every_shard) {
        shards_enter(transaction->keys, transaction->key_count);
        if (likely(atomic_load_explicit(&blocking_reaching, memory_order_relaxed) == 0) ||
            !(transaction->flags & COMMAND_WRITE)) {
            return;
        }
        /* What it brings may be moved on to any key. */
        shards_leave(transaction->keys, transaction->key_count);
        transaction->every_shard = true;
    }
    keyspace_enter_all(keyspace);
}

static void leave(struct transaction *transaction, struct keyspace *keyspace)
{
    if (transaction->every_shard) {
        keyspace_leave_all(keyspace);
    } else {
        shards_leave(transaction->keys, transaction->key_count);
    }
}

/* The call of a queued command, as that of EXEC with other words. */
static void call_within(struct call *call, const struct call *exec, struct queued *queued)
{
    struct transaction *transaction = session_transaction(exec->session);
    unsigned db = session_db(exec->session);

    *call = (struct call){.session = exec->session,
                          .reply = exec->reply,
                          .keyspace = exec->keyspace,
                          .command = queued->command,
                          .args = {.n = queued->count, .of = queued->words},
                          .key_count = queued->key_count,
                          .is_inline = queued->is_inline,
                          .may_not_block = true,
                          .feed = exec->feed,
                          .half = queued->half};
    if (queued->key_count == 0) return;
    call->keys = transaction->keys + queued->first_key;
    for (unsigned k = 0; k < call->key_count; k++) call->keys[k].db = db;
}

static void run_queue(const struct call *exec)
{
    uint64_t ticks = clock_ticks();

    for (struct queued *queued = session_transaction(exec->session)->first; queued; queued = queued->next) {
        struct reply_mark mark = reply_mark(exec->reply);
        uint64_t began = ticks;
        struct call call;

        call_within(&call, exec, queued);
        dispatch_run_within(&call, &ticks);
        queued->took = ticks - began;
        queued->half = call.half;
        if (unlikely(session_flags(exec->session) & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP)) && !call.pushes) {
            reply_take_back(exec->reply, mark);
        }
    }
}

/* Outside of shards: it takes notes, and asks the kernel who the client is. */
static void tell_slow_ones(const struct call *exec)
{
    for (struct queued *queued = session_transaction(exec->session)->first; queued; queued = queued->next) {
        struct call call;

        if (likely(!dispatch_is_slow(queued->command, queued->took))) continue;
        call_within(&call, exec, queued);
        dispatch_tell_slow(&call, queued->took);
    }
}

/* The watched keys stand as they were: everything, at one instant. */
static void execute(struct call *call, struct transaction *transaction)
{
    unsigned errors_before = call->reply->errors;
    bool served;

    watches_drop(&transaction->watches, true);
    if (!(session_flags(call->session) & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP))) {
        reply_array(call->reply, atomic_load_explicit(&call->session->extras->queued, memory_order_relaxed));
    }
    run_queue(call);
    served = unlikely(blocking_came != NULL) && blocking_serve();
    leave(transaction, call->keyspace);
    if (unlikely(served)) blocking_send();
    tell_slow_ones(call);
    call->errors_told = call->reply->errors - errors_before;
    METRIC_ADD(transaction, transactions_executed, 1);
}

static void abort_untouched(struct call *call)
{
    METRIC_ADD(transaction, transactions_aborted, 1);
    if (session_flags(call->session) & SESSION_SPOILED) {
        reply_error_text(call->reply, BYTES("EXECABORT Transaction discarded because of previous errors."));
    } else {
        reply_null_array(call->reply);
    }
}

void transaction_exec(struct call *call)
{
    struct session *session = call->session;
    struct transaction *transaction = session_transaction(session);

    call->errors_told = 0;
    if (!(session_flags(session) & SESSION_MULTI)) {
        reply_errorf(call->reply, "ERR EXEC without MULTI");
        return;
    }
    if (session_flags(session) & (SESSION_SPOILED | SESSION_TOUCHED)) {
        abort_untouched(call);
    } else if (!transaction) {
        reply_array(call->reply, 0);
        METRIC_ADD(transaction, transactions_executed, 1);
    } else if (!add_watched_keys(transaction, session)) {
        reply_error(call->reply, ERR_NO_MEMORY);
    } else {
        enter(transaction, call->keyspace);
        if (unlikely(session_flags(session) & SESSION_TOUCHED) || watches_are_over(transaction->watches)) {
            leave(transaction, call->keyspace);
            abort_untouched(call);
        } else {
            execute(call, transaction);
        }
    }
    transaction_end(session);
}

void transaction_refuse(struct call *call, struct reply_mark mark)
{
    struct bytes why = bytes_of(mark.at, (size_t)(call->reply->at - mark.at));
    char kept[REFUSAL_MOST];

    must(why.len > 3 && why.len < sizeof kept);
    why = bytes_of(why.at + 1, why.len - 3);
    if (why.len > 4 && memcmp(why.at, "ERR ", 4) == 0) why = bytes_of(why.at + 4, why.len - 4);
    memcpy(kept, why.at, why.len);
    reply_take_back(call->reply, mark);
    reply_errorf(call->reply, "EXECABORT Transaction discarded because of: %.*s", (int)why.len, kept);
    transaction_end(call->session);
}
