#include "coatcheck/commands/zset_bound.h"

#include "coatcheck/base/number.h"

/* As redis-server reads them, which is as strtod() does: blanks in front, nothing at all and what
 * is too large for a number will do. */
static bool read_score(struct bytes word, struct zset_bound *bound)
{
    *bound = (struct zset_bound){.kind = ZSET_BY_SCORE};
    if (word.len > 0 && word.at[0] == '(') {
        bound->exclusive = true;
        word = bytes_of(word.at + 1, word.len - 1);
    }
    return number_read_double_leniently(word, &bound->score);
}

static bool read_member(struct bytes word, struct zset_bound *bound)
{
    char mark = word.len > 0 ? word.at[0] : '\0';

    *bound = (struct zset_bound){.exclusive = mark == '('};
    switch (mark) {
    case '-':
    case '+':
        bound->kind = mark == '-' ? ZSET_BEFORE_ALL : ZSET_AFTER_ALL;
        return word.len == 1 || word.at[1] == '\0';
    case '(':
    case '[':
        bound->kind = ZSET_BY_MEMBER;
        bound->member = bytes_of(word.at + 1, word.len - 1);
        return true;
    default:
        return false;
    }
}

bool zset_range_read(struct call *call, enum zset_range_kind kind, unsigned min, unsigned max,
                     struct zset_range *range)
{
    range->kind = kind;
    switch (kind) {
    case ZSET_RANGE_OF_RANKS:
        return call_read_int(call, min, &range->start) && call_read_int(call, max, &range->stop);
    case ZSET_RANGE_OF_SCORES:
        if (read_score(call_arg(call, min), &range->min) &&
            read_score(call_arg(call, max), &range->max))
            return true;
        reply_errorf(call->reply, "ERR min or max is not a float");
        return false;
    default:
        if (read_member(call_arg(call, min), &range->min) &&
            read_member(call_arg(call, max), &range->max))
            return true;
        reply_errorf(call->reply, "ERR min or max not valid string range item");
        return false;
    }
}

static void find_ranks(uint64_t count, const struct zset_range *range, uint64_t *first,
                       uint64_t *end)
{
    int64_t all = (int64_t)count;
    int64_t start = range->start < 0 ? range->start + all : range->start;
    int64_t stop = range->stop < 0 ? range->stop + all : range->stop;

    if (start < 0) start = 0;
    if (stop >= all) stop = all - 1;
    *first = (uint64_t)start;
    *end = (uint64_t)(stop + 1 > start ? stop + 1 : start);
}

uint64_t zset_range_find(const struct zset *zset, const struct zset_range *range, bool backwards,
                         uint64_t *first, uint64_t *end)
{
    uint64_t count = zset ? zset_count(zset) : 0;

    *first = *end = 0;
    if (count == 0) return 0;
    if (range->kind == ZSET_RANGE_OF_RANKS) {
        find_ranks(count, range, first, end);
        if (backwards && *end > *first) {
            uint64_t highest = *first;

            *first = count - *end;
            *end = count - highest;
        }
    } else {
        *first = zset_rank_of_first(zset, &range->min);
        *end = zset_rank_of_end(zset, &range->max);
    }
    if (*end < *first) *end = *first;
    return *end - *first;
}
