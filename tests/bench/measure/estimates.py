"""HyperLogLogs, places and SORT: processor time per operation."""

import random
import socket

from . import tools
from .report import figure, median, ratio, say, turns

LOGS, LOG_ELEMENTS = 1_000, 600     # sparse ones, of some 2 KB
PLACES, AT_ONCE = 100_000, 100
ROWS, ROW, WEIGHTS = 2_000, 100, 1_000   # lists of a hundred numbers, all of which have a weight
PIPELINE = 16
NEAR = "GEOSEARCH places FROMMEMBER member:{k:9} BYRADIUS %s km"
MOVES = ["GEOADD places %s %s moved:{k:9}" % place for place in (("13.361389", "38.115556"), ("15.087269", "37.502669"), ("2.35", "48.85"))]

# part, operation, command, expected reply, keys
OPERATIONS = [
    ("hyperloglogs", "PFADD to a dense one", "PFADD dense element:{k:10}", "integer", 1_000_000),
    ("hyperloglogs", "PFADD to sparse ones of 2 KB", "PFADD sparse:{k:10} {r:0-599}", "integer", LOGS),
    ("hyperloglogs", "PFADD of a new one", "PFADD fresh:{k:10} one", "integer", 1 << 30),
    ("hyperloglogs", "PFCOUNT, noted", "PFCOUNT sparse:{k:10}", "integer", LOGS),
    ("hyperloglogs", "PFCOUNT of a dense and a sparse one", "PFCOUNT dense sparse:{k:10}", "integer", LOGS),
    ("places", "GEOADD that moves a member", MOVES, "integer", PLACES),
    ("places", "GEODIST", "GEODIST places member:{k:9} member:000000001", None, PLACES),
    ("places", "GEOSEARCH of 20 km", NEAR % 20, None, PLACES),
    ("places", "GEOSEARCH of 100 km, the nearest ten", NEAR % 100 + " COUNT 10", None, PLACES),
    ("places", "GEOSEARCH of 100 km, any ten with places and distances", NEAR % 100 + " COUNT 10 ANY WITHCOORD WITHDIST", None, PLACES),
    ("sorting", "SORT of 100 numbers", "SORT row:{k:10}", "items:100", ROWS),
    ("sorting", "SORT ALPHA of 100", "SORT row:{k:10} ALPHA", "items:100", ROWS),
    ("sorting", "SORT of 100, the first ten", "SORT row:{k:10} LIMIT 0 10", "items:10", ROWS),
    ("sorting", "SORT of 100 BY keys, GET keys", "SORT row:{k:10} BY weight:* LIMIT 0 10 GET weight:*", "items:10", ROWS),
    ("sorting", "SORT of 100, STORE", "SORT row:{k:10} STORE sorted:{k:10}", "integer", ROWS),
]
PARTS = {"hyperloglogs": "HyperLogLogs", "places": "Places: a sorted set of %s, spread over Europe" % format(PLACES, ","),
         "sorting": "SORT of lists of a hundred numbers"}


def fill_logs(server):
    """Of as many elements as stay sparse, all of them numbers that are asked for later."""
    for first in range(0, LOG_ELEMENTS, 50):
        elements = " ".join("%d" % n for n in range(first, first + 50))
        tools.load(server, "PFADD sparse:{k:10} " + elements, requests=LOGS, keys=LOGS, distribution="shuffled", pipeline=20, clients=4,
                   timeout=120)
    tools.load(server, "PFADD dense element:{k:10}", requests=200_000, keys=1_000_000, pipeline=50, clients=4, timeout=120)


def fill_places(server):
    """The same places in each server."""
    dice = random.Random(7)
    with socket.create_connection((server.host, server.port)) as sock:
        replies = sock.makefile("rb")
        for first in range(0, PLACES, AT_ONCE):
            words = ["%.6f %.6f member:%09d" % (dice.uniform(-10, 30), dice.uniform(36, 60), n) for n in range(first, first + AT_ONCE)]
            sock.sendall(("GEOADD places %s\r\n" % " ".join(words)).encode())
            if not replies.readline().startswith(b":"):
                raise tools.LoadError("%s does not take places" % server.name)


def fill_rows(server):
    tools.load(server, "SET weight:{k:1} {r:0-1000000}", requests=WEIGHTS, keys=WEIGHTS, distribution="shuffled", pipeline=20, clients=1)
    tools.load(server, "RPUSH row:{k:10}" + " {r:0-%d}" % (WEIGHTS - 1) * ROW, requests=ROWS, keys=ROWS, distribution="shuffled",
               pipeline=20, clients=4, timeout=120)


FILLS = {"hyperloglogs": fill_logs, "places": fill_places, "sorting": fill_rows}


def measure(server, command, expect, keys, settings):
    how = {"requests": 20_000, "distribution": "shuffled"} if keys == 1 << 30 else {"seconds": settings.seconds}
    result = tools.load(server, command, clients=settings.clients, pipeline=PIPELINE, expect=expect, keys=keys, **how)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / result["replies"], "ops": result["ops_per_second"]}


def speed(running, settings, report, part):
    names, rows = [server.name for server in running], []
    for server in running:
        say("%s: %s is filled" % (part, server.name))
        FILLS[part](server)
    for where, operation, command, expect, keys in OPERATIONS:
        if where != part:
            continue
        say("%s: %s" % (part, operation))
        found = {name: [] for name in names}
        for _ in range(settings.rounds):
            for server in running:
                if keys == 1 << 30:
                    server.ask("FLUSHALL")
                found[server.name].append(measure(server, command, expect, keys, settings))
        if keys == 1 << 30:
            for server in running:
                fill_logs(server)
        report.keep("estimates", {"part": part, "operation": operation, "rounds": found})
        cost = [median([one["cpu_us"] for one in found[name]]) for name in names]
        rows.append([operation] + [figure(one) for one in cost] + ([ratio(cost[0], cost[1])] if len(names) > 1 else []))
    report.heading("%s, 1 worker, pipeline %d" % (PARTS[part], PIPELINE))
    report.table(["operation"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []), rows)
    report.text("Processor time of the server (user and system) per operation; medians of %s, in which the servers took turns."
                % turns(settings.rounds))


def run(running_of, settings, report):
    for part in settings.parts or PARTS:
        if part not in PARTS:
            continue
        with running_of(1) as running:
            speed(running, settings, report, part)
