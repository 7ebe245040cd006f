/* registry: all option rows of the program, found by name; the only writer of options.
 * Names are case-insensitive, as in redis.conf. Any thread may call config_set(); a lock orders the writers. */
#ifndef COATCHECK_CONFIG_REGISTRY_H
#define COATCHECK_CONFIG_REGISTRY_H

#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"

/* Adds a room's rows. At start only, before any file is read. */
void config_add(const struct option_set *set);

/* By its name, or by one that it had in earlier versions of Redis: hash-max-ziplist-entries. */
const struct option_row *config_find(struct bytes name);

/* Those older names: config_former(0, &name) …, NULL after the last. The row is the one that has another name now. */
const struct option_row *config_former(unsigned index, const char **name);

/* Every row in the order of adding: config_row(0) …, NULL after the last. */
const struct option_row *config_row(unsigned index);

/* The value as CONFIG GET answers it: sizes in bytes, several lines joined by a blank. */
void config_print(const struct option_row *row, struct text *into);

/* An option of Redis that coatcheck does not have, and the value that is in effect true of it: save "",
 * appendonly no, maxmemory 0. What clients ask for before they trust a server. `index` counts from 0; false:
 * there are no more. */
struct config_fact {
    const char *name;
    struct bytes value;
};
bool config_fact(unsigned index, struct config_fact *fact);

struct config_pair {
    struct bytes name;
    struct bytes value;
};

/* Sets all of them or none (CONFIG SET). On refusal `why` holds the sentence for the client, in Redis's
 * words ("Unknown option or number of arguments for CONFIG SET - 'x'", "CONFIG SET failed (possibly
 * related to argument 'x') - argument must be …") and false is returned. Options of Redis that coatcheck
 * does not have are refused with the reason, unless the value asks for what happens anyhow (save "").
 * OPTION_PROTECTED rows are refused; config_set_protected() is for who may change those too. */
bool config_set(const struct config_pair *pairs, unsigned count, struct text *why);
bool config_set_protected(const struct config_pair *pairs, unsigned count, struct text *why);

/* Calls what makes the row's value work again, though it has not changed: a file that it names may have. False: it was
 * refused, `why` says so. */
bool config_apply(struct bytes name, struct text *why);

/* Where the row's value was given: "coatcheck.conf:12". NULL: nowhere, it is the default or was set later. */
const char *config_place(struct bytes name);

#endif
