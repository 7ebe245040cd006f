/* option: what the operator may choose, as rows beside the code that feels them.
 *
 *     #define NET_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                  \
 *         INT(port, "port", 6379, 0, 65535, OPTION_AT_START, "TCP port to listen on; 0 listens on none") \
 *         TEXT(bind, "bind", "127.0.0.1 -::1", OPTION_AT_START, "addresses to listen on")
 *     OPTION_STRUCT(net, NET_OPTIONS);      in the header
 *     OPTION_DEFINE(net, NET_OPTIONS)       in the .c, once
 *     option_int(&net_options.port)         anywhere, any thread, at the price of a load
 *
 * One row makes the field, the CONFIG name, the line in conf/ and the line in docs/options.md.
 * The room config/ reads files, checks values and changes them; nobody else writes. */
#ifndef COATCHECK_BASE_OPTION_H
#define COATCHECK_BASE_OPTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/text.h"

enum option_kind {
    OPTION_BOOL, /* yes or no */
    OPTION_INT,
    OPTION_SIZE, /* bytes, with Redis's units: 512mb */
    OPTION_WORD, /* one of a list of words; the value is the word's number */
    OPTION_TEXT
};

enum option_flags {
    OPTION_LIVE = 0,          /* CONFIG SET changes it while the server runs */
    OPTION_AT_START = 1,      /* read once, from the file or the command line */
    OPTION_SECRET = 2,        /* never printed in a log */
    OPTION_REPEATS = 4,       /* several lines in a file add up (TEXT: joined by a newline) */
    OPTION_PROTECTED = 8,     /* CONFIG SET only when enable-protected-configs allows it */
    OPTION_PERCENT = 32,      /* SIZE: "50%" is taken too, and kept as -50 */
    OPTION_LIST = 16          /* takes several words a line (TEXT: joined by a blank); REPEATS does so too */
};

struct option_word {
    const char *word; /* NULL ends the list */
    int64_t number;
};

/* A text that is replaced whole. Readers see the old or the new one; old ones are kept until the end. */
struct option_text {
    _Atomic(const char *) at; /* zero-terminated, never NULL */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    unsigned flags;
    const char *initial_text; /* TEXT */
    int64_t initial;          /* the others */
    int64_t min, max;         /* INT and SIZE */
    const struct option_word *words;
    void *value; /* _Atomic int64_t, or struct option_text */
    const char *sentence;

    /* The owner room may fill them: net_option_hooks.port.changed = …; */
    struct option_hooks *hooks;
};

/* All run on the thread that reads the file or executes CONFIG SET. */
struct option_hooks {
    /* Refuses a value by writing why ("Invalid save parameters") and returning false. `value` is the text
     * as given, all lines of an option that repeats. Runs under the lock of the options (RANK_OPTIONS). */
    bool (*check)(struct bytes value, struct text *why);

    /* Makes what CONFIG SET has stored work, and may still refuse it all: then the old values come back. For values
     * that say something only together: a certificate and its key. Runs even when the value is the old one, for the
     * file that it names may be another; under the lock of the options, once for several rows that share it. */
    bool (*apply)(struct text *why);

    /* Told after CONFIG SET has changed the value, under no lock. Files and the command line are read
     * before the rooms are set up: nobody is told of them. */
    void (*changed)(void);

    /* Writes what CONFIG GET answers, when that is not the text as given: client-output-buffer-limit
     * answers all classes even when only one was set. */
    void (*print)(struct text *into);

    /* For an option that other commands change too, and that `print` therefore tells: does what is given, as a file has
     * it, say what holds now? CONFIG REWRITE leaves it standing then. */
    bool (*holds)(struct bytes given);
};

struct option_set {
    const char *room;
    const struct option_row *rows;
    unsigned count;
};

#define OPTION_FIELD_BOOL_(field, name, initial, flags, sentence) _Atomic int64_t field;
#define OPTION_FIELD_INT_(field, name, initial, min, max, flags, sentence) _Atomic int64_t field;
#define OPTION_FIELD_WORD_(field, name, initial, words, flags, sentence) _Atomic int64_t field;
#define OPTION_FIELD_TEXT_(field, name, initial, flags, sentence) struct option_text field;
#define OPTION_HOOK_BOOL_(field, ...) struct option_hooks field;
#define OPTION_HOOK_INT_(field, ...) struct option_hooks field;
#define OPTION_HOOK_WORD_(field, ...) struct option_hooks field;
#define OPTION_HOOK_TEXT_(field, ...) struct option_hooks field;

