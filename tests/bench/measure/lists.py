"""Lists: processor time per operation on a long one and on many short ones, and bytes per element.

What is pushed is popped again by the next operations, in equal numbers, so that the lists keep their length. Places in the
long list are drawn evenly.
"""

import itertools
import os

from . import list_weight, tools, weight
from .report import say, turns
from .zset import Operation, show

ELEMENT = "element:{k:8}"           # 16 bytes
AT_ONCE = 20                        # elements in one RPUSH while a list is filled
SHORT_LISTS, SHORT_ELEMENTS = 100_000, 10
MOVED = 300_000                     # pushes or pops of one turn
PIPELINES, QUICK_PIPELINES = [1, 16], [16]
PARTS = {"long": "one list of %s elements", "short": "%s lists of 10 elements"}


def long_operations(elements):
    return [
        Operation("LPUSH", "LPUSH list " + ELEMENT, "integer", kind="push"),
        Operation("LPOP", "LPOP list", kind="pop"),
        Operation("RPUSH", "RPUSH list " + ELEMENT, "integer", kind="push"),
        Operation("RPOP", "RPOP list", kind="pop"),
        Operation("LMOVE, round", "LMOVE list list LEFT RIGHT"),
        Operation("LRANGE 0 99", "LRANGE list 0 99", "items:100"),
        Operation("LRANGE, 100 from a random place on", "LRANGE list {r:0-%d} {n:99}" % (elements - 100), "items:100"),
        Operation("LINDEX of a random place", "LINDEX list {r:0-%d}" % (elements - 1)),
        Operation("LSET of a random place", "LSET list {r:0-%d} %s" % (elements - 1, ELEMENT), "ok"),
    ]


def short_operations(_):
    return [
        Operation("LPUSH", "LPUSH short:{k:10} " + ELEMENT.replace("{k:8}", "00000001"), "integer", kind="push"),
        Operation("LPOP", "LPOP short:{k:10}", kind="pop"),
        Operation("RPUSH", "RPUSH short:{k:10} " + ELEMENT.replace("{k:8}", "00000001"), "integer", kind="push"),
        Operation("RPOP", "RPOP short:{k:10}", kind="pop"),
        Operation("LINDEX", "LINDEX short:{k:10} 5"),
        Operation("LLEN", "LLEN short:{k:10}", "integer"),
        Operation("LRANGE 0 -1", "LRANGE short:{k:10} 0 -1"),
    ]


def fill_long(server, elements):
    tools.load(server, "RPUSH list" + (" " + ELEMENT) * AT_ONCE, requests=elements // AT_ONCE, keys=elements,
               distribution="shuffled", pipeline=20, clients=4, timeout=120)


def fill_short(server, lists):
    tools.load(server, "RPUSH short:{k:10}" + "".join(" element:%08d" % n for n in range(SHORT_ELEMENTS)), requests=lists,
               keys=lists, distribution="shuffled", pipeline=50, clients=10)


def measure(server, operation, pipeline, keys, settings, seed):
    how = {"seconds": settings.seconds, "keys": keys}
    if operation.kind:
        # Each list once in each turn, or as many as that takes.
        how = {"requests": min(MOVED, keys), "keys": keys, "distribution": "shuffled"}
    result = tools.load(server, operation.command, clients=settings.clients, pipeline=pipeline, expect=operation.expect,
                        seed=seed, **how)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / result["replies"] if server.pid else None,
            "ops": result["ops_per_second"]}


def rounds(running, operations, keys, settings):
    """{(operation, pipeline): {server: [measurement of each round]}}; pushes and pops and servers take turns."""
    given = [depth for depth in settings.pipelines if depth in PIPELINES]
    depths = QUICK_PIPELINES if settings.quick else given or PIPELINES
    table = {(operation.name, depth): {server.name: [] for server in running}
             for operation in operations for depth in depths}
    draws = itertools.count(1)
    for depth in depths:
        for _ in range(settings.rounds):
            for operation in operations:
                seed = next(draws)
                for server in running:
                    table[operation.name, depth][server.name].append(
                        measure(server, operation, depth, keys, settings, seed))
        say("lists: pipeline %d is done" % depth)
    return table


ELEMENT_SIZE = 16


def weighed(settings, elements):
    """Payload: an element, and its share of its key."""
    short = elements // SHORT_ELEMENTS
    loads = {"long": weight.Load("one of %s" % format(elements, ","), elements, ELEMENT_SIZE, lambda server: fill_long(server, elements)),
             "short": weight.Load("of 10", elements, ELEMENT_SIZE + len("short:0123456789") / SHORT_ELEMENTS,
                                  lambda server: fill_short(server, short))}
    return [load for part, load in loads.items() if not settings.parts or part in settings.parts]


def run(running_of, settings, report):
    if len(tools.CORES) < 2:
        say("lists: server and load share one core of %d" % os.cpu_count())
    if settings.sweep:
        list_weight.run(running_of, settings, report)
        return
    elements = 100_000 if settings.quick else settings.members or 1_000_000
    words = tuple(word.upper() for word in settings.commands if word.upper()[:1] in "LR")
    for part, operations in (("long", long_operations(elements)), ("short", short_operations(elements))):
        operations = [one for one in operations if not words or one.name.upper().startswith(words)]
        if (settings.parts and part not in settings.parts) or not operations:
            continue
        keys, fill = (elements, fill_long) if part == "long" else (elements // SHORT_ELEMENTS, fill_short)
        with running_of(1) as running:
            for server in running:
                fill(server, keys)
            table = rounds(running, operations, keys, settings)
        for (operation, pipeline), found in table.items():
            report.keep("lists", {"part": part, "keys": keys, "operation": operation, "pipeline": pipeline, "rounds": found})
        report.heading("Lists: %s, 1 worker, %d clients" % (PARTS[part] % format(keys, ","), settings.clients))
        show(report, table)
        report.text("Processor time of the server (user and system) per operation; medians of %s, in which the servers took "
                    "turns. Elements of 16 bytes." % turns(settings.rounds))
    loads = weighed(settings, elements)
    if loads and not words:
        weight.show(running_of, report, "lists", "Lists: bytes per element of 16 bytes", loads)
