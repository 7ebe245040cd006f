/* facts: who this server is: told at start by the rooms that know, read by any thread. */
#ifndef COATCHECK_OBSERVE_FACTS_H
#define COATCHECK_OBSERVE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define FACTS_ID_LEN 40

struct server_facts {
    char run_id[FACTS_ID_LEN + 1]; /* drawn at start */
    int64_t started_ms;            /* since 1970 */
    int64_t started_steady_us;
    const char *executable; /* path, "" when the kernel does not tell */
    bool supervised;        /* a service manager is told how we are */
    unsigned workers;
    uint16_t port; /* of TCP, as it came to be; 0: none */
};
extern struct server_facts server_facts;

/* Draws the ids, looks at the clocks and at the path of the program. Before other threads run. */
void facts_setup(void);

/* Whole seconds since facts_setup(). */
int64_t facts_uptime_s(void);

/* What replicas would know this data by; changed by DEBUG CHANGE-REPL-ID. */
void facts_replication_id(char into[FACTS_ID_LEN + 1]);
void facts_change_replication_id(void);

#endif
