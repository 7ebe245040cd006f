#!/usr/bin/env python3
"""Clients that wait for sorted sets: everything is delivered once, in order, and nothing is left over.

  tests/stress/blocking.py [--server COMMAND] [--seconds 4] [--clients 80] [--crowd 1500] [--seed N]

order   Waiters of one key come one after the other; producers on connections of their own push at once.
        The members of each producer go to waiters in the order in which these came.
kills   A client is killed, unblocked, or closes its half, while it waits: what is pushed afterwards is not lost to it.
steady  Producers and consumers over few keys; consumers wait for one or several keys, with and without
        timeouts; they vanish, are killed and unblocked at random. Every member comes to one consumer, or is
        still there; only those may be missing that were on their way to a client that went away.
crowd   So many clients wait for one key, then each for a key of its own: bytes a waiter, how long it takes
        to serve them all, and to lose them all.
At the end nobody is blocked, no timeout is left, and the memory is back.
"""

import re
import select
import sys
import time

import common
from common import connect, expect, wire

HELD_MOST = 400_000             # bytes in the allocator's caches, by chance
KEYS = [b"{line}:%d" % i for i in range(3)] + [b"far:%d" % i for i in range(3)]


def figure(boss, section, name):
    _, text = boss.ask("INFO", section)
    return int(re.search(rb"\r\n%s:(\d+)" % name.encode(), b"\r\n" + text).group(1))


def used_memory(boss):
    time.sleep(0.25)             # longer than the server keeps the figure
    return figure(boss, "memory", "used_memory")


def wait_for(boss, name, wanted, section="clients", wait_s=20.0):
    limit = time.monotonic() + wait_s
    while figure(boss, section, name) != wanted:
        expect(time.monotonic() < limit, "%s is %d and not %d", name, figure(boss, section, name), wanted)
        time.sleep(0.002)


def text_of(reply):
    """Members in an answer of BZPOPMIN, BZPOPMAX or BZMPOP; none in a nil."""
    kind, value = reply
    if value is None:
        return []
    if kind == "error":
        expect(value.startswith(b"UNBLOCKED"), "a wait ended with %r", value)
        return []
    expect(kind == "array" and len(value) in (2, 3), "a wait was answered by %r", reply)
    if len(value) == 3:
        return [value[1][1]]
    return [pair[1][0][1] for pair in value[1][1]]


# ---- order ----

