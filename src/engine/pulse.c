#include "coatcheck/engine/pulse.h"

#include "coatcheck/engine/memory.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/keyspace/evict.h"
#include "coatcheck/net/worker.h"
#include "coatcheck/observe/footprint.h"
#include "coatcheck/observe/rate.h"

#define BEAT_US 100000

static int64_t beaten_at_us; /* the one worker's own */
static struct rate commands, bytes_in, bytes_out, evicted, refused;

void pulse_beat(int64_t now_us)
{
    if (now_us - beaten_at_us < BEAT_US) return;
    beaten_at_us = now_us;
    rate_note(&commands, now_us, stats_calls());
    rate_note(&bytes_in, now_us, METRIC_SUM(net, total_net_input_bytes));
    rate_note(&bytes_out, now_us, METRIC_SUM(net, total_net_output_bytes));
    rate_note(&evicted, now_us, METRIC_SUM(evict, evicted_keys));
    rate_note(&refused, now_us, METRIC_SUM(memory, oom_refusals));
    footprint_note();
}

struct pulse pulse_read(void)
{
    return (struct pulse){.commands_per_s = rate_read(&commands),
                          .bytes_in_per_s = rate_read(&bytes_in),
                          .bytes_out_per_s = rate_read(&bytes_out),
                          .evicted_per_s = rate_read(&evicted),
                          .refused_per_s = rate_read(&refused)};
}
