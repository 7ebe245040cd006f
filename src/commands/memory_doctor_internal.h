/* memory_doctor_internal: findings about memory, in words. Takes figures, asks nobody: so tests can show it any patient. */
#ifndef COATCHECK_COMMANDS_MEMORY_DOCTOR_INTERNAL_H
#define COATCHECK_COMMANDS_MEMORY_DOCTOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/text.h"
#include "coatcheck/observe/footprint.h"

struct memory_facts {
    struct footprint footprint;
    size_t machine; /* bytes of it, or of the control group */
    size_t tables;  /* bytes of shards and tables */
    uint64_t keys;

    size_t clients, clients_count;        /* bytes that they hold, and how many they are */
    size_t longest_input, longest_output; /* bytes, of one client */

    size_t limit;       /* maxmemory in bytes; 0: none */
    const char *policy; /* maxmemory-policy */
    bool evicts;        /* that is not noeviction */
    int64_t exceeded_ms;
    int64_t evicted, evicted_per_s, returned; /* keys */
    int64_t refused, refused_per_s;           /* commands, for want of memory */
};

/* Adds a paragraph for each finding, or one that there is none. */
void memory_doctor_examine(struct text *into, const struct memory_facts *facts);

#endif
