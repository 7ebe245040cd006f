/* info_internal: what INFO's files share: the sections, and the figures that MEMORY tells as well.
 */
#ifndef COATCHECK_COMMANDS_INFO_INTERNAL_H
#define COATCHECK_COMMANDS_INFO_INTERNAL_H

#include "coatcheck/engine/call.h"
#include "coatcheck/observe/footprint.h"

/* A section's fields, a line each. `call` is the one that asked. */
void info_server(struct call *call, struct text *into);
void info_clients(struct call *call, struct text *into);
void info_memory(struct call *call, struct text *into);
void info_persistence(struct call *call, struct text *into);
void info_stats(struct call *call, struct text *into);
void info_replication(struct call *call, struct text *into);
void info_cpu(struct call *call, struct text *into);
void info_commandstats(struct call *call, struct text *into);
void info_errorstats(struct call *call, struct text *into);
void info_latencystats(struct call *call, struct text *into);
void info_cluster(struct call *call, struct text *into);
void info_keyspace(struct call *call, struct text *into);
void info_workers(struct call *call, struct text *into);

/* Where the memory is. */
struct memory_report {
    struct footprint footprint;
    size_t clients, clients_count;
    size_t tables;   /* shards and tables of the keys */
    size_t overhead; /* all that is not the data: start, clients, tables */
    size_t dataset;
    uint64_t keys;
    size_t longest_input, longest_output; /* of one client */
};
void memory_report_read(struct call *call, struct memory_report *report);

/* a / b, 0 for nothing of nothing. */
double memory_ratio(size_t a, size_t b);

#endif
