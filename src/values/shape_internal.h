/* shape: the names of fields that many small hashes have alike, in their order, kept once for all of them (as engines
 * of JavaScript keep them; Chambers, Ungar, Lee 1989, called them maps). A hash of a shape holds its number and how
 * many of its names are the hash's own: the first so many. So a hash that is filled one field at a time has one shape
 * all the way, which is that of the others that began as it did.
 *
 * Names become a shape when they are met a second time: the names so far and the next one are a key, and keys that were
 * met lately are remembered by a few bits. Who makes each hash with other names never meets any of them again. A shape
 * that another one continues is replaced by it for all hashes to come.
 *
 * Shapes are many at most SHAPES_MAX, of SHAPES_BYTES in all; one that no hash has is dropped when its place is wanted.
 * Any thread may ask; who has a shape's number holds it, so that it stays. Numbers begin at 1. */
#ifndef COATCHECK_SHAPE_INTERNAL_H
#define COATCHECK_SHAPE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/structs/packed.h"

#define SHAPES_MAX 1024
#define SHAPES_BYTES (1024 * 1024)
#define SHAPE_NAMES_MAX 200
#define SHAPE_NAME_MAX 256 /* bytes */

/* Its names. The caller holds it. */
const struct packed *shape_names(unsigned shape);

/* One holder more of what the caller holds already, and one less. */
void shape_hold(unsigned shape);
void shape_release(unsigned shape);

/* Is the name behind the first `count` ones this one? */
bool shape_goes_on(unsigned shape, unsigned count, const struct packitem *name);

/* Another shape that begins with the first `count` names of this one (0: of none), and then this name: held for the
 * caller, who keeps holding the old one too. 0: there is none, or no memory. */
unsigned shape_next(unsigned shape, unsigned count, const struct packitem *name);

/* Which of the first `count` names is this one? False: none. */
bool shape_find(unsigned shape, unsigned count, const struct packitem *name, unsigned *at);

/* A holder's part of what the allocator holds for it. */
size_t shape_share(unsigned shape);

/* For tests: all shapes there are, their bytes, and how many of those are their holders' parts. */
struct shape_figures {
    unsigned count, held;
    size_t bytes, shared;
};
void shape_read_figures(struct shape_figures *figures);

/* Every invariant; must() tells which one broke. For tests, while no other thread makes any. */
void shape_check(void);

/* For tests: drops all that nobody holds, and forgets what was met. */
void shape_forget(void);

#endif
