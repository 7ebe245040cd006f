/* metric: what the program counts, as rows beside the code that feels them.
 *
 *     #define EXPIRE_METRICS(ROW)                                                          \
 *         ROW(keys_expired,   COUNTER, "keys dropped because their deadline had passed")   \
 *         ROW(expire_backlog, GAUGE,   "keys past their deadline and not dropped yet")
 *     METRIC_STRUCT(expire, EXPIRE_METRICS);       in the header
 *     METRIC_DEFINE(expire, EXPIRE_METRICS)        in the .c, once (one set to a file)
 *     METRIC_ADD(expire, keys_expired, 1);         anywhere: no lock, no shared cache line
 *
 * Each thread writes its own lane; a reader sums the lanes. A gauge is a sum as well: what one thread
 * adds another may take away. */
#ifndef COATCHECK_BASE_METRIC_H
#define COATCHECK_BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Lane 0 is the main thread's and everyone's without a lane of his own; workers have 1 … The last one is
 * nobody's: it holds, below zero, what counters had come to when they were last reset. Nobody writes to the lane
 * of another, so that no count that is being made at that moment can bring the old ones back. */
#define METRIC_LANES 130
#define METRIC_RESET_LANE (METRIC_LANES - 1)

extern _Thread_local unsigned metric_lane;

enum metric_kind { COUNTER, GAUGE };

struct metric_row {
    const char *name;
    enum metric_kind kind;
    size_t offset; /* in a lane */
    const char *sentence;
};

struct metric_set {
    const char *room;
    const struct metric_row *rows;
    unsigned count;
    char *lanes;      /* METRIC_LANES of them */
    size_t lane_size; /* a multiple of 64 */
};

#define METRIC_FIELD_(name, kind, sentence) _Atomic int64_t name;
#define METRIC_STRUCT(room, ROWS)                                                                  \
    struct room##_metrics {                                                                        \
        ROWS(METRIC_FIELD_)                                                                        \
    } __attribute__((aligned(64)));                                                                \
    extern struct room##_metrics room##_metric_lanes[METRIC_LANES];                                \
    extern const struct metric_set room##_metric_set

#define METRIC_DEFINE(room_, ROWS)                                                                 \
    struct room_##_metrics room_##_metric_lanes[METRIC_LANES];                                     \
    typedef struct room_##_metrics metric_lane_of_this_file;                                       \
    static const struct metric_row room_##_metric_rows[] = {ROWS(METRIC_ROW_OF_THIS_FILE_)};       \
    const struct metric_set room_##_metric_set = {                                                 \
        .room = #room_,                                                                            \
        .rows = room_##_metric_rows,                                                               \
        .count = sizeof(room_##_metric_rows) / sizeof(room_##_metric_rows[0]),                     \
        .lanes = (char *)room_##_metric_lanes,                                                     \
        .lane_size = sizeof(struct room_##_metrics),                                               \
    };
#define METRIC_ROW_OF_THIS_FILE_(name_, kind_, sentence_)                                          \
    {.name = #name_,                                                                               \
     .kind = kind_,                                                                                \
     .offset = offsetof(metric_lane_of_this_file, name_),                                          \
     .sentence = sentence_},

/* One writer a lane: a plain load and store, never a locked instruction. */
static inline void metric_add(_Atomic int64_t *cell, int64_t amount)
{
    int64_t now = atomic_load_explicit(cell, memory_order_relaxed);

    atomic_store_explicit(cell, now + amount, memory_order_relaxed);
}

#define METRIC_ADD(room, name, amount) metric_add(&room##_metric_lanes[metric_lane].name, (amount))

/* The sum over all lanes: METRIC_SUM(expire, keys_expired). */
int64_t metric_sum(const struct metric_set *set, size_t offset);
#define METRIC_SUM(room, name)                                                                     \
    metric_sum(&room##_metric_set, offsetof(struct room##_metrics, name))

/* Every COUNTER counts from zero again (CONFIG RESETSTAT). */
void metric_reset(const struct metric_set *set);

#endif
