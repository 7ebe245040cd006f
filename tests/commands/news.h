/* news: what listeners to changes were told, kept as text: an event a line. A test program listens with
 * change_listen(&news_listener), or with a listener of its own that begins its lines otherwise. */
#ifndef TESTS_COMMANDS_NEWS_H
#define TESTS_COMMANDS_NEWS_H

#include "client.h"

static struct text news;

/* The event and its effect: " sadd = SADD k a"; "-" where there is no event. */
static void news_add_event(const struct change *change)
{
    text_addf(&news, " %s", change->event ? change->event : "-");
    if (change->effect_words > 0) text_add(&news, BYTES(" ="));
    for (unsigned i = 0; i < change->effect_words; i++) {
        text_add_char(&news, ' ');
        text_add(&news, change->effect[i]);
    }
    text_add_char(&news, '\n');
}

static void news_note(const struct change *change)
{
    text_add(&news, change->key);
    news_add_event(change);
}

static __attribute__((unused)) const struct change_listener news_listener = {news_note};

static int news_teardown(void **state)
{
    text_fini(&news);
    return client_teardown(state);
}

static void assert_told(const char *line, const char *told)
{
    text_clear(&news);
    say(line);
    text_add_char(&news, '\0');
    assert_string_equal(news.at, told);
}

#endif
