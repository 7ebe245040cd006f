/* server: the process that serves: its clock and its end. */
#include "coatcheck/base/log.h"
#include "coatcheck/commands/table.h"

static void cmd_time(struct call *call)
{
    int64_t now_us = clock_wall_us();

    reply_array(call->reply, 2);
    reply_bulk_int(call->reply, now_us / 1000000);
    reply_bulk_int(call->reply, now_us % 1000000);
}

enum shutdown_words {
    SHUTDOWN_SAVE = 1,
    SHUTDOWN_NOSAVE = 2,
    SHUTDOWN_NOW = 4,
    SHUTDOWN_FORCE = 8,
    SHUTDOWN_ABORT = 16
};

static bool read_shutdown_words(struct call *call, unsigned *words)
{
    static const char *const names[] = {"save", "nosave", "now", "force", "abort", NULL};

    *words = 0;
    for (unsigned i = 1; i < call_argc(call); i++) {
        unsigned w = 0;

        while (names[w] && !call_arg_is(call, i, names[w])) w++;
        if (!names[w]) return false;
        *words |= 1u << w;
    }
    if (*words & SHUTDOWN_ABORT && *words != SHUTDOWN_ABORT) return false;
    return (*words & (SHUTDOWN_SAVE | SHUTDOWN_NOSAVE)) != (SHUTDOWN_SAVE | SHUTDOWN_NOSAVE);
}

/* No answer: the connection closes, as all do. */
static void cmd_shutdown(struct call *call)
{
    struct session_facts facts;
    unsigned words;

    if (!read_shutdown_words(call, &words)) {
        call_syntax_error(call);
    } else if (words & SHUTDOWN_ABORT) {
        reply_errorf(call->reply, "ERR No shutdown in progress.");
    } else if (words & SHUTDOWN_SAVE) {
        reply_errorf(
            call->reply,
            "ERR SHUTDOWN SAVE is not there yet: data is kept in memory only. SHUTDOWN NOSAVE "
            "ends the server without it");
    } else {
        session_host->facts(call->session, &facts);
        log_notice("SHUTDOWN was asked for by %s", facts.peer);
        session_host->close_after_reply(call->session);
        session_host->shut_down();
    }
}

static const struct command_row rows[] = {
    {.name = "time",
     .run = cmd_time,
     .arity = 1,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_FAST,
     .since = "2.6.0",
     .cost = "O(1)",
     .syntax = "",
     .summary = "Returns the server's time in seconds and microseconds.",
     .tips = "nondeterministic_output"},
    {.name = "shutdown",
     .run = cmd_shutdown,
     .arity = -1,
     .flags = COMMAND_ADMIN | COMMAND_NOSCRIPT | COMMAND_LOADING | COMMAND_STALE |
              COMMAND_NO_MULTI | COMMAND_ALLOW_BUSY,
     .since = "1.0.0",
     .cost = "O(1)",
     .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Ends the server; replies under way are delivered first.",
     .history = "7.0.0: Added the `NOW`, `FORCE` and `ABORT` modifiers."},
};

const struct command_family server_commands = COMMAND_FAMILY("server", rows);
