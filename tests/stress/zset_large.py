#!/usr/bin/env python3
"""Sorted sets beyond all measure: many members, giant members, and readers who do not read.

  tests/stress/zset_large.py --server "build/release/coatcheckd --port {port} --threads 4"
  tests/stress/zset_large.py --members 10000000 --giant-mb 512 --seconds-apart 3 …      on a machine with the memory for it

A set of many members is copied, renamed, combined, deleted and flushed while another client asks and must not wait; large
replies are read slowly while their set changes, or not at all; members of many megabytes come and go. Afterwards
the memory is back.
"""

import argparse
import random
import sys
import threading
import time

import common
from common import available_bytes, connect, expect, rss_bytes, servers, settled_rss, wire

STEP = 500
SPAN = 10_000_000


def fill(server, name, members, dice):
    """player:0… with random scores; the scores."""
    connection = connect(server, 120.0)
    scores = [dice.randrange(SPAN) for _ in range(members)]
    for first in range(0, members, 20 * STEP):
        batch = range(first, min(members, first + 20 * STEP), STEP)
        connection.send(b"".join(wire.encode([b"ZADD", name] + [
            word for n in range(at, min(members, at + STEP)) for word in (b"%d" % scores[n], b"player:%09d" % n)]) for at in batch))
        for at in batch:
            expect(connection.reply() == ("int", min(members, at + STEP) - at), "ZADD of new members")
    connection.close()
    return scores


class Witness:
    """Another client that asks all the time; how long it had to wait at most."""

    def __init__(self, server):
        self.server, self.longest_s, self.failure = server, 0.0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            connection = connect(self.server, 60.0)
            while not self.over.is_set():
                begun = time.monotonic()
                expect(connection.ask("INCR", "witness")[0] == "int", "the witness is not answered")
                self.longest_s = max(self.longest_s, time.monotonic() - begun)
                time.sleep(0.0005)
            connection.close()
        except Exception as failure:                # told by whoever waits for it
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if self.failure:
            raise self.failure


def asked(server, *words):
    connection = connect(server, 120.0)
    try:
        kind, value = connection.ask(*words)
    finally:
        connection.close()
    expect(kind != "error", "%s: %r", words, value)
    return value


def whole(server, scores, patience_s, options):
    """What can be done to a whole set; nobody else waits for it."""
    members = len(scores)
    order = sorted((score, b"player:%09d" % n) for n, score in enumerate(scores))
    dice = random.Random(3)

    def look(name):
        expect(asked(server, "ZCARD", name) == members, "ZCARD of %s", name)
        for _ in range(50):
            at = dice.randrange(members)
            score, member = order[at]
            expect(asked(server, "ZRANK", name, member) == at, "the rank of %r in %s", member, name)
            expect(asked(server, "ZRANGE", name, str(at), str(at), "WITHSCORES") == [
                ("bulk", member), ("bulk", b"%d" % score)], "who has rank %d in %s", at, name)

    look("board")
    steps = [
        ("COPY", lambda: asked(server, "COPY", "board", "copy"), lambda: look("copy")),
        ("RENAME", lambda: asked(server, "RENAME", "copy", "moved"), lambda: look("moved")),
        ("MOVE", lambda: asked(server, "MOVE", "moved", "1"), None),
        ("ZUNIONSTORE of itself", lambda: asked(server, "ZUNIONSTORE", "sum", "2", "board", "board"), None),
        ("ZINTERCARD", lambda: expect(asked(server, "ZINTERCARD", "2", "board", "sum") == members, "ZINTERCARD"), None),
        ("ZREMRANGEBYRANK of all but ten", lambda: asked(server, "ZREMRANGEBYRANK", "sum", "10", "-1"),
         lambda: expect(asked(server, "ZCARD", "sum") == 10, "ten are left")),
        ("DEL", lambda: asked(server, "DEL", "board"), lambda: expect(asked(server, "ZCARD", "board") == 0, "it is gone")),
        ("SET over it", lambda: (asked(server, "COPY", "board", "victim", "REPLACE"), asked(server, "SET", "victim", "x")), None),
        ("FLUSHALL", lambda: asked(server, "FLUSHALL"), lambda: expect(asked(server, "DEL", "board", "sum") == 0, "all is gone")),
    ]
    for name, act, check in steps:
        with Witness(server) as witness:
            begun = time.monotonic()
            act()
            took = time.monotonic() - begun
            time.sleep(options.seconds_apart)
        print("  %-32s %7.3f s, another client waited %6.1f ms at most" % (name, took, witness.longest_s * 1000))
        expect(patience_s is None or witness.longest_s < patience_s, "%s kept another client waiting %.3f s", name, witness.longest_s)
        if check:
            check()


