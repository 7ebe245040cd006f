/* bitmap_count: BITCOUNT and BITPOS. Long strings are gone through in slices, and in each of them it is looked whether the
 * string is what it was. If it is not, all begins anew, a few times. */
#include "coatcheck/commands/bitmap.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/structs/bits.h"

/* Fewer bits are gone through at once, and more between two looks at the clock are too many. */
#define BITS_AT_ONCE (8 * UINT64_C(1024) * 1024)
#define BITS_A_LOOK (8 * UINT64_C(256) * 1024)

/* Whoever changes the string all the time would keep it from coming to an end. */
#define TRIES 3

/* A part of a string: the bits first … end-1. */
struct part {
    uint64_t first, end;
};

struct looking {
    struct task task;
    bool searches;         /* for the first bit like `bit`; otherwise those that are set are counted */
    bool bit, bounded;     /* bounded: the words tell where the part ends */
    struct part part;      /* what is left of it */
    bool found;            /* at the first bit of what is left */
    uint64_t count;        /* of the bits before it */
    const struct blob *blob; /* in which they lie, and not held: it is looked for again before it is read */
    uint64_t version;
    unsigned tries;
};

/* ---- words ---- */

/* Word `i`: are places counted in bits? False: it is neither of the two; answered. */
static bool read_unit(struct call *call, unsigned i, bool *in_bits)
{
    *in_bits = call_arg_is(call, i, "BIT");
    if (*in_bits || call_arg_is(call, i, "BYTE")) return true;
    call_syntax_error(call);
    return false;
}

/* From `start` to `end`, both included, counted from the string's end below 0, of a string of `len` bytes. */
static struct part part_between(size_t len, int64_t start, int64_t end, bool in_bits)
{
    int64_t count = (int64_t)len * (in_bits ? 8 : 1), bits_of_each = in_bits ? 1 : 8;

    if (start < 0) start += count;
    if (end < 0) end += count;
    if (start < 0) start = 0;
    if (end < 0) end = 0;
    if (end >= count) end = count - 1;
    if (start > end) return (struct part){0, 0};
    return (struct part){(uint64_t)(start * bits_of_each), (uint64_t)((end + 1) * bits_of_each)};
}

/* The words from 2 on. False: answered. */
static bool read_count_part(struct call *call, size_t len, struct part *part)
{
    unsigned argc = call_argc(call);
    bool in_bits = false;
    int64_t start, end;

    *part = (struct part){0, (uint64_t)len * 8};
    if (argc == 2) return true;
    if (argc != 4 && argc != 5) {
        call_syntax_error(call);
        return false;
    }
    if (!call_read_int(call, 2, &start) || !call_read_int(call, 3, &end)) return false;
    if (start < 0 && end < 0 && start > end) {
        *part = (struct part){0, 0};
        return true;
    }
    if (argc == 5 && !read_unit(call, 4, &in_bits)) return false;
    *part = part_between(len, start, end, in_bits);
    return true;
}

/* The words from 3 on. False: answered. */
static bool read_search_part(struct call *call, size_t len, struct looking *looking)
{
    unsigned argc = call_argc(call);
    bool in_bits = false;
    int64_t start = 0, end = -1;

    looking->bounded = argc >= 5;
    if (argc > 6) {
        call_syntax_error(call);
        return false;
    }
    if (argc >= 4 && !call_read_int(call, 3, &start)) return false;
    if (argc == 6 && !read_unit(call, 5, &in_bits)) return false;
    if (argc >= 5 && !call_read_int(call, 4, &end)) return false;
    looking->part = part_between(len, start, end, in_bits);
    return true;
}

/* False: answered. */
static bool read_bit(struct call *call, bool *bit)
{
    int64_t number;

    if (!call_read_int(call, 2, &number)) return false;
    *bit = number == 1;
    if (number == 0 || number == 1) return true;
    reply_errorf(call->reply, "ERR The bit argument must be 1 or 0.");
    return false;
}

/* ---- the work ---- */

/* True: it is done. */
static bool look_some(struct looking *looking, const char *at, uint64_t bits)
{
    struct part *part = &looking->part;
    uint64_t end = part->end - part->first < bits ? part->end : part->first + bits;

    if (looking->searches) {
        part->first = bits_find(at, part->first, end, looking->bit);
        looking->found = part->first < end;
    } else {
        looking->count += bits_count_range(at, part->first, end);
        part->first = end;
    }
    return looking->found || part->first == part->end;
}

