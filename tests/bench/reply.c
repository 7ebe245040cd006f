#include "reply.h"

#include <string.h>

/* What the first line of a reply says; items is -1 for the nil forms. */
struct head {
    char kind;
    long long number;
    size_t used;
};

enum { REPLY_DEPTH = 8 };

static enum verdict head_read(const char *at, size_t len, struct head *head)
{
    const char *end = len ? memchr(at, '\n', len) : NULL;
    const char *digit = at + 1;
    bool negative;

    if (!end) return REPLY_MORE;
    if (end == at || end[-1] != '\r') return REPLY_BROKEN;
    head->kind = at[0];
    head->used = (size_t)(end - at) + 1;
    head->number = 0;
    if (!strchr("$*:%~>=!", head->kind)) return REPLY_RIGHT;

    if ((negative = *digit == '-')) digit++;
    if (digit == end - 1) return REPLY_BROKEN;
    for (; digit < end - 1; digit++) {
        if (*digit < '0' || *digit > '9' || head->number > 922337203685477579ll)
            return REPLY_BROKEN;
        head->number = head->number * 10 + (*digit - '0');
    }
    if (negative) head->number = -head->number;
    return REPLY_RIGHT;
}

static enum verdict bulk_end(const struct head *head, const char *at, size_t len, size_t *used)
{
    size_t whole = head->used + (size_t)head->number + 2;

    if (len < whole) return REPLY_MORE;
    if (memcmp(at + whole - 2, "\r\n", 2)) return REPLY_BROKEN;
    *used = whole;
    return REPLY_RIGHT;
}

/* Steps over any reply, however it is nested. */
static enum verdict reply_skip(const char *at, size_t len, size_t *used, int depth)
{
    struct head head;
    enum verdict verdict = head_read(at, len, &head);
    long long items = 0;

    if (verdict != REPLY_RIGHT) return verdict;
    *used = head.used;
    switch (head.kind) {
    case '+':
    case ':':
    case '_':
    case ',':
    case '#':
    case '(':
        return REPLY_RIGHT;
    case '-':
        return REPLY_ERROR;
    case '$':
    case '=':
        return head.number < 0 ? REPLY_RIGHT : bulk_end(&head, at, len, used);
    case '!':
        verdict = head.number < 0 ? REPLY_BROKEN : bulk_end(&head, at, len, used);
        return verdict == REPLY_RIGHT ? REPLY_ERROR : verdict;
    case '*':
    case '~':
    case '>':
        items = head.number;
        break;
    case '%':
        items = 2 * head.number;
        break;
    default:
        return REPLY_BROKEN;
    }
    if (depth == REPLY_DEPTH) return REPLY_BROKEN;
    for (; items > 0; items--) {
        size_t item = 0;
        verdict = reply_skip(at + *used, len - *used, &item, depth + 1);
        if (verdict == REPLY_MORE || verdict == REPLY_BROKEN) return verdict;
        *used += item;
    }
    return REPLY_RIGHT;
}

static enum verdict value_judge(const struct workload *load, uint32_t key, const char *at,
                                size_t len, size_t *used)
{
    struct head head;
    enum verdict verdict = head_read(at, len, &head);

    if (verdict != REPLY_RIGHT) return verdict;
    if (head.kind == '_' || (head.kind == '$' && head.number < 0)) {
        *used = head.used;
        return REPLY_MISS;
    }
    if (head.kind != '$') {
        verdict = reply_skip(at, len, used, 0);
        return verdict == REPLY_RIGHT ? REPLY_WRONG : verdict;
    }
    if ((verdict = bulk_end(&head, at, len, used)) != REPLY_RIGHT) return verdict;
    if ((size_t)head.number != load->value_size) return REPLY_WRONG;
    return memcmp(at + head.used, workload_value(load, key), load->value_size) ? REPLY_WRONG
                                                                               : REPLY_RIGHT;
}

static enum verdict values_judge(const struct workload *load, const struct shape *shape,
                                 const uint32_t *keys, const char *at, size_t len, size_t *used)
{
    struct head head;
    enum verdict verdict = head_read(at, len, &head), all = REPLY_RIGHT;

    if (verdict != REPLY_RIGHT) return verdict;
    if (head.kind != '*' || head.number != (long long)shape->n_keys) {
        verdict = reply_skip(at, len, used, 0);
        return verdict == REPLY_RIGHT ? REPLY_WRONG : verdict;
    }
    *used = head.used;
    for (unsigned i = 0; i < shape->n_keys; i++) {
        size_t item = 0;
        verdict = value_judge(load, keys[i], at + *used, len - *used, &item);
        if (verdict == REPLY_MORE || verdict == REPLY_BROKEN) return verdict;
        *used += item;
        if (verdict > all) all = verdict; /* the worst of them stands for all */
    }
    return all;
}

static enum verdict items_judge(const struct shape *shape, const char *at, size_t len, size_t *used)
{
    struct head head;
    enum verdict verdict = reply_skip(at, len, used, 0);

    if (verdict != REPLY_RIGHT) return verdict;
    head_read(at, len, &head);
    return head.kind == '*' && head.number == shape->n_items ? REPLY_RIGHT : REPLY_WRONG;
}

static enum verdict line_judge(const char *wanted, size_t wanted_len, const char *at, size_t len,
                               size_t *used)
{
    if (len >= wanted_len && memcmp(at, wanted, wanted_len) == 0) {
        *used = wanted_len;
        return REPLY_RIGHT;
    }
    enum verdict verdict = reply_skip(at, len, used, 0);
    return verdict == REPLY_RIGHT ? REPLY_WRONG : verdict;
}

enum verdict reply_judge(const struct workload *load, const struct shape *shape,
                         const uint32_t *keys, const char *at, size_t len, size_t *used)
{
    enum verdict verdict;

    switch (shape->expected) {
    case EXPECT_OK:
        return line_judge("+OK\r\n", 5, at, len, used);
    case EXPECT_PONG:
        return line_judge("+PONG\r\n", 7, at, len, used);
    case EXPECT_INTEGER:
        verdict = reply_skip(at, len, used, 0);
        return verdict == REPLY_RIGHT && at[0] != ':' ? REPLY_WRONG : verdict;
    case EXPECT_BULK: /* a double of RESP3 counts as one */
        verdict = reply_skip(at, len, used, 0);
        if (verdict != REPLY_RIGHT || at[0] == ',') return verdict;
        return at[0] == '$' && at[1] != '-' ? REPLY_RIGHT : REPLY_WRONG;
    case EXPECT_ITEMS:
        return items_judge(shape, at, len, used);
    case EXPECT_VALUE:
        return value_judge(load, keys[0], at, len, used);
    case EXPECT_VALUES:
        return values_judge(load, shape, keys, at, len, used);
    default:
        return reply_skip(at, len, used, 0);
    }
}
