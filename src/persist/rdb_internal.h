/* rdb_internal: lengths and texts, which are the same in every type. */
#ifndef COATCHECK_RDB_INTERNAL_H
#define COATCHECK_RDB_INTERNAL_H

#include "coatcheck/base/number.h"
#include "coatcheck/persist/rdb.h"
#include "coatcheck/persist/sequence.h"
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/values/zset.h"

/* Of the first byte of a length. */
#define LENGTH_SHORT 0x00
#define LENGTH_MIDDLE 0x40
#define LENGTH_32 0x80
#define LENGTH_64 0x81
#define LENGTH_NONE 0xc0 /* a text in another form than as it is: */
#define TEXT_INT8 0xc0
#define TEXT_INT16 0xc1
#define TEXT_INT32 0xc2
#define TEXT_LZF 0xc3

/* The longest text that is read: what a blob and an entry can say of themselves. */
#define TEXT_MOST UINT32_MAX

/* In nodes of lists. */
#define NODE_PLAIN 1
#define NODE_PACKED 2

/* ---- writing ---- */

void rdb_write_length(struct sink *sink, uint64_t length);

/* As a number where it is one of 32 bits, compressed where that makes it shorter. */
void rdb_write_text(struct sink *sink, struct bytes text);

/* ---- reading; false: the source has failed ---- */

bool rdb_read_length(struct source *source, uint64_t *length);

/* How many elements follow, each of at least so many bytes. */
bool rdb_read_count(struct source *source, size_t least, uint64_t *count);

/* A text as it is about to be read: what stands before its bytes. */
struct rdb_text_head {
    enum { TEXT_IS_PLAIN, TEXT_IS_PACKED, TEXT_IS_NUMBER } form;
    uint64_t len;    /* of the text; of a number 0 */
    uint64_t packed; /* bytes in which it is compressed */
    int64_t number;
};
bool rdb_read_text_head(struct source *source, struct rdb_text_head *head);

/* And its bytes, head->len of them; not for a number. */
bool rdb_read_text_body(struct source *source, const struct rdb_text_head *head, char *into);

/* A text that was read: in the source, where that is one piece of memory; printed; or in a room of its own, which
 * serves for the next one again. All zero at first. */
struct rdb_text {
    struct bytes bytes;
    char digits[NUMBER_MAX_TEXT];
    char *own;
    size_t room;
};
bool rdb_read_text(struct source *source, struct rdb_text *text);
bool rdb_read_text_after(struct source *source, const struct rdb_text_head *head, struct rdb_text *text);
void rdb_text_fini(struct rdb_text *text);

/* ---- containers ---- */

/* Reads what follows the type's byte into a new container; NULL: the source has failed. */
void *rdb_read_list(struct source *source, enum rdb_type type);
void *rdb_read_set(struct source *source, enum rdb_type type);
void *rdb_read_zset(struct source *source, enum rdb_type type);
void *rdb_read_hash(struct source *source, enum rdb_type type);

/* Puts the elements of a sequence of which nothing was taken yet into an empty value, at once. True: so it is, or the
 * source has failed. False: this is not the way for it; nothing has changed, and they are to be taken one by one. */
bool rdb_fill_list(struct source *source, const struct sequence *sequence, struct list *list);
bool rdb_fill_hash(struct source *source, const struct sequence *sequence, struct hash *hash);
bool rdb_fill_set(struct source *source, const struct sequence *sequence, struct set *set);
bool rdb_fill_zset(struct source *source, const struct sequence *sequence, struct zset *zset);

#endif
