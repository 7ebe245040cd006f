/* sort_internal: what the files of SORT share: patterns that name keys, and the elements on their way. */
#ifndef COATCHECK_COMMANDS_SORT_INTERNAL_H
#define COATCHECK_COMMANDS_SORT_INTERNAL_H

#include "coatcheck/base/text.h"
#include "coatcheck/engine/call.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"

/* ---- patterns: "weight_*", "user:*->name", "#" ---- */

/* A word after BY or GET, which lives as long as the call. */
struct sort_pattern {
    bool is_element; /* "#": the element itself */
    bool names_keys; /* has a star; without one, and if it is no "#", nothing is found by it */
    bool has_field;
    struct bytes before, after, field;
};
struct sort_pattern sort_pattern_read(struct bytes word);

/* A word after BY without a star: nothing is sorted. */
bool sort_pattern_is_constant(struct bytes word);

/* What a pattern found for an element: a string, or a field of a hash. */
struct sort_found {
    bool there;
    struct bytes text;         /* lives until the keys' shards are left, or, of a number, as long as this does */
    const struct entry *entry; /* of a string */
    char digits[NUMBER_MAX_TEXT];
    struct hash_field of_hash;
};

/* `name` is room for a key's name, which is used again and again. All shards are entered. False: no memory. */
bool sort_look_up(struct call *call, const struct sort_pattern *pattern, struct bytes element, struct text *name,
                  struct sort_found *found);

/* ---- elements ---- */

struct sort_element {
    struct bytes text;
    union {
        double weight;   /* numbers */
        struct bytes by; /* letters; at NULL: there is no such key */
    };
};

/* Texts that nobody else keeps. */
struct sort_scraps {
    struct scrap_chunk *chunks;
    char *at, *end;
    size_t bytes; /* got for them */
};
/* A copy that lives until the end; at NULL: no memory. */
struct bytes sort_scraps_keep(struct sort_scraps *scraps, struct bytes text);

struct sort_elements {
    struct sort_element *of;
    size_t count;
    bool copies; /* of all texts are kept, which then live as long as this does */
    struct sort_scraps scraps;
};
void sort_elements_fini(struct sort_elements *elements);

/* The elements first … end-1 of what is at the entry: of a list in its order, of a sorted set in that of its scores,
 * both from their other end with `backwards`; of a set in some order. Their texts live as long as the container does
 * not change. */
enum status sort_elements_fill(struct sort_elements *elements, const struct entry *entry, uint64_t first, uint64_t end,
                               bool backwards);

enum sort_order {
    SORT_BY_NUMBER,   /* weight, then text */
    SORT_BY_TEXT,     /* text */
    SORT_BY_OTHER,    /* by, those without it first; equal ones stay as they stand */
    SORT_BY_OTHER_TOO /* by, then text */
};

/* Elements on their way to their order, in pieces: runs of some are made, then merged back and forth between two arrays. */
struct sort_work {
    struct sort_element *of, *other;
    size_t count;
    enum sort_order order;
    bool falling;
    size_t run;  /* the elements of one; 0: they are being made */
    size_t at;   /* the run, or the first of the two, that is at work */
    size_t a, b; /* how far each of the two has been taken */
};

/* Into `order`, or with `falling` the other way round, in O(N log N). NO_MEMORY: nothing is taken. */
enum status sort_work_begin(struct sort_work *work, const struct sort_elements *elements, enum sort_order order,
                            bool falling);
/* Moves about so many of them. True: they are in order, and the elements have got the array in which they are. */
bool sort_work_some(struct sort_work *work, struct sort_elements *elements, size_t moves);
/* It was given up, or is over. */
void sort_work_fini(struct sort_work *work, const struct sort_elements *elements);

/* The whole of it. */
enum status sort_elements_order(struct sort_elements *elements, enum sort_order order, bool falling);

/* ---- the command ---- */

struct sort {
    bool falling, by_letters, in_order; /* in_order: as it stands, there is nothing to sort by */
    bool sorts_by_other;
    struct sort_pattern by;
    int64_t offset, limit;
    unsigned gets;  /* how many words GET */
    bool is_stored; /* at the last key */
    unsigned tries; /* to do it in slices, before this one */

    const struct entry *entry; /* of the source; NULL: there is none */
    uint64_t first, end;       /* of the elements in their order: these are answered */
    struct sort_elements elements;
    struct text name;
};

/* From its words on. A key that was looked at in an earlier try is not counted again. */
void sort_run(struct call *call, bool may_store, unsigned tries);

/* Element `i` as a number. False: it is none. */
bool sort_weigh_own(struct sort *sort, size_t i);

/* What all elements go by, of other keys or their own. False: answered. */
bool sort_weigh(struct call *call, struct sort *sort);

/* While the source is there. */
enum sort_order sort_order_of(const struct sort *sort);

/* The first word behind the key. */
#define SORT_OPTIONS 2

/* What is got for the element by the next GET from word *word on, which is behind it afterwards. */
void sort_answer_got(struct call *call, struct reply *reply, struct sort *sort, struct bytes element, unsigned *word);

/* Element `i`, or what is got for it, at the end of the list that is stored. */
enum status sort_push(struct call *call, struct sort *sort, uint64_t i, struct list *list);

/* Puts the list in its place, and answers. Takes *list. */
void sort_store(struct call *call, struct list **list);

void sort_fini(struct sort *sort);

/* Are its elements so many that it has to wait until others are done? Then it is postponed, or answered. */
bool sort_waits(struct call *call);

/* In slices, without GETs of other keys: true, it has begun, and *sort is taken; or is answered. */
bool sort_begin_slices(struct call *call, struct sort *sort);
/* One more. */
void sort_go_on(struct call *call, struct task *task);

#endif
