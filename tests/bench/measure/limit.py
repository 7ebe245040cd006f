"""SET of new keys while memory grows, and at the limit: what it costs there, and how long commands wait for their room.

Each server at its limit is filled until long after it evicts and stays; those below it are started anew for each turn, as
their memory grows. All have about as many keys at the middle of a turn.
"""

import contextlib

from . import tools
from .report import figure, median, ratio, say, turns

KEYS, QUICK_KEYS = 1_000_000, 100_000           # that a server holds, about
COMMAND = "SET key:{k:12} {v}"                  # 16 bytes
POLICIES = ("allkeys-lru", "allkeys-lfu")
OURS_BYTES, REDIS_BYTES = 104, 165              # a key of that size and its value take there
PIPELINES = (16, 50)


class Writer:
    """Puts key after key that was never there."""

    def __init__(self, server, workers, settings):
        self.server, self.settings, self.next_key = server, settings, 0
        self.cores = tools.LOAD_CORES if workers == 1 else tools.CORES

    def write(self, count, pipeline=100):
        result = tools.load(self.server, COMMAND, requests=count, keys=4_000_000_000, first_key=self.next_key,
                            distribution="sequential", value_size=self.settings.value_size, pipeline=pipeline,
                            clients=self.settings.clients, cores=self.cores)
        self.next_key += count
        return result["server_cpu_s"] * 1e6 / result["replies"]


def start(stack, contestant, workers, pinned):
    return stack.enter_context(contestant.start(workers, pinned=pinned))


def below(contestant, workers, pinned, pipeline, keys, settings):
    with contestant.start(workers, pinned=pinned) as server:
        writer = Writer(server, workers, settings)
        writer.write(keys * 3 // 4)
        return writer.write(keys // 2, pipeline)


def at_limit(stack, contestant, policy, workers, pinned, keys, settings):
    server = start(stack, contestant, workers, pinned)
    a_key = (OURS_BYTES if contestant.name == "coatcheck" else REDIS_BYTES) + settings.value_size - 64
    server.ask("CONFIG", "SET", "maxmemory", str(keys * a_key))
    server.ask("CONFIG", "SET", "maxmemory-policy", policy)
    writer = Writer(server, workers, settings)
    writer.write(keys * 3 // 2)
    return writer


def waits_of(writers, report, workers):
    rows = []
    interruptions = tools.stalls(3)["over_20us_a_second"]
    for (name, policy), writer in writers.items():
        count = writer.server.info("evict_waits")
        if count is None:
            continue
        waits = [float(writer.server.info("evict_wait_usec_" + part)) for part in ("p50", "p99", "p999", "max")]
        evicted, late = int(writer.server.info("evicted_keys")), int(writer.server.info("evict_waits_over_20_usec"))
        seconds = int(writer.server.info("evict_wait_usec_total")) / 1e6
        rows.append([name, policy, format(evicted, ","), format(int(count), ","), *(figure(wait) for wait in waits),
                     "%.2f" % seconds, "%d, %.2f %%" % (late, 100 * late / int(count)), "%.0f" % (seconds * interruptions)])
        report.keep("limit", {"server": name, "policy": policy, "workers": workers, "waits": int(count), "late": late,
                                  "seconds": seconds, "interruptions": interruptions,
                              **dict(zip(("p50_us", "p99_us", "p999_us", "max_us"), waits))})
    if rows:
        report.line()
        report.table(["server", "policy", "keys evicted", "commands that waited", "p50 µs", "p99 µs", "p99.9 µs", "max µs",
                      "in all, s", "longer than 20 µs", "by the machine"],
                     rows, 2)
        report.text("How long a command waited for its room, by the clock: what else the machine did meanwhile is in it. A thread "
                    "on the server's core that only looks at its clock is kept from it for more than 20 µs %.0f times a second, so "
                    "so many waits are made longer than that by the machine itself." % interruptions)


def measure(contestants, workers, settings, report):
    keys = min(settings.keys, QUICK_KEYS if settings.quick else KEYS)
    pinned = workers == 1 and len(tools.CORES) > 1
    pipelines = [depth for depth in settings.pipelines if depth > 1] or list(PIPELINES)
    found, writers = {}, {}
    with contextlib.ExitStack() as stack:
        for contestant in contestants:
            for policy in POLICIES:
                say("limit: %s is filled, %s" % (contestant.name, policy))
                writers[contestant.name, policy] = at_limit(stack, contestant, policy, workers, pinned, keys, settings)
        for pipeline in pipelines:
            for turn in range(settings.rounds):
                say("limit: %d workers, pipeline %d, turn %d" % (workers, pipeline, turn + 1))
                for contestant in contestants:
                    cost = below(contestant, workers, pinned, pipeline, keys, settings)
                    found.setdefault((pipeline, contestant.name, "below"), []).append(cost)
                for (name, policy), writer in writers.items():
                    found.setdefault((pipeline, name, policy), []).append(writer.write(keys // 2, pipeline))
        table(found, contestants, pipelines, workers, keys, settings, report)
        waits_of(writers, report, workers)


def table(found, contestants, pipelines, workers, keys, settings, report):
    first = contestants[0].name
    peer = contestants[1].name if len(contestants) > 1 else None
    rows = []
    for pipeline in pipelines:
        for contestant in contestants:
            costs = {what: median(found[pipeline, contestant.name, what]) for what in ("below", *POLICIES)}
            report.keep("limit", {"server": contestant.name, "pipeline": pipeline, "workers": workers,
                                  **{what: found[pipeline, contestant.name, what] for what in costs}})
            row = [contestant.name, str(pipeline), figure(costs["below"])]
            for policy in POLICIES:
                against = median(found[pipeline, peer, policy]) if peer and contestant.name == first else None
                row += [figure(costs[policy]), ratio(costs[policy], costs["below"]), ratio(costs[policy], against)]
            rows.append(row)
    report.heading("SET of new keys at the limit: %d worker%s, keys of 16 bytes, values of %d, about %s of them held" % (
        workers, "" if workers == 1 else "s", settings.value_size, format(keys, ",")))
    columns = ["server", "pipeline", "below the limit, µs/op"]
    for policy in POLICIES:
        columns += [policy + ", µs/op", "against below", "against " + (peer or "a peer")]
    report.table(columns, rows)
    report.text("Processor time of the server per command; medians of %s of %s commands, in which the servers took turns. "
                "Below the limit memory is new to the process, and tables grow." % (turns(settings.rounds), format(keys // 2, ",")))


def run(contestants, settings, report):
    here = [contestant for contestant in contestants if not contestant.address]
    for workers in settings.workers:
        measure(here, workers, settings, report)
