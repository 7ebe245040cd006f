/* keyspace: all named values, cut in shards; any thread may enter any shard.
 * A database is a column through all shards, so that MOVE and SWAPDB need no other locks than a key's own.
 * Functions here enter and leave shards themselves unless they say otherwise. */
#ifndef COATCHECK_KEYSPACE_KEYSPACE_H
#define COATCHECK_KEYSPACE_KEYSPACE_H

#include <stdbool.h>
#include <stdint.h>
#include "coatcheck/base/bytes.h"
#include "coatcheck/base/metric.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/status.h"
#include "coatcheck/values/kind.h"

struct keyspace;
struct entry;

struct keyspace_rules {
    unsigned databases;  /* at least 1 */
    unsigned shards;     /* a power of two, 1 … 4096; 0 chooses by the number of threads */
    bool one_thread;     /* nobody else will ever enter: no locks are taken */
};

/* NULL: no memory. */
struct keyspace *keyspace_new(const struct keyspace_rules *rules);

/* Frees every entry; *keyspace is NULL afterwards. Nobody may be inside. */
void keyspace_free(struct keyspace **keyspace);

unsigned keyspace_databases(const struct keyspace *keyspace);
unsigned keyspace_shards(const struct keyspace *keyspace);

/* Counts as they stand, without entering: exact while nobody writes. */
uint64_t keyspace_count(const struct keyspace *keyspace, unsigned db);
uint64_t keyspace_count_volatile(const struct keyspace *keyspace, unsigned db);

/* Mean time to live of the keys that have one, in ms, from a sample (INFO keyspace's avg_ttl). */
int64_t keyspace_mean_ttl_ms(struct keyspace *keyspace, unsigned db);

/* Empties one database at one instant; entries are freed later, in housekeeping slices.
 * Several databases: enter all once, see keyspace_enter_all(). Returns how many keys went.
 * The caller has entered all shards. */
uint64_t keyspace_flush_entered(struct keyspace *keyspace, unsigned db);

/* Frees what flushes and deletions have left behind, now and all of it (FLUSHALL SYNC, tests). */
void keyspace_reclaim_all(struct keyspace *keyspace);

/* Exchanges two databases. The caller has entered all shards. NO_MEMORY: nothing has changed (a database
 * that was never written to becomes real by this). */
enum status keyspace_swap_entered(struct keyspace *keyspace, unsigned a, unsigned b);

/* While a thread has entered all, the functions here do not enter again: it may scan, draw and count. */
void keyspace_enter_all(struct keyspace *keyspace);
void keyspace_leave_all(struct keyspace *keyspace);
bool keyspace_has_entered_all(void);

/* Copies the name of some live key, evenly drawn as far as the table allows, to `into` (mem_alloc'ed, the
 * caller frees). NOT_FOUND: the database is empty. */
enum status keyspace_random_key(struct keyspace *keyspace, unsigned db, struct bytes *into);

/* Walks the keys from `cursor` (0 starts) and calls `see` with each live entry while its shard is entered:
 * `see` may look, never change. Visits whole groups until `budget` entries were seen or `budget` groups
 * were empty, and returns the cursor to go on with, 0 at the end. A key that is there from the first call to
 * the last is seen at least once, whatever grows, shrinks or is re-keyed meanwhile; it may be seen twice. */
uint64_t keyspace_scan(struct keyspace *keyspace, unsigned db, uint64_t cursor, uint64_t budget,
                       void (*see)(void *context, const struct entry *entry), void *context);

/* A slice of the chores of `lane` among `lanes` (each has its own share of the shards): expiry, growth that
 * nobody's writes push on, freeing of what was detached. Stops at about `budget_us`.
 * HOUSE_BEHIND: there was more to do than time. */
enum house_state { HOUSE_CLEAN, HOUSE_BEHIND };
enum house_state keyspace_housekeep(struct keyspace *keyspace, unsigned lane, unsigned lanes,
                                    int64_t budget_us);

/* When pages are short: moves entries that lie in this thread's slabs, and blocks of containers, together, in all shards
 * one after the other, and gives slabs that have run empty back to the kernel, until the clock says `until_ticks`. Each
 * thread has to: what another moved out of its slabs would be room only once this one looks. True: there is more to do;
 * not while little is lost in gaps. */
bool keyspace_compact(struct keyspace *keyspace, unsigned lane, uint64_t until_ticks);

/* Blocks of this container stay where they are until it is let go as often: for commands that stand in the middle of one from
 * one slice to the next. Within its shard; letting go anywhere, and whatever has become of the container. */
void container_pin(const void *container);
void container_unpin(const void *container);

/* In how many ms the sweep of `lane` will find something due, at least 1; INT64_MAX: nothing that anyone knows
 * of, or the sweep is switched off. */
int64_t keyspace_due_in_ms(const struct keyspace *keyspace, unsigned lane, unsigned lanes);

/* For how many ms the sweep of `lane` has owed something; 0: nothing, or it is switched off. A hint may be older than the
 * deadlines that it stands for, so after the clock was set forward or a long pause it tells more than there is. */
int64_t keyspace_late_ms(const struct keyspace *keyspace, unsigned lane, unsigned lanes);

/* DEBUG SET-ACTIVE-EXPIRE: false leaves expired keys to their readers. */
void keyspace_sweep(struct keyspace *keyspace, bool on);

/* CLIENT PAUSE: while true, no reader and no sweep drops a key past its deadline, though none is seen. Writing
 * commands drop them as ever: those are what is paused. All keyspaces of the process; any thread. */
void keyspace_keep_expired(bool keep);

/* What the tables and entries look like, for DEBUG HTSTATS-like reports and tests. */
struct keyspace_shape {
    uint64_t live, groups, groups_moving, bytes_of_tables;
    uint64_t groups_passed; /* behind which a lookup has to go on */
    uint64_t longest_chain; /* groups that a lookup has to read at the worst */
    uint64_t rekeyed_shards;
};
void keyspace_read_shape(struct keyspace *keyspace, unsigned db, struct keyspace_shape *shape);

/* Every invariant of every shard; must() tells which one broke. For tests and DEBUG. */
void keyspace_check(struct keyspace *keyspace);

#define KEYSPACE_METRICS(ROW)                                                                      \
    ROW(keyspace_hits, COUNTER, "lookups by reading commands that found their key")                \
    ROW(keyspace_misses, COUNTER, "lookups by reading commands that found no key")                 \
    ROW(expired_keys, COUNTER, "keys dropped because their deadline had passed")                   \
    ROW(expired_fields, COUNTER, "fields of hashes dropped because their deadline had passed")     \
    ROW(expired_lazy, COUNTER, "those of expired_keys that a reader or writer stumbled on")        \
    ROW(sweep_groups, COUNTER, "groups of the table that the expiry sweep has looked into")        \
    ROW(sweep_us, COUNTER, "microseconds spent in the expiry sweep")                               \
    ROW(sweep_behind, COUNTER, "slices of the expiry sweep that ended with keys still due")        \
    ROW(table_growths, COUNTER, "times a shard's table began to move to a larger array")           \
    ROW(table_shrinks, COUNTER, "times a shard's table began to move to a smaller array")          \
    ROW(table_rekeys, COUNTER, "shards given a new hash secret because their chains grew too long")
METRIC_STRUCT(keyspace, KEYSPACE_METRICS);

#endif
