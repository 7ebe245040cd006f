/* acl_internal: what the files of ACL share. */
#ifndef COATCHECK_COMMANDS_ACL_INTERNAL_H
#define COATCHECK_COMMANDS_ACL_INTERNAL_H

#include "coatcheck/commands/table.h"

void cmd_acl_setuser(struct call *call);
void cmd_acl_getuser(struct call *call);
void cmd_acl_deluser(struct call *call);
void cmd_acl_list(struct call *call);
void cmd_acl_users(struct call *call);
void cmd_acl_whoami(struct call *call);
void cmd_acl_load(struct call *call);
void cmd_acl_save(struct call *call);
void cmd_acl_dryrun(struct call *call);
void cmd_acl_log(struct call *call);

#endif
