/* user_internal: what the files of users share. */
#ifndef COATCHECK_ACL_USER_INTERNAL_H
#define COATCHECK_ACL_USER_INTERNAL_H

#include "coatcheck/acl/user.h"

struct user {
    _Atomic unsigned references;
    _Atomic(struct rules *) rules; /* owned */
    char *name;                    /* owned */
    size_t name_len;
};

/* Sorted by name. */
struct user_table {
    struct user **of; /* a reference each */
    unsigned count, room;
};

/* The place of the user with this name, or where it would stand. */
unsigned user_table_find(const struct user_table *table, struct bytes name, bool *found);

/* Makes the user there, with these rules, which it owns then also on failure. NULL: no memory. */
struct user *user_table_add(struct user_table *table, struct bytes name, struct rules *rules);
void user_table_fini(struct user_table *table);

/* One line, "NAME rule …", into the table. False: `why` says what is wrong. */
bool user_table_take_line(struct user_table *table, struct bytes line, struct text *why);

/* The user "default" where nobody says otherwise: it may do everything, without a password. */
struct rules *user_default_rules(void);

/* Adds the user "default" to a table that has none, with these rules (NULL: there was no memory for them), which it owns
 * then. False: no memory. */
bool user_table_complete(struct user_table *table, struct rules *rules);

/* The table as lines of the option 'user', joined by newlines. */
void user_table_print(const struct user_table *table, struct text *into);

/* Makes `fresh`, which has a user "default", the table of all: users of the same name stay who they are, with new rules.
 * Takes the table. */
void users_replace(struct user_table *fresh, void (*removed)(struct user *user, void *context), void *context);

/* The lines of the option 'user' in a table, completed by the default user as requirepass makes it. */
bool user_table_take_option(struct user_table *table, struct bytes lines, struct text *why);

/* The users as they are now, and whether they are what these lines say: for CONFIG REWRITE. */
void users_print(struct text *into);
bool users_hold(struct bytes lines);

#endif
