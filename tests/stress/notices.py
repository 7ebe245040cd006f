#!/usr/bin/env python3
"""The events of keys, one by one, beside redis-server's: the same random commands are said to both servers, and after
each the events that it made have to be the same, in the same order, in both of their channels.

  tests/stress/notices.py [--server COMMAND] [--seconds 10] [--seed N] [--family NAME ...] [--classes KE$]

The commands are those of tests/compare. Now and then other classes of events are chosen, half of the time all of them. A difference is printed with all that was said before it about the same keys.
"""

import argparse
import importlib
import random
import sys
import time

import common
from common import connect, servers, wire

sys.path.insert(0, str(common.HOME / "tests"))
from compare import differences  # noqa: E402,F401  (the package has to be there)
from compare.engine import speech  # noqa: E402
from compare.engine.draw import Draw  # noqa: E402

# Not sorting: redis-server refuses to store at times what it could sort, and from then on the keys are not the same.
FAMILIES = ["strings", "keys", "hashes", "lists", "sets", "zsets", "hyperloglog", "bitmaps", "geo", "dumps"]
BATCH = 100
PATTERN = b"__key*"
ALL = "KEAnm"

# What redis-server answers otherwise is not its events' doing: commands that it does not have, or that draw.
WITHOUT = {"ZAROUND", "DELIFEQ"}


class Side:
    """One server: who talks, who listens."""

    def __init__(self, server):
        self.server = server
        self.talker, self.listener, self.boss = connect(server), connect(server), connect(server)
        self.listener.ask("PSUBSCRIBE", PATTERN)
        self.listener.ask("SUBSCRIBE", "sync")

    def choose(self, classes):
        kind, said = self.boss.ask("CONFIG", "SET", "notify-keyspace-events", classes)
        common.expect(kind == "status", "CONFIG SET: %r", said)

    def say(self, batch):
        """The replies to the batch, and the events that each of its commands made."""
        self.talker.send(b"".join(wire.encode(words) + wire.encode([b"PUBLISH", b"sync", b""]) for words in batch))
        replies, events = [], []
        for _ in batch:
            replies.append(self.talker.reply())
            kind, said = self.talker.reply()
            common.expect(kind == "int" or said == b"QUEUED", "PUBLISH: %r", said)
        for _ in batch:
            events.append(self.until_sync())
        return replies, events

    def until_sync(self):
        events = []
        while True:
            _, message = self.listener.reply()
            words = [word for _, word in message]
            if words[0] == b"message":
                return events
            events.append((words[2], words[3]))


def families(names):
    found = []
    for name in names:
        try:
            found.append(importlib.import_module("compare." + name))
        except ModuleNotFoundError:
            if name not in FAMILIES:
                raise
    return found


def known_to(sides):
    names = []
    for side in sides:
        _, rows = common.ask(side.server, "COMMAND", "LIST")
        names.append({word.decode().upper() for _, word in rows})
    return lambda name: all(name.upper() in known for known in names)


def about(keys, log):
    return [words for words in log if keys & set(words[1:])] or log[-20:]


def show(words):
    return " ".join(word.decode("latin-1") if word.isalnum() else repr(word)[1:] for word in words)


def same(words, left, right, i):
    if left[0][i][0] == "error" and left[0][i][1].startswith(b"INVALIDOBJ"):
        return True             # what was counted before it was found to be broken stays, and is told here
    one, two = [[event for event in side[1][i] if not is_expired(event)] for side in (left, right)]
    if words[0].upper() in (b"SORT", b"SORT_RO"):
        if b"converted into double" in repr(left[0][i]).encode():
            return True         # it refuses good numbers at times: see tests/compare/differences.py
        one, two = missed_first(one), missed_first(two)
    return one == two


def missed_first(events):
    """SORT asks for the weights of a set's members in the order in which they lie there, of which no client knows."""
    missed = [event for event in events if is_of(event, b"keymiss")]
    return sorted(missed) + [event for event in events if event not in missed]


def is_of(event, name):
    channel, payload = event
    return channel.endswith(b"__:" + name) if channel.startswith(b"__keyevent") else payload == name


def is_expired(event):
    """When redis-server finds out depends on its own clock."""
    return is_of(event, b"expired")


def classes_by(dice):
    if dice.random() < 0.5:
        return ALL
    return dice.choice(("K", "E", "KE")) + "".join(letter for letter in "g$lshzxetdnm" if dice.random() < 0.5)


def compare(sides, options):
    choice = random.Random(options.seed)
    dice = Draw(options.seed, 1, [1, 2])
    known = known_to(sides)
    rows, sequences = speech.rows_for(families(options.family or FAMILIES), known, dice, WITHOUT)
    rows = [r for r in rows if known(r.name.decode().split()[0])]
    talk, log, count, next_, made, seen = speech.Speech(dice, rows, sequences), [], 0, 0, 0, set()
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        if count >= next_:
            next_ += BATCH * 20
            log = [[b"FLUSHALL"], [b"SELECT", b"1"]]
            dice.db, classes = 1, options.classes or classes_by(choice)
            for side in sides:
                side.choose(classes)
                side.say(log)
        batch = []
        while len(batch) < BATCH:
            batch += [list(words) for words in talk.next()]
        left, right = [side.say(batch) for side in sides]
        for i, words in enumerate(batch):
            log.append(words)
            made += len(right[1][i])
            seen.update(payload if channel.startswith(b"__keyspace") else b"" for channel, payload in right[1][i])
            if same(words, left, right, i):
                continue
            print("of the classes %s, said: %s" % (classes, show(words)))
            print("   redis-server  %r  events %r" % (left[0][i], left[1][i]))
            print("   coatcheckd    %r  events %r" % (right[0][i], right[1][i]))
            print("before it:")
            for before in about(set(words[1:]), log[:-1])[-12:]:
                print("   ", show(before)[:300])
            return False
        count += len(batch)
    seen.discard(b"")
    print("%d commands, %d messages, %d different events: %s" % (count, made, len(seen),
          " ".join(sorted(event.decode() for event in seen))))
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--family", action="append", metavar="NAME")
    parser.add_argument("--classes", help="these only; else they are drawn")
    options = parser.parse_args()
    with servers.Server(servers.REDIS) as left, servers.Server(options.server) as right:
        fine = compare([Side(left), Side(right)], options)
    if not fine:
        print("seed %d" % options.seed)
    return 0 if fine else 1


if __name__ == "__main__":
    servers.stop_on_signals()
    sys.exit(main())
