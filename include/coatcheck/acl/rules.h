/* rules: what one user may do: whether it may come in, by which passwords, and selectors: each a set of commands
 * with the keys and channels that it reaches. A command is allowed when one selector allows all of it.
 * Changed on a copy only: whoever reads rules reads rules that stand (user.h). */
#ifndef COATCHECK_ACL_RULES_H
#define COATCHECK_ACL_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/acl/password.h"
#include "coatcheck/base/text.h"
#include "coatcheck/engine/command.h"

enum rules_flags {
    RULES_ON = 1,
    RULES_NO_PASSWORD = 2,  /* any password will do */
    RULES_SANITIZE = 4,     /* told back; what is restored here is always looked through */
    RULES_SKIP_SANITIZE = 8
};

enum pattern_access { PATTERN_READ = 1, PATTERN_WRITE = 2 };

struct pattern {
    unsigned access;   /* of keys */
    bool plain_prefix; /* no more than a beginning: text without a special letter, and a star behind it */
    char *at;          /* owned */
    size_t len;
};

struct patterns {
    bool all;
    unsigned count, room;
    struct pattern *of;
};

/* "+select|0": a command allowed with this as its first word. */
struct first_word {
    unsigned command;
    char *word; /* owned */
};

#define RULES_COMMAND_WORDS (COMMANDS_MAX / 64)

struct selector {
    bool future; /* commands that may come one day are allowed: it began with +@all */
    uint64_t allowed[RULES_COMMAND_WORDS];
    unsigned first_count, first_room;
    struct first_word *first;
    struct patterns keys, channels;
    struct text commands; /* the rules that made `allowed`, "+get -@admin", those that a later one took back left out */
};

struct rules {
    unsigned flags;
    unsigned password_count, password_room;
    struct password *passwords;
    unsigned count, room;
    struct selector *selectors; /* the first is the user's own */
    bool failed;                /* for want of memory something is missing */
};

/* A user as it is made: off, without a password, allowed nothing; all channels if acl-pubsub-default says so.
 * NULL: no memory. */
struct rules *rules_new(void);
struct rules *rules_copy(const struct rules *rules);
void rules_free(struct rules **rules);

/* Takes words of ACL SETUSER: "on", ">secret", "~key:*", "+@read", "(+get ~a)" … False: `why` holds Redis's sentence, and
 * the rules are to be thrown away. */
bool rules_take(struct rules *rules, const struct bytes *words, unsigned count, struct text *why);

/* "on #hash ~* &* +@all": as ACL LIST and files have it. */
void rules_print(const struct rules *rules, struct text *into);
void selector_print_commands(const struct selector *selector, struct text *into);
void selector_print_keys(const struct selector *selector, struct text *into);
/* "resetchannels" before the patterns where files need it. */
void selector_print_channels(const struct selector *selector, struct text *into);

/* Everything, always: nobody needs to ask. */
bool rules_are_boundless(const struct rules *rules);

/* Is this one of the passwords? Looks at all of them. */
bool rules_know_password(const struct rules *rules, struct bytes word);

/* ---- may this be done? In the order in which refusals matter more. */
enum permit { PERMITTED, NO_COMMAND, NO_KEY, NO_CHANNEL };

/* `place`: the word that is refused. */
enum permit rules_permit(const struct rules *rules, const struct command *command, const struct args *args,
                         unsigned *place);

/* May somebody listen to this channel, or to all that fit this pattern? */
bool rules_permit_listening(const struct rules *rules, struct bytes name, bool is_pattern);

/* May a key of any name be read? For patterns that name keys, as SORT's BY and GET. */
bool rules_permit_reading_all(const struct rules *rules, const struct command *command);

#endif
