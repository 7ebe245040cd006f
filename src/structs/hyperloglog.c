#include "hyperloglog_internal.h"

/* Redis's own: another one would put elements into other registers. */
#define SEED 0xadc83b19u
#define INDEX_BITS 14

#define MAGIC BYTES("HYLL")
enum encoding { DENSE, SPARSE };
#define ENCODING_AT 4
#define COUNT_AT 8
#define STALE ((uint64_t)1 << 63)

/* ---- the head ---- */

static uint64_t read_word(const char *at, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++) word |= (uint64_t)(unsigned char)at[i] << 8 * i;
    return word;
}

bool hll_is_one(struct bytes text)
{
    if (text.len < HLL_HEAD || !bytes_start_with(text, MAGIC)) return false;
    if (text.at[ENCODING_AT] == SPARSE) return true;
    return text.at[ENCODING_AT] == DENSE && text.len == HLL_DENSE_LEN;
}

bool hll_is_sparse(struct bytes text)
{
    return text.at[ENCODING_AT] == SPARSE;
}

void hll_write_empty(char *text)
{
    memset(text, 0, HLL_HEAD);
    memcpy(text, MAGIC.at, MAGIC.len);
    text[ENCODING_AT] = SPARSE;
    memcpy(text + HLL_HEAD, "\x7f\xff", 2);
}

bool hll_cached(struct bytes text, uint64_t *count)
{
    *count = read_word(text.at + COUNT_AT, 8);
    return !(*count & STALE);
}

void hll_cache(char *text, uint64_t count)
{
    for (unsigned i = 0; i < 8; i++) text[COUNT_AT + i] = (char)(count >> 8 * i);
}

void hll_void_cache(char *text)
{
    text[COUNT_AT + 7] = (char)(text[COUNT_AT + 7] | 0x80);
}

/* ---- elements ---- */

/* The 64 bit hash of Appleby's MurmurHash 2, as it comes out where words have their low end first.
 */
static uint64_t murmur(struct bytes element, uint64_t seed)
{
    const uint64_t factor = 0xc6a4a7935bd1e995u;
    uint64_t hash = seed ^ element.len * factor;
    size_t whole = element.len & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = read_word(element.at + i, 8) * factor;

        hash = (hash ^ (word ^ word >> 47) * factor) * factor;
    }
    if (whole < element.len)
        hash = (hash ^ read_word(element.at + whole, element.len - whole)) * factor;
    hash = (hash ^ hash >> 47) * factor;
    return hash ^ hash >> 47;
}

struct hll_mark hll_mark_of(struct bytes element)
{
    uint64_t hash = murmur(element, SEED);
    /* A bit is set behind the last one, so that there is always one to be found. */
    uint64_t rest = hash >> INDEX_BITS | (uint64_t)1 << (HLL_RANK_MAX - 1);

    return (struct hll_mark){.index = (unsigned)(hash % HLL_REGISTERS),
                             .rank = (unsigned)__builtin_ctzll(rest) + 1};
}

/* ---- dense ---- */

bool hll_raise_dense(char *text, struct hll_mark mark)
{
    uint8_t *registers = (uint8_t *)text + HLL_HEAD;

    if (hll_register(registers, mark.index) >= mark.rank) return false;
    hll_set_register(registers, mark.index, mark.rank);
    return true;
}

bool hll_make_dense(struct bytes sparse, char *dense)
{
    uint8_t *registers = (uint8_t *)dense + HLL_HEAD;
    unsigned index = 0;
    struct hll_run run;
    size_t at = 0;

    memcpy(dense, sparse.at, HLL_HEAD);
    dense[ENCODING_AT] = DENSE;
    memset(registers, 0, HLL_DENSE_LEN - HLL_HEAD);
    while (hll_next_run(sparse, &at, &run)) {
        if (run.len > HLL_REGISTERS - index) return false;
        for (unsigned end = index + run.len; index < end; index++) {
            if (run.rank > 0) hll_set_register(registers, index, run.rank);
        }
    }
    return at == sparse.len && index == HLL_REGISTERS;
}

/* Four registers are three bytes. */
static inline uint32_t read_four(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static inline void raise_rank(uint8_t *rank, uint32_t to)
{
    if (*rank < to) *rank = (uint8_t)to;
}

static void merge_dense(const uint8_t *registers, uint8_t *ranks)
{
    for (unsigned i = 0; i < HLL_REGISTERS; i += 4, registers += 3) {
        uint32_t four = read_four(registers);

        raise_rank(&ranks[i], four & 63);
        raise_rank(&ranks[i + 1], four >> 6 & 63);
        raise_rank(&ranks[i + 2], four >> 12 & 63);
        raise_rank(&ranks[i + 3], four >> 18);
    }
}

bool hll_merge(struct bytes text, uint8_t ranks[HLL_REGISTERS])
{
    if (hll_is_sparse(text)) return hll_merge_sparse(text, ranks);
    merge_dense((const uint8_t *)text.at + HLL_HEAD, ranks);
    return true;
}

/* ---- counting ---- */

/* Neighbours are counted apart: most hold much the same, and a count would wait for the one just
 * before it. */
static void census_dense(const uint8_t *registers, struct hll_census *census)
{
    struct hll_census of[4] = {{{0}}};

    for (unsigned i = 0; i < HLL_REGISTERS; i += 4, registers += 3) {
        uint32_t four = read_four(registers);

        of[0].of[four & 63]++;
        of[1].of[four >> 6 & 63]++;
        of[2].of[four >> 12 & 63]++;
        of[3].of[four >> 18]++;
    }
    for (unsigned r = 0; r < HLL_RANKS; r++)
        census->of[r] = of[0].of[r] + of[1].of[r] + of[2].of[r] + of[3].of[r];
}

bool hll_count(struct bytes text, uint64_t *count)
{
    struct hll_census census = {{0}};

    if (!hll_is_sparse(text)) {
        census_dense((const uint8_t *)text.at + HLL_HEAD, &census);
    } else if (!hll_census_sparse(text, &census)) {
        return false;
    }
    *count = hll_estimate(&census);
    return true;
}

uint64_t hll_count_ranks(const uint8_t ranks[HLL_REGISTERS])
{
    struct hll_census census = {{0}};

    for (unsigned i = 0; i < HLL_REGISTERS; i++) census.of[ranks[i] % HLL_RANKS]++;
    return hll_estimate(&census);
}
