"""What a quiet client sees while a large sorted set goes: deleted, unlinked, overwritten, expired,
evicted, flushed."""

import time

from . import pauses, zset
from .pauses import FIELD_NAMES, FIELDS, Event
from .report import figure, median, say, turns


def copy(server, settings):
    server.ask("COPY", "board", "victim", "REPLACE", timeout_s=300)
    time.sleep(1.0)


def await_end(server):
    limit = time.monotonic() + 20
    while server.ask("EXISTS", "victim") and time.monotonic() < limit:
        time.sleep(0.01)


def expire(server, settings):
    server.ask("PEXPIRE", "victim", 1)
    await_end(server)


def evict(server, settings):
    """The only key with a deadline goes, as there is a little less room than is taken."""
    server.ask("EXPIRE", "victim", 1_000_000)
    server.ask("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    server.ask("CONFIG", "SET", "maxmemory", int(server.info("used_memory", "memory")) - (1 << 20))
    server.ask("SET", "newcomer", "x")
    await_end(server)
    server.ask("CONFIG", "SET", "maxmemory", 0)


def copy_beside(server, settings):
    """Of a database that holds nothing else."""
    server.ask("COPY", "board", "victim", "DB", 1, "REPLACE", timeout_s=300)


def flush(server, settings):
    connection = server.connect()
    connection.ask("SELECT", 1)
    connection.ask("FLUSHDB")
    connection.close()


EVENTS = (
    Event("nothing", lambda server, settings: None),
    Event("DEL", lambda server, settings: server.ask("DEL", "victim"), copy),
    Event("UNLINK", lambda server, settings: server.ask("UNLINK", "victim"), copy),
    Event("SET over it", lambda server, settings: server.ask("SET", "victim", "x"), copy),
    Event("its deadline passes", expire, copy),
    Event("ZUNIONSTORE of a small one over it",
          lambda server, settings: server.ask("ZUNIONSTORE", "victim", 2, "small", "small"), copy),
    Event("ZINTERSTORE of nothing over it",
          lambda server, settings: server.ask("ZINTERSTORE", "victim", 2, "small", "missing"), copy),
    Event("FLUSHDB", flush, copy_beside),
    Event("eviction", evict, copy),
    Event("RENAME of a small one over it",
          lambda server, settings: (server.ask("ZADD", "other", 1, "a"), server.ask("RENAME", "other", "victim")), copy),
    Event("ZREMRANGEBYRANK of all of it", lambda server, settings: server.ask("ZREMRANGEBYRANK", "victim", 0, -1), copy),
)


def run(running_of, settings, report):
    members = zset.sizes(settings)[-1]
    events = [event for event in (EVENTS[:2] if settings.quick else EVENTS)
              if not settings.events or event.name.startswith(tuple(settings.events))]
    found = {event.name: {} for event in events}
    rounds = max(1, (settings.rounds + 1) // 2)
    with running_of(1) as running:
        zset.able(running)
        for server in running:
            if not settings.filled:
                say("zset_pauses: %s is filled" % server.name)
                zset.fill_board(server, members)
            server.ask("SET", "probe", "x")
            server.ask("ZADD", "small", 1, "a", 2, "b")
        for turn in range(rounds):
            for event in events:
                for server in running:
                    say("zset_pauses: round %d, %s, %s" % (turn + 1, event.name, server.name))
                    found[event.name].setdefault(server.name, []).append(pauses.observe(server, event, settings))
    rows = []
    for event, by_server in found.items():
        for name, seen in by_server.items():
            report.keep("zset_pauses", {"event": event, "server": name, "members": members, "rounds": seen})
            rows.append([event, name] + [figure(median([one[field] for one in seen])) for field in (*FIELDS, "event_s")])
    report.heading("Pauses: what a client that asks every 100 µs sees while a sorted set of %s members goes, 1 worker, in µs"
                   % format(members, ","))
    report.table(["meanwhile", "server", *FIELD_NAMES, "the event took, s"], rows, 2)
    report.text("A late answer counts from when its question was due. Medians of %s. A server has one core, its background threads "
                "included." % turns(rounds))
