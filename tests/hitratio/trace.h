/* trace: a list of requests for keys, drawn from a seed: the same on every machine.
 * A key is a number; its size and its time to live follow from it. Times are counted in requests. */
#ifndef HITRATIO_TRACE_H
#define HITRATIO_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct trace {
    const char *name;
    uint32_t *keys; /* one a request */
    size_t requests;
    uint32_t key_count; /* keys are 0 … key_count - 1 */
    uint32_t *sizes;    /* one a key: bytes of its value */
    uint32_t *ttls;     /* one a key: it lives for so many requests; 0: for ever */
    uint32_t *next;     /* one a request: when its key is asked for again; NO_NEXT: never */
};
#define NO_NEXT UINT32_MAX

struct trace_row {
    const char *name, *sentence;
    void (*draw)(struct trace *trace, uint64_t *seed);
};

/* Ends with a row without a name. */
extern const struct trace_row trace_rows[];

/* Times as many keys, and as long times, as the rows say; 1 at first. */
extern unsigned trace_scale;

/* Fills `trace`, whose memory is the caller's to free with trace_fini(). */
void trace_init(struct trace *trace, const struct trace_row *row, size_t requests);
void trace_fini(struct trace *trace);

/* SplitMix64: the dice of this folder. */
uint64_t dice_next(uint64_t *seed);
double dice_unit(uint64_t *seed);

#endif
