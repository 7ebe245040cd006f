"""Sorted sets: processor time per operation on one large set and on many small ones.

The members of the large set come in a shuffled order, each with a score that has nothing to do with its name, and are
drawn evenly afterwards: what is asked for is rarely in a processor's cache, on either server.
"""

import itertools
import os
import time

from . import tools
from .report import figure, median, ratio, say, turns

SPAN = 1_000_000_000                # scores: whole numbers below
MEMBER = "player:{k:9}"             # 16 bytes, as a small set's are
AT_ONCE = 20                        # members in one ZADD while a set is filled
SMALL_SETS, SMALL_MEMBERS = 100_000, 10
PIPELINES, QUICK_PIPELINES = [1, 16], [16]
LARGE = 10_000_000
PARTS = {"board": "one set of %s members", "small": "%s sets of 10 members"}


class Operation:
    """command: one text, or several that are sent in turn. kind "new" takes further members, "take" takes members away; as
    many each turn, so that the set keeps its size."""

    def __init__(self, name, command, expect=None, kind=None):
        self.name, self.command, self.expect, self.kind = name, command, expect, kind


def big_operations(members):
    near = max(1, 2 * SPAN // members)
    return [
        Operation("ZADD, a member moves a little", "ZADD board {s:%d+%d} %s" % (SPAN, near, MEMBER)),
        Operation("ZINCRBY, a member moves a little", "ZINCRBY board {r:1-%d} %s" % (near, MEMBER)),
        Operation("ZSCORE", "ZSCORE board " + MEMBER),
        Operation("ZRANK", "ZRANK board " + MEMBER),
        Operation("ZREVRANGE 0 9 WITHSCORES", "ZREVRANGE board 0 9 WITHSCORES", "items:20"),
        Operation("ZRANGE, 50 from a random rank on", "ZRANGE board {r:0-%d} {n:49}" % (members - 50), "items:50"),
        Operation("ZRANGE WITHSCORES, 50 from a random rank on", "ZRANGE board {r:0-%d} {n:49} WITHSCORES" % (members - 50),
                  "items:100"),
        Operation("ZRANGEBYSCORE LIMIT 0 10", "ZRANGEBYSCORE board {r:0-%d} +inf LIMIT 0 10" % (SPAN // 100 * 99), "items:10"),
        Operation("ZADD, a member moves anywhere", "ZADD board {r:0-%d} %s" % (SPAN, MEMBER)),
        Operation("ZINCRBY, a member moves anywhere", ["ZINCRBY board %d %s" % (step, MEMBER)
                                                       for step in (SPAN // 10, -SPAN // 10)]),
        Operation("ZADD of a new member", "ZADD board {r:0-%d} new{k:13}" % SPAN, kind="new"),
        Operation("ZPOPMIN", "ZPOPMIN board", "items:2", kind="take"),
    ]


def small_operations(_):
    def each(text):
        return [text.replace("MEMBER", "player:%09d" % n) for n in range(SMALL_MEMBERS)]
    return [
        Operation("ZADD, a member moves", each("ZADD small:{k:10} {r:0-1000000} MEMBER")),
        Operation("ZINCRBY", each("ZINCRBY small:{k:10} {r:1-1000} MEMBER")),
        Operation("ZSCORE", each("ZSCORE small:{k:10} MEMBER")),
        Operation("ZRANK", each("ZRANK small:{k:10} MEMBER")),
        Operation("ZCARD", "ZCARD small:{k:10}", "integer"),
        Operation("ZREVRANGE 0 9 WITHSCORES", "ZREVRANGE small:{k:10} 0 9 WITHSCORES", "items:20"),
        Operation("ZRANGEBYSCORE LIMIT 0 3", "ZRANGEBYSCORE small:{k:10} -inf +inf LIMIT 0 3", "items:3"),
        Operation("ZADD to a new set", "ZADD fresh:{k:10} {r:0-1000000} player:000000001", kind="new"),
    ]


def fill_board(server, members, key="board", span=SPAN):
    """One set of members player:0… in a shuffled order."""
    command = "ZADD %s" % key + (" {s:%d+0} %s" % (span, MEMBER)) * AT_ONCE
    tools.load(server, command, requests=members // AT_ONCE, keys=members, distribution="shuffled", pipeline=20, clients=4,
               timeout=120)
    held = int(server.ask("ZCARD", key))
    if held != members:
        raise tools.LoadError("%s holds %d members of %d" % (server.name, held, members))


def fill_small(server, sets):
    command = "ZADD small:{k:10}" + "".join(" {r:0-1000000} player:%09d" % n for n in range(SMALL_MEMBERS))
    tools.load(server, command, requests=sets, keys=sets, distribution="shuffled", pipeline=50, clients=10)


def wanted(operations, settings):
    """Those whose names begin with a word of --commands, when there are such."""
    words = [word.upper() for word in settings.commands if word.upper().startswith("Z")]
    return [one for one in operations if not words or one.name.upper().startswith(tuple(words))]


def pipelines(settings):
    given = [depth for depth in settings.pipelines if depth in PIPELINES]
    return QUICK_PIPELINES if settings.quick else given or PIPELINES


def measure(server, operation, pipeline, keys, settings, further):
    how = {"seconds": settings.seconds, "keys": keys}
    if operation.kind:
        count = max(20_000, keys // 50)
        how = {"requests": count}
        if operation.kind == "new":
            how.update(keys=1 << 30, distribution="shuffled", first_key=further[server.name])
            further[server.name] += count
    result = tools.load(server, operation.command, clients=settings.clients, pipeline=pipeline, expect=operation.expect,
                        seed=further["turn"], **how)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / result["replies"] if server.pid else None,
            "ops": result["ops_per_second"], "load_us": result["load_cpu_s"] * 1e6 / result["replies"],
            **{name: result["latency_us"][name] for name in ("p50", "p99", "p999")}}


def first_new(settings):
    """The number of the first new member; far from those of earlier runs, where a set outlives one."""
    return int(time.time()) % (1 << 14) << 16 if settings.filled else 0


def rounds(running, operations, keys, settings):
    """{(operation, pipeline): {server: [measurement of each round]}}; the servers take turns."""
    table = {}
    further = {server.name: first_new(settings) for server in running}
    draws = itertools.count(1)
    for operation in operations:
        for pipeline in pipelines(settings):
            say("zset: %s, pipeline %d" % (operation.name, pipeline))
            row = table.setdefault((operation.name, pipeline), {server.name: [] for server in running})
            for _ in range(settings.rounds):
                further["turn"] = next(draws)
                for server in running:
                    row[server.name].append(measure(server, operation, pipeline, keys, settings, further))
    return table


def show(report, table):
    names = list(next(iter(table.values())))
    rows = []
    for (operation, pipeline), found in table.items():
        cost = [median([one["cpu_us"] for one in found[name]]) for name in names]
        rate = [median([one["ops"] for one in found[name]]) / 1000 for name in names]
        rows.append([operation, str(pipeline)] + [figure(one) for one in cost]
                    + ([ratio(cost[0], cost[1])] if len(names) > 1 else []) + [figure(one) for one in rate])
    report.table(["operation", "pipeline"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % (names[0], names[1])] if len(names) > 1 else [])
                 + ["%s kop/s" % name for name in names], rows)


def run_part(running, settings, report, part, members):
    if part == "board":
        keys, operations = members, wanted(big_operations(members), settings)
        fill = fill_board
    else:
        keys, operations = members // SMALL_MEMBERS, wanted(small_operations(members), settings)
        fill = fill_small
    if not operations:
        return
    for server in running:
        if not settings.filled:
            say("zset: %s is filled" % server.name)
            fill(server, keys)
    if settings.fill:
        return
    table = rounds(running, operations, keys, settings)
    for (operation, pipeline), found in table.items():
        report.keep("zset", {"part": part, "keys": keys, "operation": operation, "pipeline": pipeline, "rounds": found})
    report.heading("Sorted sets: %s, 1 worker, %d clients" % (PARTS[part] % format(keys, ","), settings.clients))
    show(report, table)
    report.text("Processor time of the server (user and system) per operation; medians of %s%s, in which the servers took turns. "
                "Members of 16 bytes, scores below %s." % (
                    turns(settings.rounds), " of %g s" % settings.seconds, format(SPAN, ",")))


def able(running):
    for server in running:
        if not server.knows("ZADD"):
            raise tools.LoadError("%s has no sorted sets" % server.name)


def sizes(settings):
    usual = 100_000 if settings.quick else settings.members or 1_000_000
    return [usual] + ([LARGE] if settings.large else [])


def run(running_of, settings, report):
    if len(tools.CORES) < 2:
        say("zset: server and load share one core of %d" % os.cpu_count())
    for part in settings.parts or PARTS:
        for members in sizes(settings) if part == "board" else sizes(settings)[:1]:
            with running_of(1) as running:
                able(running)
                run_part(running, settings, report, part, members)
