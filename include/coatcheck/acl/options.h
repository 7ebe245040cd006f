/* options: what the operator may choose about users. */
#ifndef COATCHECK_ACL_OPTIONS_H
#define COATCHECK_ACL_OPTIONS_H

#include "coatcheck/base/option.h"

extern const struct option_word pubsub_default_words[];

enum { ACL_RESET_CHANNELS, ACL_ALL_CHANNELS };

#define ACL_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                   \
    TEXT(user, "user", "", OPTION_AT_START | OPTION_REPEATS | OPTION_SECRET,                       \
         "a user and its rules, as ACL LIST has them: worker on >secret ~jobs:* +@list")           \
    TEXT(aclfile, "aclfile", "", OPTION_AT_START,                                                  \
         "file that holds the users, for ACL LOAD and ACL SAVE; not together with lines of 'user'") \
    WORD(acl_pubsub_default, "acl-pubsub-default", ACL_RESET_CHANNELS, pubsub_default_words,       \
         OPTION_LIVE, "channels of a new user: resetchannels is none, allchannels is all")         \
    INT(acllog_max_len, "acllog-max-len", 128, 0, INT64_MAX, OPTION_LIVE,                          \
        "refusals that ACL LOG keeps")                                                              \
    INT(auth_failure_delay, "auth-failure-delay", 100, 0, 60000, OPTION_LIVE,                      \
        "milliseconds that a login waits when ten from its address have failed; more with each ten; 0: none waits")
OPTION_STRUCT(acl, ACL_OPTIONS);

#endif
