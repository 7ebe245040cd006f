/* bitmap_combine: BITOP. Long strings are combined in slices, the result aside; in each of them the shards of the keys are
 * entered, and it is looked whether the sources are what they were. If one is not, all begins anew, a few times. */
#include "coatcheck/commands/bitmap.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/effect.h"
#include "coatcheck/structs/bits.h"

/* Of all sources together: fewer bytes are combined where they are, and more between two looks at the clock are too many. */
#define BYTES_AT_ONCE (1024 * 1024)
#define BYTES_A_LOOK (256 * 1024)
#define LEAST_A_LOOK 4096

/* Looked at in each slice. Of more than these all are combined at once. */
#define SOURCES_MOST 1024

/* Whoever changes sources all the time would keep it from coming to an end. */
#define TRIES 3

struct source {
    struct bytes bytes;
    const struct blob *blob; /* in which they lie, and not held: it is looked for again before they are; NULL: a copy of them */
    uint64_t version;
};

struct combining {
    struct task task;
    enum bits_operation operation;
    unsigned tries;
    struct source *sources;
    struct bytes *parts; /* of the sources: those that are combined next */
    unsigned count;
    struct blob *result;
    size_t len, done;
};

/* ---- words ---- */

/* False: answered. */
static bool read_operation(struct call *call, enum bits_operation *operation)
{
    static const char *const names[] = {[BITS_AND] = "AND", [BITS_OR] = "OR", [BITS_XOR] = "XOR", [BITS_NOT] = "NOT"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!call_arg_is(call, 1, names[i])) continue;
        *operation = (enum bits_operation)i;
        if (i != BITS_NOT || call_argc(call) == 4) return true;
        reply_errorf(call->reply, "ERR BITOP NOT must be called with a single source key.");
        return false;
    }
    call_syntax_error(call);
    return false;
}

/* ---- sources ---- */

static void combining_free(struct task *task)
{
    struct combining *combining = (struct combining *)task;

    for (unsigned i = 0; i < combining->count; i++) {
        struct source *source = &combining->sources[i];

        if (!source->blob) mem_free((void *)source->bytes.at);
    }
    mem_free(combining->sources);
    mem_free(combining->parts);
    blob_release(&combining->result);
    mem_free(combining);
}

/* NULL: no memory. */
static struct combining *combining_new(unsigned count)
{
    struct combining *combining = mem_alloc_zeroed(sizeof *combining);

    if (!combining) return NULL;
    combining->task.free = combining_free;
    combining->task.wants_keys = true;
    combining->sources = mem_alloc_zeroed(count * sizeof *combining->sources);
    combining->parts = mem_alloc(count * sizeof *combining->parts);
    if (combining->sources && combining->parts) {
        combining->count = count;
        return combining;
    }
    combining_free(&combining->task);
    return NULL;
}

static bool source_take(struct source *source, const struct entry *entry)
{
    char digits[NUMBER_MAX_TEXT], *copy;
    struct bytes text;

    if (!entry) return true;
    source->blob = entry_blob(entry);
    if (source->blob) {
        source->bytes = blob_bytes(source->blob);
        source->version = source->blob->version;
        return true;
    }
    text = entry_string(entry, digits);
    if (text.len == 0) return true;
    copy = mem_alloc(text.len);
    if (!copy) return false;
    memcpy(copy, text.at, text.len);
    source->bytes = bytes_of(copy, text.len);
    return true;
}

/* All keys but the first; those who looked for them count once. False: answered. */
static bool take_sources(struct call *call, struct combining *combining)
{
    combining->len = combining->done = 0;
    for (unsigned i = 0; i < combining->count; i++) {
        struct source *source = &combining->sources[i];
        const struct entry *entry = combining->tries == 0 ? call_read(call, i + 1) : key_look_again(&call->keys[i + 1]);

        if (!source->blob) mem_free((void *)source->bytes.at);
        *source = (struct source){0};
        if (entry && entry_type(entry) != VALUE_STRING) {
            reply_error(call->reply, ERR_WRONGTYPE);
            return false;
        }
        if (!call_ok(call, source_take(source, entry) ? OK : NO_MEMORY)) return false;
        if (source->bytes.len > combining->len) combining->len = source->bytes.len;
    }
    blob_release(&combining->result);
    if (combining->len > 0) combining->result = blob_new(combining->len);
    return call_ok(call, combining->len == 0 || combining->result ? OK : NO_MEMORY);
}

static bool is_unchanged(const struct key *key, const struct source *source)
{
    const struct entry *entry = key_look_again(key);
    char digits[NUMBER_MAX_TEXT];

    if (!entry) return !source->blob && source->bytes.len == 0;
    if (entry_type(entry) != VALUE_STRING || entry_blob(entry) != source->blob) return false;
    if (source->blob) return source->blob->version == source->version;
    return bytes_equal(entry_string(entry, digits), source->bytes);
}

/* Copies need not be compared before the end. */
static bool sources_are_unchanged(const struct call *call, const struct combining *combining, bool with_copies)
{
    for (unsigned i = 0; i < combining->count; i++) {
        const struct source *source = &combining->sources[i];

        if ((source->blob || with_copies) && !is_unchanged(&call->keys[i + 1], source)) return false;
    }
    return true;
}

