"""What a quiet client sees while something big happens beside it.

The probe asks for one key 5,000 times a second, each time when it is due and whatever is still
unanswered, and a late answer counts from then. Whatever causes the event runs in the background class on the probe's core, so that it does not
keep the probe itself waiting.
"""

import threading
import time

from . import tools
from .report import figure, median, say, turns

FIELDS = ("p50", "p99", "p999", "max")
PROBE_RATE = 5000


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
    disturb(server, "SET grown:{k} {v}", requests=2 * settings.keys, keys=2 * settings.keys,
            clients=10, pipeline=50, distribution="sequential")


def giant_write(server, settings):
    server.ask("SET", "giant", b"x" * (128 << 20))


def giant_delete(server, settings):
    server.ask("DEL", "giant")


def keys_all(server, settings):
    server.ask("KEYS", "nothing-has-this-name")


def flush(server, settings):
    server.ask("FLUSHALL")
    server.ask("SET", "probe", "x")


def refill(server, settings):
    server.fill(settings.keys, settings.value_size)


def board_fill(server, settings):
    server.fill(settings.keys, command="ZADD board {r:1-1000000} member:{k}", expect="integer")


def board_delete(server, settings):
    server.ask("DEL", "board")


def save(server, settings):
    server.ask("BGSAVE")
    limit = time.monotonic() + 60
    while server.info("rdb_bgsave_in_progress", "persistence") == "1" and time.monotonic() < limit:
        time.sleep(0.1)


EVENTS = (
    Event("nothing", nothing),
    Event("another client pipelines 10,000 SETs at a time", pipeline_deep),
    Event("the key space triples", grow, seconds=8),
    Event("KEYS over all keys", keys_all),
    Event("SET of a 128 MB value", giant_write),
    Event("DEL of a 128 MB value", giant_delete, giant_write),
    Event("DEL of a sorted set with as many members as keys", board_delete, board_fill, needs="ZADD"),
    Event("BGSAVE", save, seconds=8),
    Event("FLUSHALL", flush, refill),
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


def observe(server, event, settings):
    """The probe's latencies around one event; None where the server cannot do it."""
    if not possible(server, event):
        return None
    if event.prepare:
        event.prepare(server, settings)
    failures = []

    def act():
        try:
            event.act(server, settings)
        except Exception as wrong:                  # told by the thread that waits for this one
            failures.append(wrong)
    probe = tools.Load(server, "GET probe", clients=1, pipeline=65536, rate=PROBE_RATE,
                       seconds=event.seconds / (2 if settings.quick else 1))
    time.sleep(0.4)
    actor = threading.Thread(target=act)
    begun = time.monotonic()
    actor.start()
    actor.join()
    took = time.monotonic() - begun
    result = probe.result()
    if failures:
        raise failures[0]
    return {**result["latency_us"], "event_s": took}


def run(running_of, settings, report):
    events = [event for event in EVENTS if not settings.quick or event.name in QUICK]
    found = {event.name: {} for event in events}
    rounds = max(1, (settings.rounds + 1) // 2)
    for turn in range(rounds):
        with running_of(1) as running:
            for server in running:
                refill(server, settings)
                server.ask("SET", "probe", "x")
            for event in events:
                for server in running:
                    say("pauses: round %d, %s, %s" % (turn + 1, event.name, server.name))
                    found[event.name].setdefault(server.name, []).append(
                        observe(server, event, settings))
    rows = []
    for event, by_server in found.items():
        for name, seen in by_server.items():
            report.keep("pauses", {"event": event, "server": name, "rounds": seen})
            seen = [one for one in seen if one]
            cells = [figure(median([one[field] for one in seen])) for field in (*FIELDS, "event_s")]
            rows.append([event, name if seen else name + " (cannot do it)"] + cells)
    report.heading("Pauses: what a client that asks every 200 µs sees, 1 worker, %s keys, in µs"
                   % format(settings.keys, ","))
    report.table(["meanwhile", "server", "p50", "p99", "p99.9", "max", "the event took, s"], rows, 2)
    report.text("A late answer counts from when its question was due. Medians of %s." % turns(rounds))
