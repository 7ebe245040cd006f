#include "coatcheck/daemon/options.h"

#include <syslog.h>
#include "coatcheck/base/log.h"

const struct option_word loglevel_words[] = {{"debug", LOG_LEVEL_DEBUG},     {"verbose", LOG_LEVEL_VERBOSE},
                                             {"notice", LOG_LEVEL_NOTICE},   {"warning", LOG_LEVEL_WARNING},
                                             {"nothing", LOG_LEVEL_NOTHING}, {NULL, 0}};

const struct option_word supervised_words[] = {{"no", 0}, {"auto", 1}, {"systemd", 2}, {"upstart", 3}, {NULL, 0}};

/* Numbers of <syslog.h>, shifted down: LOG_LOCAL0 is 16 << 3. */
const struct option_word syslog_facility_words[] = {
    {"local0", LOG_LOCAL0 >> 3}, {"local1", LOG_LOCAL1 >> 3}, {"local2", LOG_LOCAL2 >> 3},
    {"local3", LOG_LOCAL3 >> 3}, {"local4", LOG_LOCAL4 >> 3}, {"local5", LOG_LOCAL5 >> 3},
    {"local6", LOG_LOCAL6 >> 3}, {"local7", LOG_LOCAL7 >> 3}, {"user", LOG_USER >> 3},
    {NULL, 0}};

#define OPTIONS_HERE daemon_options
#define OPTION_HOOKS_HERE daemon_option_hooks
OPTION_DEFINE(daemon, DAEMON_OPTIONS)