/* ---- the work ---- */

static void combine_piece(struct combining *combining, size_t piece)
{
    for (unsigned i = 0; i < combining->count; i++) {
        struct bytes bytes = combining->sources[i].bytes;
        size_t from = combining->done < bytes.len ? combining->done : bytes.len;

        combining->parts[i] = bytes_of(bytes.at ? bytes.at + from : "", bytes.len - from < piece ? bytes.len - from : piece);
    }
    bits_combine(combining->operation, combining->parts, combining->count, combining->result->at + combining->done, piece);
    combining->done += piece;
}

/* False: the time has come, and there is more to do. */
static bool combine_some(struct combining *combining, int64_t until_us)
{
    size_t most = BYTES_A_LOOK / (combining->count + 1);

    if (most < LEAST_A_LOOK) most = LEAST_A_LOOK;
    while (combining->done < combining->len) {
        size_t left = combining->len - combining->done;

        combine_piece(combining, left < most ? left : most);
        if (left > most && clock_steady_us() >= until_us) return false;
    }
    return true;
}

/* ---- the result, at key 0 ---- */

static void delete_result(struct call *call)
{
    const struct key *key = &call->keys[0];
    struct spot spot;

    if (!key_find(key, &spot)) return;
    key_remove(key, &spot, REMOVED_BY_CLIENT);
    effect_deleted(key);
}

/* It is told as a string that was changed. */
static enum status put_result(struct call *call, struct combining *combining)
{
    const struct key *key = &call->keys[0];
    struct blob *blob = combining->result;
    struct spot spot;
    enum status status;

    blob->len = combining->len;
    key_find(key, &spot);
    if (blob->len < BLOB_FROM) {
        status = key_put_raw(key, &spot, blob_bytes(blob), NEVER);
    } else {
        status = key_put_blob(key, &spot, &combining->result, NEVER);
    }
    if (status == OK) call_changed(call, key, "set");
    return status;
}

static void publish(struct call *call, struct combining *combining)
{
    if (combining->len == 0) {
        delete_result(call);
    } else if (!call_ok(call, put_result(call, combining))) {
        return;
    }
    reply_int(call->reply, (int64_t)combining->len);
}

/* ---- the command ---- */

static size_t bytes_of_all(const struct combining *combining)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < combining->count; i++) bytes += combining->sources[i].bytes.len;
    return bytes;
}

static void interrupt(struct call *call, struct combining *combining)
{
    struct task *task = &combining->task;

    task->aside = combining->len;
    if (!call_interrupt(call, &task, combining->len + sizeof *combining)) call_ok(call, NO_MEMORY);
}

/* The sources have been read; *combining is taken. */
static void begin(struct call *call, struct combining *combining)
{
    bool in_slices = call_may_interrupt(call) && combining->count <= SOURCES_MOST && combining->tries < TRIES &&
                     bytes_of_all(combining) > BYTES_AT_ONCE;

    if (in_slices) {
        interrupt(call, combining);
        return;
    }
    combine_some(combining, INT64_MAX);
    publish(call, combining);
    combining_free(&combining->task);
}

static void begin_anew(struct call *call, struct combining *combining)
{
    combining->tries++;
    if (take_sources(call, combining)) {
        begin(call, combining);
    } else {
        combining_free(&combining->task);
    }
}

static void go_on(struct call *call, struct combining *combining)
{
    if (!sources_are_unchanged(call, combining, false)) {
        begin_anew(call, combining);
    } else if (!combine_some(combining, call_slice_end_us(call))) {
        interrupt(call, combining);
    } else if (!sources_are_unchanged(call, combining, true)) {
        begin_anew(call, combining);
    } else {
        publish(call, combining);
        combining_free(&combining->task);
    }
}

/* Is it so much that it has to wait until others are done? Then it is postponed, or answered. */
static bool waits(struct call *call)
{
    size_t bytes = 0;

    if (likely(!call_has_to_wait(call)) || call->key_count > SOURCES_MOST + 1) return false;
    for (unsigned i = 1; i < call->key_count; i++) {
        const struct entry *entry = key_look_again(&call->keys[i]);

        if (entry && entry_type(entry) == VALUE_STRING) bytes += entry_string_len(entry);
    }
    if (bytes <= BYTES_AT_ONCE) return false;
    if (!call_wait_in_line(call)) call_ok(call, NO_MEMORY);
    return true;
}

void cmd_bitop(struct call *call)
{
    struct combining *combining = (struct combining *)call_resumed(call);
    enum bits_operation operation;

    if (combining) {
        go_on(call, combining);
        return;
    }
    if (!read_operation(call, &operation) || waits(call)) return;
    combining = combining_new(call->key_count - 1);
    if (!call_ok(call, combining ? OK : NO_MEMORY)) return;
    combining->operation = operation;
    if (take_sources(call, combining)) {
        begin(call, combining);
    } else {
        combining_free(&combining->task);
    }
}
