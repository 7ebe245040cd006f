#include "coatcheck/commands/table.h"

const struct command_family *const command_families[] = {
    &string_commands,
    &counter_commands,
    &keys_commands,
    &expire_commands,
    &connection_commands,
    &config_commands,
    &command_commands,
    &server_commands,
    &debug_commands,
};

const unsigned command_family_count = sizeof command_families / sizeof command_families[0];
