/* sort_elements: the elements of a container as an array, and that array in order. */
#include "sort_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* ---- scraps ---- */

#define SCRAPS_AT_ONCE 8192

struct scrap_chunk {
    struct scrap_chunk *next;
    char room[];
};

struct bytes sort_scraps_keep(struct sort_scraps *scraps, struct bytes text)
{
    char *at;

    if (unlikely(!scraps->at || (size_t)(scraps->end - scraps->at) < text.len)) {
        size_t room = text.len < SCRAPS_AT_ONCE ? SCRAPS_AT_ONCE : text.len;
        struct scrap_chunk *chunk = mem_alloc(sizeof *chunk + room);

        if (!chunk) return bytes_of(NULL, 0);
        chunk->next = scraps->chunks;
        scraps->chunks = chunk;
        scraps->at = chunk->room;
        scraps->end = chunk->room + room;
    }
    at = scraps->at;
    if (text.len > 0) memcpy(at, text.at, text.len);
    scraps->at += text.len;
    return bytes_of(at, text.len);
}

void sort_elements_fini(struct sort_elements *elements)
{
    for (struct scrap_chunk *chunk = elements->scraps.chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        mem_free(chunk);
    }
    mem_free(elements->of);
    *elements = (struct sort_elements){0};
}

/* ---- out of the containers ---- */

/* A number that a walk has printed to `scratch` is kept. */
static inline bool add(struct sort_elements *elements, struct bytes text, const char *scratch)
{
    if (text.at == scratch) {
        text = sort_scraps_keep(&elements->scraps, text);
        if (!text.at) return false;
    }
    elements->of[elements->count].text = text;
    elements->of[elements->count++].by = bytes_of(NULL, 0);
    return true;
}

static bool add_list(struct sort_elements *elements, const struct list *list, uint64_t first, uint64_t end,
                     bool backwards)
{
    char scratch[NUMBER_MAX_TEXT];
    struct list_walk walk;

    list_walk_from(&walk, list, backwards ? list_count(list) - 1 - first : first, backwards);
    for (; first < end && list_walk_next(&walk); first++) {
        if (!add(elements, list_walk_text(&walk, scratch), scratch)) return false;
    }
    return true;
}

static bool add_zset(struct sort_elements *elements, const struct zset *zset, uint64_t first, uint64_t end,
                     bool backwards)
{
    struct zset_walk walk;

    zset_walk_from(&walk, zset, backwards ? zset_count(zset) - 1 - first : first, backwards);
    for (; first < end && zset_walk_next(&walk); first++) {
        if (!add(elements, walk.member, NULL)) return false;
    }
    return true;
}

static bool add_set(struct sort_elements *elements, const struct set *set, uint64_t first, uint64_t end)
{
    struct set_walk walk;

    set_walk_begin(&walk, set);
    for (uint64_t at = 0; at < end && set_walk_next(&walk); at++) {
        if (at >= first && !add(elements, walk.member, walk.digits)) return false;
    }
    return true;
}

static bool add_some(struct sort_elements *elements, const struct entry *entry, uint64_t first, uint64_t end,
                     bool backwards)
{
    const void *container = entry_container(entry);

    switch (entry_type(entry)) {
    case VALUE_LIST:
        return add_list(elements, container, first, end, backwards);
    case VALUE_ZSET:
        return add_zset(elements, container, first, end, backwards);
    default:
        return add_set(elements, container, first, end);
    }
}

enum status sort_elements_fill(struct sort_elements *elements, const struct entry *entry, uint64_t first, uint64_t end,
                               bool backwards)
{
    *elements = (struct sort_elements){0};
    if (first >= end) return OK;
    if (end - first > SIZE_MAX / sizeof *elements->of) return NO_MEMORY;
    elements->of = mem_alloc((end - first) * sizeof *elements->of);
    if (elements->of && add_some(elements, entry, first, end, backwards)) return OK;
    sort_elements_fini(elements);
    return NO_MEMORY;
}

/* ---- in order ---- */

typedef int compare_elements(const struct sort_element *a, const struct sort_element *b);

