#include "model.h"

#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/must.h"

#define CHAINS 65536

struct model {
    struct model_item *chains[CHAINS];
};

static struct bytes bytes_copy(struct bytes bytes)
{
    char *at = malloc(bytes.len + 1);

    must(at != NULL);
    if (bytes.len > 0) memcpy(at, bytes.at, bytes.len);
    return bytes_of(at, bytes.len);
}

static void item_free(struct model_item *item)
{
    free((char *)item->key.at);
    free((char *)item->value.at);
    free(item);
}

struct model *model_new(void)
{
    struct model *model = calloc(1, sizeof *model);

    must(model != NULL);
    return model;
}

void model_free(struct model **model)
{
    for (unsigned i = 0; i < CHAINS; i++) {
        while ((*model)->chains[i]) {
            struct model_item *item = (*model)->chains[i];

            (*model)->chains[i] = item->next;
            item_free(item);
        }
    }
    free(*model);
    *model = NULL;
}

/* Of its own, so that a fault of the real hash cannot hide in both. (FNV-1a) */
static struct model_item **chain_of(struct model *model, struct bytes key)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < key.len; i++) hash = (hash ^ (unsigned char)key.at[i]) * 0x100000001b3u;
    return &model->chains[(hash ^ hash >> 32) % CHAINS];
}

static struct model_item **link_of(struct model *model, unsigned db, struct bytes key)
{
    struct model_item **link = chain_of(model, key);

    while (*link && !((*link)->db == db && bytes_equal((*link)->key, key))) link = &(*link)->next;
    return link;
}

struct model_item *model_find(struct model *model, unsigned db, struct bytes key, int64_t now_ms)
{
    struct model_item *item = *link_of(model, db, key);

    return item && item->deadline_ms > now_ms ? item : NULL;
}

void model_put(struct model *model, unsigned db, struct bytes key, struct bytes value,
               int64_t deadline_ms)
{
    struct model_item *item;
    struct bytes copy = bytes_copy(value);

    item = *link_of(model, db, key);
    if (!item) {
        struct model_item **chain = chain_of(model, key);

        item = calloc(1, sizeof *item);
        must(item != NULL);
        item->db = db;
        item->key = bytes_copy(key);
        item->next = *chain;
        *chain = item;
    }
    free((char *)item->value.at);
    item->value = copy;
    item->deadline_ms = deadline_ms;
}

static void unlink_item(struct model_item **link)
{
    struct model_item *item = *link;

    *link = item->next;
    item_free(item);
}

bool model_remove(struct model *model, unsigned db, struct bytes key)
{
    struct model_item **link = link_of(model, db, key);

    if (!*link) return false;
    unlink_item(link);
    return true;
}

uint64_t model_expire(struct model *model, int64_t now_ms)
{
    uint64_t gone = 0;

    for (unsigned i = 0; i < CHAINS; i++) {
        for (struct model_item **link = &model->chains[i]; *link;) {
            if ((*link)->deadline_ms <= now_ms) {
                unlink_item(link);
                gone++;
            } else {
                link = &(*link)->next;
            }
        }
    }
    return gone;
}

void model_flush(struct model *model, unsigned db)
{
    for (unsigned i = 0; i < CHAINS; i++) {
        for (struct model_item **link = &model->chains[i]; *link;) {
            if ((*link)->db == db) {
                unlink_item(link);
            } else {
                link = &(*link)->next;
            }
        }
    }
}

void model_swap(struct model *model, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < CHAINS; i++) {
        for (struct model_item *item = model->chains[i]; item; item = item->next) {
            if (item->db == a) {
                item->db = b;
            } else if (item->db == b) {
                item->db = a;
            }
        }
    }
}

uint64_t model_count(const struct model *model, unsigned db)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < CHAINS; i++) {
        for (const struct model_item *item = model->chains[i]; item; item = item->next) {
            count += item->db == db;
        }
    }
    return count;
}

void model_each(struct model *model, void (*see)(void *context, struct model_item *item),
                void *context)
{
    for (unsigned i = 0; i < CHAINS; i++) {
        for (struct model_item *item = model->chains[i]; item; item = item->next)
            see(context, item);
    }
}
