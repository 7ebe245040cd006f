/* lcs: the longest common subsequence of two texts, with a bit for each pair of their bytes.
 *
 * L(i, j), how long it is for the first i bytes of one and the first j of the other, grows by 0 or 1 with each
 * j: a row of bits says where, and one addition finds 64 of them (Crochemore, Iliopoulos, Pinzon, Reid 2001;
 * Hyyro 2004). So 10 KB against 10 KB take a few milliseconds and 13 MB, where numbers would take 400 MB.
 * Of several subsequences of the greatest length it finds the one that Redis's LCS finds. */
#ifndef COATCHECK_STRUCTS_LCS_H
#define COATCHECK_STRUCTS_LCS_H

#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/status.h"

/* The length alone, in memory as long as the shorter text. */
enum status lcs_length(struct bytes a, struct bytes b, size_t *length);

struct lcs {
    struct bytes a, b; /* borrowed until lcs_close() */
    size_t length;

    /* of lcs.c */
    uint64_t *bits; /* a row for each byte of the shorter text, a bit for each of the longer */
    size_t words;   /* of a row */
    bool b_is_longer;
};

/* NO_MEMORY: there is nothing to close. */
enum status lcs_open(struct lcs *lcs, struct bytes a, struct bytes b);
void lcs_close(struct lcs *lcs);

/* A stretch of the subsequence that stands in one piece in both texts. */
struct lcs_run {
    size_t a_at, b_at, len;
};

/* Walks the runs from the last to the first. */
struct lcs_walk {
    const struct lcs *lcs;
    size_t row, column;  /* bytes of the shorter and of the longer text that are still before us */
    size_t here, above;  /* L there, and with a row less; kept only while a is the longer text */
};
void lcs_walk_begin(struct lcs_walk *walk, const struct lcs *lcs);
bool lcs_walk_next(struct lcs_walk *walk, struct lcs_run *run);

#endif
