#include "coatcheck/structs/lcs.h"

#include <string.h>
#include "coatcheck/base/mem.h"

#define BLOCK_COLUMNS (LCS_BLOCK * 64)

/* Some columns of the longer text: bit c of of[x] is set where column c holds x. */
struct lcs_columns {
    uint64_t of[256][LCS_BLOCK];
};

static void columns_mark(struct lcs_columns *columns, struct bytes text)
{
    for (size_t c = 0; c < text.len; c++) {
        columns->of[(unsigned char)text.at[c]][c / 64] |= (uint64_t)1 << c % 64;
    }
}

static void columns_clear(struct lcs_columns *columns, struct bytes text)
{
    for (size_t c = 0; c < text.len; c++) columns->of[(unsigned char)text.at[c]][c / 64] = 0;
}

/* From one row to the next. `flat` has a bit where L does not grow; `carry` is what the words before have
 * carried. Returns what these words carry. */
static inline uint8_t next_row(uint64_t *flat, const uint64_t *same, size_t words, uint8_t carry)
{
    for (size_t w = 0; w < words; w++) {
        uint64_t sum = flat[w] + (flat[w] & same[w]), carried = sum < flat[w];

        sum += carry;
        carry = (uint8_t)(carried | (sum < carry));
        flat[w] = sum | (flat[w] & ~same[w]);
    }
    return carry;
}

static size_t words_of(size_t columns)
{
    return (columns + 63) / 64;
}

static struct bytes rows_of(const struct lcs *lcs)
{
    return lcs->b_is_longer ? lcs->a : lcs->b;
}

static struct bytes columns_of(const struct lcs *lcs)
{
    return lcs->b_is_longer ? lcs->b : lcs->a;
}

static bool get_memory(struct lcs *lcs, enum lcs_want want)
{
    size_t size;

    if (__builtin_mul_overflow(rows_of(lcs).len, lcs->words * sizeof *lcs->bits, &size)) return false;
    lcs->carries = mem_alloc_zeroed(rows_of(lcs).len);
    lcs->columns = mem_alloc_zeroed(sizeof *lcs->columns);
    if (want == LCS_RUNS) lcs->bits = mem_alloc(size);
    return lcs->carries && lcs->columns && (lcs->bits || want == LCS_LENGTH);
}

enum status lcs_open(struct lcs *lcs, struct bytes a, struct bytes b, enum lcs_want want)
{
    *lcs = (struct lcs){.a = a, .b = b, .b_is_longer = a.len <= b.len};
    lcs->words = words_of(columns_of(lcs).len);
    if (rows_of(lcs).len == 0 || get_memory(lcs, want)) return OK;
    lcs_close(lcs);
    return NO_MEMORY;
}

void lcs_close(struct lcs *lcs)
{
    mem_free(lcs->bits);
    mem_free(lcs->columns);
    mem_free(lcs->carries);
    lcs->bits = NULL;
    lcs->columns = NULL;
    lcs->carries = NULL;
}

size_t lcs_memory(const struct lcs *lcs)
{
    size_t rows = rows_of(lcs).len;

    if (!lcs->columns) return 0;
    return rows + sizeof *lcs->columns + (lcs->bits ? rows * lcs->words * sizeof *lcs->bits : 0);
}

uint64_t lcs_steps(struct bytes a, struct bytes b)
{
    return a.len <= b.len ? (uint64_t)a.len * words_of(b.len) : (uint64_t)b.len * words_of(a.len);
}

/* ---- filling: one block of columns after the other, each through all rows ---- */

static struct bytes block_of(const struct lcs *lcs)
{
    struct bytes text = columns_of(lcs);
    size_t left = text.len - lcs->column;

    return bytes_of(text.at + lcs->column, left < BLOCK_COLUMNS ? left : BLOCK_COLUMNS);
}

/* Rows of the block at work, until `end`. */
static void fill_rows(struct lcs *lcs, size_t words, size_t end)
{
    struct bytes rows = rows_of(lcs);
    uint64_t *bits = lcs->bits ? lcs->bits + lcs->column / 64 : NULL;
    uint64_t flat[LCS_BLOCK];

    memcpy(flat, lcs->flat, sizeof flat);
    for (size_t r = lcs->row; r < end; r++) {
        lcs->carries[r] = next_row(flat, lcs->columns->of[(unsigned char)rows.at[r]], words, lcs->carries[r]);
        for (size_t w = 0; bits && w < words; w++) bits[r * lcs->words + w] = ~flat[w];
    }
    memcpy(lcs->flat, flat, sizeof flat);
    lcs->row = end;
}

static void begin_block(struct lcs *lcs)
{
    columns_mark(lcs->columns, block_of(lcs));
    for (size_t w = 0; w < LCS_BLOCK; w++) lcs->flat[w] = ~(uint64_t)0;
}

