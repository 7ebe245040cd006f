/* client: one client of a server without sockets, for what a conversation over one cannot show: the news of
 * changes, memory that fails, values of types that have no commands yet. */
#ifndef COATCHECK_TESTS_COMMANDS_CLIENT_H
#define COATCHECK_TESTS_COMMANDS_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/text.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/wire/request.h"

#define CLIENT_AREA (256 * 1024)

static struct keyspace *keyspace;
static struct turn *turn;
static struct session session;
static struct outbox outbox;
static struct text answer;
static char *area;

static void close_session(struct session *closed)
{
    session_set(closed, SESSION_CLOSING);
}

static void no_facts(struct session *asked, struct session_facts *facts)
{
    (void)asked;
    memset(facts, 0, sizeof *facts);
}

static const struct session_host host = {.close_after_reply = close_session, .facts = no_facts};
static const struct gate gates[] = {{"auth", gate_auth}, {NULL, NULL}};

static int client_setup(void **state)
{
    (void)state;
    clock_setup();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    gates_set(gates);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 16, .one_thread = true});
    turn = turn_new(keyspace);
    area = malloc(CLIENT_AREA);
    session_init(&session);
    return keyspace && turn && area ? 0 : -1;
}

static int client_teardown(void **state)
{
    (void)state;
    session_fini(&session, 0);
    outbox_clear(&outbox);
    text_fini(&answer);
    turn_free(&turn);
    keyspace_free(&keyspace);
    free(area);
    return 0;
}

static void send_nothing(void *context, unsigned feed)
{
    (void)context;
    (void)feed;
}

static void take_answer(struct feed *feed)
{
    text_clear(&answer);
    while (outbox.first) {
        struct outbox_chunk *chunk = outbox.first;

        text_add(&answer, bytes_of(chunk->at + chunk->sent, chunk->len - chunk->sent));
        outbox_sent(&outbox, chunk->len - chunk->sent);
    }
    text_add(&answer, feed->output);
    text_add_char(&answer, '\0');
}

/* The words of a line, split at blanks; "" is an empty one. As bytes of a request. */
static void add_request(struct text *request, const char *line)
{
    unsigned count = 1;

    for (const char *at = line; *at; at++) count += *at == ' ';
    text_addf(request, "*%u\r\n", count);
    for (const char *at = line; count > 0; count--) {
        size_t len = strcspn(at, " ");
        struct bytes word = strncmp(at, "\"\"", len) == 0 ? bytes_of(at, 0) : bytes_of(at, len);

        text_addf(request, "$%zu\r\n", word.len);
        text_add(request, word);
        text_add(request, BYTES("\r\n"));
        at += len + 1;
    }
}

/* Says the words of a line and hands out the whole reply, ended by a zero, until the next line is said. NULL:
 * the server would close the connection. `fail_nth`: mem_fail_after() or mem_fail_from(), with `fail`. */
static const char *say_while(const char *line, void (*fail_nth)(unsigned n), unsigned fail)
{
    struct text request = {0};
    struct feed feed = {.session = &session, .outbox = &outbox, .unread_most = 1 << 20};

    add_request(&request, line);
    feed.input = text_bytes(&request);
    memset(text_extend(&request, REQUEST_PADDING), 0, REQUEST_PADDING);
    feed.input.at = request.at;
    fail_nth(fail);
    turn_run(turn, &feed, 1, area, CLIENT_AREA, send_nothing, NULL);
    mem_fail_after(0);
    text_fini(&request);
    take_answer(&feed);
    session_unset(&session, SESSION_CLOSING);
    return feed.close ? NULL : answer.at;
}

/* With `fail` the allocation of that number fails. */
static const char *say_with_failure(const char *line, unsigned fail)
{
    return say_while(line, mem_fail_after, fail);
}

static const char *say(const char *line)
{
    const char *reply = say_with_failure(line, 0);

    assert_non_null(reply);
    return reply;
}

#define SAY(line, reply) assert_string_equal(say(line), reply)

static __attribute__((unused)) struct key key_named(const char *name)
{
    struct key key;

    key_init(&key, keyspace, session_db(&session), bytes_of_text(name));
    return key;
}

#endif
