/* sort_elements: the elements of a container as an array, and that array in order. */
#include "sort_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* ---- scraps ---- */

/* Of a chunk: the first, and those that follow. */
#define SCRAPS_FIRST (8 * 1024)
#define SCRAPS_AT_ONCE (64 * 1024)

struct scrap_chunk {
    struct scrap_chunk *next;
    char room[];
};

struct bytes sort_scraps_keep(struct sort_scraps *scraps, struct bytes text)
{
    char *at;

    if (unlikely(!scraps->at || (size_t)(scraps->end - scraps->at) < text.len)) {
        size_t usual = scraps->chunks ? SCRAPS_AT_ONCE : SCRAPS_FIRST, room = text.len < usual ? usual : text.len;
        struct scrap_chunk *chunk = mem_alloc(sizeof *chunk + room);

        if (!chunk) return bytes_of(NULL, 0);
        chunk->next = scraps->chunks;
        scraps->chunks = chunk;
        scraps->bytes += sizeof *chunk + room;
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

/* A number that a walk has printed to `scratch` is kept in any case. */
static inline bool add(struct sort_elements *elements, struct bytes text, const char *scratch)
{
    if (text.at == scratch || elements->copies) {
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
    *elements = (struct sort_elements){.copies = elements->copies};
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

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of two neighbouring runs into one, `moves` of them at the most; of equal elements those of the first stand first. Returns
 * how many were moved. */
ALWAYS size_t merge_some(struct sort_work *work, size_t moves, compare_elements *compare, bool falling)
{
    size_t a_end = least(work->at + work->run, work->count), b_end = least(work->at + 2 * work->run, work->count);
    const struct sort_element *a = work->of + work->a, *b = work->of + work->b;
    const struct sort_element *a_stop = work->of + a_end, *b_stop = work->of + b_end;
    struct sort_element *into = work->other + work->a + work->b - a_end, *begun = into;
    struct sort_element *stop = into + least(moves, (size_t)(a_stop - a + (b_stop - b)));

    while (a < a_stop && b < b_stop && into < stop) {
        int order = compare(b, a);

        *into++ = (falling ? order > 0 : order < 0) ? *b++ : *a++;
    }
    /* One of them has ended, or all moves are made. */
    for (; into < stop && a < a_stop; into++) *into = *a++;
    for (; into < stop; into++) *into = *b++;
    work->a = (size_t)(a - work->of);
    work->b = (size_t)(b - work->of);
    return (size_t)(into - begun);
}

static void begin_pair(struct sort_work *work, size_t at)
{
    work->at = work->a = at;
    work->b = least(at + work->run, work->count);
}

/* All runs are merged in pairs. */
static void end_pass(struct sort_work *work)
{
    struct sort_element *of = work->other;

    work->other = work->of;
    work->of = of;
    work->run *= 2;
    begin_pair(work, 0);
}

/* True: it is done. */
ALWAYS bool merge_sort_some(struct sort_work *work, size_t moves, compare_elements *compare, bool falling)
{
    while (work->run == 0 && moves > 0) {
        size_t some = least(work->count - work->at, RUN);

        insert_in_order(work->of + work->at, some, compare, falling);
        moves -= least(moves, some);
        work->at += some;
        if (work->at < work->count) continue;
        work->run = RUN;
        begin_pair(work, 0);
    }
    while (moves > 0 && work->run < work->count) {
        moves -= merge_some(work, moves, compare, falling);
        if (work->a + work->b < least(work->at + work->run, work->count) + least(work->at + 2 * work->run, work->count)) continue;
        begin_pair(work, least(work->at + 2 * work->run, work->count));
        if (work->at == work->count) end_pass(work);
    }
    return work->run > 0 && work->run >= work->count;
}

static bool work_some(struct sort_work *work, size_t moves)
{
    switch (work->order) {
    case SORT_BY_NUMBER:
        return work->falling ? merge_sort_some(work, moves, compare_numbers, true)
                             : merge_sort_some(work, moves, compare_numbers, false);
    case SORT_BY_TEXT:
        return work->falling ? merge_sort_some(work, moves, compare_texts, true)
                             : merge_sort_some(work, moves, compare_texts, false);
    case SORT_BY_OTHER:
        return work->falling ? merge_sort_some(work, moves, compare_others, true)
                             : merge_sort_some(work, moves, compare_others, false);
    default:
        return work->falling ? merge_sort_some(work, moves, compare_others_too, true)
                             : merge_sort_some(work, moves, compare_others_too, false);
    }
}

enum status sort_work_begin(struct sort_work *work, const struct sort_elements *elements, enum sort_order order,
                            bool falling)
{
    *work = (struct sort_work){.of = elements->of, .count = elements->count, .order = order, .falling = falling};
    if (elements->count <= RUN) return OK;
    work->other = mem_alloc(elements->count * sizeof *work->other);
    return work->other ? OK : NO_MEMORY;
}

bool sort_work_some(struct sort_work *work, struct sort_elements *elements, size_t moves)
{
    if (work->count < 2) return true;
    if (!work_some(work, moves)) return false;
    elements->of = work->of;
    return true;
}

void sort_work_fini(struct sort_work *work, const struct sort_elements *elements)
{
    mem_free(work->of == elements->of ? work->other : work->of);
    work->of = work->other = NULL;
}

enum status sort_elements_order(struct sort_elements *elements, enum sort_order order, bool falling)
{
    struct sort_work work;

    if (sort_work_begin(&work, elements, order, falling) != OK) return NO_MEMORY;
    while (!sort_work_some(&work, elements, SIZE_MAX)) continue;
    sort_work_fini(&work, elements);
    return OK;
}
