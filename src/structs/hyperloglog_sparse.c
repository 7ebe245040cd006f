/* hyperloglog_sparse: runs of registers: walked, and changed at one register. */
#include "coatcheck/base/must.h"
#include "hyperloglog_internal.h"

#define ZERO_MAX 64
#define VAL_MAX 4
#define VAL_RANK_MAX 32
#define RUN_MAX_BYTES 2
/* Runs that one mark leaves in the place of one: before it, itself, behind it. */
#define PARTS_MAX_BYTES (RUN_MAX_BYTES + 1 + RUN_MAX_BYTES)
/* So far from the run before the changed one merging looks, in steps. */
#define MERGE_STEPS 5

static inline bool is_val(uint8_t byte)
{
    return byte & 0x80;
}

static inline bool is_xzero(uint8_t byte)
{
    return (byte & 0xc0) == 0x40;
}

static inline unsigned val_len(uint8_t byte)
{
    return (byte & 3u) + 1;
}

static inline unsigned val_rank(uint8_t byte)
{
    return (byte >> 2 & 31u) + 1;
}

static inline uint8_t val_of(unsigned rank, unsigned len)
{
    return (uint8_t)(0x80 | (rank - 1) << 2 | (len - 1));
}

/* False: `end` is in the midst of it. */
static inline bool read_run(const uint8_t *at, const uint8_t *end, struct hll_run *run)
{
    if (is_val(*at)) {
        *run = (struct hll_run){val_len(*at), val_rank(*at), 1};
    } else if (!is_xzero(*at)) {
        *run = (struct hll_run){*at + 1u, 0, 1};
    } else {
        if (end - at < 2) return false;
        *run = (struct hll_run){((*at & 63u) << 8 | at[1]) + 1, 0, 2};
    }
    return true;
}

bool hll_next_run(struct bytes sparse, size_t *at, struct hll_run *run)
{
    const uint8_t *text = (const uint8_t *)sparse.at;

    if (*at == 0) *at = HLL_HEAD;
    if (*at >= sparse.len || !read_run(text + *at, text + sparse.len, run)) return false;
    *at += run->bytes;
    return true;
}

/* ---- walked ---- */

bool hll_merge_sparse(struct bytes sparse, uint8_t *ranks)
{
    unsigned index = 0;
    struct hll_run run;
    size_t at = 0;

    while (hll_next_run(sparse, &at, &run)) {
        if (run.len > HLL_REGISTERS - index) return false;
        for (unsigned end = index + run.len; run.rank > 0 && index < end; index++) {
            if (ranks[index] < run.rank) ranks[index] = (uint8_t)run.rank;
        }
        if (run.rank == 0) index += run.len;
    }
    return at == sparse.len && index == HLL_REGISTERS;
}

bool hll_census_sparse(struct bytes sparse, struct hll_census *census)
{
    unsigned index = 0;
    struct hll_run run;
    size_t at = 0;

    while (hll_next_run(sparse, &at, &run)) {
        if (run.len > HLL_REGISTERS - index) return false;
        index += run.len;
        census->of[run.rank] += run.len;
    }
    return at == sparse.len && index == HLL_REGISTERS;
}

/* ---- changed ---- */

/* The runs, and where in them a search has come to. */
struct runs {
    uint8_t *begin, *end;
    uint8_t *at;        /* the run that has the register */
    size_t first;       /* its first register */
    struct hll_run run; /* what it is */

    uint8_t *before, *before_that; /* the runs in front of it, or NULL */
    size_t first_before_that;
};

/* Registers in eight runs of a byte each, or 0 where one of them has two. */
static inline unsigned registers_of_eight(const uint8_t *at)
{
    const uint64_t top = 0x8080808080808080u, pairs = 0x00ff00ff00ff00ffu;
    uint64_t eight, vals;

    memcpy(&eight, at, sizeof eight);
    vals = eight & top;
    if (~vals & eight << 1 & top) return 0;
    /* Of a ZERO six bits are its length, of a VAL two. */
    eight &= 0x3f3f3f3f3f3f3f3fu ^ (vals >> 7) * 0x3c;
    eight = (eight & pairs) + (eight >> 8 & pairs);
    return (unsigned)(eight * 0x0001000100010001u >> 48) + 8;
}

/* Passes over runs that end before the register, eight at a time where they are of one byte. One
 * step is taken back: the run in front of the register's is wanted too, and runs cannot be walked
 * from behind. */
