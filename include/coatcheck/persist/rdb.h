/* rdb: values as bytes in redis-server's form, which is that of dumps and of snapshot files: written so that
 * redis-server 7.0 reads them (but for hashes whose fields have deadlines), read in every form that it has ever had.
 *
 *   value   | type 1 | what the type says |
 *   length  00nnnnnn | 01nnnnnn n | 80 nnnn | 81 nnnnnnnn           big end first
 *   text    | length | bytes |
 *           | c0 n | c1 nn | c2 nnnn |                               a whole number, little end first
 *           | c3 | length packed | length | lzf … |
 *   dump    | value | version 2 | crc64 8 |
 *
 *   SET k hi, DUMP k:   00 02 6869 | 0a00 | eight bytes of check sum
 *
 * Writing needs no more memory than a megabyte, mostly no more than 100 KB, however large the value is; reading no more
 * than the value itself, one of its texts, and one string in which redis-server packs several. */
#ifndef COATCHECK_PERSIST_RDB_H
#define COATCHECK_PERSIST_RDB_H

#include "coatcheck/keyspace/key.h"
#include "coatcheck/persist/sink.h"
#include "coatcheck/persist/source.h"

/* The form's number that redis-server 7.0 writes; that of the first one that knows deadlines of fields (7.4); and the
 * last one that is read here. */
#define RDB_VERSION 10
#define RDB_VERSION_FIELD_DEADLINES 12
#define RDB_VERSION_MOST 12

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3,
    RDB_HASH = 4,
    RDB_ZSET_2 = 5,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18,
    RDB_SET_LISTPACK = 20,
    RDB_HASH_METADATA = 24,
    RDB_HASH_LISTPACK_EX = 25
};

/* ---- values ---- */

/* Writes the entry's value. Returns the least version that knows what was written. The caller has entered its shard,
 * and a hash has a field that is not past its deadline. What goes wrong is in sink->status. */
unsigned rdb_write_value(struct sink *sink, const struct entry *entry);

/* A value that was read and has no key yet. */
struct rdb_value;

/* NULL: source->status tells why: MALFORMED for what makes no sense, for a type that is not known, and for what no key
 * can hold: nothing at all, a member twice. The source stands behind the value. */
struct rdb_value *rdb_read_value(struct source *source);

/* Everything that it had was past its deadline, and there is nothing to put: fields of a hash. */
bool rdb_value_is_over(const struct rdb_value *value);

/* Puts it in the place of whatever is at the key. NO_MEMORY: nothing has changed. */
enum status rdb_value_put(struct rdb_value *value, const struct key *key, struct spot *spot, int64_t deadline_ms);

/* *value is NULL afterwards, and may have been before. */
void rdb_value_free(struct rdb_value **value);

/* ---- dumps ---- */

/* The value, its version and its check sum. As rdb_write_value(). */
void rdb_write_dump(struct sink *sink, const struct entry *entry);

/* The value in a dump. False: the version is too new, or the check sum wrong. */
bool rdb_open_dump(struct bytes dump, struct bytes *value);

/* Fills tables. At start. */
void rdb_setup(void);

#endif
