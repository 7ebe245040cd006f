/* workload: which requests are sent, for which keys, with which values.
 *
 * A command is written as a person would type it, with holes:
 *   {k} {k:W}         a key number drawn from the distribution, W digits wide (12 unless told)
 *   {v}               the value that belongs to the key drawn last: --value-size letters and digits
 *   {r:LOW-HIGH}      a number drawn evenly, both ends included; must be a word of its own
 *   {d:FIRST+SPAN}    FIRST plus the last key's even share of SPAN: deadlines spread exactly
 *   {s:SPAN+JITTER}   the score that belongs to the key drawn next, below SPAN, plus a number
 *                     drawn from 0 to JITTER: a jitter above 0 moves a member a little
 *   {n:STEP}          the number written last, plus STEP: the other end of a page
 *
 * A value follows from its key alone, so any reader can tell a right answer from a wrong one.
 *
 * Always: once workload_open() and workload_command() are through, nothing changes it: all threads
 * read one workload, each with draws of its own. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shuffled: each key once, in an order in which neighbours have nothing to do with each other; the
 * same order in every run. */
enum distribution { KEYS_UNIFORM, KEYS_ZIPF, KEYS_SEQUENTIAL, KEYS_SHUFFLED };

/* What a reply must look like to count as answered. */
enum expected {
    EXPECT_ANY,     /* whatever it is, if it is no error */
    EXPECT_OK,      /* +OK */
    EXPECT_PONG,    /* +PONG */
    EXPECT_INTEGER, /* :N */
    EXPECT_VALUE,   /* the value of the key asked for, or nil, which counts as a miss */
    EXPECT_VALUES,  /* an array with the value of each key asked for, in their order */
    EXPECT_BULK,    /* a string, and there */
    EXPECT_ITEMS    /* an array of n_items */
};

enum { WORKLOAD_COMMANDS = 16, WORKLOAD_KEYS_A_COMMAND = 1024 };

enum piece_kind {
    PIECE_BYTES,
    PIECE_KEY,
    PIECE_VALUE,
    PIECE_NUMBER,
    PIECE_DEADLINE,
    PIECE_SCORE,
    PIECE_STEP
};

struct piece {
    enum piece_kind kind;
    const char *at; /* PIECE_BYTES: len bytes of RESP that never change */
    size_t len;
    unsigned width;      /* PIECE_KEY: digits */
    uint64_t from, span; /* PIECE_NUMBER: from .. from + span; PIECE_DEADLINE: share of it;
                          * PIECE_SCORE: below span, from is the jitter; PIECE_STEP: from */
};

struct shape {
    struct piece *pieces; /* owned, as are the bytes that they point into */
    char *bytes;
    unsigned n_pieces;
    unsigned n_keys;
    size_t most_bytes; /* no request of this shape is longer */
    enum expected expected;
    unsigned n_items; /* EXPECT_ITEMS */
};

struct workload {
    uint64_t keys;
    enum distribution distribution;
    double theta; /* of the zipf distribution: weight of rank r is r^-theta */
    size_t value_size;
    char *letters; /* values are windows into this, see workload_value() */
    struct shape shapes[WORKLOAD_COMMANDS];
    unsigned n_shapes;

    double zipf_low, zipf_high, zipf_skip; /* worked out once, for rejection-inversion */
    unsigned shuffle_bits;                 /* of half a number in the shuffle: see shuffled() */
};

/* One thread's dice. first_key and step deal the sequential keys out over the threads. */
struct draws {
    uint64_t state;
    uint64_t next_key, step;
};

/* False when memory ran out. */
bool workload_open(struct workload *load, uint64_t keys, enum distribution distribution,
                   double theta, size_t value_size);
void workload_close(struct workload *load);

/* Adds one command; several are sent in turn. Returns NULL, or what is wrong with it. */
const char *workload_command(struct workload *load, const char *text);

/* Writes the next request of the shape to `out`, which has room for most_bytes, and the keys it
 * draws to `keys`. Returns the request's length in bytes. */
size_t workload_write(const struct workload *load, const struct shape *shape, struct draws *draws,
                      char *out, uint32_t *keys);

/* The value_size bytes that belong to a key; valid as long as the workload. */
const char *workload_value(const struct workload *load, uint32_t key);

#endif
