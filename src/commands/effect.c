#include "coatcheck/commands/effect.h"

#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

static void publish(const struct key *key, const char *event, const struct bytes *effect,
                    unsigned words)
{
    change_publish(&(struct change){
        .db = key->db, .key = key->name, .event = event, .effect = effect, .effect_words = words});
}

void effect_more(const struct key *key, const char *event)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, event, NULL, 0);
}

void effect_deleted(const struct key *key)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, "del", (struct bytes[]){BYTES("DEL"), key->name}, 2);
}

void effect_set(const struct key *key, const char *event, struct bytes value, int64_t deadline_ms)
{
    struct bytes words[5] = {BYTES("SET"), key->name, value};
    char digits[NUMBER_MAX_TEXT];
    unsigned count = 3;
    bool expires = deadline_ms != NEVER && deadline_ms != KEEP_DEADLINE;

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    if (deadline_ms == KEEP_DEADLINE) words[count++] = BYTES("KEEPTTL");
    if (expires) {
        words[count++] = BYTES("PXAT");
        words[count++] = bytes_of(digits, number_print_int(digits, deadline_ms));
    }
    publish(key, event, words, count);
    if (expires) publish(key, "expire", NULL, 0);
}

void effect_passed_by(const struct key *key, bool was_there)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, "set", (struct bytes[]){BYTES("DEL"), key->name}, was_there ? 2 : 0);
    publish(key, "expire", NULL, 0);
    publish(key, "expired", NULL, 0);
}

void effect_score(const struct key *key, const char *event, struct bytes member, double score)
{
    char digits[NUMBER_MAX_TEXT];

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, event,
            (struct bytes[]){BYTES("ZADD"), key->name,
                             bytes_of(digits, number_print_double(digits, sizeof digits, score)),
                             member},
            4);
}

void effect_deadline(const struct key *key, int64_t deadline_ms)
{
    char digits[NUMBER_MAX_TEXT];

    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    if (deadline_ms == NEVER) {
        publish(key, "persist", (struct bytes[]){BYTES("PERSIST"), key->name}, 2);
        return;
    }
    publish(key, "expire",
            (struct bytes[]){BYTES("PEXPIREAT"), key->name,
                             bytes_of(digits, number_print_int(digits, deadline_ms))},
            3);
}

void effect_as(const struct key *key, const char *event, const struct bytes *words, unsigned count)
{
    key_touched(key);
    if (likely(!change_anyone_listens)) return;
    publish(key, event, words, count);
}

void effect_alone(const struct call *call, const struct key *key)
{
    if (likely(!change_anyone_listens)) return;
    publish(key, NULL, call->args.of, call->args.n);
}

void effect_of_database(const struct call *call, unsigned db, bool more)
{
    if (likely(!change_anyone_listens)) return;
    change_publish(&(struct change){
        .db = db, .effect = call->args.of, .effect_words = more ? 0 : call->args.n});
}
