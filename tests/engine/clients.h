/* clients: sessions whose words go through turns without a server round them: each has an input, and keeps what it is
 * told. */
#ifndef COATCHECK_TESTS_ENGINE_CLIENTS_H
#define COATCHECK_TESTS_ENGINE_CLIENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/engine/watch.h"

static struct keyspace *keyspace;
static struct turn *turn;
static bool hold_everything; /* the test's gate: nobody passes */

static inline enum gate_answer test_gate(struct call *call)
{
    (void)call;
    return hold_everything ? GATE_WAIT : GATE_PASS;
}

static const struct gate gates[] = {{"auth", gate_auth}, {"test", test_gate}, {NULL, NULL}};

static inline void close_session(struct session *session)
{
    session_set(session, SESSION_CLOSING);
}

static inline void no_facts(struct session *session, struct session_facts *facts)
{
    (void)session;
    memset(facts, 0, sizeof *facts);
}

/* Sessions are in each turn that the test makes, or not. */
static inline void see_resumed(struct session *session)
{
    assert_false(session_flags(session) & SESSION_POSTPONED);
}

static const struct session_host host = {.close_after_reply = close_session,
                                         .close = close_session,
                                         .facts = no_facts,
                                         .resume = see_resumed};

static inline int setup(void **state)
{
    (void)state;
    clock_setup();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    gates_set(gates);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 16, .one_thread = true});
    turn = turn_new(keyspace);
    return keyspace && turn ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    turn_free(&turn);
    keyspace_free(&keyspace);
    return 0;
}

/* A client as the floors above keep one: its session, what it has sent and not seen used, what it was told. */
struct client {
    struct session session;
    struct outbox outbox;
    struct text input, answers;
};

static inline struct client *client_new(void)
{
    struct client *client = calloc(1, sizeof *client);

    session_init(&client->session);
    return client;
}

static inline void client_free(struct client *client)
{
    session_fini(&client->session, 0);
    outbox_clear(&client->outbox);
    text_fini(&client->input);
    text_fini(&client->answers);
    free(client);
}

static inline void say(struct client *client, const char *words)
{
    text_add(&client->input, bytes_of_text(words));
}

static struct client **present;
static struct feed feeds[64];
static unsigned fail_after; /* of the allocations of each turn one fails: this one; 0: none */

static inline void deliver(struct client *client, struct feed *feed)
{
    while (client->outbox.first) {
        struct outbox_chunk *chunk = client->outbox.first;

        text_add(&client->answers, bytes_of(chunk->at + chunk->sent, chunk->len - chunk->sent));
        outbox_sent(&client->outbox, chunk->len - chunk->sent);
    }
    text_add(&client->answers, feed->output);
    feed->output = (struct bytes){0};
}

static inline void send_early(void *context, unsigned i)
{
    (void)context;
    deliver(present[i], &feeds[i]);
}

/* One turn for these clients, through an area of `room` bytes. */
static inline void take_turn(struct client **clients, unsigned count, size_t room)
{
    char *area = malloc(room), *inputs[64];

    present = clients;
    for (unsigned i = 0; i < count; i++) {
        struct client *client = clients[i];

        inputs[i] = calloc(1, client->input.len + REQUEST_PADDING);
        if (client->input.len) memcpy(inputs[i], client->input.at, client->input.len);
        feeds[i] = (struct feed){.session = &client->session,
                                 .unread_most = 1 << 20,
                                 .input = bytes_of(inputs[i], client->input.len),
                                 .outbox = &client->outbox};
    }
    mem_fail_after(fail_after);
    turn_run(turn, feeds, count, area, room, send_early, NULL);
    mem_fail_after(0);
    for (unsigned i = 0; i < count; i++) {
        struct client *client = clients[i];

        deliver(client, &feeds[i]);
        if (feeds[i].used == 0) {
            free(inputs[i]);
            continue;
        }
        memmove(client->input.at, client->input.at + feeds[i].used, client->input.len - feeds[i].used);
        client->input.len -= feeds[i].used;
        free(inputs[i]);
    }
    free(area);
}

/* Turns until nobody has more to do: a slow machine ends a turn early. */
static inline void serve(struct client **clients, unsigned count, size_t room)
{
    bool again = true;

    while (again) {
        take_turn(clients, count, room);
        again = false;
        for (unsigned i = 0; i < count; i++) again |= feeds[i].again;
    }
}

static inline void assert_answers(struct client *client, const char *expected)
{
    if (!bytes_equal(text_bytes(&client->answers), bytes_of_text(expected))) {
        fail_msg("expected %s, got %.*s", expected, (int)client->answers.len, client->answers.at);
    }
    text_clear(&client->answers);
}

#endif
