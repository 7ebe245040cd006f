"""Hashes: processor time per operation on one of a hundred thousand fields and on many of ten and twenty, and bytes per field."""

import random
import socket

from . import tools, weight
from .report import figure, median, ratio, say, turns

FIELD = "field:{k:10}"               # 16 bytes, as a small hash's are
AT_ONCE = 20                        # fields in one HSET while a hash is filled
LARGE, SMALL, TWENTY, SMALL_HASHES = 100_000, 10, 20, 20_000
PIPELINE = 16
VALUE, VALUE_SIZE = "{v}", 16        # text that belongs to the key or field drawn last

OPERATIONS = [
    ("large", "HSET, a value of the same length", "HSET large %s %s" % (FIELD, VALUE), "integer"),
    ("large", "HGET", "HGET large %s" % FIELD, None),
    ("large", "HINCRBY", "HINCRBY counters %s {r:1-9}" % FIELD, "integer"),
    ("small", "HSET, a value of the same length", ["HSET small:{k:10} field:%010d %s" % (n, VALUE) for n in range(SMALL)], "integer"),
    ("small", "HGET", ["HGET small:{k:10} field:%010d" % n for n in range(SMALL)], None),
    ("small", "HINCRBY", ["HINCRBY counts:{k:10} field:%010d {r:1-9}" % n for n in range(SMALL)], "integer"),
    ("small", "HGETALL", "HGETALL small:{k:10}", "items:%d" % (2 * SMALL)),
    ("twenty", "HGETALL", "HGETALL twenty:{k:10}", "items:%d" % (2 * TWENTY)),
    ("twenty", "HMGET of all 20", "HMGET twenty:{k:10}" + "".join(" field:%010d" % n for n in range(TWENTY)), "items:%d" % TWENTY),
    ("large", "HMGET of 20", "HMGET large" + (" " + FIELD) * TWENTY, "items:%d" % TWENTY),
]
PARTS = {"large": "one hash of %s fields" % format(LARGE, ","),
         "small": "%s hashes of %d fields" % (format(SMALL_HASHES, ","), SMALL),
         "twenty": "%s hashes of %d fields" % (format(SMALL_HASHES, ","), TWENTY)}


def fill_large(server, key, value, fields):
    tools.load(server, "HSET %s" % key + (" %s %s" % (FIELD, value)) * AT_ONCE, requests=fields // AT_ONCE, keys=fields,
               distribution="shuffled", pipeline=20, clients=4, timeout=120,
               value_size=VALUE_SIZE)


def fill_many(server, name, value, hashes, fields):
    """Each field on its own, as clients set them: every hash grows from one field to all of its own."""
    for n in range(fields):
        tools.load(server, "HSET %s:{k:10} field:%010d %s" % (name, n, value), requests=hashes, keys=hashes,
                   distribution="shuffled", pipeline=50, clients=10, timeout=120, value_size=VALUE_SIZE)


def fill_own(server, name, hashes, fields):
    """Names that no other hash has, field by field as above."""
    dice = random.Random(3)
    names = [["%016x" % dice.getrandbits(64) for _ in range(fields)] for _ in range(hashes)]
    with socket.create_connection((server.host, server.port)) as sock:
        replies = sock.makefile("rb")
        for n in range(fields):
            for first in range(0, hashes, AT_ONCE * 10):
                batch = range(first, min(first + AT_ONCE * 10, hashes))
                sock.sendall("".join("HSET %s:%010d %s %016x\r\n" % (name, k, names[k][n], dice.getrandbits(64) | 1 << 63)
                                     for k in batch).encode())
                for _ in batch:
                    if replies.readline() != b":1\r\n":
                        raise tools.LoadError("%s does not take hashes" % server.name)


def fill(server, part):
    if part == "large":
        fill_large(server, "large", VALUE, LARGE)
        fill_large(server, "counters", "{r:100000-900000}", LARGE)
    elif part == "twenty":
        fill_many(server, "twenty", VALUE, SMALL_HASHES, TWENTY)
    else:
        fill_many(server, "small", VALUE, SMALL_HASHES, SMALL)
        fill_many(server, "counts", "{r:100000-900000}", SMALL_HASHES, SMALL)


def measure(server, command, expect, keys, settings):
    result = tools.load(server, command, clients=settings.clients, pipeline=PIPELINE, expect=expect, seconds=settings.seconds,
                        keys=keys, value_size=VALUE_SIZE)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / result["replies"], "ops": result["ops_per_second"]}


def speed(running, settings, report, part):
    names, rows = [server.name for server in running], []
    for server in running:
        say("hashes: %s is filled" % server.name)
        fill(server, part)
    for where, operation, command, expect in OPERATIONS:
        if where != part:
            continue
        say("hashes: %s, %s" % (PARTS[part], operation))
        found = {name: [] for name in names}
        for _ in range(settings.rounds):
            for server in running:
                found[server.name].append(measure(server, command, expect, LARGE if part == "large" else SMALL_HASHES, settings))
        report.keep("hashes", {"part": part, "operation": operation, "rounds": found})
        cost = [median([one["cpu_us"] for one in found[name]]) for name in names]
        rows.append([operation] + [figure(one) for one in cost] + ([ratio(cost[0], cost[1])] if len(names) > 1 else []))
    report.heading("Hashes: %s, 1 worker, pipeline %d" % (PARTS[part], PIPELINE))
    report.table(["operation"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []), rows)
    report.text("Processor time of the server (user and system) per operation; medians of %s, in which the servers took turns. "
                "Fields of 16 bytes, values of 16 bytes or counters." % turns(settings.rounds))


FIELD_SIZE = 16


def weighed(title, name, fields, hashes, value, payload):
    """Payload: a field and its value, and its share of its key."""
    if hashes == 1:
        return weight.Load(title, fields, payload, lambda server: fill_large(server, name, value, fields))
    return weight.Load(title, fields * hashes, payload + len(name + ":0123456789") / fields,
                       lambda server: fill_many(server, name, value, hashes, fields))


def weighed_own(title, name, fields, hashes):
    return weight.Load(title, fields * hashes, FIELD_SIZE + VALUE_SIZE + len(name + ":0123456789") / fields,
                       lambda server: fill_own(server, name, hashes, fields))


COUNTER, COUNTER_SIZE = "{r:100000-900000}", 6
WEIGHTS = (weighed("of 10", "small", 10, 20_000, VALUE, FIELD_SIZE + VALUE_SIZE),
           weighed("of 10 counters", "counts", 10, 20_000, COUNTER, FIELD_SIZE + COUNTER_SIZE),
           weighed("of 100", "mid", 100, 2_000, VALUE, FIELD_SIZE + VALUE_SIZE),
           weighed_own("of 10, names of their own", "own", 10, 20_000),
           weighed_own("of 100, names of their own", "owns", 100, 2_000),
           weighed("one of 100,000", "large", LARGE, 1, VALUE, FIELD_SIZE + VALUE_SIZE),
           weighed("one of 100,000 counters", "counters", LARGE, 1, COUNTER, FIELD_SIZE + COUNTER_SIZE))


def run(running_of, settings, report):
    for part in settings.parts or [*PARTS, "weight"]:
        if part == "weight":
            weight.show(running_of, report, "hashes", "Hashes: bytes per field of 16 bytes with its value of 16, or a counter of 6", WEIGHTS)
            continue
        if part not in PARTS:
            continue
        with running_of(1) as running:
            for server in running:
                if not server.knows("HSET"):
                    raise tools.LoadError("%s has no hashes" % server.name)
            speed(running, settings, report, part)
