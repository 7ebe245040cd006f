/* notice: events of keys as messages, when notify-keyspace-events asks for them: to __keyspace@<db>__:<key> with
 * the event, to __keyevent@<db>__:<event> with the key. They go out after the change can be seen, in the order of the
 * changes to a key. */
#ifndef COATCHECK_PUBSUB_NOTICE_H
#define COATCHECK_PUBSUB_NOTICE_H

#include "coatcheck/base/option.h"

/* Before the options are read; and once they are, before any worker runs. */
void notice_declare(void);
void notice_setup(void);

/* Each worker, at its end. */
void notice_stop(void);

/* Are any events told now? */
bool notice_is_on(void);

/* The letter of the class that an event belongs to: 'g', '$', 'l' … */
char notice_class_of(const char *event);

#define PUBSUB_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                \
    TEXT(notify_keyspace_events, "notify-keyspace-events", "", OPTION_LIVE,                        \
         "which events of keys are published: K and E choose the channels, g$lshzxetd or A for all of them, and n " \
         "and m, the events; empty publishes none")
OPTION_STRUCT(pubsub, PUBSUB_OPTIONS);

#endif
