/* lcs: the longest common subsequence of two texts, with a bit for each pair of their bytes.
 *
 * L(i, j), how long it is for the first i bytes of one and the first j of the other, grows by 0 or 1 with each
 * j: a row of bits says where, and one addition finds 64 of them (Crochemore, Iliopoulos, Pinzon, Reid 2001;
 * Hyyro 2004). So 10 KB against 10 KB take a few milliseconds and 13 MB, where numbers would take 400 MB.
 * Of several subsequences of the greatest length it finds the one that Redis's LCS finds.
 *
 * It works in pieces: a step is what 64 pairs take, about a nanosecond. */
#ifndef COATCHECK_STRUCTS_LCS_H
#define COATCHECK_STRUCTS_LCS_H

#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/status.h"

/* Words of a row that are filled in one go: a cache line of bits. */
#define LCS_BLOCK 8

enum lcs_want {
    LCS_LENGTH, /* alone, in memory as long as the shorter text: no walk */
    LCS_RUNS
};

struct lcs {
    struct bytes a, b; /* borrowed until lcs_close() */
    size_t length;     /* when all is filled */

    /* of lcs.c */
    uint64_t *bits; /* a row for each byte of the shorter text, a bit for each of the longer; NULL: LCS_LENGTH */
    size_t words;   /* of a row */
    bool b_is_longer;
    struct lcs_columns *columns; /* of the block at work */
    uint8_t *carries;            /* what each row has carried out of the block before */
    size_t column, row;          /* where filling goes on: the block's first column, and the row in it */
    uint64_t flat[LCS_BLOCK];
};

/* Nothing is filled yet. NO_MEMORY: there is nothing to close. */
enum status lcs_open(struct lcs *lcs, struct bytes a, struct bytes b, enum lcs_want want);
void lcs_close(struct lcs *lcs);

/* The bytes that it has got for its work, and the steps that filling takes in all. */
size_t lcs_memory(const struct lcs *lcs);
uint64_t lcs_steps(struct bytes a, struct bytes b);

/* Fills for about so many steps, a row at the least and INT64_MAX at the most. True: all is filled. */
bool lcs_fill_some(struct lcs *lcs, uint64_t steps);

/* A stretch of the subsequence that stands in one piece in both texts. */
struct lcs_run {
    size_t a_at, b_at, len;
};

/* Walks the runs from the last to the first, when all is filled; not with LCS_LENGTH. */
struct lcs_walk {
    const struct lcs *lcs;
    size_t row, column;  /* bytes of the shorter and of the longer text that are still before us */
    size_t here, above;  /* L there, and with a row less; kept only while a is the longer text */
    size_t run;          /* bytes of the run at work */
};
void lcs_walk_begin(struct lcs_walk *walk, const struct lcs *lcs);

enum lcs_found { LCS_RUN, LCS_OVER, LCS_PAUSED };

/* LCS_PAUSED: *steps, from which is taken what it does, have run out; with more it goes on. */
enum lcs_found lcs_walk_next(struct lcs_walk *walk, struct lcs_run *run, int64_t *steps);

#endif
