"""Sets: processor time per operation on one of a million members and on many small ones, and bytes per member."""

from . import tools, weight
from .report import figure, median, ratio, say, turns

MEMBER = "member:{k:9}"             # 16 bytes
AT_ONCE = 20                        # members in one SADD while a set is filled
LARGE, QUICK_LARGE = 1_000_000, 100_000
SMALL, SMALL_SETS = 10, 20_000
MIDDLE, MIDDLE_SETS = 100, 2_000
PIPELINE = 16
PARTS = {"large": "one set of %s members", "small": "sets of 10 and of 100 members"}


class Operation:
    """kind "new" adds further members, "take" takes members away; as many each turn."""

    def __init__(self, name, command, expect="integer", keys=None, kind=None):
        self.name, self.command, self.expect, self.keys, self.kind = name, command, expect, keys, kind


OPERATIONS = {
    "large": [
        Operation("SADD of a member that is there", "SADD large " + MEMBER),
        Operation("SISMEMBER", "SISMEMBER large " + MEMBER),
        Operation("SMISMEMBER of ten", "SMISMEMBER large" + (" " + MEMBER) * 10, "items:10"),
        Operation("SRANDMEMBER", "SRANDMEMBER large", None),
        Operation("SADD of a new member", "SADD large new{k:13}", kind="new"),
        Operation("SPOP", "SPOP large", None, kind="take"),
    ],
    "small": [
        Operation("SADD of a member that is there", ["SADD small:{k:10} member:%09d" % n for n in range(SMALL)]),
        Operation("SISMEMBER", ["SISMEMBER small:{k:10} member:%09d" % n for n in range(SMALL)]),
        Operation("SMEMBERS", "SMEMBERS small:{k:10}", "items:%d" % SMALL),
        Operation("SINTERCARD of two sets of ten", "SINTERCARD 2 small:{k:10} small:0000000000"),
        Operation("SINTERCARD of two sets of a hundred", "SINTERCARD 2 middle:{k:10} middle:0000000000", keys=MIDDLE_SETS),
        Operation("SADD to a new set", "SADD fresh:{k:10} member:000000001", kind="new"),
        Operation("SPOP from sets of a hundred", "SPOP middle:{k:10}", None, keys=MIDDLE_SETS, kind="take"),
    ],
}


def fill_large(server, members):
    tools.load(server, "SADD large" + (" " + MEMBER) * AT_ONCE, requests=members // AT_ONCE, keys=members,
               distribution="shuffled", pipeline=20, clients=4, timeout=120)


def fill_many(server, name, sets, members):
    """Each member on its own, as clients add them: every set grows from one member to all of its own."""
    for n in range(members):
        tools.load(server, "SADD %s:{k:10} member:%09d" % (name, n), requests=sets, keys=sets, distribution="shuffled",
                   pipeline=50, clients=10, timeout=120)


def fill(server, part, members):
    if part == "large":
        fill_large(server, members)
    else:
        fill_many(server, "small", SMALL_SETS, SMALL)
        fill_many(server, "middle", MIDDLE_SETS, MIDDLE)


def measure(server, operation, keys, settings, further):
    how = {"seconds": settings.seconds, "keys": operation.keys or keys}
    if operation.kind:
        count = 20_000
        how = {"requests": count, "keys": operation.keys or keys}
        if operation.kind == "new":
            how.update(keys=1 << 30, distribution="shuffled", first_key=further[server.name])
            further[server.name] += count
    result = tools.load(server, operation.command, clients=settings.clients, pipeline=PIPELINE, expect=operation.expect, **how)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / result["replies"], "ops": result["ops_per_second"]}


def speed(running, settings, report, part, members):
    names, rows = [server.name for server in running], []
    further = dict.fromkeys(names, 0)
    keys = members if part == "large" else SMALL_SETS
    for server in running:
        say("sets: %s is filled" % server.name)
        fill(server, part, members)
    for operation in OPERATIONS[part]:
        say("sets: %s" % operation.name)
        found = {name: [] for name in names}
        for _ in range(settings.rounds):
            for server in running:
                found[server.name].append(measure(server, operation, keys, settings, further))
        report.keep("sets", {"part": part, "operation": operation.name, "rounds": found})
        cost = [median([one["cpu_us"] for one in found[name]]) for name in names]
        rows.append([operation.name] + [figure(one) for one in cost] + ([ratio(cost[0], cost[1])] if len(names) > 1 else []))
    title = PARTS[part] % format(members, ",") if part == "large" else PARTS[part]
    report.heading("Sets: %s, 1 worker, pipeline %d" % (title, PIPELINE))
    report.table(["operation"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []), rows)
    report.text("Processor time of the server (user and system) per operation; medians of %s, in which the servers took turns. "
                "Members of 16 bytes." % turns(settings.rounds))


MEMBER_SIZE = 16


def weighed(members):
    """Payload: a member, and its share of its key."""
    def many(name, sets, each):
        return weight.Load("of %d" % each, sets * each, MEMBER_SIZE + len(name + ":0123456789") / each,
                           lambda server: fill_many(server, name, sets, each))
    return (many("small", SMALL_SETS, SMALL), many("middle", MIDDLE_SETS, MIDDLE),
            weight.Load("one of %s" % format(members, ","), members, MEMBER_SIZE, lambda server: fill_large(server, members)))


def run(running_of, settings, report):
    members = QUICK_LARGE if settings.quick else settings.members or LARGE
    for part in settings.parts or [*PARTS, "weight"]:
        if part == "weight":
            weight.show(running_of, report, "sets", "Sets: bytes per member of 16 bytes", weighed(members))
            continue
        if part not in PARTS:
            continue
        with running_of(1) as running:
            for server in running:
                if not server.knows("SADD"):
                    raise tools.LoadError("%s has no sets" % server.name)
            speed(running, settings, report, part, members)
