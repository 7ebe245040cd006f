/* command: what a client may ask, as rows: the row alone holds a command's name, arity, flags, keys and
 * words, and COMMAND, HELP, the gates, statistics and docs/commands read it.
 *
 *     static const struct command_row rows[] = {
 *         {.name = "get", .run = cmd_get, .arity = 2, .flags = COMMAND_READ | COMMAND_FAST,
 *          .keys = KEYS_ONE, .since = "1.0.0", .cost = "O(1)", .syntax = "key",
 *          .summary = "Returns the string value of a key."},
 *     };
 *     const struct command_family string_commands = COMMAND_FAMILY("string", rows);
 */
#ifndef COATCHECK_ENGINE_COMMAND_H
#define COATCHECK_ENGINE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/wire/request.h"

struct call;

/* Redis's flags where Redis has them, in the order in which COMMAND prints them; the last ones are ours. */
enum command_flags {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READ = 1 << 1,    /* "readonly" */
    COMMAND_DENYOOM = 1 << 2,
    COMMAND_ADMIN = 1 << 3,
    COMMAND_PUBSUB = 1 << 4,
    COMMAND_NOSCRIPT = 1 << 5,
    COMMAND_BLOCKING = 1 << 6,
    COMMAND_LOADING = 1 << 7,
    COMMAND_STALE = 1 << 8,
    COMMAND_SKIP_MONITOR = 1 << 9,
    COMMAND_SKIP_SLOWLOG = 1 << 10,
    COMMAND_FAST = 1 << 11,
    COMMAND_NO_AUTH = 1 << 12,
    COMMAND_MAY_REPLICATE = 1 << 13,
    COMMAND_NO_MULTI = 1 << 14,
    COMMAND_ALLOW_BUSY = 1 << 15,
    COMMAND_MOVABLE_KEYS = 1 << 16,
    COMMAND_NO_ASYNC_LOADING = 1 << 17,
    COMMAND_NO_MANDATORY_KEYS = 1 << 18,

    COMMAND_CONNECTION = 1 << 20, /* for the ACL category @connection */
    COMMAND_DANGEROUS = 1 << 21,
    COMMAND_KEYSPACE = 1 << 22,
    COMMAND_EVERY_SHARD = 1 << 23, /* runs with all shards entered */
    COMMAND_ADMINISTERS = 1 << 24, /* for the ACL category @admin, where the flag "admin" is not set */
    COMMAND_IS_OURS = 1 << 25,     /* redis-server 7.0 does not have it */
    COMMAND_IN_MULTI = 1 << 26,    /* runs at once between MULTI and EXEC, all others are queued there … */
    COMMAND_ENDS_MULTI = 1 << 27,  /* … and after it there is no transaction any more … */
    COMMAND_EXECUTES = 1 << 28,    /* … because it has run: EXEC */
    COMMAND_SORTS = 1 << 29        /* for the ACL categories @list, @set and @sortedset, not @keyspace */
};

/* Where the keys are, in Redis's notation: the first, the last (negative: from the end), the step. */
struct command_keys {
    int16_t first, last, step;
};
#define KEYS_NONE {0, 0, 0}
#define KEYS_ONE {1, 1, 1}
#define KEYS_ALL {1, -1, 1}

/* What becomes of a key and of its value, in Redis's words and in the order in which COMMAND prints them. */
enum key_access {
    KEY_RW = 1 << 0, /* one of these four always: what happens to the key with all it holds */
    KEY_RO = 1 << 1,
    KEY_OW = 1 << 2,
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4, /* and to the user's data: returned, or used for what is returned or stored */
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8,
    KEY_INCOMPLETE = 1 << 9,
    KEY_VARIABLE = 1 << 10
};

/* Where some of a command's keys are, and what becomes of them: for rows whose keys are not all alike. */
struct command_key_spec {
    uint16_t access;       /* enum key_access; 0 ends a list */
    int16_t index;         /* the word from which is counted … */
    const char *keyword;   /* … or the word after this one, looked for from `index` on (negative: backwards) */
    bool counted;          /* a word there tells how many keys follow: KEYNUM, else RANGE */
    bool unknown;          /* no words tell them, or none that stand in some place: nothing here is about them */
    int16_t last, step, limit; /* a range: the last key, counted from the first or (negative) from the end */
    int16_t number, first;     /* counted: where the number is, where the first key is */
    const char *notes;
};

/* Which of a command's words are channels. */
enum command_channels { CHANNELS_NONE, CHANNEL_FIRST, CHANNELS_ALL, CHANNEL_PATTERNS /* all, and they are patterns */ };

