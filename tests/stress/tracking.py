#!/usr/bin/env python3
"""Caches of clients under fire: what a client may believe of its cache is true, whoever changes what, and wherever.

  tests/stress/tracking.py [--server COMMAND] [--seconds 6] [--clients 24] [--seed N] [--sanitized] [NAME ...]

Clients on all workers read and write some keys at random and keep what they have read in a cache, until they are told
that it is no longer true: in the default mode, with OPTIN, OPTOUT, NOLOOP, BCAST with prefixes, and over a second
connection (REDIRECT). Now and then all of them stop, and then no cache may hold a value that differs from the server's.

plain   Keys change by all kinds of commands, expire, are moved, popped by clients that wait, emptied and exchanged.
tiny    The same with tracking-table-max-keys 1 to 20: nearly every key has to make room at once.
evict   The same with a maxmemory that keys are evicted for all the time.
breaks  The same, and connections break in the middle, those that are redirected to as well.
"""

import argparse
import collections
import select
import sys
import time

import common
from common import Failed, connect, dice, expect, servers, wire
from stream import Stream

PREFIXES = [b"a:", b"b:", b"c:"]
STRINGS = [prefix + b"%d" % i for prefix in PREFIXES for i in range(16)]
LISTS = [prefix + b"l%d" % i for prefix in PREFIXES for i in range(3)]
KEYS = STRINGS + LISTS
EVICTED_FOR = 60000         # bytes of a value while keys are evicted


class NotYet(Exception):
    pass


