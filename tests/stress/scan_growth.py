#!/usr/bin/env python3
"""SCAN while the key space grows and shrinks, HSCAN, SSCAN and ZSCAN while a hash, a set and a sorted set do: what is there
the whole time must always be found.

  tests/stress/scan_growth.py [--server COMMAND] [--seconds 20]

Some keys, fields and members stay. Writers add multitudes beside them and take them away again, so that every table is
copied to a larger and to a smaller one again and again, and rewrite the keys that stay with values of
other sizes, so that their entries move too. Scanners meanwhile go round and round.
"""

import argparse
import multiprocessing
import sys
import time

import common
from common import Failed, ask, connect, expect, servers, wire

STAYING, CROWD, BATCH = 20_000, 150_000, 500
WRITERS, SCANNERS = 4, 3
INSIDE, INSIDE_CROWD = 2_000, 40_000        # of a hash, a set and a sorted set; their crowd comes and goes
CONTAINERS = {b"in:hash": (b"HSET", b"HDEL", b"HSCAN"), b"in:set": (b"SADD", b"SREM", b"SSCAN"),
              b"in:zset": (b"ZADD", b"ZREM", b"ZSCAN")}


def send_all(connection, commands):
    connection.send(b"".join(map(wire.encode, commands)))
    for _ in commands:
        kind, value = connection.reply()
        expect(kind != "error", "a writer was answered: %r", value)


def staying_key(number):
    return b"stay:%d" % number


def write(server, number, stop):
    """Grows and shrinks its own crowd, and rewrites the staying keys that are its share."""
    connection = connect(server, 60.0)
    dice = common.dice(number)
    rounds = 0
    while not stop.is_set():
        rounds += 1
        for first in range(0, CROWD, BATCH):
            send_all(connection, [[b"SET", b"crowd:%d:%d" % (number, n), b"x" * dice.randrange(60)]
                                  for n in range(first, first + BATCH)]
                     + [[b"SET", staying_key(dice.randrange(number, STAYING, WRITERS)),
                         b"y" * dice.randrange(300)] for _ in range(20)])
            if stop.is_set():
                break
        for first in range(0, CROWD, BATCH):
            verb = dice.choice((b"DEL", b"UNLINK"))
            send_all(connection, [[verb] + [b"crowd:%d:%d" % (number, n) for n in range(first, first + BATCH)]])
    connection.close()
    return rounds


def scan_once(connection, words, verb=("SCAN",), each=1):
    """All keys, fields or members of one full iteration; every `each`-th of what is answered is one."""
    seen, cursor = set(), b"0"
    while True:
        kind, value = connection.ask(*verb, cursor, *words)
        expect(kind == "array", "%r was answered: %r", verb, value)
        cursor = value[0][1]
        seen.update(key for _, key in value[1][1][::each])
        if cursor == b"0":
            return seen


def scan(server, number, stop):
    connection = connect(server, 60.0)
    staying = {staying_key(n) for n in range(STAYING)}
    ways = ([], ["COUNT", 100], ["COUNT", 1000], ["MATCH", "stay:*", "COUNT", 500],
            ["TYPE", "string", "COUNT", 300])
    rounds = 0
    while not stop.is_set() or rounds == 0:
        words = ways[(number + rounds) % len(ways)]
        seen = scan_once(connection, words)
        lost = staying - seen
        expect(not lost, "SCAN %s lost %d keys that were there the whole time, %r among them",
               " ".join(map(str, words)), len(lost), min(lost) if lost else b"")
        rounds += 1
    connection.close()
    return rounds


def put_inside(key, names, dice):
    """The command that puts these into a container, with values or scores of any size."""
    verb = CONTAINERS[key][0]
    words = [verb, key]
    for name in names:
        if verb == b"ZADD":
            words.append(b"%d" % dice.randrange(1000))
        words.append(name)
        if verb == b"HSET":
            words.append(b"v" * dice.randrange(100))
    return words