struct command_row {
    const char *name;
    void (*run)(struct call *call);
    int16_t arity; /* words with the name; negative: at least so many */
    uint32_t flags;
    struct command_keys keys;

    /* For keys that no three numbers can tell: writes their places among the words to `places`, returns how
     * many, or -1 for words that make no sense. `places` has room for args->n. */
    int (*find_keys)(const struct args *args, unsigned *places);

    /* For keys that no words name, since a pattern and what is stored make their names: do these words ask for such
     * ones? Then it runs with all shards entered. NULL: never. */
    bool (*every_shard)(const struct args *args);

    /* The word that names an element of the container at the first key, 0 for none: it is fetched ahead while other
     * commands are under way. 1, the key, where only the container's head is wanted. */
    uint8_t element;

    /* What becomes of the keys: `access` of all of them when they are alike, else `key_specs`; with KEY_VARIABLE
     * `find_access` tells of key `k` of these words. */
    uint16_t access;
    const struct command_key_spec *key_specs;
    uint16_t (*find_access)(const struct args *args, unsigned k);
    const char *key_notes;

    uint8_t channels; /* enum command_channels */

    const char *since, *cost, *syntax, *summary;
    const char *tips;        /* as COMMAND prints them, split by blanks: "nondeterministic_output", or NULL */
    const char *history;     /* "7.0.0: Added the `NX` option.\n…", or NULL */
    const char *replaced_by; /* set: deprecated since `deprecated_since` */
    const char *deprecated_since;

    const struct command_row *subs; /* the subcommands of a container; ends with a row without a name */
};

struct command_family {
    const char *group; /* as COMMAND DOCS says: "string", "generic", "connection", "server" */
    const struct command_row *rows;
    unsigned count;
};
#define COMMAND_FAMILY(group_, rows_)                                                              \
    {.group = group_, .rows = rows_, .count = sizeof(rows_) / sizeof((rows_)[0])}

/* No more can be registered. */
#define COMMANDS_MAX 1024

/* A row as it was registered: with a number for statistics and the names that it goes by. */
struct command {
    const struct command_row *row;
    const struct command *parent;   /* of a subcommand, else NULL */
    const struct command_family *family;
    const struct command *const *subs; /* NULL-ended, or NULL */
    unsigned number;                /* 0 … commands_count()-1, subcommands included */
    char name[40];                  /* as it is called now, after rename-command; lower case */
    char full_name[64];             /* "config|get" for statistics and ACLs */
};

/* Registers families. At start only. */
void commands_add(const struct command_family *const *families, unsigned count);

/* Gives a command another name, or none with an empty one (rename-command). False: no such command, or
 * the new name is taken. */
bool commands_rename(struct bytes from, struct bytes to);

/* By name in any case; NULL: there is none. The slice is readable for 16 bytes from its start. */
const struct command *commands_find(struct bytes name);

/* By "config|get" or "get" too. */
const struct command *commands_find_full(struct bytes name);

/* The subcommand that word 1 names; NULL: none such. */
const struct command *commands_find_sub(const struct command *container, struct bytes name);

/* All of them by number, subcommands included; top-level ones have no parent. */
unsigned commands_count(void);
const struct command *commands_at(unsigned number);

/* The name most like `name` (Damerau-Levenshtein distance 1, or 2 for longer names), or NULL. */
const char *commands_nearest(struct bytes name);

/* Does this number of words fit the arity? */
static inline bool command_arity_fits(const struct command_row *row, unsigned words)
{
    return row->arity >= 0 ? words == (unsigned)row->arity : words >= (unsigned)-row->arity;
}

/* Is it run with all shards entered, these being its words? */
static inline bool command_wants_every_shard(const struct command_row *row, const struct args *args)
{
    return row->flags & COMMAND_EVERY_SHARD || (row->every_shard && row->every_shard(args));
}

/* Places of the keys among the words: how many, or -1. `places` has room for args->n. */
int command_keys_of(const struct command_row *row, const struct args *args, unsigned *places);

/* What becomes of key `k` of those, which is word `place`: enum key_access. */
unsigned command_key_access(const struct command_row *row, const struct args *args, unsigned k, unsigned place);

/* Can there be keys among its words? */
bool command_has_keys(const struct command_row *row);

/* The row's specs one by one, also where the row tells them by three numbers; false: there is no such one. */
bool command_key_spec_at(const struct command_row *row, unsigned index, struct command_key_spec *spec);

#endif
