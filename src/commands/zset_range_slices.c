/* zset_range_slices: ZRANGESTORE of many members. */
#include "zset_range_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/commands/making.h"

struct copying {
    struct making making;
    struct zset_part part;
    struct zset_walk walk;
    uint64_t left; /* of the members */
    size_t longest;
    struct zset *copy;
};

bool zset_part_is_much(const struct call *call, const struct zset_part *part)
{
    return part->end - part->first > SOURCES_AT_ONCE && part->tries < SOURCES_TRIES && call_may_interrupt(call);
}

static enum status copy_some(struct making *making, bool *is_over)
{
    struct copying *copying = (struct copying *)making;
    enum zset_change change;

    for (size_t some = sources_a_look(copying->longest); some > 0 && copying->left > 0; some--, copying->left--) {
        if (!zset_walk_next(&copying->walk)) break;
        if (copying->walk.member.len > copying->longest) copying->longest = copying->walk.member.len;
        if (zset_put(copying->copy, copying->walk.member, copying->walk.score, &change) != OK) return NO_MEMORY;
    }
    *is_over = copying->left == 0;
    return OK;
}

static void finish(struct call *call, struct making *making)
{
    struct copying *copying = (struct copying *)making;

    zset_part_store(call, &copying->part, &copying->copy);
}

static void begin_anew(struct call *call, struct making *making)
{
    unsigned tries = ((struct copying *)making)->part.tries + 1;

    making_free(&making);
    zset_range_store(call, tries);
}

static size_t copying_bytes(const struct making *making, size_t *aside)
{
    const struct copying *copying = (const struct copying *)making;

    *aside = value_kind_of(VALUE_ZSET)->used_bytes(copying->copy);
    return sizeof *copying + *aside;
}

static void copying_fini(struct making *making)
{
    zset_free(&((struct copying *)making)->copy);
}

static const struct making_verbs copying_verbs = {
    .some = copy_some, .finish = finish, .begin_anew = begin_anew, .bytes = copying_bytes, .fini = copying_fini};

void zset_part_begin_slices(struct call *call, const struct zset_part *part)
{
    struct copying *copying = mem_alloc_zeroed(sizeof *copying);
    struct making *making;
    enum status status;

    if (!call_ok(call, copying ? OK : NO_MEMORY)) return;
    making = &copying->making;
    copying->part = *part;
    copying->left = part->end - part->first;
    copying->copy = zset_part_new(part);
    status = making_init(making, &copying_verbs, call, 1, 1);
    if (!copying->copy) status = NO_MEMORY;
    if (!call_ok(call, status)) {
        making_free(&making);
        return;
    }
    copying->part.zset = sources_read_from(&making->sources, 0, part->zset);
    zset_part_walk(&copying->part, &copying->walk);
    making_leave(call, making);
}
