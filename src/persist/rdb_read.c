/* Reading containers. A container is built aside, so that bytes which make no sense further on leave nothing behind;
 * what it holds twice, or out of order, or as no number, is refused as a whole. */
#include "rdb_internal.h"

#include <math.h>
#include <string.h>
#include "coatcheck/base/mem.h"

/* ---- texts one after the other: in the source itself, or in a sequence that one text of it is ---- */

struct texts {
    struct source *source;
    bool packed;
    struct rdb_text string; /* of the sequence */
    struct sequence sequence;
    uint64_t left; /* texts in the source, or at most so many in the sequence */
};

/* `count` texts follow. */
static struct texts texts_of_source(struct source *source, uint64_t count)
{
    return (struct texts){.source = source, .left = count};
}

/* The next text is a sequence. False: the source has failed; texts_fini() in either case. */
static bool texts_open(struct texts *texts, struct source *source, enum sequence_form form)
{
    *texts = (struct texts){.source = source, .packed = true};
    if (!rdb_read_text(source, &texts->string)) return false;
    if (!sequence_open(&texts->sequence, form, texts->string.bytes)) return source_fail(source, MALFORMED);
    texts->left = sequence_most(&texts->sequence);
    return true;
}

/* Texts in groups of so many: some follow in the source, or in a sequence when `form` says so. */
#define PLAINLY (-1)
static bool texts_begin(struct texts *texts, struct source *source, int form, size_t group)
{
    uint64_t count;

    *texts = (struct texts){.source = source};
    if (form != PLAINLY) return texts_open(texts, source, (enum sequence_form)form);
    if (!rdb_read_count(source, group, &count)) return false;
    *texts = texts_of_source(source, count * group);
    return true;
}

static void texts_fini(struct texts *texts)
{
    rdb_text_fini(&texts->string);
}

/* False: there are no more, or the source has failed. */
static bool texts_next(struct texts *texts, struct rdb_text *text)
{
    if (texts->packed) {
        if (sequence_next(&texts->sequence, text->digits, &text->bytes)) return true;
        return texts->sequence.broken ? source_fail(texts->source, MALFORMED) : false;
    }
    if (texts->left == 0) return false;
    texts->left--;
    return rdb_read_text(texts->source, text);
}

/* As texts_next(), where there has to be one. */
static bool texts_need(struct texts *texts, struct rdb_text *text)
{
    return texts_next(texts, text) || source_fail(texts->source, MALFORMED);
}

/* For a verb that adds something to a container. */
static bool is_done(struct source *source, enum status status)
{
    return status == OK || source_fail(source, status == NO_MEMORY ? NO_MEMORY : MALFORMED);
}

/* ---- lists ---- */

static bool push_texts(struct list *list, struct texts *texts)
{
    struct rdb_text text = {.own = NULL};
    bool good = true;

    while (good && texts_next(texts, &text)) good = is_done(texts->source, list_push(list, LIST_RIGHT, text.bytes));
    rdb_text_fini(&text);
    return texts->source->status == OK;
}

static bool push_packed_node(struct list *list, struct source *source, enum sequence_form form)
{
    struct texts texts;
    bool good = texts_open(&texts, source, form);

    if (good && !(list_count(list) == 0 && rdb_fill_list(source, &texts.sequence, list))) push_texts(list, &texts);
    texts_fini(&texts);
    return source->status == OK;
}

/* redis-server takes none that is empty, and writes none. */
static bool push_plain_node(struct list *list, struct source *source)
{
    struct rdb_text text = {.own = NULL};
    bool good = rdb_read_text(source, &text) && (text.bytes.len > 0 || source_fail(source, MALFORMED)) &&
                is_done(source, list_push(list, LIST_RIGHT, text.bytes));

    rdb_text_fini(&text);
    return good;
}

static bool push_node(struct list *list, struct source *source)
{
    uint64_t kind;

    if (!rdb_read_length(source, &kind)) return false;
    if (kind == NODE_PLAIN) return push_plain_node(list, source);
    if (kind == NODE_PACKED) return push_packed_node(list, source, SEQUENCE_LISTPACK);
    return source_fail(source, MALFORMED);
}

static bool read_list_into(struct list *list, struct source *source, enum rdb_type type)
{
    uint64_t count;

    if (type == RDB_LIST_ZIPLIST) return push_packed_node(list, source, SEQUENCE_ZIPLIST);
    if (!rdb_read_count(source, 1, &count)) return false;
    if (type == RDB_LIST) {
        struct texts texts = texts_of_source(source, count);

        return push_texts(list, &texts);
    }
    while (count-- > 0) {
        bool good = type == RDB_LIST_QUICKLIST ? push_packed_node(list, source, SEQUENCE_ZIPLIST)
                                               : push_node(list, source);

        if (!good) return false;
    }
    return true;
}

