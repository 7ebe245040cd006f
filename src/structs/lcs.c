#include "coatcheck/structs/lcs.h"

#include "coatcheck/base/mem.h"

/* Words of a row that are filled in one go: a cache line of bits. */
#define BLOCK 8
#define BLOCK_COLUMNS (BLOCK * 64)

/* Some columns of the longer text: bit c of of[x] is set where column c holds x. */
struct columns {
    uint64_t of[256][BLOCK];
};

static void columns_mark(struct columns *columns, struct bytes text)
{
    for (size_t c = 0; c < text.len; c++) {
        columns->of[(unsigned char)text.at[c]][c / 64] |= (uint64_t)1 << c % 64;
    }
}

static void columns_clear(struct columns *columns, struct bytes text)
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

/* All rows of one block. `carries` holds what each row has carried out of the block before. Returns how often
 * L grows in the last row. `bits` may be NULL. */
static size_t fill_block(struct bytes rows, const struct columns *columns, size_t words, uint8_t *carries,
                         uint64_t *bits, size_t stride)
{
    uint64_t flat[BLOCK];
    size_t length = 0;

    for (size_t w = 0; w < BLOCK; w++) flat[w] = ~(uint64_t)0;
    for (size_t r = 0; r < rows.len; r++) {
        carries[r] = next_row(flat, columns->of[(unsigned char)rows.at[r]], words, carries[r]);
        for (size_t w = 0; bits && w < words; w++) bits[r * stride + w] = ~flat[w];
    }
    for (size_t w = 0; w < words; w++) length += (size_t)__builtin_popcountll(~flat[w]);
    return length;
}

static size_t words_of(size_t columns)
{
    return (columns + 63) / 64;
}

static enum status fill(struct bytes rows, struct bytes text, uint64_t *bits, size_t *length)
{
    struct columns columns = {{{0}}};
    size_t words = words_of(text.len);
    uint8_t *carries;

    *length = 0;
    if (rows.len == 0) return OK;
    carries = mem_alloc_zeroed(rows.len);
    if (!carries) return NO_MEMORY;
    for (size_t at = 0; at < text.len; at += BLOCK_COLUMNS) {
        size_t left = text.len - at;
        struct bytes part = bytes_of(text.at + at, left < BLOCK_COLUMNS ? left : BLOCK_COLUMNS);

        columns_mark(&columns, part);
        *length += fill_block(rows, &columns, words_of(part.len), carries, bits ? bits + at / 64 : NULL, words);
        columns_clear(&columns, part);
    }
    mem_free(carries);
    return OK;
}

enum status lcs_length(struct bytes a, struct bytes b, size_t *length)
{
    return a.len <= b.len ? fill(a, b, NULL, length) : fill(b, a, NULL, length);
}

static struct bytes rows_of(const struct lcs *lcs)
{
    return lcs->b_is_longer ? lcs->a : lcs->b;
}

static struct bytes columns_of(const struct lcs *lcs)
{
    return lcs->b_is_longer ? lcs->b : lcs->a;
}

enum status lcs_open(struct lcs *lcs, struct bytes a, struct bytes b)
{
    size_t size;

    *lcs = (struct lcs){.a = a, .b = b, .b_is_longer = a.len <= b.len};
    lcs->words = words_of(columns_of(lcs).len);
    if (rows_of(lcs).len == 0) return OK;
    if (__builtin_mul_overflow(rows_of(lcs).len, lcs->words * sizeof *lcs->bits, &size)) return NO_MEMORY;
    lcs->bits = mem_alloc(size);
    if (!lcs->bits) return NO_MEMORY;
    if (fill(rows_of(lcs), columns_of(lcs), lcs->bits, &lcs->length) == OK) return OK;
    lcs_close(lcs);
    return NO_MEMORY;
}

void lcs_close(struct lcs *lcs)
{
    mem_free(lcs->bits);
    lcs->bits = NULL;
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

bool lcs_walk_next(struct lcs_walk *walk, struct lcs_run *run)
{
    run->len = 0;
    while (walk->row > 0 && walk->column > 0 && !bytes_agree(walk)) drop_one(walk);
    while (bytes_agree(walk)) {
        drop_column(walk);
        drop_row(walk);
        run->len++;
    }
    run->a_at = walk->lcs->b_is_longer ? walk->row : walk->column;
    run->b_at = walk->lcs->b_is_longer ? walk->column : walk->row;
    return run->len > 0;
}
