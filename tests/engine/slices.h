/* slices: what the tests of commands that work in slices share. */
#ifndef COATCHECK_TESTS_ENGINE_SLICES_H
#define COATCHECK_TESTS_ENGINE_SLICES_H

#include "clients.h"

static inline unsigned count_lines(const struct client *client, const char *start)
{
    size_t len = strlen(start);
    unsigned count = 0;

    for (const char *at = client->answers.at, *end = at + client->answers.len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        count += (size_t)(end - at) >= len && memcmp(at, start, len) == 0;
        at = newline ? newline + 1 : end;
    }
    return count;
}

/* All that is said, in turns; returns how many of them were slices. */
static inline unsigned serve_in_slices(struct client *client)
{
    unsigned slices = 0;

    while (client->input.len > 0) {
        take_turn(&client, 1, 65536);
        slices += feeds[0].later;
    }
    return slices;
}

/* By itself it is answered in slices, and as it is within a transaction, at once. */
static inline void assert_sliced(struct client *a, struct client *b, const char *words)
{
    say(a, words);
    assert_true(serve_in_slices(a) > 0);
    assert_int_equal(session_queue(&a->session).gathered, 0);
    say(b, "MULTI\r\n");
    say(b, words);
    say(b, "EXEC\r\n");
    assert_int_equal(serve_in_slices(b), 0);
    /* +OK, +QUEUED and the head of the array are before it. */
    assert_int_equal(b->answers.len, a->answers.len + 18);
    assert_memory_equal(b->answers.at + 18, a->answers.at, a->answers.len);
    text_clear(&a->answers);
    text_clear(&b->answers);
}

static inline bool has(const struct client *client, unsigned flag)
{
    return session_flags(&client->session) & flag;
}

/* A string of `len` bytes, drawn. */
static inline void say_value(struct client *client, const char *key, size_t len, uint64_t dice)
{
    char piece[1000];

    for (size_t i = 0; i < sizeof piece; i++) piece[i] = (char)random_below(&dice, 256);
    text_addf(&client->input, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key, len);
    for (size_t i = 0; i < len; i += sizeof piece) {
        text_add(&client->input, bytes_of(piece, len - i < sizeof piece ? len - i : sizeof piece));
    }
    say(client, "\r\n");
    serve(&client, 1, 65536);
    text_clear(&client->answers);
}

static inline void ask(struct client *client, const char *words, const char *answer)
{
    say(client, words);
    serve(&client, 1, 65536);
    assert_answers(client, answer);
}

/* Between two slices. */
static inline bool in_the_middle(const struct client *client)
{
    return session_flags(&client->session) & SESSION_SLICED;
}

static inline void begin(struct client *client, const char *words)
{
    say(client, words);
    take_turn(&client, 1, 65536);
    assert_true(in_the_middle(client));
}

/* To its end; returns how many slices that took. */
static inline unsigned go_on(struct client *client)
{
    unsigned slices = 0;

    for (; client->input.len > 0; slices++) take_turn(&client, 1, 65536);
    return slices;
}

#define LETTERS 9000

/* Two texts, the second with every third letter another. */
static inline void fill_texts(struct client *client)
{
    for (int n = 0; n < 2; n++) {
        uint64_t dice = 7;

        int letters = LETTERS + n * 100;

        text_addf(&client->input, "*3\r\n$3\r\nSET\r\n$5\r\ntext%d\r\n$%d\r\n", n, letters);
        for (int i = 0; i < letters; i++) {
            char letter = (char)('a' + random_below(&dice, 4));

            text_add_char(&client->input, n == 1 && i % 3 == 0 ? 'e' : letter);
        }
        say(client, "\r\n");
    }
    serve(&client, 1, 65536);
    text_clear(&client->answers);
}

#endif
