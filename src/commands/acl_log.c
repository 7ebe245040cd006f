/* acl_log: ACL LOG: what was refused, and to whom. */
#include "coatcheck/acl/journal.h"
#include "acl_internal.h"
#include "coatcheck/base/clock.h"
#include "coatcheck/commands/subcommand.h"

struct telling {
    struct reply *reply;
    int64_t now_ms;
};

static void begin(size_t count, void *context)
{
    reply_array(((struct telling *)context)->reply, count);
}

static void tell(const struct denial *denial, void *context)
{
    static const char *const reasons[] = {
        [NO_COMMAND] = "command", [NO_KEY] = "key", [NO_CHANNEL] = "channel", [DENIED_LOGIN] = "auth"};
    const struct telling *telling = context;
    struct reply *reply = telling->reply;

    reply_map(reply, 10);
    reply_bulk_text(reply, "count");
    reply_int(reply, denial->count);
    reply_bulk_text(reply, "reason");
    reply_bulk_text(reply, reasons[denial->reason]);
    reply_bulk_text(reply, "context");
    reply_bulk_text(reply, denial->context == DENIED_IN_MULTI ? "multi" : "toplevel");
    reply_bulk_text(reply, "object");
    reply_bulk(reply, denial->object);
    reply_bulk_text(reply, "username");
    reply_bulk(reply, denial->user);
    reply_bulk_text(reply, "age-seconds");
    reply_double(reply, (double)(telling->now_ms - denial->created_ms) / 1000);
    reply_bulk_text(reply, "client-info");
    reply_bulk(reply, denial->client);
    reply_bulk_text(reply, "entry-id");
    reply_int(reply, (int64_t)denial->number);
    reply_bulk_text(reply, "timestamp-created");
    reply_int(reply, denial->created_ms);
    reply_bulk_text(reply, "timestamp-last-updated");
    reply_int(reply, denial->updated_ms);
}

#define USUAL 10

void cmd_acl_log(struct call *call)
{
    struct telling telling = {.reply = call->reply, .now_ms = clock_wall_us() / 1000};
    int64_t most = USUAL;

    if (call_argc(call) == 3 && call_arg_is(call, 2, "reset")) {
        denials_clear();
        reply_ok(call->reply);
        return;
    }
    if (call_argc(call) > 3) {
        subcommand_error(call);
        return;
    }
    if (call_argc(call) == 3 && !call_read_int(call, 2, &most)) return;
    denials_each(most > 0 ? (size_t)most : 0, begin, tell, &telling);
}
