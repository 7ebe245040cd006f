/* memory_internal: what the files of memory share. */
#ifndef COATCHECK_MEMORY_INTERNAL_H
#define COATCHECK_MEMORY_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/* A command has waited for eviction, on this thread, since then by this clock. */
uint64_t memory_waits_now_ns(void);
void memory_waits_note(uint64_t since_ns);

/* Of maxmemory, for replies that nobody reads: values were evicted for them otherwise. */
#define MEMORY_UNREAD_SHARE 8

/* Bytes that may be taken before something has to be evicted; below zero: so many are too much. With a limit only. */
int64_t memory_left(void);

/* Is it above the limit by more than a 64th, for as long as keys are being evicted? What only answers waits for that. */
bool memory_is_behind(void);

/* Closes clients, those that hold most first, while all of them together hold more than maxmemory-clients. */
void memory_clients_look_after(unsigned worker, int64_t now_us);

#endif
