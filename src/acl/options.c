#include "coatcheck/acl/options.h"

const struct option_word pubsub_default_words[] = {
    {"resetchannels", ACL_RESET_CHANNELS}, {"allchannels", ACL_ALL_CHANNELS}, {NULL, 0}};

#define OPTIONS_HERE acl_options
#define OPTION_HOOKS_HERE acl_option_hooks
OPTION_DEFINE(acl, ACL_OPTIONS)
