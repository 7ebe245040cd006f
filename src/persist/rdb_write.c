/* Writing values. Small ones as redis-server 7.0 keeps them, in one packed string each; large ones element by element. */
#include "rdb_internal.h"

#include <endian.h>
#include "coatcheck/base/must.h"
#include "coatcheck/persist/crc64.h"
#include "coatcheck/persist/listpack.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* No packed string of a small value is larger: what takes more is written element by element, which redis-server reads
 * just as well. */
#define PACKED_MOST 65536

/* ---- strings ---- */

static unsigned write_string(struct sink *sink, const struct entry *entry)
{
    char scratch[NUMBER_MAX_TEXT];

    sink_put_byte(sink, RDB_STRING);
    rdb_write_text(sink, entry_string(entry, scratch));
    return RDB_VERSION;
}

/* ---- lists: nodes of some elements, and large elements that are a node each ---- */

#define NODE_MOST 8192    /* bytes of a packed node: redis-server's own measure, list-max-listpack-size -2 */
#define ELEMENT_MOST 4096 /* bytes of an element in one */

static uint64_t count_nodes(const struct list *list)
{
    struct list_walk walk;
    char scratch[NUMBER_MAX_TEXT];
    uint64_t nodes = 0;
    size_t room = 0;

    for (list_walk_from(&walk, list, 0, false); list_walk_next(&walk);) {
        struct bytes text = list_walk_text(&walk, scratch);
        size_t size;

        if (text.len > ELEMENT_MOST) {
            nodes++;
            room = 0;
            continue;
        }
        size = listpack_size(text);
        if (size > room) {
            nodes++;
            room = NODE_MOST - LISTPACK_EMPTY;
        }
        room -= size;
    }
    return nodes;
}

static void write_node(struct sink *sink, struct listpack *node)
{
    if (node->count == 0) return;
    rdb_write_length(sink, NODE_PACKED);
    rdb_write_text(sink, listpack_end(node));
}

static unsigned write_list(struct sink *sink, const struct list *list)
{
    struct list_walk walk;
    struct listpack node;
    char scratch[NUMBER_MAX_TEXT], room[NODE_MOST];

    sink_put_byte(sink, RDB_LIST_QUICKLIST_2);
    rdb_write_length(sink, count_nodes(list));
    listpack_begin(&node, room, sizeof room);
    for (list_walk_from(&walk, list, 0, false); list_walk_next(&walk);) {
        struct bytes text = list_walk_text(&walk, scratch);
        bool alone = text.len > ELEMENT_MOST;

        if (!alone && listpack_add(&node, text)) continue;
        write_node(sink, &node);
        listpack_begin(&node, room, sizeof room);
        if (alone) {
            rdb_write_length(sink, NODE_PLAIN);
            rdb_write_text(sink, text);
        } else {
            must(listpack_add(&node, text));
        }
    }
    write_node(sink, &node);
    return RDB_VERSION;
}

/* ---- sets ---- */

#define INTSET_HEAD 8

static int64_t number_of(struct bytes member)
{
    int64_t number;

    must(number_read_int(member, &number));
    return number;
}

static void put_number(uint8_t *at, unsigned width, int64_t number)
{
    for (unsigned i = 0; i < width; i++) at[i] = (uint8_t)((uint64_t)number >> 8 * i);
}

static void write_intset(struct sink *sink, const struct set *set)
{
    unsigned width = set_number_width(set);
    uint64_t count = set_count(set);
    uint8_t room[PACKED_MOST], *at = room + INTSET_HEAD;
    bool fits = INTSET_HEAD + count * width <= PACKED_MOST;
    struct set_walk walk;

    sink_put_byte(sink, RDB_SET_INTSET);
    put_number(room, 4, width);
    put_number(room + 4, 4, (int64_t)count);
    if (!fits) {
        rdb_write_length(sink, INTSET_HEAD + count * width);
        sink_put(sink, bytes_of(room, INTSET_HEAD));
    }
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) {
        put_number(at, width, number_of(walk.member));
        if (fits) {
            at += width;
        } else {
            sink_put(sink, bytes_of(at, width));
        }
    }
    if (fits) rdb_write_text(sink, bytes_of(room, (size_t)(at - room)));
}

static unsigned write_set(struct sink *sink, const struct set *set)
{
    struct set_walk walk;

    if (set_is_intset(set)) {
        write_intset(sink, set);
        return RDB_VERSION;
    }
    sink_put_byte(sink, RDB_SET);
    rdb_write_length(sink, set_count(set));
    for (set_walk_begin(&walk, set); set_walk_next(&walk);) rdb_write_text(sink, walk.member);
    return RDB_VERSION;
}

/* ---- sorted sets ---- */

/* False: it takes too much. */
static bool write_zset_packed(struct sink *sink, const struct zset *zset)
{
    struct listpack packed;
    struct zset_walk walk;
    char room[PACKED_MOST], digits[64];

    listpack_begin(&packed, room, sizeof room);
    for (zset_walk_from(&walk, zset, 0, false); zset_walk_next(&walk);) {
        size_t len = number_print_double(digits, sizeof digits, walk.score);

        if (!listpack_add(&packed, walk.member) || !listpack_add(&packed, bytes_of(digits, len))) return false;
    }
    sink_put_byte(sink, RDB_ZSET_LISTPACK);
    rdb_write_text(sink, listpack_end(&packed));
    return true;
}

