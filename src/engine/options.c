#include "coatcheck/engine/options.h"

const struct option_word debug_command_words[] = {
    {"no", DEBUG_COMMAND_NO}, {"local", DEBUG_COMMAND_LOCAL}, {"yes", DEBUG_COMMAND_YES}, {NULL, 0}};

#define OPTIONS_HERE engine_options
#define OPTION_HOOKS_HERE engine_option_hooks
OPTION_DEFINE(engine, ENGINE_OPTIONS)
