/* waiting: clients that wait for keys without a server round them: things to bring, mail that is
 * kept until it is opened, and what must be so when nobody waits any more. */
#ifndef COATCHECK_TESTS_ENGINE_WAITING_H
#define COATCHECK_TESTS_ENGINE_WAITING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/blocking.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/keyspace/await.h"
#include "coatcheck/net/worker.h"

#ifdef COATCHECK_SANITIZED
#define SCALE 1
#else
#define SCALE 10
#endif

/* ---- a value to wait for: a heap of things that all look alike ---- */

struct heap {
    uint64_t left;
};

static bool heap_free_some(void **container, size_t steps)
{
    (void)steps;
    mem_free(*container);
    *container = NULL;
    return true;
}

static size_t heap_length(const void *container)
{
    return ((const struct heap *)container)->left;
}

static size_t heap_used_bytes(const void *container)
{
    return mem_usable(container);
}

static const struct value_kind heap_kind = {
    .name = "list", .free_some = heap_free_some, .length = heap_length, .used_bytes = heap_used_bytes};

static struct keyspace *keyspace;

static struct key key_named(const char *name, unsigned db)
{
    struct key key;

    key_init(&key, keyspace, db, bytes_of_text(name));
    return key;
}

/* Brings `count` things to a key, as a command would: inside its shard, with the handing out at the
 * end. */
static void bring_to(const struct key *key, uint64_t count)
{
    struct spot spot;
    bool served = false;

    shard_enter(key->shard);
    if (key_find(key, &spot)) {
        ((struct heap *)entry_container(spot.entry))->left += count;
    } else {
        void *container = mem_alloc(sizeof(struct heap));

        ((struct heap *)container)->left = count;
        assert_int_equal(key_put_container(key, &spot, VALUE_LIST, &container, NEVER), OK);
    }
    if (blocking_came) served = blocking_serve();
    shard_leave(key->shard);
    if (served) blocking_send();
}

static __attribute__((unused)) void bring(const char *name, uint64_t count)
{
    struct key key = key_named(name, 0);

    bring_to(&key, count);
}

/* What is at the key, which is empty afterwards. */
static __attribute__((unused)) uint64_t take_all(const char *name)
{
    struct key key = key_named(name, 0);
    struct spot spot;
    uint64_t left = 0;

    shard_enter(key.shard);
    if (key_find(&key, &spot)) {
        left = ((struct heap *)entry_container(spot.entry))->left;
        key_remove(&key, &spot, REMOVED_BY_CLIENT);
    }
    shard_leave(key.shard);
    return left;
}

/* Answers the key's name and takes `wanted` things. */
static void serve_heap(const void *wanted, const struct key *key, struct spot *spot,
                       struct reply *reply)
{
    struct heap *heap = entry_container(spot->entry);
    uint64_t count = *(const uint64_t *)wanted;

    reply_bulk(reply, key->name);
    if (reply->failed) return;
    heap->left -= count < heap->left ? count : heap->left;
    if (heap->left == 0) key_remove(key, spot, REMOVED_BY_CLIENT);
}

static const struct wait_kind for_heaps = {
    .type = VALUE_LIST, .serve = serve_heap, .give_up = reply_null_array};
static const struct wait_kind for_sets = {
    .type = VALUE_SET, .serve = serve_heap, .give_up = reply_null};

/* ---- clients ---- */

#define CLIENTS 512

static struct session clients[CLIENTS];
static unsigned resumed[CLIENTS];
static struct mail *_Atomic mailbox; /* of all workers but this thread's, the last first */

static void resume(struct session *session)
{
    if (session >= clients && session < clients + CLIENTS) resumed[session - clients]++;
}

static void each(void (*see)(struct session *session, void *context), void *context)
{
    for (unsigned i = 0; i < CLIENTS; i++) see(&clients[i], context);
}

static void take_mail(unsigned worker, struct mail *mail)
{
    (void)worker;
    mail->next = atomic_load(&mailbox);
    while (!atomic_compare_exchange_weak(&mailbox, &mail->next, mail)) {}
}

static struct worker *const a_worker = (struct worker *)&mailbox;

static unsigned open_all_mail(struct worker *worker)
{
    unsigned count = 0;

    while (atomic_load(&mailbox)) {
        struct mail *mail = atomic_load(&mailbox);

        atomic_store(&mailbox, mail->next);
        mail->open(worker, mail);
        count++;
    }
    return count;
}

static const struct session_host host = {.resume = resume, .each = each, .mail = take_mail};

static int setup(void **state)
{
    (void)state;
    clock_setup();
    value_kind_add(VALUE_LIST, &heap_kind);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 4, .shards = 8});
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(2);
    blocking_setup();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    keyspace_free(&keyspace);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) {
        memset(&clients[i], 0, sizeof clients[i]);
        clients[i].id = i + 1;
        clients[i].last = 1;
        resumed[i] = 0;
    }
    metric_lane = 0;
    return 0;
}

/* Nobody stands in any line, and no alarm is set. */
static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++) blocking_leave(&clients[i]);
    open_all_mail(a_worker);
    blocking_look_after(0);
    for (unsigned i = 0; i < 200; i++) {
        char name[16];

        snprintf(name, sizeof name, "%u", i);
        if (*shard_waits(key_named(name, 0).shard) != NULL) return -1;
    }
    return METRIC_SUM(blocking, clients_in_timeout_table) == 0 ? 0 : -1;
}

static char window[1024];
static struct outbox overflow;
static struct reply reply;

static const char *said(void)
{
    struct bytes bytes = reply_in_window(&reply);
    static char text[1024];

    memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    return text;
}

static const char *answer_to(struct session *session)
{
    reply_open(&reply, window, sizeof window, &overflow, (uint8_t)session_resp(session));
    assert_non_null(session->waiter);
    assert_true(blocking_has_ended(session));
    blocking_answer(session, &reply);
    return said();
}

/* The client waits for the keys of `names`, split by blanks; database 0. */
static void wait_as(struct session *session, const struct wait_kind *kind, const char *names,
                    uint64_t wanted, int64_t deadline_us, unsigned fail)
{
    struct key keys[8];
    struct call call = {.session = session, .reply = &reply, .keyspace = keyspace, .keys = keys};
    char copy[256], *rest = NULL;

    reply_open(&reply, window, sizeof window, &overflow, (uint8_t)session_resp(session));
    strcpy(copy, names);
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        /* Kept in `copy`: the waiter makes its own. */
        key_init(&keys[call.key_count++], keyspace, 0, bytes_of_text(name));
    }
    shards_enter(keys, call.key_count);
    mem_fail_after(fail);
    call_block(&call, kind, call.key_count, &wanted, sizeof wanted, deadline_us);
    mem_fail_after(0);
    shards_leave(keys, call.key_count);
}

static __attribute__((unused)) void waits(unsigned client, const char *names)
{
    wait_as(&clients[client], &for_heaps, names, 1, 0, 0);
    assert_true(session_is_waiting(&clients[client]));
    assert_string_equal(said(), "");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
