"""Bitmaps: processor time per operation on strings of a megabyte."""

import random

from . import tools
from .report import figure, median, ratio, say, turns

SIZE, QUICK_SIZE = 1 << 20, 1 << 16
PIPELINE = 16


def operations(size):
    bits = size * 8
    return [
        ("SETBIT", "SETBIT noise {r:0-%d} 1" % (bits - 1), "integer"),
        ("GETBIT", "GETBIT noise {r:0-%d}" % (bits - 1), "integer"),
        ("BITFIELD INCRBY u16", "BITFIELD noise INCRBY u16 {r:0-%d} 1" % (bits - 16), None),
        ("BITCOUNT of all", "BITCOUNT noise", "integer"),
        ("BITCOUNT of 1,000 bytes", "BITCOUNT noise {r:0-%d} {n:999}" % (size - 1000), "integer"),
        ("BITPOS, the last bit", "BITPOS zeros 1", "integer"),
        ("BITOP AND of two", "BITOP AND result noise other", "integer"),
        ("BITOP NOT", "BITOP NOT result noise", "integer"),
    ]


def fill(server, size):
    dice = random.Random(1)
    for name in ("noise", "other"):
        server.ask("SET", name, dice.randbytes(size))
    server.ask("SETBIT", "zeros", size * 8 - 1, 1)


def measure(server, command, expect, settings):
    result = tools.load(server, command, clients=8, pipeline=PIPELINE, expect=expect, seconds=settings.seconds, keys=1)
    return result["server_cpu_s"] * 1e6 / result["replies"]


def run(running_of, settings, report):
    size = QUICK_SIZE if settings.quick else SIZE
    with running_of(1) as running:
        names, rows = [server.name for server in running], []
        for server in running:
            fill(server, size)
        for name, command, expect in operations(size):
            say("bitmaps: %s" % name)
            found = {server: [] for server in names}
            for _ in range(settings.rounds):
                for server in running:
                    found[server.name].append(measure(server, command, expect, settings))
            report.keep("bitmaps", {"operation": name, "cpu_us": found})
            cost = [median(found[server]) for server in names]
            rows.append([name] + [figure(one) for one in cost] + ([ratio(cost[0], cost[1])] if len(names) > 1 else []))
    report.heading("Bitmaps: strings of %s bytes, 1 worker, pipeline %d" % (format(size, ","), PIPELINE))
    report.table(["operation"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []), rows)
    report.text("Processor time of the server (user and system) per operation; medians of %s, in which the servers took turns."
                % turns(settings.rounds))
