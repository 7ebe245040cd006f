/* blob: a large string on its own, counted by reference.
 * A reply may hold a reference while the key is overwritten or deleted by another worker; whoever wants to
 * change the bytes must be the only holder, or work on a copy. */
#ifndef COATCHECK_VALUES_BLOB_H
#define COATCHECK_VALUES_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* Strings of this size and above live in a blob, and are replied by reference. */
#define BLOB_FROM (64 * 1024)

struct blob {
    _Atomic uint32_t references;
    size_t len;
    size_t room;  /* bytes that fit without a new allocation */
    uint64_t version; /* no other has it, nor had this one before it was last changed */
    size_t clean; /* never less than a length it had: what lies behind was never written, and is zero */
    char at[];
};

/* One reference, the caller's; len 0, room for at least `room` bytes. NULL: no memory. */
struct blob *blob_new(size_t room);

/* All of it zero: where it is large the kernel's own zero pages, which cost nothing before they are touched. */
struct blob *blob_new_zeroed(size_t room);

static inline void blob_hold(struct blob *blob)
{
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
}

/* Gives one reference back and frees with the last; *blob is NULL afterwards, and may have been before.
 * A blob of many megabytes is only laid aside: the kernel takes milliseconds to take its pages back. */
void blob_release(struct blob **blob);

/* Frees a piece of what blob_release() laid aside, some 50 microseconds' worth. Any thread, outside of locks.
 * True: nothing is left for this thread to do. */
bool blob_bury_some(void);

static inline struct bytes blob_bytes(const struct blob *blob)
{
    return (struct bytes){blob->at, blob->len};
}

/* The same bytes with room for `room`, held by the caller alone: grown in place when nobody else holds it
 * (slack is added, so that appending stays linear), a copy otherwise. Takes *blob's reference and replaces
 * it; on NO_MEMORY (NULL) *blob is untouched. */
struct blob *blob_make_own(struct blob **blob, size_t room);

/* The same with this length; bytes behind those that were there are zero. As blob_make_own(). */
struct blob *blob_set_length(struct blob **blob, size_t len);

#endif
