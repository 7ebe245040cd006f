#include "coatcheck/commands/sources.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

static bool is_source(const struct entry *entry)
{
    return entry && (entry_type(entry) == VALUE_SET || entry_type(entry) == VALUE_ZSET || entry_type(entry) == VALUE_LIST);
}

/* 0: it is a small one. */
static uint64_t version_of(enum value_type type, const void *container)
{
    if (type == VALUE_SET) return set_version(container);
    return type == VALUE_ZSET ? zset_version(container) : list_version(container);
}

static enum status note(struct source *source, const struct entry *entry)
{
    if (!is_source(entry)) return OK;
    source->type = entry_type(entry);
    source->container = entry_container(entry);
    source->version = version_of(source->type, source->container);
    if (source->version != 0) {
        container_pin(source->container);
        return OK;
    }
    source->copy = value_kind_of(source->type)->copy(source->container);
    return source->copy ? OK : NO_MEMORY;
}

enum status sources_note(struct sources *sources, struct call *call, unsigned first_key, unsigned count)
{
    *sources = (struct sources){.of = mem_alloc_zeroed(count * sizeof *sources->of), .count = count, .first_key = first_key};
    if (!sources->of) return NO_MEMORY;
    for (unsigned i = 0; i < count; i++) {
        if (note(&sources->of[i], key_look_again(&call->keys[first_key + i])) == OK) continue;
        sources_fini(sources);
        return NO_MEMORY;
    }
    return OK;
}

const void *sources_read_from(const struct sources *sources, unsigned i, const void *container)
{
    return sources->of[i].copy ? sources->of[i].copy : container;
}

/* ---- are they what they were? ---- */

static bool is_same_set(const struct set *a, const struct set *b)
{
    struct set_walk walk;

    if (set_count(a) != set_count(b)) return false;
    for (set_walk_begin(&walk, a); set_walk_next(&walk);) {
        if (!set_has(b, walk.member)) return false;
    }
    return true;
}

static bool is_same_zset(const struct zset *a, const struct zset *b)
{
    struct zset_walk one, other;

    if (zset_count(a) != zset_count(b)) return false;
    zset_walk_from(&one, a, 0, false);
    zset_walk_from(&other, b, 0, false);
    while (zset_walk_next(&one) && zset_walk_next(&other)) {
        if (one.score != other.score || !bytes_equal(one.member, other.member)) return false;
    }
    return true;
}

static bool is_same_list(const struct list *a, const struct list *b)
{
    char scratch[NUMBER_MAX_TEXT], other_scratch[NUMBER_MAX_TEXT];
    struct list_walk one, other;

    if (list_count(a) != list_count(b)) return false;
    list_walk_from(&one, a, 0, false);
    list_walk_from(&other, b, 0, false);
    while (list_walk_next(&one) && list_walk_next(&other)) {
        if (!bytes_equal(list_walk_text(&one, scratch), list_walk_text(&other, other_scratch))) return false;
    }
    return true;
}

static bool is_like_copy(const struct source *source, const void *container)
{
    if (source->type == VALUE_SET) return is_same_set(source->copy, container);
    if (source->type == VALUE_ZSET) return is_same_zset(source->copy, container);
    return is_same_list(source->copy, container);
}

static bool is_unchanged(const struct source *source, const struct entry *entry)
{
    const void *container;

    if (!entry) return !source->container;
    if (!source->container || entry_type(entry) != source->type) return false;
    container = entry_container(entry);
    if (source->copy) return is_like_copy(source, container);
    return container == source->container && version_of(source->type, container) == source->version;
}

bool sources_are_unchanged(const struct sources *sources, const struct call *call, bool with_copies)
{
    for (unsigned i = 0; i < sources->count; i++) {
        const struct source *source = &sources->of[i];

        if (!with_copies && (source->copy || !source->container)) continue;
        if (!is_unchanged(source, key_look_again(&call->keys[sources->first_key + i]))) return false;
    }
    return true;
}

/* ---- how much they are ---- */

struct source_counts sources_count(const struct call *call, unsigned first_key)
{
    struct source_counts counts = {.least = UINT64_MAX};

    for (unsigned k = first_key; k < call->key_count; k++) {
        const struct entry *entry = key_look_again(&call->keys[k]);
        uint64_t count = is_source(entry) ? value_kind_of(entry_type(entry))->length(entry_container(entry)) : 0;

        if (k == first_key) counts.first = count;
        if (count < counts.least) counts.least = count;
        counts.sum += count;
    }
    return counts;
}

void sources_fini(struct sources *sources)
{
    for (unsigned i = 0; sources->of && i < sources->count; i++) {
        struct source *source = &sources->of[i];

        if (source->version != 0) container_unpin(source->container);
        while (source->copy && !value_kind_of(source->type)->free_some(&source->copy, SIZE_MAX)) continue;
    }
    mem_free(sources->of);
    *sources = (struct sources){0};
}
