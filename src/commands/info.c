/* info: the server told in lines of name:value, section by section, as people and exporters read
 * it. */
#include "info_internal.h"

#include "coatcheck/commands/table.h"

struct info_section {
    const char *name;                                    /* as it is asked for */
    const char *title;                                   /* as it is headed */
    void (*write)(struct call *call, struct text *into); /* NULL: nothing but the head */
    bool by_default;
};

static const struct info_section sections[] = {
    {"server", "Server", info_server, true},
    {"clients", "Clients", info_clients, true},
    {"memory", "Memory", info_memory, true},
    {"persistence", "Persistence", info_persistence, true},
    {"stats", "Stats", info_stats, true},
    {"replication", "Replication", info_replication, true},
    {"cpu", "CPU", info_cpu, true},
    {"modules", "Modules", NULL, true},
    {"commandstats", "Commandstats", info_commandstats, false},
    {"errorstats", "Errorstats", info_errorstats, true},
    {"latencystats", "Latencystats", info_latencystats, false},
    {"cluster", "Cluster", info_cluster, true},
    {"keyspace", "Keyspace", info_keyspace, true},
    {"workers", "Workers", info_workers, false},
};
#define SECTIONS (sizeof sections / sizeof sections[0])

/* Which sections one word asks for; a word that names none asks for nothing. */
static void ask(bool asked[SECTIONS], struct bytes word)
{
    bool all = bytes_is(word, "all") || bytes_is(word, "everything"),
         usual = bytes_is(word, "default");

    for (size_t i = 0; i < SECTIONS; i++) {
        if (all || (usual && sections[i].by_default) || bytes_is(word, sections[i].name))
            asked[i] = true;
    }
}

static void cmd_info(struct call *call)
{
    bool asked[SECTIONS] = {false};
    struct text all = {0};

    if (call_argc(call) == 1) ask(asked, BYTES("default"));
    for (unsigned i = 1; i < call_argc(call); i++) ask(asked, call_arg(call, i));
    for (size_t i = 0; i < SECTIONS; i++) {
        if (!asked[i]) continue;
        text_addf(&all, "%s# %s\r\n", all.len > 0 ? "\r\n" : "", sections[i].title);
        if (sections[i].write) sections[i].write(call, &all);
    }
    if (call_ok(call, text_failed(&all) ? NO_MEMORY : OK))
        reply_verbatim(call->reply, "txt", text_bytes(&all));
    text_fini(&all);
}

static const struct command_row rows[] = {
    {.name = "info",
     .run = cmd_info,
     .arity = -1,
     .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_DANGEROUS,
     .since = "1.0.0",
     .cost = "O(S + C) where S is the number of shards and C that of clients",
     .syntax = "[section [section ...]]",
     .summary = "Tells about the server and counts what it has done.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .history = "7.0.0: Added support for taking multiple section arguments."},
};

const struct command_family info_commands = COMMAND_FAMILY("server", rows);
