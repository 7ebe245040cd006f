#include "coatcheck/tracking/changes.h"

#include <stdlib.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/text.h"
#include "coatcheck/tracking/prefix.h"

/* Memory is kept up to this size. */
#define KEEP_BYTES (64 * 1024)

/* Names held against a lane's prefixes under one lock: those of a long MSET keep it from nobody for long. */
#define CHOOSE_AT_ONCE 64

struct change_made {
    size_t at, len; /* of the name, in `names` */
    tracker_item who;
    bool wanted; /* by the lane, or one of the lanes, last looked at */
};

static _Thread_local struct {
    struct text names;
    struct change_made *of;
    unsigned count, room;
    bool failed;
} made;

static struct bytes name_of(const struct change_made *change)
{
    return bytes_of(made.names.at + change->at, change->len);
}

void changes_add(struct bytes name, tracker_item who)
{
    size_t at = made.names.len;

    if (made.count == made.room) {
        unsigned room = made.room ? made.room * 2 : 64;
        struct change_made *grown = mem_resize(made.of, room * sizeof *grown);

        if (!grown) {
            made.failed = true;
            return;
        }
        made.of = grown;
        made.room = room;
    }
    text_add(&made.names, name);
    made.of[made.count] = (struct change_made){.at = at, .len = name.len, .who = who};
    made.count++;
}

static int by_name(const void *a, const void *b)
{
    return bytes_compare(name_of(a), name_of(b));
}

/* Each key once; who has not changed it alone is told of it, NOLOOP or not. */
static void sort_out(void)
{
    unsigned kept = 0;

    if (made.count > 1) qsort(made.of, made.count, sizeof *made.of, by_name);
    for (unsigned i = 0; i < made.count; i++) {
        struct change_made *last = kept > 0 ? &made.of[kept - 1] : NULL;

        if (last && bytes_equal(name_of(last), name_of(&made.of[i]))) {
            if (last->who != made.of[i].who) last->who = 0;
            continue;
        }
        made.of[kept++] = made.of[i];
    }
    made.count = kept;
}

/* ---- who wants to know ---- */

static bool is_told(unsigned lane)
{
    return trackers_of_all_in(lane) > 0;
}

static void choose_for(unsigned lane)
{
    for (unsigned from = 0; from < made.count; from += CHOOSE_AT_ONCE) {
        unsigned count = made.count - from < CHOOSE_AT_ONCE ? made.count - from : CHOOSE_AT_ONCE;
        struct bytes names[CHOOSE_AT_ONCE];
        bool wanted[CHOOSE_AT_ONCE];

        for (unsigned i = 0; i < count; i++) names[i] = name_of(&made.of[from + i]);
        prefixes_choose(lane, names, count, wanted);
        for (unsigned i = 0; i < count; i++) made.of[from + i].wanted |= wanted[i];
    }
}

static void want_nothing(void)
{
    for (unsigned i = 0; i < made.count; i++) made.of[i].wanted = false;
}

/* Most of what is changed concerns nobody: it is not worth sorting. Who begins to track from here on asks for the keys
 * after they were changed. */
static void drop_unwanted(void)
{
    unsigned kept = 0;

    want_nothing();
    for (unsigned lane = 1; lane <= session_host->workers(); lane++) {
        if (is_told(lane)) choose_for(lane);
    }
    for (unsigned i = 0; i < made.count; i++) {
        if (made.of[i].wanted) made.of[kept++] = made.of[i];
    }
    made.count = kept;
}

/* ---- packing ---- */

static void pack_for(unsigned lane)
{
    struct news *news;
    uint64_t size = 0;
    unsigned count = 0;
    char *at;

    want_nothing();
    choose_for(lane);
    for (unsigned i = 0; i < made.count; i++) {
        if (!made.of[i].wanted) continue;
        size += sizeof(struct changed_key) + PARCEL_PAD(made.of[i].len);
        count++;
    }
    if (count == 0) return;
    news = parcel_add(lane, NEWS_KEYS, 0, size);
    if (!news) return;
    news->count = count;
    at = news->at;
    for (unsigned i = 0; i < made.count; i++) {
        struct changed_key *key = (struct changed_key *)at;

        if (!made.of[i].wanted) continue;
        *key = (struct changed_key){.who = made.of[i].who, .len = made.of[i].len};
        if (key->len > 0) memcpy(key->name, name_of(&made.of[i]).at, key->len);
        at += sizeof *key + PARCEL_PAD(key->len);
    }
}

static void forget(void)
{
    made.count = 0;
    made.failed = false;
    if (made.names.room > KEEP_BYTES || text_failed(&made.names)) {
        changes_stop();
    } else {
        text_clear(&made.names);
    }
}

void changes_pack(void)
{
    bool failed = made.failed || text_failed(&made.names);

    if (likely(made.count == 0 && !failed)) return;
    if (!failed) {
        drop_unwanted();
        sort_out();
    }
    for (unsigned lane = 1; lane <= session_host->workers(); lane++) {
        if (!is_told(lane)) continue;
        if (unlikely(failed)) {
            parcel_add(lane, NEWS_ALL, 0, 0);
        } else if (made.count > 0) {
            pack_for(lane);
        }
    }
    forget();
}

void changes_stop(void)
{
    text_fini(&made.names);
    mem_free(made.of);
    memset(&made, 0, sizeof made);
}
