"""What a quiet client sees while something big happens beside it.

The probe asks for one key 10,000 times a second, each time when it is due and whatever is still
unanswered, and a late answer counts from then. Whatever causes the event runs in the background class on the probe's core,
so that it does not keep the probe itself waiting: what comes over the wire comes slower for that.

What the probe sees has in it what else the machine does. What the server alone makes of it is told by its turns (turns.c): the
processor time from one look at its sockets to the next, in which nobody hears anything from that thread. What a machine, and
its host, keep from a thread without saying so is in them still: so there stand beside them a thread that only looks at its clock
and one that also reads from as much memory as the server has.

With --realtime the probe and whoever serves go before all other threads of the machine, so that what the probe sees is the
server's, and the host's.
"""

import argparse
import contextlib
import os
import threading
import time

from . import tools
from .report import figure, median, say, turns

FIELDS = ("p50", "p99", "p999", "p9999", "max", "quiet_p999", "to_quiet", "turn_p999", "turn_max", "turns_over_1ms")
FIELD_NAMES = ["p50", "p99", "p99.9", "p99.99", "max", "p99.9 just before", "p99.9 to that", "turns' p99.9", "longest turn",
               "turns over 1 ms"]
PROBE_RATE = 10_000
KEYS, QUICK_KEYS = 10_000_000, 100_000
GIANT = 512 << 20
LOOK_S, QUICK_LOOK_S = 30, 1
QUIET_MOST_S = 8


class Event:
    """name: what happens; needs: a command without which it cannot; prepare and act do it."""

    def __init__(self, name, act, prepare=None, seconds=3.0, needs=None):
        self.name, self.act, self.prepare = name, act, prepare
        self.seconds, self.needs = seconds, needs


def disturb(server, command, seconds=None, **settings):
    return tools.Load(server, command, background=True, seconds=seconds, **settings).result()


def nothing(server, settings):
    pass


def pipeline_deep(server, settings):
    disturb(server, "SET key:{k} {v}", seconds=1 if settings.quick else 2, clients=1, pipeline=10_000, keys=settings.keys)


def grow(server, settings):
    disturb(server, "SET grown:{k} {v}", requests=settings.keys, keys=settings.keys,
            clients=10, pipeline=50, distribution="sequential")


def giant_prepare(server, settings):
    server.ask("SETRANGE", "giant", GIANT - 1, "x", timeout_s=120)
    time.sleep(1.0)


def giant_delete(server, settings):
    server.ask("DEL", "giant")


def large_values(size):
    """Two clients that write and read values of so many bytes."""
    def act(server, settings):
        disturb(server, ["SET large:{k} {v}", "GET large:{k}"], seconds=1 if settings.quick else 4, clients=2, keys=2,
                value_size=size, expect="any")
    return act


def keys_all(server, settings):
    server.ask("KEYS", "nothing-has-this-name")


def scan_all(server, settings):
    """As a client on the probe's core that asks only when the probe does not."""
    os.sched_setaffinity(0, tools.LOAD_CORES)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    connection = server.connect()
    cursor, limit = b"0", time.monotonic() + 6
    try:
        while time.monotonic() < limit:
            _, reply = connection.ask("SCAN", cursor, "MATCH", "nothing-has-this-name", "COUNT", 1000)
            cursor = reply[0][1]
            if cursor == b"0":
                break
    finally:
        connection.close()


def flush(server, settings):
    server.ask("FLUSHALL")
    server.ask("SET", "probe", "x")


def refill(server, settings):
    server.fill(settings.keys, settings.value_size)


def board_fill(server, settings):
    server.fill(min(settings.keys, 1_000_000), command="ZADD board {r:1-1000000} member:{k}", expect="integer")


def board_delete(server, settings):
    server.ask("DEL", "board")


def save(server, settings):
    server.ask("BGSAVE")
    limit = time.monotonic() + 60
    while server.info("rdb_bgsave_in_progress", "persistence") == "1" and time.monotonic() < limit:
        time.sleep(0.1)