static unsigned write_zset(struct sink *sink, const struct zset *zset)
{
    struct zset_walk walk;

    if (zset_is_packed(zset) && write_zset_packed(sink, zset)) return RDB_VERSION;
    sink_put_byte(sink, RDB_ZSET_2);
    rdb_write_length(sink, zset_count(zset));
    /* The greatest first, as redis-server does: its own list takes each in at the front. */
    for (zset_walk_from(&walk, zset, zset_count(zset) - 1, true); zset_walk_next(&walk);) {
        uint64_t score;

        rdb_write_text(sink, walk.member);
        memcpy(&score, &walk.score, sizeof score);
        sink_put_le64(sink, score);
    }
    return RDB_VERSION;
}

/* ---- hashes ---- */

/* False: it takes too much. */
static bool write_hash_packed(struct sink *sink, const struct hash *hash)
{
    struct listpack packed;
    struct hash_walk walk;
    char room[PACKED_MOST];

    listpack_begin(&packed, room, sizeof room);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        if (!listpack_add(&packed, walk.field.name) || !listpack_add(&packed, walk.field.value)) return false;
    }
    sink_put_byte(sink, RDB_HASH_LISTPACK);
    rdb_write_text(sink, listpack_end(&packed));
    return true;
}

/* Fields that are not past their deadline, and the first deadline of those. */
struct survey {
    uint64_t fields;
    int64_t soonest_ms;
};

static struct survey survey_of(const struct hash *hash)
{
    struct survey survey = {.fields = hash_count(hash), .soonest_ms = NEVER};
    struct hash_walk walk;

    if (hash_soonest_ms(hash) == NEVER) return survey;
    survey.fields = 0;
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk); survey.fields++) {
        if (walk.field.deadline_ms < survey.soonest_ms) survey.soonest_ms = walk.field.deadline_ms;
    }
    return survey;
}

/* Deadlines count from the first of them, which is 1; 0 is none. */
static unsigned write_hash_with_deadlines(struct sink *sink, const struct hash *hash, const struct survey *survey)
{
    struct hash_walk walk;

    sink_put_byte(sink, RDB_HASH_METADATA);
    sink_put_le64(sink, (uint64_t)survey->soonest_ms);
    rdb_write_length(sink, survey->fields);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        bool has = walk.field.deadline_ms != NEVER;

        rdb_write_length(sink, has ? (uint64_t)(walk.field.deadline_ms - survey->soonest_ms) + 1 : 0);
        rdb_write_text(sink, walk.field.name);
        rdb_write_text(sink, walk.field.value);
    }
    return RDB_VERSION_FIELD_DEADLINES;
}

static unsigned write_hash(struct sink *sink, const struct hash *hash)
{
    struct survey survey = survey_of(hash);
    struct hash_walk walk;

    if (survey.soonest_ms != NEVER) return write_hash_with_deadlines(sink, hash, &survey);
    if (hash_is_packed(hash) && write_hash_packed(sink, hash)) return RDB_VERSION;
    sink_put_byte(sink, RDB_HASH);
    rdb_write_length(sink, survey.fields);
    for (hash_walk_begin(&walk, hash); hash_walk_next(&walk);) {
        rdb_write_text(sink, walk.field.name);
        rdb_write_text(sink, walk.field.value);
    }
    return RDB_VERSION;
}

/* ---- values and dumps ---- */

unsigned rdb_write_value(struct sink *sink, const struct entry *entry)
{
    switch (entry_type(entry)) {
    case VALUE_STRING:
        return write_string(sink, entry);
    case VALUE_LIST:
        return write_list(sink, entry_container(entry));
    case VALUE_SET:
        return write_set(sink, entry_container(entry));
    case VALUE_ZSET:
        return write_zset(sink, entry_container(entry));
    case VALUE_HASH:
        return write_hash(sink, entry_container(entry));
    default:
        break;
    }
    sink_fail(sink, MALFORMED);
    return RDB_VERSION;
}

void rdb_write_dump(struct sink *sink, const struct entry *entry)
{
    unsigned version = rdb_write_value(sink, entry);

    sink_put_byte(sink, (uint8_t)version);
    sink_put_byte(sink, (uint8_t)(version >> 8));
    sink_flush(sink);
    sink_put_le64(sink, sink->crc);
    sink_flush(sink);
}

#define DUMP_TAIL 10

bool rdb_open_dump(struct bytes dump, struct bytes *value)
{
    const uint8_t *tail = (const uint8_t *)dump.at + dump.len - DUMP_TAIL;
    uint64_t crc;

    if (dump.len < DUMP_TAIL || (tail[0] | tail[1] << 8) > RDB_VERSION_MOST) return false;
    memcpy(&crc, tail + 2, sizeof crc);
    if (le64toh(crc) != crc64(0, bytes_of(dump.at, dump.len - sizeof crc))) return false;
    *value = bytes_of(dump.at, dump.len - DUMP_TAIL);
    return true;
}

void rdb_setup(void)
{
    crc64_setup();
}
