"""Bytes per member of sorted sets, after members have moved, gone and come at random."""

from . import tools, zset
from .memory import settle
from .report import figure, ratio, say

FIELDS = (("allocator_allocated", "allocator"), ("used_memory", "used_memory"), ("rss", "RSS"))
LARGE_SPAN = 1_000_000_000_000      # whole numbers that 32 bits do not hold


class Filled:
    """One server with one kind of sets, and what it weighed before."""

    def __init__(self, server):
        self.server = server
        self.empty = self.weigh()

    def weigh(self):
        server = self.server
        return {"rss": server.rss_bytes(), **{field: int(server.info(field, "memory") or 0) for field, _ in FIELDS[:2]}}

    def each(self, members):
        full = self.weigh()
        return {field: (full[field] - self.empty[field]) / members for field, _ in FIELDS}


def churn_board(server, members, span):
    """Each member moves anywhere about once; a fifth leaves, and as many others come."""
    gone = members // 5 // zset.AT_ONCE * zset.AT_ONCE
    tools.load(server, "ZADD board" + " {r:0-%d} %s" % (span, zset.MEMBER) * zset.AT_ONCE, requests=members // zset.AT_ONCE,
               keys=members, pipeline=20, clients=4)
    tools.load(server, "ZREM board" + (" " + zset.MEMBER) * zset.AT_ONCE, requests=gone // zset.AT_ONCE, keys=members,
               distribution="shuffled", pipeline=20, clients=4)
    tools.load(server, "ZADD board" + " {r:0-%d} later:{k:10}" % span * zset.AT_ONCE, requests=gone // zset.AT_ONCE,
               keys=1 << 30, distribution="shuffled", pipeline=20, clients=4)


def board(span):
    def fill(server, members):
        zset.fill_board(server, members, span=span)
        churn_board(server, members, span)
        return int(server.ask("ZCARD", "board"))
    return fill


def small(server, members):
    """Sets of ten whose members have moved, and of which one has left and another come."""
    sets = members // zset.SMALL_MEMBERS
    zset.fill_small(server, sets)
    tools.load(server, zset.small_operations(0)[0].command, requests=members, keys=sets, pipeline=50, clients=10)
    how = {"requests": sets, "keys": sets, "distribution": "shuffled", "pipeline": 50, "clients": 10}
    tools.load(server, "ZREM small:{k:10} player:000000003", **how)
    tools.load(server, "ZADD small:{k:10} {r:0-1000000} player:000000010", **how)
    return members


CASES = {"whole": ("one set, whole scores below 2^31", board(zset.SPAN)),
         "large": ("one set, whole scores up to 10^12", board(LARGE_SPAN)),
         "small": ("sets of 10, with key and its entry", small)}


def measure(contestant, fill, members):
    with contestant.start() as server:
        zset.able([server])
        filled = Filled(server)
        held = fill(server, members)
        settle([filled])
        return filled.each(held), held


def run(contestants, settings, report):
    contestants = [one for one in contestants if not one.address]
    names = [one.name for one in contestants]
    rows = []
    for members in zset.sizes(settings):
        for short, (name, fill) in CASES.items():
            if settings.parts and {"small": "small"}.get(short, "board") not in settings.parts:
                continue
            found = []
            for contestant in contestants:
                say("zset_memory: %s members, %s, %s" % (format(members, ","), name, contestant.name))
                each, held = measure(contestant, fill, members)
                found.append(each)
                report.keep("zset_memory", {"server": contestant.name, "case": name, "members": held, **each})
            row = [name, format(members, ",")]
            for field, _ in FIELDS:
                row += [figure(each[field]) for each in found] + ([ratio(found[0][field], found[1][field])] if len(found) > 1 else [])
            rows.append(row)
    if not rows:
        return
    columns = ["sets", "members"]
    for _, field in FIELDS:
        columns += ["%s, %s" % (name, field) for name in names] + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else [])
    report.heading("Sorted sets: bytes per member of 16 bytes, after churn")
    report.table(columns, rows)
    report.text("What each server holds more than when it was empty, per member: what it has taken from its allocator, "
                "its used_memory, its resident set. Each member had moved anywhere once in the mean, a fifth had been replaced; in "
                "the small sets one of ten.")
