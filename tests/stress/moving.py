#!/usr/bin/env python3
"""Clients that wait to move what comes to a list on to another: each element arrives once, whichever way it took.

  tests/stress/moving.py [--server COMMAND] [--seconds 5] [--movers 60] [--seed N]

Producers push to some lists. Movers wait in BLMOVE and BRPOPLPUSH from list to list, so that what comes may go through
several of them at once, in rings too; poppers wait in BLPOP, BRPOP and BLMPOP for some. Movers and poppers vanish, are
killed and unblocked at random, keys are renamed, deleted never; other clients move without waiting.
At the end every element that was made is in one list, or came to one popper, once; only those may be missing that were
on their way to a popper that went away: a mover that goes away takes nothing with it. Nobody is blocked, and a command
that moves is answered with what it moved.
"""

import select
import sys
import time

import common
from blocking import figure, wait_for
from common import connect, expect, wire

LISTS = [b"list:%d" % i for i in range(12)]
SIDES = (b"LEFT", b"RIGHT")


class Waiter:
    """A client that waits, gets its answer, and waits again."""

    def __init__(self, server, dice, got, moved):
        self.server, self.dice, self.got, self.moved, self.may_be_lost = server, dice, got, moved, 0
        self.open()

    def open(self):
        self.connection = connect(self.server)
        self.number = self.connection.ask("CLIENT", "ID")[1]
        self.waits, self.takes = False, 0

    def ask(self):
        dice, timeout = self.dice, self.dice.choice((b"0", b"0", b"0", b"0.002", b"0.05", b"5"))
        what = dice.random()
        self.takes = 0
        if what < 0.7:
            source, target = dice.choice(LISTS), dice.choice(LISTS)
            if dice.random() < 0.8:
                words = [b"BLMOVE", source, target, dice.choice(SIDES), dice.choice(SIDES), timeout]
            else:
                words = [b"BRPOPLPUSH", source, target, timeout]
        elif what < 0.9:
            words = [dice.choice((b"BLPOP", b"BRPOP"))] + dice.sample(LISTS, dice.randrange(1, 4)) + [timeout]
            self.takes = 1
        else:
            self.takes = dice.randrange(1, 5)
            keys = dice.sample(LISTS, dice.randrange(1, 4))
            words = [b"BLMPOP", timeout, b"%d" % len(keys)] + keys + [dice.choice(SIDES), b"COUNT", b"%d" % self.takes]
        self.connection.send(wire.encode(words))
        self.waits = True

    def take(self, reply):
        kind, value = reply
        self.waits = False
        if kind == "error":
            expect(value.startswith(b"UNBLOCKED"), "a wait ended with %r", value)
        elif value is None:
            pass
        elif kind == "bulk":
            expect(self.takes == 0, "%r came to somebody who pops", value)
            self.moved.append(value)
        elif value[1][0] == "bulk":
            self.got.append(value[1][1])
        else:
            self.got.extend(element for _, element in value[1][1])

    def read(self):
        try:
            self.take(self.connection.reply())
        except (wire.Closed, OSError):
            self.gone()

    def gone(self):
        self.may_be_lost += self.takes if self.waits else 0
        self.connection.close()
        self.open()


class Producer:
    def __init__(self, server, dice, number):
        self.connection, self.dice, self.number, self.made = connect(server), dice, number, []

    def element(self):
        size = 0 if self.dice.random() < 0.9 else self.dice.choice((300, 5000, 9000, 70000))
        self.made.append(b"%d-%d" % (self.number, len(self.made)) + b"." * size)
        return self.made[-1]

    def work(self):
        dice, key = self.dice, self.dice.choice(LISTS)
        what = dice.randrange(12)
        if what < 6:
            words = [[dice.choice((b"LPUSH", b"RPUSH")), key] + [self.element() for _ in range(dice.choice((1, 1, 1, 3, 9)))]]
        elif what < 8:
            own = b"own:%d" % self.number
            words = [[b"RPUSH", own, self.element(), self.element()], [b"RENAMENX", own, key]]
        elif what == 8:
            # By way of another database, where nobody waits.
            own = b"own:%d" % self.number
            words = [[b"SELECT", b"1"], [b"RPUSH", own, self.element()], [b"MOVE", own, b"0"], [b"SELECT", b"0"],
                     [b"RENAMENX", own, key]]
        else:
            words = [[b"LMOVE", key, dice.choice(LISTS), dice.choice(SIDES), dice.choice(SIDES)]]
        self.connection.send(b"".join(map(wire.encode, words)))
        for _ in words:
            reply = self.connection.reply()
            expect(reply[0] != "error", "%r answered %r", words, reply)