static void skip_runs(struct runs *runs, unsigned index)
{
    uint8_t *at = runs->at;
    size_t first = runs->first;

    while (runs->end - at >= 8) {
        unsigned registers = registers_of_eight(at), bytes = 8;
        struct hll_run run;

        if (registers == 0) {
            if (!read_run(at, runs->end, &run)) return;
            registers = run.len;
            bytes = run.bytes;
        }
        if (first + registers > index) return;
        runs->at = at;
        runs->first = first;
        at += bytes;
        first += registers;
    }
}

/* False: no run has it. */
static bool find_run(struct runs *runs, unsigned index)
{
    size_t first_before = runs->first;

    for (; runs->at < runs->end; runs->at += runs->run.bytes) {
        if (!read_run(runs->at, runs->end, &runs->run)) return false;
        if (index < runs->first + runs->run.len) return true;
        runs->before_that = runs->before;
        runs->first_before_that = first_before;
        runs->before = runs->at;
        first_before = runs->first;
        runs->first += runs->run.len;
    }
    return false;
}

static uint8_t *write_zeros(uint8_t *into, size_t len)
{
    if (len == 0) return into;
    if (len > ZERO_MAX) *into++ = (uint8_t)(0x40 | (len - 1) >> 8);
    *into++ = (uint8_t)(len - 1);
    return into;
}

static uint8_t *write_same(uint8_t *into, unsigned rank, size_t len)
{
    if (rank == 0) return write_zeros(into, len);
    if (len > 0) *into++ = val_of(rank, (unsigned)len);
    return into;
}

/* What stands in the place of the found run: its registers before the mark's, that, and those
 * behind it. */
static size_t write_parts(const struct runs *runs, struct hll_mark mark, uint8_t *parts)
{
    size_t in_front = mark.index - runs->first;
    uint8_t *end = write_same(parts, runs->run.rank, in_front);

    *end++ = val_of(mark.rank, 1);
    return (size_t)(write_same(end, runs->run.rank, runs->run.len - in_front - 1) - parts);
}

/* Neighbours of equal rank become one run where it can hold them. Only near the change: so do
 * others that keep this layout, and the bytes are to be theirs. */
static void merge_vals(struct runs *runs)
{
    uint8_t *at = runs->before ? runs->before : runs->begin;

    for (int steps = MERGE_STEPS; at < runs->end && steps > 0; steps--) {
        if (is_val(*at) && at + 1 < runs->end && is_val(at[1]) &&
            val_rank(*at) == val_rank(at[1]) && val_len(*at) + val_len(at[1]) <= VAL_MAX) {
            at[1] = val_of(val_rank(*at), val_len(*at) + val_len(at[1]));
            memmove(at, at + 1, (size_t)(runs->end - at - 1));
            runs->end--;
        } else {
            at += is_xzero(*at) ? 2 : 1;
        }
    }
}

/* The runs, and the place from which the search goes: the hint's, or what is far enough in front of
 * the register. */
static void begin_search(struct runs *runs, char *text, size_t len, unsigned index,
                         const struct hll_hint *hint)
{
    uint8_t *at = (uint8_t *)text;

    *runs = (struct runs){.begin = at + HLL_HEAD, .end = at + len, .at = at + HLL_HEAD};
    if (hint && hint->at > 0) {
        runs->at = at + hint->at;
        runs->first = hint->first;
        return;
    }
    skip_runs(runs, index);
}

enum hll_outcome hll_raise_sparse(char *text, size_t *len, size_t max_len, struct hll_mark mark,
                                  struct hll_hint *hint)
{
    uint8_t parts[PARTS_MAX_BYTES];
    struct runs runs;
    size_t bytes, was;

    if (mark.rank > VAL_RANK_MAX) return HLL_TOO_LONG;
    begin_search(&runs, text, *len, mark.index, hint);
    if (!find_run(&runs, mark.index)) return HLL_CORRUPT;
    if (runs.run.rank >= mark.rank) return HLL_SAME;
    bytes = write_parts(&runs, mark, parts);
    was = runs.run.bytes;
    if (bytes > was && *len + (bytes - was) > max_len) return HLL_TOO_LONG;

    memmove(runs.at + bytes, runs.at + was, (size_t)(runs.end - runs.at) - was);
    memcpy(runs.at, parts, bytes);
    runs.end = runs.end - was + bytes;
    merge_vals(&runs);
    *len = (size_t)(runs.end - (uint8_t *)text);
    hll_void_cache(text);
    if (hint && runs.before_that) {
        *hint =
            (struct hll_hint){(size_t)(runs.before_that - (uint8_t *)text), runs.first_before_that};
    }
    return HLL_RAISED;
}
