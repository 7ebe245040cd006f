/* hash_fields: what the commands with deadlines of fields read alike, and the news that they tell. */
#include "coatcheck/base/number.h"
#include "coatcheck/commands/deadline.h"
#include "coatcheck/commands/hash.h"

bool call_read_fields(struct call *call, unsigned at, const char *not_positive, unsigned *first, unsigned *count)
{
    int64_t number;

    if (at + 1 >= call_argc(call) || !call_arg_is(call, at, "FIELDS")) {
        reply_errorf(call->reply, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (!call_read_int_between(call, at + 1, 1, INT64_MAX, &number, not_positive)) return false;
    *first = at + 2;
    *count = call_argc(call) - *first;
    if (number == *count) return true;
    reply_errorf(call->reply, "ERR The `numfields` parameter must match the number of arguments");
    return false;
}

bool call_read_field_deadline(struct call *call, unsigned at, struct deadline_unit unit, int64_t *deadline_ms)
{
    int64_t number, base_ms = unit.absolute ? 0 : clock_now_ms();

    if (!call_read_int(call, at, &number)) return false;
    if (number < 0) {
        reply_errorf(call->reply, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if ((unit.seconds && __builtin_mul_overflow(number, 1000, &number)) || number > HASH_DEADLINE_MAX - base_ms) {
        reply_errorf(call->reply, "ERR invalid expire time in '%s' command", call->command->full_name);
        return false;
    }
    *deadline_ms = number + base_ms;
    return true;
}

static void publish(const struct key *key, const char *event, const struct bytes *effect, unsigned words)
{
    change_publish(&(struct change){
        .db = key->db, .key = key->name, .event = event, .effect = effect, .effect_words = words});
}

void effect_field_deadline(const struct key *key, const char *event, struct bytes name, int64_t deadline_ms)
{
    char digits[NUMBER_MAX_TEXT];

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    if (deadline_ms == NEVER) {
        publish(key, event,
                (struct bytes[]){BYTES("HPERSIST"), key->name, BYTES("FIELDS"), BYTES("1"), name}, 5);
        return;
    }
    publish(key, event,
            (struct bytes[]){BYTES("HPEXPIREAT"), key->name,
                             bytes_of(digits, number_print_int(digits, deadline_ms)), BYTES("FIELDS"), BYTES("1"),
                             name},
            6);
}

void effect_field_gone(const struct key *key, const char *event, struct bytes name)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, event, (struct bytes[]){BYTES("HDEL"), key->name, name}, 3);
}
