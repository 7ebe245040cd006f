/* Small values that are one packed string: all elements are taken out of it first, and put into one block of ours at
 * once. One by one each would be looked for among those before it, and the block would grow with each. */
#include <math.h>
#include "coatcheck/structs/twins.h"
#include "rdb_internal.h"

/* So many elements of a string; they are on the stack. */
#define ELEMENTS_MOST TWINS_MOST

/* What came of it, for the source. True: nothing else is to be done. Whether a value may be empty is not asked here. */
static bool is_settled(struct source *source, enum status status)
{
    if (status == TOO_BIG) return false;
    if (status != OK) source_fail(source, status);
    return true;
}

static void item_of(struct packitem *item, const struct sequence_element *element)
{
    if (element->is_number) {
        packitem_init_number(item, element->number);
    } else {
        /* An element that were too long for a block would be too long for any value that is filled at once. */
        must(packitem_init(item, element->text));
    }
}

/* TOO_BIG: not at once. */
static enum status take_items(const struct sequence *from, struct packitem items[ELEMENTS_MOST], unsigned *count)
{
    struct sequence sequence = *from;
    struct sequence_element element;

    *count = 0;
    while (sequence_take(&sequence, &element)) {
        if (*count == ELEMENTS_MOST || (!element.is_number && element.text.len > PACKED_ELEMENT_MAX)) return TOO_BIG;
        item_of(&items[(*count)++], &element);
    }
    return sequence.broken ? MALFORMED : OK;
}

bool rdb_fill_list(struct source *source, const struct sequence *sequence, struct list *list)
{
    struct packitem items[ELEMENTS_MOST];
    unsigned count;
    enum status status;

    if (sequence_most(sequence) > ELEMENTS_MOST) return false;
    status = take_items(sequence, items, &count);
    return is_settled(source, status == OK && count > 0 ? list_fill(list, items, count) : status);
}

bool rdb_fill_hash(struct source *source, const struct sequence *sequence, struct hash *hash)
{
    struct packitem items[ELEMENTS_MOST];
    unsigned count;
    enum status status;

    /* Of a zipmap the lengths are asked as well. */
    if (sequence->form == SEQUENCE_ZIPMAP || sequence_most(sequence) > ELEMENTS_MOST) return false;
    status = take_items(sequence, items, &count);
    if (status == OK && count % 2 != 0) status = MALFORMED;
    return is_settled(source, status == OK && count > 0 ? hash_fill(hash, items, count / 2) : status);
}

bool rdb_fill_set(struct source *source, const struct sequence *from, struct set *set)
{
    struct sequence sequence = *from;
    struct sequence_element element;
    int64_t numbers[ELEMENTS_MOST];
    uint32_t count = 0;

    if (sequence.form != SEQUENCE_INTSET || sequence_most(from) > ELEMENTS_MOST) return false;
    while (sequence_take(&sequence, &element)) numbers[count++] = element.number;
    if (sequence.broken) return is_settled(source, MALFORMED);
    return count == 0 || is_settled(source, set_fill(set, numbers, count));
}

/* ---- sorted sets ---- */

/* Those of which redis-server, too, makes a small one. */
#define MEMBERS_MOST 128

struct members {
    struct scoreitem items[MEMBERS_MOST];
    char digits[MEMBERS_MOST][NUMBER_MAX_TEXT];
    unsigned count;
};

static bool read_score_of(const struct sequence_element *element, double *score)
{
    if (!element->is_number) return number_read_double(element->text, score);
    *score = (double)element->number;
    return true;
}

static enum status take_members(const struct sequence *from, struct members *members)
{
    struct sequence sequence = *from;
    struct sequence_element element;

    members->count = 0;
    while (sequence_take(&sequence, &element)) {
        unsigned at = members->count++;
        struct bytes text = element.text;
        double score;

        if (at == MEMBERS_MOST) return TOO_BIG;
        if (element.is_number)
            text = bytes_of(members->digits[at], number_print_int(members->digits[at], element.number));
        if (text.len > SCOREBLOCK_INLINE_MAX) return TOO_BIG;
        if (!sequence_take(&sequence, &element) || !read_score_of(&element, &score)) return MALFORMED;
        must(scoreitem_init(&members->items[at], score, text, 0) == OK);
    }
    return sequence.broken ? MALFORMED : OK;
}

bool rdb_fill_zset(struct source *source, const struct sequence *sequence, struct zset *zset)
{
    struct members members;
    enum status status;

    if (sequence_most(sequence) > 2 * MEMBERS_MOST) return false;
    status = take_members(sequence, &members);
    return is_settled(source, status == OK && members.count > 0 ? zset_fill(zset, members.items, members.count)
                                                            : status);
}