def order(server, dice, rounds, waiters=60, producers=4):
    boss = connect(server)
    for _ in range(rounds):
        key, pushers = dice.choice(KEYS), [connect(server) for _ in range(producers)]
        line = [connect(server) for _ in range(waiters)]
        for place, waiter in enumerate(line):
            keys = [key] + dice.sample(KEYS, dice.randrange(3))
            dice.shuffle(keys)
            waiter.send(wire.encode([b"BZPOPMIN"] + keys + [b"0"]))
            wait_for(boss, "blocked_clients", place + 1)
        for number, pusher in enumerate(pushers):
            requests = [wire.encode([b"ZADD", key, b"1", b"%d:%d" % (number, i)])
                        for i in range(waiters // producers)]
            pusher.send(b"".join(requests))
        last = {}
        for place, waiter in enumerate(line):
            [member] = text_of(waiter.reply())
            number, i = map(int, member.split(b":"))
            expect(i == last.get(number, -1) + 1, "waiter %d got %r, after %r", place, member, last.get(number))
            last[number] = i
        wait_for(boss, "blocked_clients", 0)
        for connection in line + pushers:
            connection.close()
    boss.close()


def kills(server, dice, rounds):
    boss, pusher = connect(server), connect(server)
    for i in range(rounds):
        victim, key = connect(server), dice.choice(KEYS)
        number = victim.ask("CLIENT", "ID")[1]
        victim.send(wire.encode([b"BZPOPMIN", key, b"0"]))
        wait_for(boss, "blocked_clients", 1)
        if i % 3 == 0:
            expect(boss.ask("CLIENT", "KILL", "ID", number) == ("int", 1), "CLIENT KILL")
        elif i % 3 == 1:
            victim.shut()
            wait_for(boss, "blocked_clients", 0)
        else:
            expect(boss.ask("CLIENT", "UNBLOCK", number) == ("int", 1), "CLIENT UNBLOCK")
        expect(pusher.ask("ZADD", key, 1, b"m") == ("int", 1), "ZADD")
        expect(pusher.ask("ZPOPMIN", key)[1] == [("bulk", b"m"), ("bulk", b"1")], "lost to a client that was gone")
        victim.close()
    wait_for(boss, "blocked_clients", 0)
    boss.close()
    pusher.close()


# ---- steady ----

class Consumer:
    def __init__(self, server, dice, got):
        self.server, self.dice, self.got, self.lost_most = server, dice, got, 0
        self.connection = None
        self.open()

    def open(self):
        self.connection = connect(self.server)
        self.number = self.connection.ask("CLIENT", "ID")[1]
        self.waits, self.data = 0, b""

    def ask(self):
        dice = self.dice
        keys = dice.sample(KEYS, dice.randrange(1, 4))
        timeout = dice.choice((b"0", b"0", b"0.001", b"0.02", b"0.1", b"5"))
        if dice.random() < 0.7:
            words = [dice.choice((b"BZPOPMIN", b"BZPOPMAX"))] + keys + [timeout]
            self.takes = 1
        else:
            self.takes = dice.randrange(1, 5)
            words = [b"BZMPOP", timeout, b"%d" % len(keys)] + keys + [b"MAX", b"COUNT", b"%d" % self.takes]
        self.connection.send(wire.encode(words))
        self.waits = 1

    def read(self):
        """What has come. False: it was closed."""
        try:
            self.got.extend(text_of(self.connection.reply()))
            self.waits = 0
        except (wire.Closed, OSError):
            self.gone()
            return False
        return True

    def gone(self):
        self.lost_most += self.takes if self.waits else 0
        self.connection.close()
        self.open()

    def vanish(self):
        if self.waits and self.dice.random() < 0.5:
            # What has come already counts as delivered: it can be read to the end.
            self.connection.shut()
            self.takes, takes = 0, self.takes
            self.connection.timeout_s = 10.0
            try:
                self.got.extend(text_of(self.connection.reply()))
            except (wire.Closed, OSError):
                self.takes = takes
        self.gone()


class Producer:
    def __init__(self, server, dice, number):
        self.connection, self.dice, self.number, self.made = connect(server), dice, number, []

    def member(self):
        self.made.append(b"%d-%d" % (self.number, len(self.made)))
        return self.made[-1]

    def push(self):
        dice, key = self.dice, self.dice.choice(KEYS)
        what = dice.randrange(10)
        if what < 5:
            words = [[b"ZADD", key, b"%d" % dice.randrange(100), self.member()]]
        elif what < 7:
            words = [[b"ZADD", key] + [w for _ in range(dice.randrange(2, 5)) for w in (b"1", self.member())]]
        elif what == 7:
            words = [[b"ZINCRBY", key, b"1.5", self.member()]]
        elif what == 8:
            # A set that arrives as a whole, by its name; what holds the name already stays.
            own = key + b":%d" % self.number
            words = [[b"ZADD", own, b"1", self.member(), b"2", self.member()], [b"RENAMENX", own, key]]
        else:
            own = key + b":%d" % self.number
            words = [[b"SELECT", b"1"], [b"ZADD", own, b"1", self.member()], [b"MOVE", own, b"0"], [b"SELECT", b"0"],
                     [b"RENAMENX", own, key]]
        self.connection.send(b"".join(map(wire.encode, words)))
        for _ in words:
            reply = self.connection.reply()
            expect(reply[0] != "error", "%r answered %r", words, reply)


def left_over(boss, made):
    """The members that are still in sets."""
    members = []
    for db in (1, 0):
        boss.ask("SELECT", db)
        for _, key in boss.ask("KEYS", "*")[1]:
            members += [member for _, member in boss.ask("ZRANGE", key, 0, -1)[1]]
    return members


def steady(server, dice, seconds, clients):
    got, boss = [], connect(server)
    consumers = [Consumer(server, dice, got) for _ in range(clients)]
    producers = [Producer(server, dice, number) for number in range(4)]
    limit, trouble = time.monotonic() + seconds, 0
    while time.monotonic() < limit:
        for consumer in consumers:
            if not consumer.waits:
                consumer.ask()
        for producer in producers:
            for _ in range(dice.randrange(4)):
                producer.push()
        chosen = dice.choice(consumers)
        what = dice.randrange(12)
        if what == 0:
            chosen.vanish()
        elif what == 1:
            boss.ask("CLIENT", "KILL", "ID", chosen.number)
        elif what == 2:
            boss.ask("CLIENT", "UNBLOCK", chosen.number, dice.choice(("TIMEOUT", "ERROR")))
        trouble += what < 3
        ready, _, _ = select.select([consumer.connection.sock for consumer in consumers], [], [], 0.001)
        for consumer in consumers:
            if consumer.connection.sock in ready:
                consumer.read()
    for consumer in consumers:
        if consumer.waits:
            # Answered by this, or before it by something that came.
            boss.ask("CLIENT", "UNBLOCK", consumer.number)
            consumer.read()
    wait_for(boss, "blocked_clients", 0)
    made = [member for producer in producers for member in producer.made]
    there = left_over(boss, made)
    lost_most = sum(consumer.lost_most for consumer in consumers)
    expect(len(got) == len(set(got)), "%d members came twice", len(got) - len(set(got)))
    expect(not set(got) & set(there), "members were delivered and stayed: %r", sorted(set(got) & set(there))[:5])
    expect(set(got) | set(there) <= set(made), "members that nobody made: %r", (set(got) | set(there)) - set(made))
    missing = set(made) - set(got) - set(there)
    expect(len(missing) <= lost_most, "%d members are missing, and at most %d can have gone with their clients: %r",
           len(missing), lost_most, sorted(missing)[:5])
    for each in consumers + producers:
        each.connection.close()
    boss.ask("FLUSHALL")
    boss.close()
    return "%d members made, %d delivered, %d gone with their clients (of %d that may), %d times trouble" % (
        len(made), len(got), len(missing), lost_most, trouble)


# ---- crowd ----

def crowd(server, size):
    boss, pusher = connect(server), connect(server, 60.0)
    people, told = [connect(server, 60.0) for _ in range(size)], []
    for own_keys in (False, True):
        keys = [b"crowd:%06d" % (i if own_keys else 0) for i in range(size)]
        before = used_memory(boss)
        for person, key in zip(people, keys):
            person.send(wire.encode([b"BZPOPMIN", key, b"1000"]))
        wait_for(boss, "blocked_clients", size)
        each = (used_memory(boss) - before) / size
        begun = time.monotonic()
        pusher.send(b"".join(wire.encode([b"ZADD", key, b"1", b"m%d" % i]) for i, key in enumerate(keys)))
        for _ in keys:
            expect(pusher.reply() == ("int", 1), "ZADD to the crowd")
        pushed = time.monotonic() - begun
        if own_keys:
            for i, person in enumerate(people):
                expect(text_of(person.reply()) == [b"m%d" % i], "person %d got something else", i)
        else:
            # One after the other, as far as each worker's connections can tell: all of them, each one.
            members = sorted(member for person in people for member in text_of(person.reply()))
            expect(members == sorted(b"m%d" % i for i in range(size)), "not everybody got one")
        told.append("%s: %d bytes a waiter, %.0f us a push" % (
            "own keys" if own_keys else "one key", each, pushed / size * 1e6))
    for person in people:
        person.send(wire.encode([b"BZPOPMIN", b"crowd:a", b"crowd:b", b"1000"]))
    wait_for(boss, "blocked_clients", size)
    begun = time.monotonic()
    for person in people:
        person.close()
    wait_for(boss, "blocked_clients", 0)
    told.append("all gone in %.2f s" % (time.monotonic() - begun))
    boss.close()
    pusher.close()
    return "%d clients; %s" % (size, "; ".join(told))


def alarms(server):
    """How much later than asked the ends of waits come, alone on a server that rests."""
    waiter, late = connect(server), []
    for ms in (1, 3, 7, 12, 25, 55, 120) * 3:
        begun = time.monotonic()
        expect(waiter.ask("BZPOPMIN", "never", "%g" % (ms / 1000))[1] is None, "something came to never")
        late.append((time.monotonic() - begun) * 1000 - ms)
    waiter.close()
    expect(min(late) >= 0, "a wait ended %.1f ms too soon", -min(late))
    return "waits end %.1f ms late in the median, %.1f ms at worst" % (sorted(late)[len(late) // 2], max(late))


def play(server, options):
    dice = common.dice(options.seed)
    boss = connect(server)
    print(alarms(server))
    order(server, dice, 3)
    kills(server, dice, 60)
    if options.crowd:
        crowd(server, options.crowd)    # the loop's own tables have grown to their size by this
    memory = used_memory(boss)
    print(steady(server, dice, options.seconds, options.clients))
    if options.crowd:
        print(crowd(server, options.crowd))
    wait_for(boss, "connected_clients", 1)
    wait_for(boss, "clients_in_timeout_table", 0)
    expect(figure(boss, "clients", "blocked_clients") == 0, "somebody is blocked still")
    limit = time.monotonic() + 5
    while (left := used_memory(boss) - memory) > HELD_MOST and time.monotonic() < limit:
        pass
    expect(left <= HELD_MOST or options.sanitized, "%d bytes are held still", left)
    boss.close()
    return "each member once, in order, nothing left over"


def main():
    parser = common.new_parser(__doc__, " --threads 4")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the steady part")
    parser.add_argument("--clients", type=int, default=80)
    parser.add_argument("--crowd", type=int, default=1500, help="0 leaves that part out")
    parser.add_argument("--sanitized", action="store_true", help="memory that is back is not seen to be")
    return common.try_server(parser.parse_args(), play)


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
