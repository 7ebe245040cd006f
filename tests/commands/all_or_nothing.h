/* all_or_nothing: a command either does all it should, or says that there is no memory and leaves everything as
 * it was, whichever of its allocations fails. */
#ifndef TESTS_COMMANDS_ALL_OR_NOTHING_H
#define TESTS_COMMANDS_ALL_OR_NOTHING_H

#include "client.h"

/* After so many numbers that do no harm a command has no more allocations that could fail. */
#define QUIET 12

/* prepare(context) makes the state that each attempt begins with; see() adds a line for an entry to a text. */
struct stage {
    void (*prepare)(const void *context);
    void (*see)(void *text, const struct entry *entry);
    const void *context;
};

/* All that is stored in the first databases; to be ended with text_fini(). */
static struct text stored(const struct stage *stage)
{
    struct text text = {0};

    for (unsigned db = 0; db < 3; db++) {
        uint64_t cursor = 0;

        text_addf(&text, "database %u\n", db);
        do {
            cursor = keyspace_scan(keyspace, db, cursor, 1000, stage->see, &text);
        } while (cursor != 0);
    }
    text_add_char(&text, '\0');
    return text;
}

/* NULL: the server hung up, as there was none even for the words. */
static bool is_refusal(const char *reply)
{
    return !reply || strncmp(reply, "-OOM ", 5) == 0 || strstr(reply, "nsufficient memory");
}

/* Returns how many allocations failed. */
static unsigned assert_all_or_nothing(const struct stage *stage, const char *line)
{
    struct text was, done;
    char *right;
    unsigned failures = 0, quiet = 0;

    stage->prepare(stage->context);
    was = stored(stage);
    right = strdup(say(line));
    assert_true(right[0] != '-');
    done = stored(stage);
    for (unsigned n = 1; quiet < QUIET; n++) {
        const char *reply;
        struct text is;

        stage->prepare(stage->context);
        reply = say_with_failure(line, n);
        is = stored(stage);
        keyspace_check(keyspace);
        if (reply && strcmp(reply, right) == 0) {
            assert_string_equal(is.at, done.at);
            quiet++;
        } else {
            assert_true(is_refusal(reply));
            assert_string_equal(is.at, was.at);
            failures++;
            quiet = 0;
        }
        text_fini(&is);
    }
    text_fini(&was);
    text_fini(&done);
    free(right);
    return failures;
}

#endif