void *rdb_read_list(struct source *source, enum rdb_type type)
{
    struct list *list = list_new();

    if (!is_done(source, list ? OK : NO_MEMORY)) return NULL;
    if (read_list_into(list, source, type) && list_count(list) == 0) source_fail(source, MALFORMED);
    if (source->status != OK) list_free(&list);
    return list;
}

/* ---- sets ---- */

static void add_members(struct set *set, struct texts *texts)
{
    struct rdb_text text = {.own = NULL};
    bool good = true, added = false;

    while (good && texts_next(texts, &text)) {
        good = is_done(texts->source, set_add(set, text.bytes, &added));
        if (good && !added) good = source_fail(texts->source, MALFORMED);
    }
    rdb_text_fini(&text);
}

void *rdb_read_set(struct source *source, enum rdb_type type)
{
    struct set *set = set_new();
    int form = type == RDB_SET_INTSET ? SEQUENCE_INTSET : type == RDB_SET_LISTPACK ? SEQUENCE_LISTPACK : PLAINLY;
    struct texts texts;

    if (!is_done(source, set ? OK : NO_MEMORY)) return NULL;
    if (texts_begin(&texts, source, form, 1) && !(texts.packed && rdb_fill_set(source, &texts.sequence, set)))
        add_members(set, &texts);
    texts_fini(&texts);
    if (source->status == OK && set_count(set) == 0) source_fail(source, MALFORMED);
    if (source->status != OK) set_free(&set);
    return set;
}

/* ---- sorted sets ---- */

/* A score as redis-server wrote it before the year 2017: a byte that tells how many digits follow, or which number it
 * is that has none. */
enum { SCORE_NAN = 253, SCORE_INFINITE = 254, SCORE_MINUS_INFINITE = 255 };

static bool read_score_in_digits(struct source *source, double *score)
{
    char digits[256];
    uint8_t len;

    if (!source_read_byte(source, &len)) return false;
    if (len >= SCORE_INFINITE) {
        *score = len == SCORE_INFINITE ? INFINITY : -INFINITY;
        return true;
    }
    if (len == SCORE_NAN) return source_fail(source, MALFORMED);
    return source_read(source, digits, len) &&
           (number_read_double(bytes_of(digits, len), score) || source_fail(source, MALFORMED));
}

static bool read_score(struct source *source, enum rdb_type type, double *score)
{
    uint64_t bits;

    if (type == RDB_ZSET) return read_score_in_digits(source, score);
    if (!source_read_le64(source, &bits)) return false;
    memcpy(score, &bits, sizeof *score);
    return !isnan(*score) || source_fail(source, MALFORMED);
}

static bool put_member(struct zset *zset, struct source *source, struct bytes member, double score)
{
    enum zset_change change = ZSET_SAME;

    return is_done(source, zset_put(zset, member, score, &change)) &&
           (change == ZSET_ADDED || source_fail(source, MALFORMED));
}

static struct zset *new_zset(struct source *source, uint64_t members)
{
    struct zset *zset = zset_new_for(members, 0);

    if (!zset) source_fail(source, NO_MEMORY);
    return zset;
}

static struct zset *read_zset_plainly(struct source *source, enum rdb_type type)
{
    struct rdb_text member = {.own = NULL};
    struct zset *zset;
    uint64_t count;
    bool good = true;

    if (!rdb_read_count(source, type == RDB_ZSET ? 2 : 9, &count)) return NULL;
    zset = new_zset(source, count);
    while (zset && good && count-- > 0) {
        double score;

        good = rdb_read_text(source, &member) && read_score(source, type, &score) &&
               put_member(zset, source, member.bytes, score);
    }
    rdb_text_fini(&member);
    return zset;
}

static struct zset *read_zset_packed(struct source *source, enum sequence_form form)
{
    struct rdb_text member = {.own = NULL}, digits = {.own = NULL};
    struct zset *zset = NULL;
    struct texts texts;
    bool good = texts_open(&texts, source, form);

    if (good) zset = new_zset(source, texts.left / 2);
    if (zset && zset_is_packed(zset)) good = !rdb_fill_zset(source, &texts.sequence, zset);
    while (zset && good && texts_next(&texts, &member)) {
        double score;

        good = texts_need(&texts, &digits) &&
               (number_read_double(digits.bytes, &score) || source_fail(source, MALFORMED)) &&
               put_member(zset, source, member.bytes, score);
    }
    texts_fini(&texts);
    if (zset) zset_keep_packed(zset);
    return zset;
}

void *rdb_read_zset(struct source *source, enum rdb_type type)
{
    struct zset *zset = type == RDB_ZSET_ZIPLIST    ? read_zset_packed(source, SEQUENCE_ZIPLIST)
                        : type == RDB_ZSET_LISTPACK ? read_zset_packed(source, SEQUENCE_LISTPACK)
                                                    : read_zset_plainly(source, type);

    if (!zset) return NULL;
    if (source->status == OK && zset_count(zset) == 0) source_fail(source, MALFORMED);
    if (source->status != OK) zset_free(&zset);
    return zset;
}

