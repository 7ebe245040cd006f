#include "coatcheck/engine/options.h"

#include "coatcheck/keyspace/evict.h"

const struct option_word debug_command_words[] = {
    {"no", DEBUG_COMMAND_NO}, {"local", DEBUG_COMMAND_LOCAL}, {"yes", DEBUG_COMMAND_YES}, {NULL, 0}};

const struct option_word maxmemory_policy_words[] = {{"noeviction", EVICT_NONE},
                                                     {"allkeys-lru", EVICT_ALL_LRU},
                                                     {"allkeys-lfu", EVICT_ALL_LFU},
                                                     {"allkeys-random", EVICT_ALL_RANDOM},
                                                     {"volatile-lru", EVICT_VOLATILE_LRU},
                                                     {"volatile-lfu", EVICT_VOLATILE_LFU},
                                                     {"volatile-random", EVICT_VOLATILE_RANDOM},
                                                     {"volatile-ttl", EVICT_VOLATILE_TTL},
                                                     {NULL, 0}};

#define OPTIONS_HERE engine_options
#define OPTION_HOOKS_HERE engine_option_hooks
OPTION_DEFINE(engine, ENGINE_OPTIONS)
