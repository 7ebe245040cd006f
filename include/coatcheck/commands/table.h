/* table: the families of commands, one file each. */
#ifndef COATCHECK_COMMANDS_TABLE_H
#define COATCHECK_COMMANDS_TABLE_H

#include "coatcheck/base/must.h"
#include "coatcheck/engine/call.h"
#include "coatcheck/engine/command.h"

extern const struct command_family *const command_families[];
extern const unsigned command_family_count;

extern const struct command_family string_commands;
extern const struct command_family string_many_commands;
extern const struct command_family string_range_commands;
extern const struct command_family counter_commands;
extern const struct command_family lcs_commands;
extern const struct command_family bitmap_commands;
extern const struct command_family bitmap_field_commands;
extern const struct command_family keys_commands;
extern const struct command_family dump_commands;
extern const struct command_family scan_commands;
extern const struct command_family object_commands;
extern const struct command_family sort_commands;
extern const struct command_family expire_commands;
extern const struct command_family hash_commands;
extern const struct command_family hash_count_commands;
extern const struct command_family hash_random_commands;
extern const struct command_family hash_scan_commands;
extern const struct command_family hash_expire_commands;
extern const struct command_family hash_together_commands;
extern const struct command_family list_commands;
extern const struct command_family list_range_commands;
extern const struct command_family list_pop_commands;
extern const struct command_family list_move_commands;
extern const struct command_family list_blocking_commands;
extern const struct command_family set_commands;
extern const struct command_family set_random_commands;
extern const struct command_family set_combine_commands;
extern const struct command_family set_scan_commands;
extern const struct command_family zset_commands;
extern const struct command_family zset_rank_commands;
extern const struct command_family zset_range_commands;
extern const struct command_family zset_pop_commands;
extern const struct command_family zset_blocking_commands;
extern const struct command_family zset_random_commands;
extern const struct command_family zset_combine_commands;
extern const struct command_family zset_scan_commands;
extern const struct command_family hyperloglog_commands;
extern const struct command_family geo_commands;
extern const struct command_family geo_search_commands;
extern const struct command_family database_commands;
extern const struct command_family transaction_commands;
extern const struct command_family connection_commands;
extern const struct command_family auth_commands;
extern const struct command_family client_commands;
extern const struct command_family monitor_commands;
extern const struct command_family pubsub_commands;
extern const struct command_family help_commands;
extern const struct command_family lolwut_commands;
extern const struct command_family config_commands;
extern const struct command_family command_commands;
extern const struct command_family server_commands;
extern const struct command_family debug_commands;
extern const struct command_family info_commands;
extern const struct command_family persistence_commands;
extern const struct command_family replication_commands;
extern const struct command_family wait_commands;
extern const struct command_family cluster_commands;
extern const struct command_family scripting_commands;
extern const struct command_family acl_commands;
extern const struct command_family slowlog_commands;
extern const struct command_family latency_commands;
extern const struct command_family memory_commands;

#endif
