/* pointerset: a set of pointers, small when it holds few: none and one take no memory of their own, up to
 * POINTERSET_FLAT stand in a row, more in an open hash table that is at most three quarters full.
 * The pointers are never NULL and are even (those of any allocator are). */
#ifndef COATCHECK_STRUCTS_POINTERSET_H
#define COATCHECK_STRUCTS_POINTERSET_H

#include <stdbool.h>
#include <stdint.h>

#define POINTERSET_FLAT 16

/* Zeroed: empty. */
struct pointerset {
    uintptr_t word; /* 0: nothing; odd: the only one, plus 1; else the block */
};

uint32_t pointerset_count(const struct pointerset *set);
bool pointerset_has(const struct pointerset *set, const void *pointer);

/* It is not in the set. False: no memory, nothing has changed. */
bool pointerset_add(struct pointerset *set, void *pointer);

/* False: it was not in the set. */
bool pointerset_remove(struct pointerset *set, const void *pointer);

/* One after the other, in no order that means anything; NULL after the last. *at is 0 for the first. The set
 * does not change between the first and the last call. */
void *pointerset_next(const struct pointerset *set, uint32_t *at);

/* Forgets all of them, and gives back what it holds. */
void pointerset_clear(struct pointerset *set);

/* Every invariant; must() tells which one broke. */
void pointerset_check(const struct pointerset *set);

#endif
