/* journal: what was refused, for ACL LOG: the newest first, the same within a minute counted as one. */
#ifndef COATCHECK_ACL_JOURNAL_H
#define COATCHECK_ACL_JOURNAL_H

#include "coatcheck/acl/rules.h"
#include "coatcheck/engine/session.h"

enum denial_context { DENIED_AT_TOP, DENIED_IN_MULTI };

/* For denial_add(): a wrong name or password. */
#define DENIED_LOGIN ((enum permit)(NO_CHANNEL + 1))

struct denial {
    enum permit reason;
    enum denial_context context;
    uint64_t number;          /* counts up from 0 */
    int64_t count, created_ms, updated_ms;
    struct bytes object, user, client;
};

/* Off the shards. For want of memory it is only not noted. */
void denial_add(struct session *session, enum permit reason, enum denial_context context, struct bytes object,
                struct bytes user);

/* Calls `see` with the newest `most`; what it is given stands until it returns. `begin` is told before how many will come. */
void denials_each(size_t most, void (*begin)(size_t count, void *context),
                  void (*see)(const struct denial *denial, void *context), void *context);
void denials_clear(void);

/* Filled at start by who can: the line of CLIENT LIST. */
extern void (*denial_describe)(struct session *session, struct text *into);

#endif
