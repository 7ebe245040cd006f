/* turns: the file that turns.c shares with who reads it (tests/bench/measure/turns.py, which knows its shape). */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <stdatomic.h>
#include <stdint.h>

#include "histogram.h"

enum { TURNS_THREADS = 32 };

struct turns_of_thread {
    uint64_t epoch;
    struct histogram seen;
};

struct turns {
    _Atomic uint64_t epoch;
    _Atomic uint64_t threads;
    struct turns_of_thread of[TURNS_THREADS];
};

#endif
