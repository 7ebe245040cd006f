#!/usr/bin/env python3
"""Attacks, and what others notice of them.

  tests/stress/attacks.py [--server COMMAND] [--full] [--redis] [CASE …]

Each case attacks while others work and measure how long they wait. In short, as the test run has it, attacks are small and their
bounds wide: a machine that does something else besides must not fail them. --full is the size of the figures in docs/security.md,
told as a table and held against no bounds; --redis adds redis-server under the same attacks.
"""

import argparse
import multiprocessing
import resource
import sys
import time

import common
from common import ask, connect, expect, rss_bytes, settled_rss, wire
from siege import Watch, quiet

MB = 1 << 20
OPTIONS = [("maxclients", "20000"), ("maxmemory-clients", "64mb")]
# A wait is never told from that of a busy machine below this.
NOISE_S = 1.0


class Size:
    """How large the attacks are."""

    def __init__(self, full):
        self.full = full
        self.working = 1000 if full else 100
        self.rate, self.storm_s = (2000, 5) if full else (300, 2)
        self.slow = 2000 if full else 300
        self.givers, self.given = (30, 64 * MB) if full else (8, 24 * MB)
        self.keys = 1_000_000 if full else 20_000
        self.members = 500_000 if full else 10_000
        self.text = 11_000 if full else 3_000   # proto-max-bulk-len bounds the product of two
        self.repeat = 20 if full else 2


def told(name, before, during, note=""):
    print("%-46s | %8.2f | %8.2f | %8.2f | %8.2f | %8.2f | %s" % (
        name, before.at(0.99) * 1e3, during.at(0.5) * 1e3, during.at(0.99) * 1e3, during.at(0.999) * 1e3, during.worst * 1e3, note))
    sys.stdout.flush()


def within(size, sample, before, most_s, what):
    if not size.full:
        expect(sample.worst <= most_s + NOISE_S + 20 * before.worst, "%s: others waited %.3f s", what, sample.worst)


# ---- the network

def connects(server, rate, seconds):
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        connection = connect(server, 30.0)
        connection.send(b"PING\r\n")
        connection.raw(7)
        connection.close()


def storm(server, size):
    """Connections that come for one word each, so many a second, while others work."""
    how = {"clients": size.working, "each_s": 0.5}
    before = quiet(server, size.storm_s, **how)
    context = multiprocessing.get_context("fork")
    with Watch(server, **how) as watch:
        attackers = [context.Process(target=connects, args=(server, size.rate / 2, size.storm_s)) for _ in range(2)]
        begun = time.monotonic()
        for attacker in attackers:
            attacker.start()
        for attacker in attackers:
            attacker.join()
        took = time.monotonic() - begun
    expect(all(attacker.exitcode == 0 for attacker in attackers), "a new connection was not served")
    told("connection storm", before, watch.sample, "%.0f a second" % (size.rate * size.storm_s / took))
    within(size, watch.sample, before, 1.0, "storm")


