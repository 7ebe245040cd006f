/* words: one line of a configuration file, split at blanks; "…" knows \n \xHH and the like. */
#ifndef CONFIG_WORDS_INTERNAL_H
#define CONFIG_WORDS_INTERNAL_H

#include "coatcheck/base/status.h"
#include "coatcheck/base/text.h"

#define WORDS_MAX 256

struct words {
    struct bytes at[WORDS_MAX]; /* into memory below, until words_fini() */
    unsigned count;
    char *memory;
};

/* OK, MALFORMED when a quote is left open or something sticks to a closing one, TOO_BIG for more
 * than WORDS_MAX words, NO_MEMORY. After OK the caller ends with words_fini(). */
enum status words_split(struct words *words, struct bytes line);
void words_fini(struct words *words);

/* The words from `first` on, joined by single blanks. */
void words_join(const struct words *words, unsigned first, struct text *into);

#endif