/* L grows in the last row as often as it has bits. */
static void end_block(struct lcs *lcs, size_t words)
{
    struct bytes block = block_of(lcs);

    for (size_t w = 0; w < words; w++) lcs->length += (size_t)__builtin_popcountll(~lcs->flat[w]);
    columns_clear(lcs->columns, block);
    lcs->column += block.len;
    lcs->row = 0;
}

bool lcs_fill_some(struct lcs *lcs, uint64_t steps)
{
    size_t rows = rows_of(lcs).len;

    if (rows == 0) return true;
    while (lcs->column < columns_of(lcs).len) {
        size_t words = words_of(block_of(lcs).len), left = rows - lcs->row, some = (size_t)(steps / words) + 1;

        if (lcs->row == 0) begin_block(lcs);
        if (some > left) some = left;
        fill_rows(lcs, words, lcs->row + some);
        if (lcs->row < rows) return false;
        end_block(lcs, words);
        /* Marking and clearing its columns was work too. */
        if (steps <= some * words + BLOCK_COLUMNS) break;
        steps -= some * words + BLOCK_COLUMNS;
    }
    return lcs->column >= columns_of(lcs).len;
}

/* ---- the walk back ---- */

/* L(row, column) - L(row, column - 1) */
static unsigned grows(const struct lcs *lcs, size_t row, size_t column)
{
    return lcs->bits[(row - 1) * lcs->words + (column - 1) / 64] >> (column - 1) % 64 & 1;
}

static size_t length_at(const struct lcs *lcs, size_t row, size_t column)
{
    const uint64_t *bits;
    size_t length = 0;

    if (row == 0) return 0;
    bits = lcs->bits + (row - 1) * lcs->words;
    for (size_t w = 0; w < column / 64; w++) length += (size_t)__builtin_popcountll(bits[w]);
    if (column % 64 > 0) {
        uint64_t part = bits[column / 64] & (((uint64_t)1 << column % 64) - 1);

        length += (size_t)__builtin_popcountll(part);
    }
    return length;
}

void lcs_walk_begin(struct lcs_walk *walk, const struct lcs *lcs)
{
    *walk = (struct lcs_walk){
        .lcs = lcs, .row = rows_of(lcs).len, .column = columns_of(lcs).len, .here = lcs->length};
    if (!lcs->b_is_longer && walk->row > 0) walk->above = length_at(lcs, walk->row - 1, walk->column);
}

static void drop_column(struct lcs_walk *walk)
{
    const struct lcs *lcs = walk->lcs;

    if (!lcs->b_is_longer) {
        walk->here -= grows(lcs, walk->row, walk->column);
        if (walk->row > 1) walk->above -= grows(lcs, walk->row - 1, walk->column);
    }
    walk->column--;
}

static void drop_row(struct lcs_walk *walk)
{
    walk->row--;
    if (walk->lcs->b_is_longer) return;
    walk->here = walk->above;
    walk->above = walk->row > 0 ? length_at(walk->lcs, walk->row - 1, walk->column) : 0;
}

/* Where the last bytes differ one of them is dropped: the one without which L stays greater, and when that is
 * the same, the one of b. */
static void drop_one(struct lcs_walk *walk)
{
    bool row = grows(walk->lcs, walk->row, walk->column) ||
               (!walk->lcs->b_is_longer && walk->here == walk->above);

    if (row) {
        drop_row(walk);
    } else {
        drop_column(walk);
    }
}

static bool bytes_agree(const struct lcs_walk *walk)
{
    return walk->row > 0 && walk->column > 0 &&
           rows_of(walk->lcs).at[walk->row - 1] == columns_of(walk->lcs).at[walk->column - 1];
}

enum lcs_found lcs_walk_next(struct lcs_walk *walk, struct lcs_run *run, int64_t *steps)
{
    /* A row less may cost a look at all of its words. */
    int64_t cost = 4 + (walk->lcs->b_is_longer ? 0 : (int64_t)walk->lcs->words);

    while (walk->run == 0 && walk->row > 0 && walk->column > 0 && !bytes_agree(walk)) {
        if (*steps <= 0) return LCS_PAUSED;
        *steps -= cost;
        drop_one(walk);
    }
    while (bytes_agree(walk)) {
        if (*steps <= 0) return LCS_PAUSED;
        *steps -= cost;
        drop_column(walk);
        drop_row(walk);
        walk->run++;
    }
    run->a_at = walk->lcs->b_is_longer ? walk->row : walk->column;
    run->b_at = walk->lcs->b_is_longer ? walk->column : walk->row;
    run->len = walk->run;
    walk->run = 0;
    return run->len > 0 ? LCS_RUN : LCS_OVER;
}
