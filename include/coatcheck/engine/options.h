/* options: what the operator may choose about sessions and commands. */
#ifndef COATCHECK_ENGINE_OPTIONS_H
#define COATCHECK_ENGINE_OPTIONS_H

#include "coatcheck/base/option.h"

extern const struct option_word debug_command_words[];

/* enum evict_policy, in Redis's words. */
extern const struct option_word maxmemory_policy_words[];

/* The words of enable-debug-command and its like: call_is_enabled(). */
enum { DEBUG_COMMAND_NO, DEBUG_COMMAND_LOCAL, DEBUG_COMMAND_YES };

#define ENGINE_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                \
    INT(databases, "databases", 16, 1, 255, OPTION_AT_START, "numbered databases that SELECT chooses from") \
    TEXT(requirepass, "requirepass", "", OPTION_LIVE | OPTION_SECRET,                              \
         "password that clients give with AUTH before anything else; empty asks for none")         \
    BOOL(protected_mode, "protected-mode", 1, OPTION_LIVE,                                         \
         "without a password, serve clients of this machine only")                                 \
    SIZE(proto_max_bulk_len, "proto-max-bulk-len", 536870912, 1048576, INT64_MAX, OPTION_LIVE,     \
         "bytes of the longest argument and string")                                               \
    TEXT(rename_command, "rename-command", "", OPTION_AT_START | OPTION_REPEATS,                   \
         "a command and its new name; an empty name takes the command away")                       \
    WORD(enable_debug_command, "enable-debug-command", DEBUG_COMMAND_NO, debug_command_words,      \
         OPTION_AT_START, "who may call DEBUG: no one, local clients, or yes: everyone")           \
    WORD(enable_protected_configs, "enable-protected-configs", DEBUG_COMMAND_NO, debug_command_words, \
         OPTION_AT_START, "who may CONFIG SET what leads to other files (dir): no one, local clients, or yes: everyone") \
    INT(slowlog_log_slower_than, "slowlog-log-slower-than", 10000, -1, INT64_MAX, OPTION_LIVE,     \
        "microseconds from which a command is kept in the slow log; 0 keeps all, -1 none")         \
    INT(slowlog_max_len, "slowlog-max-len", 128, 0, INT64_MAX, OPTION_LIVE,                        \
        "commands that the slow log keeps")                                                        \
    INT(latency_monitor_threshold, "latency-monitor-threshold", 0, 0, INT64_MAX, OPTION_LIVE,      \
        "milliseconds from which LATENCY keeps an event; 0 keeps none")                            \
    BOOL(latency_tracking, "latency-tracking", 1, OPTION_LIVE,                                     \
         "keep a histogram of each command's time for INFO latencystats and LATENCY HISTOGRAM")    \
    TEXT(latency_tracking_info_percentiles, "latency-tracking-info-percentiles", "50 99 99.9",     \
         OPTION_LIVE | OPTION_LIST, "percentiles of each command's time that INFO latencystats tells") \
    SIZE(maxmemory, "maxmemory", 0, 0, INT64_MAX, OPTION_LIVE | OPTION_PERCENT,                    \
         "bytes that the process may hold, or a percentage of the machine's memory (50%); 0 is no limit") \
    WORD(maxmemory_policy, "maxmemory-policy", 0, maxmemory_policy_words, OPTION_LIVE,             \
         "which keys are dropped at the limit: allkeys-lru and allkeys-lfu keep what is used, volatile-… drop " \
         "keys with a deadline only, noeviction refuses commands instead")                         \
    INT(maxmemory_samples, "maxmemory-samples", 5, 1, 64, OPTION_LIVE,                             \
        "shards that volatile-ttl compares; the other policies do not sample")                     \
    INT(maxmemory_eviction_tenacity, "maxmemory-eviction-tenacity", 10, 0, 100, OPTION_LIVE,       \
        "how long a command may wait for its room: 10 is 20 microseconds at first, 100 is as long as it takes") \
    SIZE(maxmemory_clients, "maxmemory-clients", 0, 0, INT64_MAX, OPTION_LIVE | OPTION_PERCENT,    \
         "bytes that all clients together may hold, or a percentage of maxmemory; those with most are closed; " \
         "0 is no limit")                                                                          \
    INT(hz, "hz", 10, 1, 500, OPTION_LIVE, "times a second that a worker looks after its chores")  \
    INT(active_expire_effort, "active-expire-effort", 1, 1, 10, OPTION_LIVE,                       \
        "how much of a core the sweep of expired keys may take beside clients when it is behind: 1 is a quarter, up to a half "\
        "when keys are late")
OPTION_STRUCT(engine, ENGINE_OPTIONS);

#endif
