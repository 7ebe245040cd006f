/* leafbook: leaves by number. A number stays when its leaf moves, and is short enough to be kept
 * often. Numbers count from 0; those given back are given out again first. Pages of 512 pointers:
 * it grows without large copies. */
#ifndef COATCHECK_STRUCTS_LEAFBOOK_H
#define COATCHECK_STRUCTS_LEAFBOOK_H

#include <stdint.h>
#include <stddef.h>
#include "coatcheck/base/status.h"
#include "coatcheck/structs/scoreblock.h"

#define LEAFBOOK_PAGE_BITS 9
#define LEAFBOOK_PAGE (1u << LEAFBOOK_PAGE_BITS)

struct leafbook {
    uintptr_t **pages;  /* a leaf, or the next free number * 2 + 1 */
    uint32_t next;      /* numbers from here on were never given out */
    uint32_t room;      /* numbers that the pages have room for */
    uint32_t page_room; /* pages that `pages` has room for */
    uint32_t free;      /* the first free number + 1, 0: none */
    uint32_t limit;     /* numbers that there may be */
    size_t used_bytes;
};

void leafbook_init(struct leafbook *book, uint32_t limit);
void leafbook_fini(struct leafbook *book);

/* With the same numbers free and all others without a leaf as yet. NO_MEMORY: *copy is an empty
 * one. */
enum status leafbook_copy_empty(struct leafbook *copy, const struct leafbook *book);

/* Makes sure that the next leafbook_add() succeeds. TOO_BIG: all numbers are taken. */
enum status leafbook_reserve(struct leafbook *book);
uint32_t leafbook_add(struct leafbook *book, struct scoreblock *leaf);
void leafbook_remove(struct leafbook *book, uint32_t number);

/* Forgets the highest number, and its page when that was the first in it: for the end of a book. */
void leafbook_drop_last(struct leafbook *book);

/* Moves the page that begins with this number, if one does, together with its like: mem_compact(). */
void leafbook_compact(struct leafbook *book, uint32_t number);

static inline struct scoreblock *leafbook_at(const struct leafbook *book, uint32_t number)
{
    return (struct scoreblock *)
        book->pages[number >> LEAFBOOK_PAGE_BITS][number & (LEAFBOOK_PAGE - 1)];
}

static inline void leafbook_set(struct leafbook *book, uint32_t number, struct scoreblock *leaf)
{
    book->pages[number >> LEAFBOOK_PAGE_BITS][number & (LEAFBOOK_PAGE - 1)] = (uintptr_t)leaf;
}

/* A hint to the processor, for who will ask. */
static inline void leafbook_prefetch(const struct leafbook *book, uint32_t number)
{
    prefetch(&book->pages[number >> LEAFBOOK_PAGE_BITS][number & (LEAFBOOK_PAGE - 1)]);
}

/* NULL for a number that is free. */
static inline struct scoreblock *leafbook_look(const struct leafbook *book, uint32_t number)
{
    uintptr_t entry = (uintptr_t)leafbook_at(book, number);

    return entry & 1 ? NULL : (struct scoreblock *)entry;
}

#endif
