/* rules_internal: what the files of rules share. */
#ifndef COATCHECK_ACL_RULES_INTERNAL_H
#define COATCHECK_ACL_RULES_INTERNAL_H

#include "coatcheck/acl/rules.h"

/* Why a word of ACL SETUSER is not taken. */
enum refusal {
    TAKEN,
    REFUSED_SYNTAX,
    REFUSED_UNKNOWN,
    REFUSED_FIRST_WORD,
    REFUSED_KEYS_AFTER_ALL,
    REFUSED_CHANNELS_AFTER_ALL,
    REFUSED_NO_SUCH_PASSWORD,
    REFUSED_BAD_HASH
};

/* One word about commands, keys or channels. */
enum refusal selector_take(struct rules *rules, struct selector *selector, struct bytes word);

/* "+get", "-@admin", "+config|get", "allcommands" …; REFUSED_SYNTAX when it is about something else. */
enum refusal selector_take_command(struct rules *rules, struct selector *selector, struct bytes word);

void selector_init(struct selector *selector);
void selector_fini(struct selector *selector);

void patterns_clear(struct patterns *patterns);

static inline bool selector_allows(const struct selector *selector, unsigned command)
{
    return selector->allowed[command / 64] >> command % 64 & 1;
}

#endif