/* False: the time has come, and there is more to do. */
static bool look_until(struct looking *looking, const char *at, int64_t until_us)
{
    while (!look_some(looking, at, BITS_A_LOOK)) {
        if (clock_steady_us() >= until_us) return false;
    }
    return true;
}

/* Behind the end of a string there are zeros, unless its end was named. */
static void answer(struct call *call, const struct looking *looking, bool is_empty)
{
    if (!looking->searches) {
        reply_int(call->reply, (int64_t)looking->count);
    } else if (is_empty || (!looking->found && (looking->bit || looking->bounded))) {
        reply_int(call->reply, -1);
    } else {
        reply_int(call->reply, (int64_t)looking->part.first);
    }
}

/* ---- in slices ---- */

static void looking_free(struct task *task)
{
    mem_free(task);
}

/* What has been done is kept in a copy. */
static void begin_slices(struct call *call, const struct looking *looking)
{
    struct looking *copy = mem_alloc(sizeof *copy);
    struct task *task = (struct task *)copy;

    if (!call_ok(call, copy ? OK : NO_MEMORY)) return;
    *copy = *looking;
    copy->task = (struct task){.free = looking_free, .wants_keys = true};
    if (!call_interrupt(call, &task, sizeof *copy)) call_ok(call, NO_MEMORY);
}

/* The part has been read. */
static void look(struct call *call, struct looking *looking, const struct entry *entry)
{
    char scratch[NUMBER_MAX_TEXT];
    struct bytes bytes = entry_string(entry, scratch);
    bool is_empty = looking->part.first == looking->part.end;
    bool is_long = looking->part.end - looking->part.first > BITS_AT_ONCE && looking->tries < TRIES;

    looking->blob = entry_blob(entry);
    if (looking->blob) looking->version = looking->blob->version;
    if (likely(!is_long || !looking->blob || !call_may_interrupt(call))) {
        look_some(looking, bytes.at, UINT64_MAX);
    } else if (!look_until(looking, bytes.at, call_slice_end_us(call))) {
        begin_slices(call, looking);
        return;
    }
    answer(call, looking, is_empty);
}

static void count_bits(struct call *call, const struct entry *entry, unsigned tries)
{
    struct looking looking = {.tries = tries};

    if (!entry) {
        /* Whatever the other words are. */
        reply_int(call->reply, 0);
    } else if (entry_type(entry) != VALUE_STRING) {
        reply_error(call->reply, ERR_WRONGTYPE);
    } else if (read_count_part(call, entry_string_len(entry), &looking.part)) {
        look(call, &looking, entry);
    }
}

static void find_bit(struct call *call, const struct entry *entry, bool bit, unsigned tries)
{
    struct looking looking = {.searches = true, .bit = bit, .tries = tries};

    if (!entry) {
        /* Zeros without end, and nobody looks at the other words. */
        reply_int(call->reply, bit ? -1 : 0);
    } else if (entry_type(entry) != VALUE_STRING) {
        reply_error(call->reply, ERR_WRONGTYPE);
    } else if (read_search_part(call, entry_string_len(entry), &looking)) {
        look(call, &looking, entry);
    }
}

static bool is_unchanged(const struct looking *looking, const struct entry *entry)
{
    return entry && entry_type(entry) == VALUE_STRING && entry_blob(entry) == looking->blob &&
           looking->blob->version == looking->version;
}

static void go_on(struct call *call, struct looking *looking)
{
    const struct entry *entry = key_look_again(&call->keys[0]);
    struct task *task = &looking->task;
    struct looking was = *looking;

    if (!is_unchanged(looking, entry)) {
        task->free(task);
        if (was.searches) {
            find_bit(call, entry, was.bit, was.tries + 1);
        } else {
            count_bits(call, entry, was.tries + 1);
        }
    } else if (look_until(looking, looking->blob->at, call_slice_end_us(call))) {
        answer(call, looking, false);
        task->free(task);
    } else if (!call_interrupt(call, &task, sizeof *looking)) {
        call_ok(call, NO_MEMORY);
    }
}

/* ---- the commands ---- */

void cmd_bitcount(struct call *call)
{
    struct task *task = call_resumed(call);

    if (unlikely(task != NULL)) {
        go_on(call, (struct looking *)task);
    } else {
        count_bits(call, call_read(call, 0), 0);
    }
}

void cmd_bitpos(struct call *call)
{
    struct task *task = call_resumed(call);
    bool bit;

    if (unlikely(task != NULL)) {
        go_on(call, (struct looking *)task);
    } else if (read_bit(call, &bit)) {
        find_bit(call, call_read(call, 0), bit, 0);
    }
}
