"""Commands that take whole sorted sets: processor time of the server, and how long nobody else is answered by one worker."""

import time

from . import tools, zset
from .report import figure, median, ratio, say, turns

COMMANDS = (
    ("ZUNIONSTORE of two", ("ZUNIONSTORE", "result", 2, "left", "right")),
    ("ZINTERSTORE of two", ("ZINTERSTORE", "result", 2, "left", "right")),
    ("ZDIFFSTORE of two", ("ZDIFFSTORE", "result", 2, "left", "right")),
    ("ZRANGESTORE of all", ("ZRANGESTORE", "result", "left", 0, -1)),
    ("COPY", ("COPY", "left", "result", "REPLACE")),
)


def fill(server, members):
    """Two sets; every other member is in both, with another score there."""
    zset.fill_board(server, members, key="left")
    command = "ZADD right" + (" {s:%d+0} player:{k:9}" % (zset.SPAN // 2)) * zset.AT_ONCE
    tools.load(server, command, requests=members // zset.AT_ONCE, keys=members, first_key=members // 2,
               distribution="shuffled", pipeline=20, clients=4, timeout=120)


def measure(server, words):
    server.ask("UNLINK", "result")
    time.sleep(0.5)                     # what was there is freed
    cpu, begun = server.cpu_seconds(), time.monotonic()
    server.ask(*words, timeout_s=300)
    return {"pause_s": time.monotonic() - begun, "cpu_s": server.cpu_seconds() - cpu}


def run(running_of, settings, report):
    members = zset.sizes(settings)[0]
    found = {}
    with running_of(1) as running:
        zset.able(running)
        names = [server.name for server in running]
        for server in running:
            say("zset_whole: %s is filled" % server.name)
            fill(server, members)
        for name, words in COMMANDS:
            for _ in range(settings.rounds):
                for server in running:
                    say("zset_whole: %s, %s" % (name, server.name))
                    found.setdefault(name, {}).setdefault(server.name, []).append(measure(server, words))
    rows = []
    for name, by_server in found.items():
        report.keep("zset_whole", {"command": name, "members": members, "rounds": by_server})
        cpu = [median([one["cpu_s"] for one in by_server[server]]) for server in names]
        pause = [median([one["pause_s"] for one in by_server[server]]) for server in names]
        rows.append([name] + [figure(one) for one in cpu] + ([ratio(cpu[0], cpu[1])] if len(cpu) > 1 else [])
                    + [figure(one) for one in pause])
    report.heading("Sorted sets of %s members as a whole, 1 worker" % format(members, ","))
    report.table(["command"] + ["%s, processor s" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []) + ["%s, took s" % name for name in names], rows)
    report.text("Half of the members are in both sets. With one worker nobody is answered meanwhile. Medians of %s."
                % turns(settings.rounds))