def slowloris(server, size):
    """Many clients that send a line, or a request, byte by byte, and never end it."""
    before = quiet(server, 1.0)
    memory = rss_bytes(server)
    attackers = [connect(server, 30.0) for _ in range(size.slow)]
    with Watch(server) as watch:
        for byte in b"SET slowly 'a value that":
            for attacker in attackers[::2]:
                attacker.send(bytes([byte]))
        for byte in b"*3\r\n$3\r\nSET\r\n$9\r\nslowly":
            for attacker in attackers[1::2]:
                attacker.send(bytes([byte]))
    grown = rss_bytes(server) - memory
    told("%d clients that send byte by byte" % size.slow, before, watch.sample, "%d KB each" % (grown / size.slow / 1024))
    expect(grown < size.slow * 64 * 1024 + 32 * MB, "half requests took %d MB", grown // MB)
    within(size, watch.sample, before, 0.5, "slowloris")
    for attacker in attackers:
        attacker.close()


def give(server, n, bytes_each, done):
    """A large argument, sent as far as the server takes it, and then held."""
    connection = connect(server, 30.0)
    try:
        connection.send(b"*3\r\n$3\r\nSET\r\n$2\r\nk%d\r\n$%d\r\n" % (n % 10, 512 * MB))
        piece = b"x" * MB
        for _ in range(bytes_each // MB):
            connection.send(piece)
        done.wait(60)
    except (OSError, wire.Closed):
        pass
    connection.close()


def givers(server, size):
    """Arguments of 512 MB from many clients at once: maxmemory-clients closes those that hold most, and nobody else."""
    before, memory = quiet(server, 1.0), rss_bytes(server)
    context = multiprocessing.get_context("fork")
    done = context.Event()
    small = connect(server)
    small.ask("PING")
    with Watch(server) as watch:
        attackers = [context.Process(target=give, args=(server, n, size.given, done)) for n in range(size.givers)]
        for attacker in attackers:
            attacker.start()
        most, limit = 0, time.monotonic() + 20
        while time.monotonic() < limit:
            most = max(most, rss_bytes(server) - memory)
            time.sleep(0.02)
            if info(server, "stats").get("evicted_clients", 0) >= size.givers * size.given // (64 * MB) - 1 and time.monotonic() > limit - 18:
                break
    left = settled_rss(server, memory + 96 * MB) - memory
    evicted = info(server, "stats").get("evicted_clients", 0)
    done.set()
    for attacker in attackers:
        attacker.join()
    told("%d clients with arguments of 512 MB" % size.givers, before, watch.sample, "%d MB more at most, %d closed" % (most // MB, evicted))
    expect(evicted > 0, "nobody was closed for %d MB held", size.givers * size.given // MB)
    expect(small.ask("PING") == ("status", b"PONG"), "a client that holds nothing was closed")
    # What comes between two looks is on top of the limit for a while: all of it, where the machine reads quickly or looks late.
    expect(left <= 96 * MB, "%d MB stay held", left // MB)
    small.close()


def info(server, section):
    lines = ask(server, "INFO", section)[1].decode().splitlines()
    pairs = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(value) for name, value in pairs.items() if value.isdigit()}


def deaf(server, size):
    """Clients that ask for much and never read: nothing more is read from them, and what they left is bounded."""
    before, memory = quiet(server, 1.0), rss_bytes(server)
    ask(server, "SET", "large", b"z" * 100_000)
    request = wire.encode([b"GET", b"large"]) * 100
    attackers = [connect(server, 30.0) for _ in range(100 if size.full else 20)]
    with Watch(server) as watch:
        for _ in range(20):
            for attacker in attackers:
                attacker.sock.setblocking(False)
                try:
                    attacker.sock.send(request)
                except OSError:
                    pass
        time.sleep(1.0)
        grown = rss_bytes(server) - memory
    told("%d clients that never read" % len(attackers), before, watch.sample, "%d MB" % (grown // MB))
    expect(grown < 64 * MB + len(attackers) * 4 * MB, "what was never read took %d MB", grown // MB)
    within(size, watch.sample, before, 0.5, "deaf")
    for attacker in attackers:
        attacker.close()


def unknown(server, size):
    """Before AUTH: ten words of 16 KB are the most that is taken, refused in redis-server's words."""
    refused = ((b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
               (b"*2\r\n$4\r\nPING\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"))
    ask(server, "CONFIG", "SET", "requirepass", "door")
    try:
        for sent, wanted in refused:
            connection = connect(server)
            connection.send(sent)
            expect(connection.raw(len(wanted) + 1) == wanted, "%r was not refused as it should", sent)
            connection.close()
        connection = connect(server)
        connection.send(b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"x" * 16384) * 10)
        expect(connection.reply()[0] == "error", "ten words of 16 KB")
        expect(connection.ask("AUTH", "door") == ("status", b"OK"), "AUTH after them")
        connection.send(b"*11\r\n$3\r\nDEL\r\n" + b"$1\r\nx\r\n" * 10)
        expect(connection.reply() == ("int", 0), "eleven words after AUTH")
        memory = rss_bytes(server)
        attackers = [connect(server, 30.0) for _ in range(size.slow)]
        for attacker in attackers:
            attacker.send(b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"x" * 16384) * 3)
        expect(connection.ask("PING") == ("status", b"PONG"), "others meanwhile")
        grown = rss_bytes(server) - memory
        expect(grown < size.slow * 200_000 + 32 * MB, "%d strangers took %d MB", size.slow, grown // MB)
        print("%-46s | %d KB each, of 160 KB that they may send" % ("%d strangers with half requests" % size.slow, grown / size.slow / 1024))
        for attacker in attackers:
            attacker.close()
    finally:
        connection.ask("CONFIG", "SET", "requirepass", "")
        connection.close()


def patterns(server, size):
    """Patterns that backtracking matchers take exponential time for (CVE-2022-36021)."""
    evil, name = b"a*" * 60 + b"b", b"a" * 200
    connection = connect(server, 30.0)
    connection.ask("SET", name, "x")
    begun = time.monotonic()
    for words in (("KEYS", evil), ("SCAN", "0", "MATCH", evil), ("PSUBSCRIBE", evil)):
        connection.ask(*words)
    connection.ask("PUNSUBSCRIBE")
    other = connect(server)
    other.ask("PUBLISH", name, "x")
    for words in (("ACL", "SETUSER", "evil", "on", "nopass", "+@all", b"~" + evil), ("ACL", "DRYRUN", "evil", "GET", name),
                  ("HSET", "h", name, "x"), ("HSCAN", "h", "0", "MATCH", evil), ("CONFIG", "GET", evil),
                  ("ACL", "DELUSER", "evil"), ("COMMAND", "LIST", "FILTERBY", "PATTERN", evil)):
        other.ask(*words)
    took = time.monotonic() - begun
    print("%-46s | %.1f ms, all of them" % ("patterns a*a*a*…b, in nine commands", took * 1e3))
    expect(took < 5, "patterns took %.1f s", took)
    for each in (connection, other):
        each.close()


# ---- the processor

def fill(server, size):
    connection = connect(server, 120.0)

    def all_of(commands):
        commands = list(commands)
        for at in range(0, len(commands), 2000):
            connection.send(b"".join(map(wire.encode, commands[at:at + 2000])))
            for _ in commands[at:at + 2000]:
                connection.reply()

    all_of([b"SET", b"key:%d" % n, b"%d" % n] for n in range(size.keys))
    for name, verb in ((b"list", b"RPUSH"), (b"set1", b"SADD"), (b"set2", b"SADD")):
        all_of([verb, name, *(b"member:%d" % (n * 7919 % size.members) for n in range(at, at + 100))] for at in range(0, size.members, 100))
    for name in (b"z1", b"z2"):
        all_of([b"ZADD", name, *(word for n in range(at, at + 100) for word in (b"%d" % n, b"member:%d" % n))] for at in range(0, size.members, 100))
    all_of([b"GEOADD", b"geo", *(word for n in range(at, at + 100) for word in (b"%.4f" % (n % 3600 / 20 - 90), b"%.4f" % (n // 3600 % 1600 / 20 - 40), b"m%d" % n))]
           for at in range(0, size.members, 100))
    for n in range(20):
        all_of([b"PFADD", b"hll%d" % n, *(b"%d" % (at + m) for m in range(100))] for at in range(0, 20_000, 100))
    for n, letters in enumerate((b"abcdefgh", b"hgfedcba")):
        connection.ask("SETRANGE", "bits%d" % n, str(64 * MB if size.full else 4 * MB), "x")
        connection.ask("SET", "short%d" % n, letters * (size.text // 8))
        connection.ask("SET", "long%d" % n, letters * ((11_000 if size.full else 5_000) // 8))
    connection.close()


CPU = [("KEYS", "nothing*"), ("SCAN", "0", "COUNT", "100000000", "MATCH", "nothing"), ("LCS", "short0", "short1"), ("LCS", "long0", "long1", "LEN"),
       ("BITOP", "XOR", "bits", "bits0", "bits1"), ("BITCOUNT", "bits0"), ("SORT", "list", "ALPHA", "LIMIT", "0", "10"),
       ("SORT", "set1", "ALPHA"), ("SORT", "list", "BY", "key:*", "LIMIT", "0", "10"), ("SUNION", "set1", "set2"), ("SINTER", "set1", "set2"),
       ("SDIFF", "set1", "set2"), ("ZUNION", "2", "z1", "z2"), ("ZINTER", "2", "z1", "z2"), ("ZDIFF", "2", "z1", "z2"), ("ZUNIONSTORE", "zout", "2", "z1", "z2"), ("ZINTERSTORE", "zout", "2", "z1", "z2"),
       ("SINTERSTORE", "sout", "set1", "set2"), ("SUNIONSTORE", "sout", "set1", "set2"), ("SINTERCARD", "2", "set1", "set2"),
       ("ZRANGE", "z1", "0", "-1"), ("LRANGE", "list", "0", "-1"), ("SMEMBERS", "set1"),
       ("GEOSEARCH", "geo", "FROMLONLAT", "0", "0", "BYRADIUS", "20000", "km", "ASC", "COUNT", "10"),
       ("PFCOUNT", *("hll%d" % n for n in range(20))), ("LREM", "list", "0", "nothing"), ("LINDEX", "list", "-30000"),
       ("COPY", "z1", "zout", "REPLACE"), ("DEL", "zout"), ("SRANDMEMBER", "set1", "-100000"), ("DUMP", "z1"), ("DEBUG", "DIGEST"), ("FLUSHALL", "SYNC")]


def hammer(server, words, seconds, least, results):
    """The same command again and again: how often, and how long the longest took."""
    connection = connect(server, 120.0)
    request, count, longest, begun = wire.encode([word.encode() for word in words]), 0, 0.0, time.monotonic()
    while count < least or time.monotonic() - begun < seconds:
        at = time.monotonic()
        connection.send(request)
        drain(connection)
        longest = max(longest, time.monotonic() - at)
        count += 1
        if words[0] in ("FLUSHALL", "DEL"):
            break
    connection.close()
    results.put((count, longest))


def drain(connection):
    """Reads one reply without making objects of it: the attack is on the server."""
    pending, at, searched = connection.pending, 0, 0
    while True:
        try:
            at = wire.reply_end(pending, 0) if len(pending) < 1000 or len(pending) > searched * 2 else 0
        except wire.Incomplete:
            searched, at = len(pending), 0
        if at:
            del pending[:at]
            return
        try:
            connection.receive(0.05 if len(pending) > 1000 else None)
        except wire.Silent:
            searched = 0


def processor(server, size):
    """One client that says the same expensive command over and over."""
    fill(server, size)
    before = quiet(server, 2.0 if size.full else 0.5, clients=16)
    context = multiprocessing.get_context("fork")
    for words in CPU:
        if not common.knows(server, words[0]):
            continue
        results = context.Queue()
        with Watch(server, clients=16) as watch:
            attacker = context.Process(target=hammer, args=(server, words, 2.0 if size.full else 0.0, size.repeat, results))
            attacker.start()
            count, longest = results.get(timeout=600)
            attacker.join()
        shown = " ".join(words)
        half = watch.sample.longest[len(watch.sample.longest) // 2 - 1]
        told(shown if len(shown) < 46 else shown[:43] + "...", before, watch.sample,
             "%.2f ms each at most; half of the clients never waited above %.2f ms" % (longest * 1e3, half * 1e3))
        within(size, watch.sample, before, 3 * longest, shown)


CASES = {"storm": storm, "slowloris": slowloris, "givers": givers, "deaf": deaf, "unknown": unknown, "patterns": patterns,
         "processor": processor}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--redis", action="store_true")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="of: " + ", ".join(CASES))
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    common.servers.stop_on_signals()
    size, failed = Size(options.full), 0
    commands = [options.server] + ([common.servers.REDIS] if options.redis else [])
    for command in commands:
        print("%s\n%-46s | %8s | %8s | %8s | %8s | %8s" % (command, "waits in ms", "p99 calm", "p50", "p99", "p99.9", "longest"))
        for name in options.cases or CASES:
            with common.servers.Server(command, OPTIONS + [("enable-debug-command", "yes")]) as server:
                try:
                    CASES[name](server, size)
                    expect(server.alive() and ask(server, "PING") == ("status", b"PONG"), "the server is not well")
                except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
                    failed += 1
                    print("%s: %s: %s\n%s" % (name, type(wrong).__name__, wrong, server.said()))
    print("%d attacks failed to be bounded" % failed if failed else "all attacks are bounded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
