#include "coatcheck/structs/nearby.h"

#include "coatcheck/base/mem.h"

#define FIRST_ROOM 32

enum status nearby_add(struct nearby_list *list, struct nearby found)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : FIRST_ROOM;
        struct nearby *more = mem_resize(list->of, room * sizeof *more);

        if (!more) return NO_MEMORY;
        list->of = more;
        list->room = room;
    }
    list->of[list->count++] = found;
    return OK;
}

void nearby_fini(struct nearby_list *list)
{
    mem_free(list->of);
    *list = (struct nearby_list){0};
}

/* ---- all of them: by merging, which keeps equal ones in their order ---- */

static inline int order(const struct nearby *a, const struct nearby *b, bool falling)
{
    int rising = a->distance > b->distance ? 1 : a->distance == b->distance ? 0 : -1;

    return falling ? -rising : rising;
}

/* Runs a … and b …, each in order, into one. */
static void merge(const struct nearby *a, size_t a_count, const struct nearby *b, size_t b_count,
                  struct nearby *into, bool falling)
{
    while (a_count > 0 && b_count > 0) {
        if (order(a, b, falling) > 0) {
            *into++ = *b++;
            b_count--;
        } else {
            *into++ = *a++;
            a_count--;
        }
    }
    memcpy(into, a, a_count * sizeof *a);
    memcpy(into + a_count, b, b_count * sizeof *b);
}

static enum status sort_all(struct nearby_list *list, bool falling)
{
    struct nearby *from = list->of, *into = mem_alloc(list->count * sizeof *into);

    if (!into) return NO_MEMORY;
    for (size_t run = 1; run < list->count; run *= 2) {
        struct nearby *other = from;

        for (size_t at = 0; at < list->count; at += 2 * run) {
            size_t left = list->count - at, a = left < run ? left : run,
                   b = left - a < run ? left - a : run;

            merge(from + at, a, from + at + a, b, into + at, falling);
        }
        from = into;
        into = other;
    }
    if (from != list->of) list->room = list->count;
    list->of = from;
    mem_free(into);
    return OK;
}

/* ---- the first ones ---- */

/* By parting, as Bentley and McIlroy do ("Engineering a Sort Function", 1993), each part that has
 * none of the wanted ones left as it is. The choices that the paper leaves open are those of the
 * BSDs, for which of several equal ones is among the wanted depends on them. */

struct part {
    struct nearby *at;
    size_t count;
};

static inline void exchange(struct nearby *a, struct nearby *b)
{
    struct nearby kept = *a;

    *a = *b;
    *b = kept;
}

static void sort_few(struct part part, bool falling)
{
    for (size_t i = 1; i < part.count; i++) {
        for (size_t k = i; k > 0 && order(&part.at[k - 1], &part.at[k], falling) > 0; k--)
            exchange(&part.at[k - 1], &part.at[k]);
    }
}

static struct nearby *median(struct nearby *a, struct nearby *b, struct nearby *c, bool falling)
{
    if (order(a, b, falling) < 0)
        return order(b, c, falling) < 0 ? b : order(a, c, falling) < 0 ? c : a;
    return order(b, c, falling) > 0 ? b : order(a, c, falling) < 0 ? a : c;
}

static struct nearby *choose_pivot(struct part part, bool falling)
{
    struct nearby *low = part.at, *middle = part.at + part.count / 2,
                  *high = part.at + part.count - 1;

    if (part.count > 40) {
        size_t step = part.count / 8;

        low = median(low, low + step, low + 2 * step, falling);
        middle = median(middle - step, middle, middle + step, falling);
        high = median(high - 2 * step, high - step, high, falling);
    }
    return part.count > 7 ? median(low, middle, high, falling) : middle;
}

static void exchange_ends(struct nearby *a, struct nearby *b, size_t count)
{
    for (size_t i = 0; i < count; i++) exchange(a + i, b + i);
}

/* Into those before the pivot and those behind it; those equal to it end up between them. */
static void part_in_two(struct part part, struct part *before, struct part *behind, bool falling)
{
    struct nearby *first = part.at, *end = part.at + part.count;
    /* first … equal_low and equal_high … are equal to the pivot, which is the first. */
    struct nearby *equal_low = first + 1, *low = first + 1, *high = end - 1, *equal_high = end - 1;
    size_t equals;

    exchange(first, choose_pivot(part, falling));
    for (;;) {
        int result;

        for (; low <= high && (result = order(low, first, falling)) <= 0; low++) {
            if (result == 0) exchange(equal_low++, low);
        }
        for (; low <= high && (result = order(high, first, falling)) >= 0; high--) {
            if (result == 0) exchange(high, equal_high--);
        }
        if (low > high) break;
        exchange(low++, high--);
    }
    *before = (struct part){first, (size_t)(low - equal_low)};
    *behind = (struct part){end - (equal_high - high), (size_t)(equal_high - high)};
    equals = (size_t)(equal_low - first);
    equals = equals < before->count ? equals : before->count;
    exchange_ends(first, low - equals, equals);
    equals = (size_t)(end - 1 - equal_high);
    equals = equals < behind->count ? equals : behind->count;
    exchange_ends(low, end - equals, equals);
}

/* Who has placed things so that the pivots are always bad ones gets no further than this many looks
 * at each. */
#define LOOKS_MAX 100

/* The smaller part comes first, so that no more than log2(count) wait. False: this would take too
 * long. */
static bool sort_first(struct part part, const struct nearby *wanted_end, bool falling)
{
    struct part waiting[64], before, behind;
    size_t looks_left = part.count * LOOKS_MAX;
    unsigned depth = 0;

    waiting[depth++] = part;
    while (depth > 0) {
        part = waiting[--depth];
        if (part.count < 2 || part.at >= wanted_end) continue;
        if (part.count < 7) {
            sort_few(part, falling);
            continue;
        }
        if (part.count > looks_left) return false;
        looks_left -= part.count;
        part_in_two(part, &before, &behind, falling);
        waiting[depth++] = before.count > behind.count ? before : behind;
        waiting[depth++] = before.count > behind.count ? behind : before;
    }
    return true;
}

enum status nearby_sort(struct nearby_list *list, size_t wanted, bool falling)
{
    if (list->count < 2) return OK;
    if (wanted < list->count &&
        sort_first((struct part){list->of, list->count}, list->of + wanted, falling))
        return OK;
    return sort_all(list, falling);
}