def left_over(boss):
    elements = []
    for db in (1, 0):
        boss.ask("SELECT", db)
        for _, key in boss.ask("KEYS", "*")[1]:
            elements += [element for _, element in boss.ask("LRANGE", key, 0, -1)[1]]
    return elements


def trouble(boss, waiter, dice):
    what = dice.randrange(12)
    if what == 0:
        waiter.gone()
    elif what == 1:
        boss.ask("CLIENT", "KILL", "ID", waiter.number)
    elif what == 2:
        boss.ask("CLIENT", "UNBLOCK", waiter.number, dice.choice(("TIMEOUT", "ERROR")))
    return what < 3


def drain(boss, waiters):
    for waiter in waiters:
        if waiter.waits:
            # Answered by this, or before it by something that came.
            boss.ask("CLIENT", "UNBLOCK", waiter.number)
            waiter.read()
    wait_for(boss, "blocked_clients", 0)


def steady(server, dice, seconds, movers):
    got, moved, boss = [], [], connect(server)
    waiters = [Waiter(server, dice, got, moved) for _ in range(movers)]
    producers = [Producer(server, dice, number) for number in range(4)]
    limit, troubles = time.monotonic() + seconds, 0
    while time.monotonic() < limit:
        for waiter in waiters:
            if not waiter.waits:
                waiter.ask()
        for producer in producers:
            for _ in range(dice.randrange(4)):
                producer.work()
        troubles += trouble(boss, dice.choice(waiters), dice)
        ready, _, _ = select.select([waiter.connection.sock for waiter in waiters], [], [], 0.001)
        for waiter in waiters:
            if waiter.connection.sock in ready:
                waiter.read()
    drain(boss, waiters)
    made, there = [element for producer in producers for element in producer.made], left_over(boss)
    may_be_lost = sum(waiter.may_be_lost for waiter in waiters)
    expect(len(there) == len(set(there)), "%d elements are there twice", len(there) - len(set(there)))
    expect(len(got) == len(set(got)), "%d elements came twice", len(got) - len(set(got)))
    expect(not set(got) & set(there), "elements were delivered and stayed")
    expect(set(got) | set(there) | set(moved) <= set(made), "elements that nobody made")
    missing = set(made) - set(got) - set(there)
    expect(len(missing) <= may_be_lost, "%d elements are missing, and at most %d can have gone with their clients",
           len(missing), may_be_lost)
    for each in waiters + producers:
        each.connection.close()
    boss.ask("FLUSHALL")
    boss.close()
    return "%d elements made, %d popped, %d answers of movers, %d gone with poppers (of %d that may), %d times trouble" % (
        len(made), len(got), len(moved), len(missing), may_be_lost, troubles)


def chain(server, length):
    """One push goes through a whole chain of waiting movers, and to the popper at its end, before it is answered."""
    boss, links = connect(server), [connect(server) for _ in range(length)]
    for i, link in enumerate(links):
        link.send(wire.encode([b"BLMOVE", b"chain:%d" % i, b"chain:%d" % (i + 1), b"RIGHT", b"LEFT", b"0"]))
    popper = connect(server)
    popper.send(wire.encode([b"BLPOP", b"chain:%d" % length, b"0"]))
    wait_for(boss, "blocked_clients", length + 1)
    expect(boss.ask("LPUSH", "chain:0", "it") == ("int", 1), "LPUSH")
    expect(boss.ask("DBSIZE") == ("int", 0), "something stayed in the chain")
    for link in links:
        expect(link.reply() == ("bulk", b"it"), "a link of the chain")
    expect(popper.reply()[1][1] == ("bulk", b"it"), "the end of the chain")
    for each in links + [popper, boss]:
        each.close()


def play(server, options):
    # The last is longer than what is kept of shards: all are entered.
    for length in (1, 2, 10, 50, 150):
        chain(server, length)
    print("chains of 1 to 150 movers: one push goes through all")
    print(steady(server, common.dice(options.seed), options.seconds, options.movers))
    boss = connect(server)
    wait_for(boss, "connected_clients", 1)
    expect(figure(boss, "clients", "blocked_clients") == 0, "somebody is blocked still")
    wait_for(boss, "clients_in_timeout_table", 0)
    boss.close()
    return "each element once, nothing left over"


def main():
    parser = common.new_parser(__doc__, " --threads 4")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--movers", type=int, default=60)
    return common.try_server(parser.parse_args(), play)


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