#define OPTION_STRUCT(room, ROWS)                                                                  \
    struct room##_options {                                                                        \
        ROWS(OPTION_FIELD_BOOL_, OPTION_FIELD_INT_, OPTION_FIELD_INT_, OPTION_FIELD_WORD_,         \
             OPTION_FIELD_TEXT_)                                                                   \
    };                                                                                             \
    struct room##_option_hooks {                                                                   \
        ROWS(OPTION_HOOK_BOOL_, OPTION_HOOK_INT_, OPTION_HOOK_INT_, OPTION_HOOK_WORD_,             \
             OPTION_HOOK_TEXT_)                                                                    \
    };                                                                                             \
    extern struct room##_options room##_options;                                                   \
    extern struct room##_option_hooks room##_option_hooks;                                         \
    extern const struct option_set room##_option_set

#define OPTION_INIT_BOOL_(field_, name_, initial_, flags_, sentence_) .field_ = initial_,
#define OPTION_INIT_INT_(field_, name_, initial_, min_, max_, flags_, sentence_) .field_ = initial_,
#define OPTION_INIT_WORD_(field_, name_, initial_, words_, flags_, sentence_) .field_ = initial_,
#define OPTION_INIT_TEXT_(field_, name_, initial_, flags_, sentence_) .field_ = {initial_},

/* The rows name their storage as OPTIONS_HERE.field and OPTION_HOOKS_HERE.field: the .c file defines
 * both names to its structs before OPTION_DEFINE. */
#define OPTION_ROW_BOOL_(field_, name_, initial_, flags_, sentence_)                               \
    {.name = name_, .kind = OPTION_BOOL, .flags = flags_, .initial = initial_, .max = 1,           \
     .value = &OPTIONS_HERE.field_, .hooks = &OPTION_HOOKS_HERE.field_, .sentence = sentence_},
#define OPTION_ROW_INT_(field_, name_, initial_, min_, max_, flags_, sentence_)                    \
    {.name = name_, .kind = OPTION_INT, .flags = flags_, .initial = initial_, .min = min_,         \
     .max = max_, .value = &OPTIONS_HERE.field_, .hooks = &OPTION_HOOKS_HERE.field_,               \
     .sentence = sentence_},
#define OPTION_ROW_SIZE_(field_, name_, initial_, min_, max_, flags_, sentence_)                   \
    {.name = name_, .kind = OPTION_SIZE, .flags = flags_, .initial = initial_, .min = min_,        \
     .max = max_, .value = &OPTIONS_HERE.field_, .hooks = &OPTION_HOOKS_HERE.field_,               \
     .sentence = sentence_},
#define OPTION_ROW_WORD_(field_, name_, initial_, words_, flags_, sentence_)                       \
    {.name = name_, .kind = OPTION_WORD, .flags = flags_, .initial = initial_, .words = words_,    \
     .value = &OPTIONS_HERE.field_, .hooks = &OPTION_HOOKS_HERE.field_, .sentence = sentence_},
#define OPTION_ROW_TEXT_(field_, name_, initial_, flags_, sentence_)                               \
    {.name = name_, .kind = OPTION_TEXT, .flags = flags_, .initial_text = initial_,                \
     .value = &OPTIONS_HERE.field_, .hooks = &OPTION_HOOKS_HERE.field_, .sentence = sentence_},

#define OPTION_DEFINE(room_, ROWS)                                                                 \
    struct room_##_options room_##_options = {                                                     \
        ROWS(OPTION_INIT_BOOL_, OPTION_INIT_INT_, OPTION_INIT_INT_, OPTION_INIT_WORD_,             \
             OPTION_INIT_TEXT_)};                                                                  \
    struct room_##_option_hooks room_##_option_hooks;                                              \
    static const struct option_row room_##_option_rows[] = {                                       \
        ROWS(OPTION_ROW_BOOL_, OPTION_ROW_INT_, OPTION_ROW_SIZE_, OPTION_ROW_WORD_,                \
             OPTION_ROW_TEXT_)};                                                                   \
    const struct option_set room_##_option_set = {                                                 \
        .room = #room_,                                                                            \
        .rows = room_##_option_rows,                                                               \
        .count = sizeof(room_##_option_rows) / sizeof(room_##_option_rows[0]),                     \
    };

static inline int64_t option_int(const _Atomic int64_t *option)
{
    return atomic_load_explicit(option, memory_order_relaxed);
}

/* Zero-terminated; good until the program ends, even when the option changes meanwhile. */
static inline const char *option_text(const struct option_text *option)
{
    return atomic_load_explicit(&option->at, memory_order_acquire);
}

#endif
