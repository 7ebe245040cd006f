/* model: a map as plain as it can be, to hold the key space against: chains from a fixed array, no
 * hints, no growth, nothing clever. Values are text; deadlines are compared when asked. */
#ifndef COATCHECK_TESTS_MODEL_H
#define COATCHECK_TESTS_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"

struct model;

struct model_item {
    struct model_item *next;
    unsigned db;
    struct bytes key, value; /* owned */
    int64_t deadline_ms;
    unsigned mark; /* for the test's own use */
};

struct model *model_new(void);
void model_free(struct model **model);

/* NULL: not there, or past its deadline. */
struct model_item *model_find(struct model *model, unsigned db, struct bytes key, int64_t now_ms);

/* Copies key and value; replaces what was there. */
void model_put(struct model *model, unsigned db, struct bytes key, struct bytes value,
               int64_t deadline_ms);
bool model_remove(struct model *model, unsigned db, struct bytes key);

/* Drops whatever is past its deadline; returns how many. */
uint64_t model_expire(struct model *model, int64_t now_ms);
void model_flush(struct model *model, unsigned db);
void model_swap(struct model *model, unsigned a, unsigned b);

uint64_t model_count(const struct model *model, unsigned db);
void model_each(struct model *model, void (*see)(void *context, struct model_item *item),
                void *context);

#endif