def parse(data, at):
    """One reply of RESP2 or RESP3: (kind, value) and where it ends."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise NotYet
    kind, head, at = data[at:at + 1], data[at + 1:end], end + 2
    if kind in b"+-:#,(":
        return (kind, head), at
    if kind == b"_" or (kind in b"$*" and head == b"-1"):
        return (b"_", None), at
    count = int(head)
    if kind in b"$=":
        if len(data) < at + count + 2:
            raise NotYet
        return (b"$", data[at:at + count]), at + count + 2
    values = []
    for _ in range(count * (2 if kind == b"%" else 1)):
        value, at = parse(data, at)
        values.append(value)
    return (b">" if kind == b">" else b"*", values), at


class Replies(Stream):
    data = b""

    def say(self, *words):
        self.unsent += wire.encode(words)

    def take(self, data):
        self.data += data

    def replies(self):
        at = 0
        try:
            while at < len(self.data):
                reply, at = parse(self.data, at)
                yield reply
        except NotYet:
            pass
        self.data = self.data[at:]


class Asked:
    """A command under way: the keys that it reads or writes, and what is to be done with its reply."""

    def __init__(self, reads=(), writes=(), keep=False):
        self.reads, self.writes, self.keep = list(reads), list(writes), keep
        self.spoiled = set()


class Client:
    """A cache, its connection, and with REDIRECT the one where it hears of changes."""

    MODES = ["default", "optin", "optout", "noloop", "bcast", "bcast noloop", "redirect", "redirect3", "redirect bcast"]

    def __init__(self, server, random, counter):
        self.server, self.random, self.counter = server, random, counter
        self.mode = random.choice(self.MODES)
        self.cache, self.asked, self.last = {}, collections.deque(), None
        self.invalidations = 0
        self.prefixes = random.sample(PREFIXES, random.randrange(1, 4)) if "bcast" in self.mode else None
        self.data, self.news, self.blocked = Replies(server), None, False
        self.begin()

    def begin(self):
        words = [b"CLIENT", b"TRACKING", b"ON"]
        if "redirect" in self.mode:
            asker = connect(self.server)
            if self.mode == "redirect3":
                asker.ask("HELLO", "3")
            words += [b"REDIRECT", b"%d" % asker.ask("CLIENT", "ID")[1]]
            if self.mode != "redirect3":
                asker.ask("SUBSCRIBE", "__redis__:invalidate")
            self.news = Replies(self.server, asker.sock)
        elif self.random.random() < 0.9:
            self.ask(Asked(), b"HELLO", b"3")
        else:
            self.ask(Asked(), b"HELLO", b"3", b"SETNAME", b"one")
        if self.prefixes:
            words.append(b"BCAST")
            for prefix in self.prefixes:
                words += [b"PREFIX", prefix]
        for option in ("optin", "optout", "noloop"):
            if option in self.mode:
                words.append(option.encode())
        self.ask(Asked(), *words)
        self.last = words

    def streams(self):
        return [self.data] + ([self.news] if self.news else [])

    def ask(self, asked, *words):
        self.asked.append(asked)
        self.data.say(*words)

    def may_cache(self, key):
        return not self.prefixes or any(key.startswith(prefix) for prefix in self.prefixes)

    def value(self):
        self.counter[0] += 1
        return b"%d" % self.counter[0] + b"." * self.server.filling

    # ---- what it says

    def read(self):
        random = self.random
        keep = True
        if self.mode == "optin":
            keep = random.random() < 0.7
            if keep:
                self.ask(Asked(), b"CLIENT", b"CACHING", b"YES")
        elif self.mode == "optout":
            keep = random.random() < 0.7
            if not keep:
                self.ask(Asked(), b"CLIENT", b"CACHING", b"NO")
        dice = random.random()
        if dice < 0.5:
            keys = [random.choice(STRINGS)]
            self.ask(Asked(keys, keep=keep), b"GET", *keys)
        elif dice < 0.8:
            keys = [random.choice(LISTS)]
            self.ask(Asked(keys, keep=keep), b"LRANGE", keys[0], b"0", b"-1")
        else:
            keys = random.sample(STRINGS, random.randrange(1, 6))
            self.ask(Asked(keys, keep=keep), b"MGET", *keys)

    def write_words(self):
        """A command that writes, and the keys that it may change."""
        random = self.random
        key, other = random.sample(STRINGS, 2)
        one, two = random.sample(LISTS, 2)
        return random.choice([
            lambda: ([key], [b"SET", key, self.value()]),
            lambda: ([key], [b"SET", key, self.value()]),
            lambda: ([key], [b"PSETEX", key, b"%d" % random.randrange(1, 40), self.value()]),
            lambda: ([key], [b"APPEND", key, b"+"]),
            lambda: ([key], [b"GETDEL", key]),
            lambda: ([key, other], [b"MSET", key, self.value(), other, self.value()]),
            lambda: ([key, other], [b"DEL", key, other]),
            lambda: ([key, other], [b"COPY", key, other, b"REPLACE"]),
            lambda: ([key, other], [b"RENAME", key, other]),
            lambda: ([key], [b"PEXPIRE", key, b"%d" % random.randrange(-1, 40)]),
            lambda: ([one], [b"RPUSH", one, self.value()]),
            lambda: ([one], [b"RPUSH", one, self.value()]),
            lambda: ([one], [b"LPOP", one]),
            lambda: ([one], [b"LTRIM", one, b"0", b"3"]),
            lambda: ([one, two], [b"LMOVE", one, two, b"LEFT", b"RIGHT"]),
            lambda: ([one, two], [b"SORT", one, b"STORE", two]),
            lambda: ([one], [b"UNLINK", one]),
        ])()

    def write(self):
        keys, words = self.write_words()
        self.ask(Asked(writes=keys), *words)

    def transact(self):
        self.ask(Asked(), b"MULTI")
        writes = []
        for _ in range(self.random.randrange(1, 5)):
            keys, words = self.write_words()
            writes += keys
            self.ask(Asked(), *words)
        self.ask(Asked(writes=writes), b"EXEC")

    def wait(self):
        keys = self.random.sample(LISTS, 2)
        if self.random.random() < 0.5:
            self.ask(Asked(writes=keys), b"BLPOP", *keys, b"0.02")
        else:
            self.ask(Asked(writes=keys), b"BLMOVE", *keys, b"LEFT", b"RIGHT", b"0.02")

    def change_mode(self):
        """OFF and on again: what was read before is not to be believed any more."""
        if self.mode not in ("default", "optin", "optout", "noloop"):
            return
        off = Asked()
        off.reads = None
        self.ask(off, b"CLIENT", b"TRACKING", b"OFF")
        self.ask(Asked(), *self.last)

    def turn(self, emptying):
        for _ in range(self.random.randrange(1, 12)):
            dice = self.random.random()
            if dice < 0.7:
                self.read()
            elif dice < 0.92:
                self.write()
            elif dice < 0.95:
                self.transact()
            elif dice < 0.98:
                self.wait()
            elif dice < 0.99:
                self.change_mode()
            elif emptying:
                words = self.random.choice([[b"FLUSHALL"], [b"FLUSHDB"], [b"SWAPDB", b"0", b"1"]])
                self.ask(Asked(writes=KEYS), *words)

    # ---- what it hears

    def hear_answer(self, reply):
        expect(self.asked, "an answer to nothing: %r", reply)
        asked = self.asked.popleft()
        if asked.reads is None:
            self.cache.clear()
            return
        if "noloop" in self.mode:
            for key in asked.writes:
                self.cache.pop(key, None)
        if not asked.reads or not asked.keep or reply[0] == b"-":
            return
        values = reply[1] if len(asked.reads) > 1 or asked.reads[0] in LISTS or reply[0] == b"*" else [reply]
        if asked.reads[0] in LISTS:
            values = [reply]
        for key, value in zip(asked.reads, values):
            if self.may_cache(key) and key not in asked.spoiled:
                self.cache[key] = value

    def hear_news(self, tail):
        self.invalidations += 1
        keys = KEYS if tail[1] is None else [key[1] for key in tail[1]]
        expect(not self.prefixes or tail[1] is None or all(self.may_cache(key) for key in keys),
               "news of %r to a client with the prefixes %r", keys, self.prefixes)
        for key in keys:
            self.cache.pop(key, None)
        if self.news:
            # The answer may still be on its way over the other connection.
            for asked in self.asked:
                if asked.reads:
                    asked.spoiled.update(keys)

    def hear(self):
        for reply in self.data.replies():
            if reply[0] == b">":
                expect(reply[1][0] == (b"$", b"invalidate"), "heard %r", reply)
                self.hear_news(reply[1][1])
            else:
                self.hear_answer(reply)
        if not self.news:
            return
        for reply in self.news.replies():
            what = reply[1]
            if reply[0] == b">":
                expect(what[0] == (b"$", b"invalidate"), "heard %r", reply)
            else:
                expect(what[:2] == [(b"$", b"message"), (b"$", b"__redis__:invalidate")], "heard %r", reply)
            self.hear_news(what[-1])

    def closed(self):
        return any(stream.closed for stream in self.streams())

    def close(self):
        for stream in self.streams():
            stream.close()


def move(clients, wait_s):
    streams = {stream.socket: (client, stream) for client in clients for stream in client.streams()}
    for client, stream in streams.values():
        stream.push()
    late = [sock for sock, (_, stream) in streams.items() if stream.unsent]
    readable, writable, _ = select.select(list(streams), late, [], wait_s)
    for sock in writable:
        streams[sock][1].push()
    for sock in readable:
        streams[sock][1].pull()
    for client in {id(streams[sock][0]): streams[sock][0] for sock in readable}.values():
        client.hear()
        expect(not client.closed(), "the server has closed a connection of a client (%s)", client.mode)


def settle(clients, limit_s):
    """All are answered."""
    until = time.monotonic() + limit_s
    while any(client.asked for client in clients):
        expect(time.monotonic() < until, "%d clients wait for answers", sum(bool(c.asked) for c in clients))
        move(clients, 0.05)


def truth(checker):
    values = {}
    for key in KEYS:
        checker.send(wire.encode([b"LRANGE", key, b"0", b"-1"] if key in LISTS else [b"GET", key]))
    for key in KEYS:
        values[key] = checker.reply()
    return values


def same(cached, true):
    if cached[0] == b"*":
        return true[0] == "array" and [v[1] for v in cached[1]] == [v[1] for v in true[1]]
    if cached[0] == b"_":
        return true[1] is None
    return cached[1] == true[1]


def stale(clients, values):
    return [(client, key) for client in clients for key, cached in client.cache.items() if not same(cached, values[key])]


def check_caches(clients, checker, limit_s):
    """Nobody writes now; what has expired goes when it is looked at. News may be under way yet, not for ever."""
    settle(clients, limit_s)
    time.sleep(0.05)
    truth(checker)
    values = truth(checker)
    for client in clients:
        client.ask(Asked(), b"PING")
    settle(clients, limit_s)
    until = time.monotonic() + limit_s
    while wrong := stale(clients, values):
        client, key = wrong[0]
        expect(time.monotonic() < until, "%d values in caches are stale; a %s client has %r of %r, the server %r",
               len(wrong), client.mode, client.cache[key], key, values[key])
        move(clients, 0.05)
    return sum(len(client.cache) for client in clients)


def work(server, options, seconds, emptying=True, each_round=None, breaking=False):
    random = dice(options.seed)
    counter = [0]
    checker = connect(server, 60.0)
    limit_s = 60.0 if options.sanitized else 20.0
    clients = [Client(server, random, counter) for _ in range(options.clients)]
    until, rounds, believed = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until or rounds < 3:
        if each_round:
            each_round(checker, random)
        for _ in range(random.randrange(10, 60)):
            for client in clients:
                if len(client.asked) < 60 and random.random() < 0.7:
                    client.turn(emptying and random.random() < 0.2)
            move(clients, 0)
            if breaking and random.random() < 0.2:
                clients[random.randrange(len(clients))].close()
                clients = [Client(server, random, counter) if client.closed() else client for client in clients]
        believed += check_caches(clients, checker, limit_s)
        rounds += 1
    told = sum(client.invalidations for client in clients)
    expect(believed > 0 and told > 0, "nothing was cached, or nothing told: %d, %d", believed, told)
    for client in clients:
        client.close()
    until = time.monotonic() + limit_s
    while figures(checker)["tracking_clients"] + figures(checker)["tracking_total_keys"] > 0:
        expect(time.monotonic() < until, "left behind: %r", figures(checker))
        time.sleep(0.05)
    checker.close()
    return "%d rounds, %d values in caches checked, %d invalidations" % (rounds, believed, told)


def figures(checker):
    lines = checker.ask("INFO")[1].decode().splitlines()
    return {line.split(":")[0]: int(line.split(":")[1]) for line in lines if line.startswith("tracking_")}


def run_plain(server, options):
    return work(server, options, options.seconds)


def run_tiny(server, options):
    def shrink(checker, random):
        checker.ask("CONFIG", "SET", "tracking-table-max-keys", random.choice(["1", "2", "5", "20"]))

    told = work(server, options, options.seconds, each_round=shrink)
    checker = connect(server)
    evicted = figures(checker)["tracking_evicted"]
    expect(evicted > 0, "no key had to make room")
    checker.ask("CONFIG", "SET", "tracking-table-max-keys", "1000000")
    checker.close()
    return told + ", %d keys made room" % evicted


def run_evict(server, options):
    checker = connect(server, 60.0)
    server.filling = EVICTED_FOR

    def fill(asker, random):
        for i in range(40):
            asker.ask("SET", "filling:%d" % i, b"." * EVICTED_FOR)

    fill(checker, None)
    used = int(common.re.search(r"used_memory:(\d+)", checker.ask("INFO", "memory")[1].decode()).group(1))
    checker.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    checker.ask("CONFIG", "SET", "maxmemory", str(used + (1 << 20)))
    told = work(server, options, options.seconds, emptying=False, each_round=fill)
    checker.ask("CONFIG", "SET", "maxmemory", "0")
    server.filling = 0
    evicted = int(common.re.search(r"evicted_keys:(\d+)", checker.ask("INFO", "stats")[1].decode()).group(1))
    checker.close()
    expect(evicted > 0, "no key was evicted")
    return told + ", %d keys evicted" % evicted


def run_breaks(server, options):
    return work(server, options, options.seconds, breaking=True)


RUNS = {"plain": run_plain, "tiny": run_tiny, "evict": run_evict, "breaks": run_breaks}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sanitized", action="store_true", help="the server is slow: it has more time")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *RUNS], help="of " + ", ".join(RUNS))
    options = parser.parse_args()
    # Under a sanitizer, which brings its own allocator, maxmemory evicts nothing.
    for name in options.names or [name for name in RUNS if not (options.sanitized and name == "evict")]:
        with servers.Server(options.server) as server:
            server.filling = 0
            try:
                print("%s: %s" % (name, RUNS[name](server, options)))
                expect(server.alive(), "the server has ended: %s", server.said())
            except (Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
                print("%s: FAILED with --seed %d: %s" % (name, options.seed, wrong))
                print(server.said()[-4000:])
                return 1
        sys.stdout.flush()
    return 0


sys.exit(main())
