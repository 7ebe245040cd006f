/* user: who may come in. Users are known by name; one, "default", is always there: whoever has not said who he is.
 *
 * A user's rules are never changed in place. ACL SETUSER makes a copy, changes that, and puts it in the place of the
 * old ones, which are freed when every worker has ended the turn in which it may have read them (read-copy-update:
 * McKenney and Slingwine, 1998; a worker between two turns is the quiescent state). So reading them takes no lock. */
#ifndef COATCHECK_ACL_USER_H
#define COATCHECK_ACL_USER_H

#include "coatcheck/acl/rules.h"
#include "coatcheck/engine/session.h"

struct user; /* counted: each session that is its, and the table */

/* The default user, then those of the file or of the option 'user'. False: `why` says which line is wrong. */
bool users_setup(struct text *why);
void users_teardown(void);

/* Whose session this is; the owner's thread. Never NULL. */
struct user *session_user(const struct session *session);

/* The rules as they stand, until the end of this worker's turn; while the users are locked, until they are unlocked. */
const struct rules *user_rules(const struct user *user);
struct bytes user_name(const struct user *user);

/* Logs the session in. False: no such user, it is off, or this is not its password; also for want of memory. */
bool users_login(struct session *session, struct bytes name, struct bytes password);

/* The same without a password: the client's certificate says who it is. */
bool users_login_certified(struct session *session, struct bytes name);

/* AUTH with a password alone asks for one that the default user has. */
bool users_default_needs_password(void);

enum users_change { USERS_CHANGED, USERS_REFUSED, USERS_NO_MEMORY };

/* Changes a user, or makes it. REFUSED: `why` holds Redis's sentence. */
enum users_change users_set(struct bytes name, const struct bytes *words, unsigned count, struct text *why);

/* Takes the user out of the table; the caller owns the reference, closes its sessions, and drops it. NULL: none such. */
struct user *users_remove(struct bytes name);
void user_drop(struct user *user);

/* Calls `see` with each, by name; what it is given stands until it returns. */
void users_each(void (*see)(struct bytes name, const struct rules *rules, void *context), void *context);

bool users_know(struct bytes name);

/* Calls `see` if there is such a user. False: there is none. */
bool users_look(struct bytes name, void (*see)(struct bytes name, const struct rules *rules, void *context),
                void *context);

/* All users from the file of the option 'aclfile', in place of those there are; all or none. `removed` is called with
 * each user that is gone, with a reference that it owns. False: `why` tells each wrong line. */
bool users_load(void (*removed)(struct user *user, void *context), void *context, struct text *why);

/* Writes them there: to a file beside it, which then takes its place. */
bool users_save(struct text *why);

#endif
