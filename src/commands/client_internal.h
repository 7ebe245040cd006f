/* client_internal: what the files of CLIENT and HELLO share. */
#ifndef COATCHECK_COMMANDS_CLIENT_INTERNAL_H
#define COATCHECK_COMMANDS_CLIENT_INTERNAL_H

#include "coatcheck/commands/client.h"
#include "coatcheck/commands/table.h"

/* An error that ends with a word of the client's in quotes, however long it is: "<text> '<word>'".
 */
void client_refuse(struct call *call, const char *text, struct bytes word);

/* Word `i` becomes the connection's name. False: the client has been answered. */
bool client_take_name(struct call *call, unsigned i);

/* The types that LIST and KILL choose by. */
enum client_type { CLIENT_NORMAL, CLIENT_REPLICA, CLIENT_PUBSUB, CLIENT_MASTER };
/* Word `i`. False: the client has been answered. */
bool client_read_type(struct call *call, unsigned i, enum client_type *type);
enum client_type client_type_of(const struct session *session);

/* Closes all connections of a user; the asker's own after its reply. */
void client_kill_user(struct session *asker, const struct user *user);

void cmd_client_info(struct call *call);
void cmd_client_list(struct call *call);
void cmd_client_kill(struct call *call);
void cmd_client_help(struct call *call);
void cmd_client_tracking(struct call *call);
void cmd_client_trackinginfo(struct call *call);
void cmd_client_getredir(struct call *call);
void cmd_client_caching(struct call *call);

#endif