/* ---- hashes ---- */

struct hash_reading {
    struct hash *hash;
    struct source *source;
    enum rdb_type type;
    struct texts texts;
    uint64_t soonest_ms; /* where fields have deadlines */
    bool any_over;       /* a field was past its own, and was left out */
    struct rdb_text name, value, deadline;
};

static bool put_field(struct hash_reading *reading, uint64_t deadline)
{
    int64_t deadline_ms = deadline == 0 ? NEVER : (int64_t)deadline;
    bool added = false;

    if (deadline > (uint64_t)HASH_DEADLINE_MAX) return source_fail(reading->source, MALFORMED);
    if (deadline_ms != NEVER && deadline_ms <= clock_now_ms()) {
        reading->any_over = true;
        return true;
    }
    return is_done(reading->source,
                   hash_put(reading->hash, reading->name.bytes, reading->value.bytes, deadline_ms, &added)) &&
           (added || source_fail(reading->source, MALFORMED));
}

/* The one that comes before its field in the source counts from the soonest, which is 1. */
static bool read_deadline_before(struct hash_reading *reading, uint64_t *deadline)
{
    if (!rdb_read_length(reading->source, deadline) || *deadline == 0) return reading->source->status == OK;
    return !__builtin_add_overflow(*deadline, reading->soonest_ms - 1, deadline) ||
           source_fail(reading->source, MALFORMED);
}

/* The one that comes behind its value in a listpack is what it is. */
static bool read_deadline_behind(struct hash_reading *reading, uint64_t *deadline)
{
    return texts_need(&reading->texts, &reading->deadline) &&
           (number_read_uint(reading->deadline.bytes, deadline) || source_fail(reading->source, MALFORMED));
}

static bool read_field(struct hash_reading *reading)
{
    uint64_t deadline = 0;

    if (!texts_need(&reading->texts, &reading->value)) return false;
    if (reading->type == RDB_HASH_LISTPACK_EX && !read_deadline_behind(reading, &deadline)) return false;
    return put_field(reading, deadline);
}

static void read_fields(struct hash_reading *reading)
{
    bool good = true;

    while (good && texts_next(&reading->texts, &reading->name)) good = read_field(reading);
}

static void read_fields_with_deadlines(struct hash_reading *reading)
{
    uint64_t count;
    bool good = source_read_le64(reading->source, &reading->soonest_ms) &&
                (reading->soonest_ms > 0 || source_fail(reading->source, MALFORMED)) &&
                rdb_read_count(reading->source, 3, &count);

    while (good && count-- > 0) {
        uint64_t deadline;

        good = read_deadline_before(reading, &deadline) && rdb_read_text(reading->source, &reading->name) &&
               rdb_read_text(reading->source, &reading->value) && put_field(reading, deadline);
    }
}

static int form_of_hash(enum rdb_type type)
{
    switch (type) {
    case RDB_HASH_ZIPMAP:
        return SEQUENCE_ZIPMAP;
    case RDB_HASH_ZIPLIST:
        return SEQUENCE_ZIPLIST;
    case RDB_HASH_LISTPACK:
    case RDB_HASH_LISTPACK_EX:
        return SEQUENCE_LISTPACK;
    default:
        return PLAINLY;
    }
}

static void read_hash_into(struct hash_reading *reading)
{
    struct source *source = reading->source;

    if (reading->type == RDB_HASH_METADATA) {
        read_fields_with_deadlines(reading);
        return;
    }
    if (reading->type == RDB_HASH_LISTPACK_EX && !source_read_le64(source, &reading->soonest_ms)) return;
    if (texts_begin(&reading->texts, source, form_of_hash(reading->type), 2) &&
        !(reading->texts.packed && reading->type != RDB_HASH_LISTPACK_EX &&
          rdb_fill_hash(source, &reading->texts.sequence, reading->hash)))
        read_fields(reading);
    if (reading->texts.packed && reading->type != RDB_HASH_ZIPMAP) hash_keep_packed(reading->hash);
    texts_fini(&reading->texts);
}

void *rdb_read_hash(struct source *source, enum rdb_type type)
{
    struct hash_reading reading = {.hash = hash_new(), .source = source, .type = type};

    if (!is_done(source, reading.hash ? OK : NO_MEMORY)) return NULL;
    read_hash_into(&reading);
    rdb_text_fini(&reading.name);
    rdb_text_fini(&reading.value);
    if (source->status == OK && hash_count(reading.hash) == 0 && !reading.any_over) source_fail(source, MALFORMED);
    if (source->status != OK) hash_free(&reading.hash);
    return reading.hash;
}
