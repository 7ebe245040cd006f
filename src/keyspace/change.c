#include "coatcheck/keyspace/change.h"

#include "coatcheck/base/must.h"

#define LISTENERS_MAX 8

bool change_anyone_listens;
static const struct change_listener *listeners[LISTENERS_MAX];
static unsigned listener_count;

void change_listen(const struct change_listener *listener)
{
    must(listener_count < LISTENERS_MAX);
    listeners[listener_count++] = listener;
    change_anyone_listens = true;
}

void change_publish(const struct change *change)
{
    for (unsigned i = 0; i < listener_count; i++) listeners[i]->changed(change);
}
