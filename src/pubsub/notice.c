#include "coatcheck/pubsub/notice.h"

#include <stdatomic.h>
#include <stdlib.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/keyspace/change.h"
#include "coatcheck/pubsub/delivery.h"

#define OPTIONS_HERE pubsub_options
#define OPTION_HOOKS_HERE pubsub_option_hooks
OPTION_DEFINE(pubsub, PUBSUB_OPTIONS)

/* The letters in the order in which CONFIG GET shows them: those of A, then the others; the class of a letter is the
 * bit of its place. */
static const char letters[] = "g$lshzxetdnKEm";
#define BIT_OF(place) (1u << (place))
#define IN_ALL (BIT_OF(10) - 1)

/* A block of the names of channels is kept up to this size. */
#define KEEP_BYTES 4096

static _Atomic unsigned classes;
static struct lock set_lock; /* two CONFIG SET at once */

static unsigned class_of_letter(char letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;

    if (letter == 'A') return IN_ALL;
    return at ? BIT_OF(at - letters) : 0;
}

/* ---- which event is of which class: sorted by name ---- */

static const struct {
    const char *event;
    char class;
} events[] = {
    {"append", '$'},
    {"copy_to", 'g'},
    {"del", 'g'},
    {"evicted", 'e'},
    {"expire", 'g'},
    {"expired", 'x'},
    {"georadiusstore", 'z'},
    {"geosearchstore", 'z'},
    {"hdel", 'h'},
    {"hexpire", 'h'},
    {"hexpired", 'h'},
    {"hincrby", 'h'},
    {"hincrbyfloat", 'h'},
    {"hpersist", 'h'},
    {"hset", 'h'},
    {"incrby", '$'},
    {"incrbyfloat", '$'},
    {"keymiss", 'm'},
    {"linsert", 'l'},
    {"lpop", 'l'},
    {"lpush", 'l'},
    {"lrem", 'l'},
    {"lset", 'l'},
    {"ltrim", 'l'},
    {"move_from", 'g'},
    {"move_to", 'g'},
    {"new", 'n'},
    {"persist", 'g'},
    {"pfadd", '$'},
    {"rename_from", 'g'},
    {"rename_to", 'g'},
    {"restore", 'g'},
    {"rpop", 'l'},
    {"rpush", 'l'},
    {"sadd", 's'},
    {"sdiffstore", 's'},
    {"set", '$'},
    {"setbit", '$'},
    {"setrange", '$'},
    {"sinterstore", 's'},
    {"sortstore", 'l'},
    {"spop", 's'},
    {"srem", 's'},
    {"sunionstore", 's'},
    {"xadd", 't'},
    {"xautoclaim", 't'},
    {"xclaim", 't'},
    {"xdel", 't'},
    {"xgroup-create", 't'},
    {"xgroup-createconsumer", 't'},
    {"xgroup-delconsumer", 't'},
    {"xgroup-destroy", 't'},
    {"xgroup-setid", 't'},
    {"xsetid", 't'},
    {"xtrim", 't'},
    {"zadd", 'z'},
    {"zdiffstore", 'z'},
    {"zincr", 'z'},
    {"zinterstore", 'z'},
    {"zpopmax", 'z'},
    {"zpopmin", 'z'},
    {"zrangestore", 'z'},
    {"zrem", 'z'},
    {"zremrangebylex", 'z'},
    {"zremrangebyrank", 'z'},
    {"zremrangebyscore", 'z'},
    {"zunionstore", 'z'},
};

static int compare_event(const void *name, const void *row)
{
    return strcmp(name, *(const char *const *)row);
}

char notice_class_of(const char *event)
{
    const void *row = bsearch(event, events, sizeof events / sizeof events[0], sizeof events[0], compare_event);

    return row ? events[((const char *)row - (const char *)events) / sizeof events[0]].class : 'g';
}

/* Events are static texts, and mostly the same as the last one. */
static unsigned class_of(const char *event)
{
    static _Thread_local const char *last;
    static _Thread_local unsigned last_class;

    if (event != last) {
        last_class = class_of_letter(notice_class_of(event));
        last = event;
    }
    return last_class;
}

/* ---- telling ---- */

static _Thread_local struct text channel;

void notice_stop(void)
{
    text_fini(&channel);
}

static void publish(struct bytes prefix, unsigned db, struct bytes name, struct bytes payload)
{
    text_add(&channel, prefix);
    text_add_int(&channel, db);
    text_add(&channel, BYTES("__:"));
    text_add(&channel, name);
    if (!text_failed(&channel) && delivery_publish(CHANNEL_PLAIN, text_bytes(&channel), payload) > 0) {
        METRIC_ADD(pubsub, keyspace_events, 1);
    }
    if (channel.room > KEEP_BYTES || text_failed(&channel)) {
        text_fini(&channel);
        channel = (struct text){0};
    } else {
        text_clear(&channel);
    }
}

static void changed(const struct change *change)
{
    unsigned wanted = atomic_load_explicit(&classes, memory_order_relaxed);
    struct bytes event;

    if (!change->event || !change->key.at || !(wanted & class_of(change->event))) return;
    if (channel_names(CHANNEL_PLAIN) + channel_names(CHANNEL_PATTERN) == 0) return;
    event = bytes_of_text(change->event);
    if (wanted & class_of_letter('K')) publish(BYTES("__keyspace@"), change->db, change->key, event);
    if (wanted & class_of_letter('E')) publish(BYTES("__keyevent@"), change->db, event, change->key);
}

static const struct change_listener listener = {changed};

/* ---- the option ---- */

static unsigned read_classes(struct bytes value, bool *valid)
{
    unsigned read = 0;

    *valid = true;
    for (size_t i = 0; i < value.len; i++) {
        unsigned class = class_of_letter(value.at[i]);

        if (class == 0) *valid = false;
        read |= class;
    }
    return read;
}

static bool check(struct bytes value, struct text *why)
{
    bool valid;

    read_classes(value, &valid);
    if (!valid) text_addf(why, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    return valid;
}

static unsigned chosen(void)
{
    bool valid;

    return read_classes(bytes_of_text(option_text(&pubsub_options.notify_keyspace_events)), &valid);
}

static void print(struct text *into)
{
    unsigned set = chosen();

    if ((set & IN_ALL) == IN_ALL) {
        text_add_char(into, 'A');
        set &= ~(IN_ALL | class_of_letter('n')); /* redis-server does not show the n beside an A either */
    }
    for (unsigned i = 0; letters[i]; i++) {
        if (set & BIT_OF(i)) text_add_char(into, letters[i]);
    }
}

bool notice_is_on(void)
{
    return atomic_load_explicit(&classes, memory_order_relaxed) != 0;
}

static void take_over(void)
{
    unsigned channels = class_of_letter('K') | class_of_letter('E'), set;

    lock_take(&set_lock, RANK_OPTIONS, 0);
    set = chosen();
    if (!(set & channels) || !(set & ~channels)) set = 0; /* no channel, or nothing to say in it */
    atomic_store(&classes, set);
    change_attend(&listener, set != 0, set & (class_of_letter('n') | class_of_letter('m')));
    lock_release(&set_lock, RANK_OPTIONS);
}

void notice_setup(void)
{
    pubsub_option_hooks.notify_keyspace_events.changed = take_over;
    change_may_listen(&listener);
    take_over();
}

/* Before the options are read. */
void notice_declare(void)
{
    pubsub_option_hooks.notify_keyspace_events.check = check;
    pubsub_option_hooks.notify_keyspace_events.print = print;
}