def whole_reply(connection, *words):
    """A large reply, taken apart only when all of it is there."""
    connection.send(wire.encode(words) + wire.encode([b"ECHO", b"behind it"]))
    time.sleep(0.5)
    data = bytearray()
    while not data.endswith(b"$9\r\nbehind it\r\n"):
        data += connection.sock.recv(1 << 20) or fail("the server closed in the middle of a large reply")
    return wire.parse(data)[0]


def fail(text):
    raise common.Failed(text)


def read_slowly(server, scores, options):
    """A large reply is of one instant, however slowly it is read and whatever becomes of the set meanwhile."""
    over = threading.Event()

    def change():
        connection, dice = connect(server, 60.0), random.Random(9)
        while not over.is_set():
            connection.ask("ZINCRBY", "board", str(dice.randrange(-SPAN, SPAN)), "player:%09d" % dice.randrange(len(scores)))
        connection.close()

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for resp in ("2", "3"):
            connection = connect(server, 120.0)
            expect(connection.ask("HELLO", resp)[0] != "error", "HELLO %s", resp)
            kind, value = whole_reply(connection, b"ZRANGE", b"board", b"0", b"-1", b"WITHSCORES")
            pairs = [(item[1][1][1], item[1][0][1]) for item in value] if resp == "3" else list(zip(
                (v for _, v in value[1::2]), (v for _, v in value[::2])))
            expect(kind == "array" and len(pairs) == len(scores) == len({member for _, member in pairs}),
                   "a slow reader got %d members", len(pairs))
            expect(pairs == sorted(pairs, key=lambda pair: (float(pair[0]), pair[1])), "a slow reader's members are out of order")
            connection.close()
    finally:
        over.set()
        changer.join()


def read_never(server, scores, options):
    """Clients that ask for everything and read nothing: they are closed at the limit, and their memory comes back."""
    limit = 32 << 20
    expect(asked(server, "CONFIG", "SET", "client-output-buffer-limit", "normal %d 0 0" % limit) == b"OK", "CONFIG SET")
    before = rss_bytes(server)
    with Witness(server) as witness:
        silent = []
        for n in range(20):
            connection = connect(server, 60.0)
            connection.send(wire.encode([b"ZRANGE", b"board", b"0", b"-1", b"WITHSCORES"]) * 20)
            silent.append(connection)
        highest = 0
        for _ in range(30):
            highest = max(highest, rss_bytes(server))
            time.sleep(0.1)
        for connection in silent:
            connection.close()
    print("  20 clients that do not read: %d MB more at most, another client waited %.1f ms at most" % (
        (highest - before) >> 20, witness.longest_s * 1000))
    # One reply may be under way when the limit is passed.
    expect(highest - before < 20 * (limit + 64 * len(scores)), "they cost %d MB", (highest - before) >> 20)
    after = before if options.sanitized else settled_rss(server, before + (64 << 20))
    expect(after < before + (64 << 20), "%d MB did not come back", (after - before) >> 20)
    asked(server, "CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")


