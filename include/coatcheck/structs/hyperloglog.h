/* hyperloglog: how many different elements were seen, told from 16384 small numbers (Flajolet et
 * al. 2007; Heule et al. 2013; the estimate is Ertl's, 2017), kept as text in Redis's layout: what
 * is here can be read by redis-server, and its bytes are the same after the same elements.
 *
 *   | "HYLL" | encoding 1 | 0 0 0 | cached count 8 | registers … |       encoding 0 dense, 1 sparse
 *
 *   count    little end first; its highest bit says that registers have changed since
 *   dense    six bits a register, the lowest bits first: 12288 bytes
 *   sparse   runs of equal registers, in order:
 *              00nnnnnn             ZERO:  n+1 registers are 0
 *              01nnnnnn nnnnnnnn    XZERO: n+1 are 0
 *              1rrrrrnn             VAL:   n+1 hold r+1, which is at most 32
 *
 *   nothing seen:        48594c4c 01 000000 0000000000000080 | 7fff
 *   register 5 holds 2:  48594c4c 01 000000 0000000000000080 | 04 84 7ff9
 *
 * A text may be anything that a client has stored. Nothing here reads or writes beyond it, whatever
 * it holds. */
#ifndef COATCHECK_STRUCTS_HYPERLOGLOG_H
#define COATCHECK_STRUCTS_HYPERLOGLOG_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

#define HLL_REGISTERS 16384
#define HLL_HEAD 16
#define HLL_EMPTY_LEN (HLL_HEAD + 2)
#define HLL_DENSE_LEN (HLL_HEAD + HLL_REGISTERS * 6 / 8)
/* The greatest rank that an element can have. */
#define HLL_RANK_MAX 51

/* Has the text a head, and is it as long as that asks for? The registers are not looked at. */
bool hll_is_one(struct bytes text);
/* Of one that is. */
bool hll_is_sparse(struct bytes text);

/* A sparse one that has seen nothing: HLL_EMPTY_LEN bytes. */
void hll_write_empty(char *text);

/* What an element does: the register that it falls to holds at least this rank afterwards. */
struct hll_mark {
    unsigned index, rank;
};
struct hll_mark hll_mark_of(struct bytes element);

/* CORRUPT: the runs do not reach the register, or end in the midst of one. TOO_LONG: only a dense
 * one can hold it. */
enum hll_outcome { HLL_SAME, HLL_RAISED, HLL_TOO_LONG, HLL_CORRUPT };

/* Bytes that a mark makes a sparse text longer at most. */
#define HLL_GROWTH 3

/* Where to begin looking: of marks in rising order of their registers each needs to look only from
 * where the one before it was. Zero: at the beginning. */
struct hll_hint {
    size_t at, first;
};

/* `text` has room for HLL_GROWTH bytes more than *len, and `max_len` is what it may not grow
 * beyond. A raised one's cached count is void. `hint` may be NULL. */
enum hll_outcome hll_raise_sparse(char *text, size_t *len, size_t max_len, struct hll_mark mark,
                                  struct hll_hint *hint);

/* True: raised. The cached count stays, for the caller to void. */
bool hll_raise_dense(char *text, struct hll_mark mark);

/* Writes HLL_DENSE_LEN bytes; the cached count goes along. False: corrupt. */
bool hll_make_dense(struct bytes sparse, char *dense);

/* Each of `ranks` becomes the greater of what it is and what the text's register holds. False:
 * corrupt; the ranks are of no use. */
bool hll_merge(struct bytes text, uint8_t ranks[HLL_REGISTERS]);

/* The estimate. False: corrupt. */
bool hll_count(struct bytes text, uint64_t *count);
uint64_t hll_count_ranks(const uint8_t ranks[HLL_REGISTERS]);

/* The cached count. False: there is none. */
bool hll_cached(struct bytes text, uint64_t *count);
void hll_cache(char *text, uint64_t count);
void hll_void_cache(char *text);

/* The runs of a sparse one, from *at on (0: the first): false at the end, or where a run is cut
 * off. */
struct hll_run {
    unsigned len, rank; /* so many registers hold this */
    unsigned bytes;     /* of the run's own: 1 or 2 */
};
bool hll_next_run(struct bytes sparse, size_t *at, struct hll_run *run);

/* Adds and counts known elements, some milliseconds long. NULL: all is as it should be; otherwise
 * what is not. */
const char *hll_self_test(void);

#endif