QUIET = Event("nothing", nothing)
EVENTS = (
    QUIET,
    Event("another client pipelines 10,000 SETs at a time", pipeline_deep),
    Event("others write and read values of 1 MB", large_values(1 << 20), seconds=5),
    Event("others write and read values of 64 MB", large_values(64 << 20), seconds=6),
    Event("DEL of a string of 512 MB", giant_delete, giant_prepare),
    Event("KEYS over all keys", keys_all, seconds=8),
    Event("SCAN over all keys, 1,000 at a time", scan_all, seconds=8),
    Event("the key space doubles", grow, seconds=30),
    Event("FLUSHALL of twice the keys", flush, seconds=10),
    Event("DEL of a sorted set of a million", board_delete, board_fill, needs="ZADD"),
    Event("BGSAVE", save, refill, seconds=12),
)
QUICK = ("nothing", "another client pipelines 10,000 SETs at a time")


def saves(server):
    try:
        server.ask("LASTSAVE")
        return True
    except tools.LoadError:
        return False


def possible(server, event):
    if event.name == "BGSAVE":
        return saves(server)
    return event.needs is None or server.knows(event.needs)


def probed(server, event, seconds, settings):
    """The probe's latencies in so many seconds, with the event in them."""
    failures = []

    def act():
        try:
            event.act(server, settings)
        except Exception as wrong:                  # told by the thread that waits for this one
            failures.append(wrong)
    probe = tools.Load(server, "GET probe", clients=1, pipeline=65536, rate=PROBE_RATE, seconds=seconds, realtime=settings.realtime)
    time.sleep(0.4)
    actor = threading.Thread(target=act)
    if server.turns:
        server.turns.forget()
    begun = time.monotonic()
    actor.start()
    actor.join()
    took = time.monotonic() - begun
    result = probe.result()
    if failures:
        raise failures[0]
    spent = server.turns.seen() if server.turns else {"p999": None, "max": None, "over_1ms": None}
    return {**result["latency_us"], "turn_p999": spent["p999"], "turn_max": spent["max"],
            "turns_over_1ms": spent["over_1ms"], "event_s": took}


def observe(server, event, settings):
    """The probe's latencies around one event, and beside those of a quiet time just before, as minutes differ; None where the
    server cannot do it."""
    if not possible(server, event):
        return None
    if event.prepare:
        event.prepare(server, settings)
    seconds = event.seconds / (2 if settings.quick else 1)
    before = probed(server, QUIET, min(seconds, QUIET_MOST_S), settings)
    seen = probed(server, event, seconds, settings)
    return {**seen, "quiet_p999": before["p999"], "to_quiet": seen["p999"] / before["p999"]}


@contextlib.contextmanager
def alone(server, running):
    """None of the others that we started does anything meanwhile, not even what an idle one does: all have one core."""
    others = [one for one in running if one is not server and one.pid]
    for one in others:
        one.stop_for_now()
    try:
        yield
    finally:
        for one in others:
            one.go_on()


def with_keys(settings):
    """The settings, with as many keys as this case wants unless somebody said how many."""
    keys = QUICK_KEYS if settings.quick else KEYS if settings.keys_by_default else settings.keys
    return argparse.Namespace(**{**vars(settings), "keys": keys})


def of_machine(settings, rss_bytes):
    """What the machine itself does to a thread that only looks at its clock, and to one that reads from so many bytes."""
    seconds = QUICK_LOOK_S if settings.quick else LOOK_S
    return [(what, tools.stalls(seconds, settings.realtime, reading))
            for what, reading in (("only looked at its clock", 0), ("read from %.1f GB of its own" % (rss_bytes / 1e9), rss_bytes))]


def tell_machine(seen, settings, report):
    for what, stalled in seen:
        report.text("A thread on the server's core that %s for %d s was kept from it for %s µs at the longest, and %d times for more "
                    "than a millisecond." % (what, QUICK_LOOK_S if settings.quick else LOOK_S, figure(stalled["longest_us"]),
                                             stalled["over_1ms"]))