def swell(server, number, stop):
    """Grows and shrinks all three, and rewrites what stays in them."""
    connection, dice, rounds = connect(server, 60.0), common.dice(100 + number), 0
    while not stop.is_set():
        rounds += 1
        crowd = [b"crowd:%d:%d" % (number, n) for n in range(INSIDE_CROWD)]
        for first in range(0, INSIDE_CROWD, BATCH):
            send_all(connection, [put_inside(key, crowd[first:first + BATCH] + [staying_key(dice.randrange(INSIDE)) for _ in range(20)],
                                             dice) for key in CONTAINERS])
            if stop.is_set():
                break
        for first in range(0, INSIDE_CROWD, BATCH):
            send_all(connection, [[CONTAINERS[key][1], key] + crowd[first:first + BATCH] for key in CONTAINERS])
    connection.close()
    return rounds


def scan_inside(server, number, stop):
    connection = connect(server, 60.0)
    staying = {staying_key(n) for n in range(INSIDE)}
    ways = ([], ["COUNT", 100], ["COUNT", 1000], ["MATCH", "stay:*", "COUNT", 300])
    rounds = 0
    while not stop.is_set() or rounds < len(CONTAINERS):
        key = list(CONTAINERS)[rounds % len(CONTAINERS)]
        verb = CONTAINERS[key][2]
        words = ways[(number + rounds) % len(ways)]
        each = 1 if verb == b"SSCAN" else 2
        seen = scan_once(connection, words, [verb, key], each)
        lost = staying - seen
        expect(not lost, "%s %s lost %d that were there the whole time, %r among them", verb.decode(), " ".join(map(str, words)),
               len(lost), min(lost) if lost else b"")
        rounds += 1
    connection.close()
    return rounds


def work(role, server, number, stop, results):
    try:
        results.put((role.__name__, role(server, number, stop), None))
    except (Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
        results.put((role.__name__, 0, "%s %d: %s %s" % (role.__name__, number, type(wrong).__name__, wrong)))
        stop.set()


def watch(server, stop, seconds):
    """How many keys there were at least and at most while the others worked."""
    connection = connect(server, 60.0)
    sizes = []
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and not stop.is_set():
        sizes.append(connection.ask("DBSIZE")[1])
        time.sleep(0.05)
    stop.set()
    connection.close()
    return min(sizes), max(sizes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    servers.stop_on_signals()
    context = multiprocessing.get_context("fork")
    stop, results = context.Event(), context.Queue()
    with servers.Server(options.server) as server:
        connection = connect(server)
        for first in range(0, STAYING, BATCH):
            send_all(connection, [[b"SET", staying_key(n), b"y"] for n in range(first, first + BATCH)])
        for key in CONTAINERS:
            send_all(connection, [put_inside(key, [staying_key(n) for n in range(INSIDE)], common.dice(0))])
        roles = [(write, n) for n in range(WRITERS)] + [(scan, n) for n in range(SCANNERS)]
        roles += [(swell, n) for n in range(2)] + [(scan_inside, n) for n in range(2)]
        workers = [context.Process(target=work, args=(role, server, n, stop, results)) for role, n in roles]
        for worker in workers:
            worker.start()
        fewest, most = watch(server, stop, options.seconds)
        told = [results.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join()
        kind, left = ask(server, "DBSIZE")
    wrong = [text for _, _, text in told if text]
    scans = sum(rounds for name, rounds, _ in told if name == "scan")
    turns = sum(rounds for name, rounds, _ in told if name == "write")
    print("%d whole scans while %d to %d keys were there, grown and shrunk %d times; %d of containers that grew and shrank %d times" % (
        scans, fewest, most, turns, sum(rounds for name, rounds, _ in told if name == "scan_inside"),
        sum(rounds for name, rounds, _ in told if name == "swell")))
    if not wrong and left != STAYING + len(CONTAINERS):
        wrong.append("%d keys are left of %d that should be" % (left, STAYING + len(CONTAINERS)))
    if not wrong and most < 4 * STAYING:
        wrong.append("the key space did not grow enough to prove anything")
    print("\n".join(wrong) if wrong else "no key was lost")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, servers.StartError) as failure:
        print(failure)
        sys.exit(1)
