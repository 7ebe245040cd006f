#include "coatcheck/commands/table.h"

const struct command_family *const command_families[] = {
    &string_commands,
    &string_many_commands,
    &string_range_commands,
    &counter_commands,
    &lcs_commands,
    &keys_commands,
    &scan_commands,
    &object_commands,
    &expire_commands,
    &database_commands,
    &connection_commands,
    &auth_commands,
    &client_commands,
    &monitor_commands,
    &help_commands,
    &lolwut_commands,
    &config_commands,
    &command_commands,
    &server_commands,
    &debug_commands,
    &info_commands,
    &persistence_commands,
    &replication_commands,
    &wait_commands,
    &cluster_commands,
    &scripting_commands,
    &acl_commands,
};

const unsigned command_family_count = sizeof command_families / sizeof command_families[0];