def count(number):
    return figure(None) if number is None else "%d" % number


def silences(running_of, settings):
    """Of filling an empty server at full speed: [server, longest time in which none of ten clients had a reply in ms,
    longest turn in ms and how many were longer than one, the same of the steps of a thread that looked at its clock and read
    from as much memory for as long afterwards, kop/s]."""
    rows = []
    with running_of(1, watched=True) as running:
        for server in running:
            say("pauses: %s is filled, nobody else asks" % server.name)
            if settings.realtime:
                server.go_first()
            with alone(server, running):
                filled = server.fill(2 * settings.keys, settings.value_size, realtime=settings.realtime)
                spent = server.turns.seen() if server.turns else {"max": None, "over_1ms": None}
                stalled = tools.stalls(filled["seconds"], settings.realtime, server.rss_bytes() if server.pid else 0)
            longest_ms = spent["max"] / 1000 if server.turns else None
            rows.append([server.name, figure(filled["silence_us"] / 1000), figure(longest_ms), count(spent["over_1ms"]),
                         figure(stalled["longest_us"] / 1000), count(stalled["over_1ms"]),
                         figure(filled["ops_per_second"] / 1000)])
    return rows


def run(running_of, settings, report):
    settings = with_keys(settings)
    if settings.realtime:
        tools.need_to_go_first()
    events = [event for event in EVENTS if (event.name.startswith(tuple(settings.events)) if settings.events
                                            else not settings.quick or event.name in QUICK)]
    found = {event.name: {} for event in events}
    rounds, most_bytes = max(1, (settings.rounds + 1) // 4), 0
    for turn in range(rounds):
        with running_of(1, watched=True) as running:
            for server in running:
                refill(server, settings)
                server.ask("SET", "probe", "x")
                if settings.realtime:
                    server.go_first()
            for event in events:
                for server in running:
                    say("pauses: round %d, %s, %s" % (turn + 1, event.name, server.name))
                    with alone(server, running):
                        found[event.name].setdefault(server.name, []).append(observe(server, event, settings))
                most_bytes = max(most_bytes, running[0].rss_bytes() if running[0].pid else 0)
            if turn == rounds - 1:
                with alone(running[0], running):
                    machine = of_machine(settings, most_bytes)
    rows = []
    for event, by_server in found.items():
        for name, seen in by_server.items():
            report.keep("pauses", {"event": event, "server": name, "rounds": seen})
            seen = [one for one in seen if one]
            cells = [count(median([one[field] for one in seen])) if field == "turns_over_1ms"
                     else figure(median([one[field] for one in seen])) for field in (*FIELDS, "event_s")]
            rows.append([event, name if seen else name + " (cannot do it)"] + cells)
    report.heading("Pauses: what a client that asks every 100 µs sees, 1 worker, %s keys, in µs%s"
                   % (format(settings.keys, ","), ", in real time" if settings.realtime else ""))
    report.table(["meanwhile", "server", *FIELD_NAMES, "the event took, s"], rows, 2)
    report.text("A late answer counts from when its question was due. *Just before*: in as many seconds, %d at most, without the "
                "event. Turns in microseconds of the serving threads' processor time. "
                "Medians of %s." % (QUIET_MOST_S, turns(rounds)))
    tell_machine(machine, settings, report)
    if settings.quick or (settings.events and "growth" not in settings.events):
        return
    report.heading("Growth from nothing to %s keys at full speed" % format(2 * settings.keys, ","))
    report.table(["server", "longest time without any reply, ms", "longest turn, ms", "turns over 1 ms", "the machine's own, ms",
                  "its own over 1 ms", "kop/s"],
                 silences(running_of, settings))
    report.text("Ten clients, 100 commands at a time each; how long none of them heard anything. The machine's own: the longest "
                "time in which a thread that looks at its clock and reads from as much memory was kept from it, in as many "
                "seconds afterwards.")