static int compare_numbers(const struct sort_element *a, const struct sort_element *b)
{
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    return bytes_compare(a->text, b->text);
}

static int compare_texts(const struct sort_element *a, const struct sort_element *b)
{
    return bytes_compare(a->text, b->text);
}

static int compare_others(const struct sort_element *a, const struct sort_element *b)
{
    if (a->by.at && b->by.at) return bytes_compare(a->by, b->by);
    return (a->by.at != NULL) - (b->by.at != NULL);
}

static int compare_others_too(const struct sort_element *a, const struct sort_element *b)
{
    int by = compare_others(a, b);

    return by != 0 ? by : bytes_compare(a->text, b->text);
}

/* So many are put in order one by one, before runs of them are merged. */
#define RUN 12

/* A way through the array for each order and direction: asked in there, it would be asked N log N times. */
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS void insert_in_order(struct sort_element *of, size_t count, compare_elements *compare, bool falling)
{
    for (size_t i = 1; i < count; i++) {
        struct sort_element moved = of[i];
        size_t at = i;

        for (; at > 0; at--) {
            int order = compare(&moved, &of[at - 1]);

            if (falling ? order <= 0 : order >= 0) break;
            of[at] = of[at - 1];
        }
        of[at] = moved;
    }
}

/* Two neighbouring runs into one; of equal elements those of the first stand first. */
ALWAYS void merge(const struct sort_element *a, size_t a_count, size_t b_count, struct sort_element *into,
                  compare_elements *compare, bool falling)
{
    const struct sort_element *a_end = a + a_count, *b = a_end, *b_end = b + b_count;

    while (a < a_end && b < b_end) {
        int order = compare(b, a);

        *into++ = (falling ? order > 0 : order < 0) ? *b++ : *a++;
    }
    if (a < a_end) memcpy(into, a, (size_t)(a_end - a) * sizeof *into);
    if (b < b_end) memcpy(into, b, (size_t)(b_end - b) * sizeof *into);
}

/* Merges back and forth between the two arrays; returns the one in which the result is. */
ALWAYS struct sort_element *merge_sort(struct sort_element *of, struct sort_element *other, size_t count,
                                       compare_elements *compare, bool falling)
{
    for (size_t at = 0; at < count; at += RUN) {
        insert_in_order(of + at, count - at < RUN ? count - at : RUN, compare, falling);
    }
    for (size_t run = RUN; run < count; run *= 2) {
        struct sort_element *sorted = other;

        for (size_t at = 0; at < count; at += 2 * run) {
            size_t a_count = count - at < run ? count - at : run;
            size_t b_count = count - at - a_count < run ? count - at - a_count : run;

            merge(of + at, a_count, b_count, other + at, compare, falling);
        }
        other = of;
        of = sorted;
    }
    return of;
}

static struct sort_element *sort_by(struct sort_element *of, struct sort_element *other, size_t count,
                                    enum sort_order order, bool falling)
{
    switch (order) {
    case SORT_BY_NUMBER:
        return falling ? merge_sort(of, other, count, compare_numbers, true)
                       : merge_sort(of, other, count, compare_numbers, false);
    case SORT_BY_TEXT:
        return falling ? merge_sort(of, other, count, compare_texts, true)
                       : merge_sort(of, other, count, compare_texts, false);
    case SORT_BY_OTHER:
        return falling ? merge_sort(of, other, count, compare_others, true)
                       : merge_sort(of, other, count, compare_others, false);
    default:
        return falling ? merge_sort(of, other, count, compare_others_too, true)
                       : merge_sort(of, other, count, compare_others_too, false);
    }
}

enum status sort_elements_order(struct sort_elements *elements, enum sort_order order, bool falling)
{
    struct sort_element *other = NULL, *sorted;

    if (elements->count < 2) return OK;
    if (elements->count > RUN) {
        other = mem_alloc(elements->count * sizeof *other);
        if (!other) return NO_MEMORY;
    }
    sorted = sort_by(elements->of, other, elements->count, order, falling);
    if (sorted != elements->of) {
        mem_free(elements->of);
        elements->of = sorted;
    } else {
        mem_free(other);
    }
    return OK;
}