def giants(server, scores, options):
    """Members of many megabytes: added, found, moved, copied, taken out."""
    size = options.giant_mb << 20
    if available_bytes() < 6 * size + (1 << 30):
        print("  giants left out: there is no memory for members of %d MB" % options.giant_mb)
        return
    before = rss_bytes(server)
    giant = bytes(range(256)) * (size // 256)
    twin = giant[:-1] + b"~"
    connection = connect(server, 120.0)

    def said(*words):
        connection.send(wire.encode([word if isinstance(word, bytes) else word.encode() for word in words]))
        return connection.reply()

    # One in a request: two of the largest are more than a client may have unread.
    expect(said("ZADD", "giants", "1", giant, "1", "small") == ("int", 2), "ZADD of a giant")
    expect(said("ZADD", "giants", "1", twin[:-1]) == ("int", 1), "ZADD of a giant that is one byte shorter")
    expect(said("ZADD", "giants", "1", twin) == ("int", 1), "ZADD of a giant that differs in its last byte")
    for rank, member in enumerate(sorted([giant, twin, twin[:-1], b"small"])):
        expect(said("ZRANK", "giants", member) == ("int", rank), "the rank of a giant")
    expect(said("ZINCRBY", "giants", "1.5", giant) == ("bulk", b"2.5"), "ZINCRBY of a giant")
    expect(said("ZRANGE", "giants", "-1", "-1") == ("array", [("bulk", giant)]), "a giant comes back as another")
    expect(said("COPY", "giants", "others") == ("int", 1), "COPY of giants")
    expect(said("ZREM", "giants", giant, "nobody") == said("ZREM", "giants", twin) == ("int", 1), "ZREM of giants")
    expect(said("ZPOPMAX", "others") == ("array", [("bulk", giant), ("bulk", b"2.5")]), "ZPOPMAX of a giant")
    expect(said("ZDIFFSTORE", "rest", "2", "others", "giants") == ("int", 1), "ZDIFFSTORE of giants")
    expect(said("DEL", "giants", "others", "rest") == ("int", 3), "DEL of giants")
    connection.close()
    if options.sanitized:
        return
    after = settled_rss(server, before + (96 << 20))
    expect(after < before + (96 << 20), "%d MB of giants did not come back", (after - before) >> 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--members", type=int, default=200_000)
    parser.add_argument("--giant-mb", type=int, default=16)
    parser.add_argument("--seconds-apart", type=float, default=0.3, help="between two things that happen to the set")
    parser.add_argument("--patience", type=float, help="seconds that another client may be kept waiting at most")
    parser.add_argument("--sanitized", action="store_true", help="a sanitizer keeps freed memory for a while: do not look for it")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options = parser.parse_args()
    servers.stop_on_signals()
    failed = 0
    print("seed %d" % options.seed)
    with servers.Server(options.server) as server:
        scores = fill(server, b"board", options.members, random.Random(options.seed))
        for name, test in (("giants", giants), ("read slowly", read_slowly), ("read never", read_never)):
            failed += run(name, server, lambda: test(server, scores, options))
        asked(server, "FLUSHALL")
        scores = fill(server, b"board", options.members, random.Random(options.seed))
        failed += run("whole", server, lambda: whole(server, scores, options.patience, options))
        server.process.terminate()
        if server.process.wait(60):
            print("FAIL  the server ended with %d:\n%s" % (server.process.returncode, server.said()))
            failed += 1
    print("%d failed" % failed if failed else "all is well")
    return 1 if failed else 0


def run(name, server, test):
    begun = time.monotonic()
    try:
        test()
        print("ok    %-12s %5.1f s" % (name, time.monotonic() - begun))
        return 0
    except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as failure:
        print("FAIL  %s: %s %s%s" % (name, type(failure).__name__, str(failure)[:500],
                                     "" if server.alive() else "; the server ended:\n" + server.said()))
        return 1


if __name__ == "__main__":
    sys.exit(main())
