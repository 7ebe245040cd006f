#include "coatcheck/keyspace/change.h"

#include "coatcheck/base/must.h"

#define LISTENERS_MAX 8

_Atomic bool change_anyone_listens_now, change_anyone_wants_more;

static struct {
    const struct change_listener *listener;
    _Atomic bool listens, more;
} listeners[LISTENERS_MAX];
static unsigned listener_count;

void change_may_listen(const struct change_listener *listener)
{
    must(listener_count < LISTENERS_MAX);
    listeners[listener_count++].listener = listener;
}

void change_attend(const struct change_listener *listener, bool listens, bool more)
{
    bool anyone = false, anyone_more = false;

    for (unsigned i = 0; i < listener_count; i++) {
        if (listeners[i].listener == listener) {
            listeners[i].listens = listens;
            listeners[i].more = listens && more;
        }
        anyone |= listeners[i].listens;
        anyone_more |= listeners[i].more;
    }
    change_anyone_listens_now = anyone;
    change_anyone_wants_more = anyone_more;
}

void change_listen(const struct change_listener *listener)
{
    change_may_listen(listener);
    change_attend(listener, true, false);
}

void change_publish(const struct change *change)
{
    for (unsigned i = 0; i < listener_count; i++) {
        if (listeners[i].listens) listeners[i].listener->changed(change);
    }
}

static _Thread_local bool holds_new, held_new;

void change_hold_new(void)
{
    holds_new = true;
    held_new = false;
}

bool change_release_new(void)
{
    holds_new = false;
    return held_new;
}

void change_publish_more(unsigned db, struct bytes key, const char *event)
{
    struct change change = {.db = db, .key = key, .event = event};

    if (holds_new) {
        held_new = true;
        return;
    }
    for (unsigned i = 0; i < listener_count; i++) {
        if (listeners[i].more) listeners[i].listener->changed(&change);
    }
}
