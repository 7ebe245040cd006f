#!/usr/bin/env python3
"""Attacks, and what others notice of them.

  tests/stress/attacks.py [--server COMMAND] [--full] [--redis] [CASE …]

Each case attacks while others work and measure how long they wait. In short, as the test run has it, attacks are small and their
bounds wide: a machine that does something else besides must not fail them. --full is the size of the figures in docs/security.md,
and held against no bounds; --redis adds redis-server under the same attacks. Both print a table in Markdown: waits in
milliseconds at p50 / p99 / p99.9, quiet and meanwhile, and how much more memory than before was resident at most.
"""

import argparse
import multiprocessing
import resource
import socket
import ssl
import sys
import time

import common
from common import ask, connect, expect, rss_bytes, settled_rss, wire
from crowd import processor
from runner import tls
from siege import Watch, quiet

MB = 1 << 20
OPTIONS = [("maxclients", "10000"), ("enable-debug-command", "yes")]
# A wait is never told from that of a busy machine below this.
NOISE_S = 1.0
TIRED = (OSError, wire.Closed, wire.Silent)


class Size:
    """How large the attacks are."""

    def __init__(self, full):
        self.full = full
        self.working = 1000 if full else 100
        self.rate, self.storm_s = (2000, 5) if full else (300, 1.5)
        self.slow = 2000 if full else 300
        self.givers, self.given = (50, 512 * MB) if full else (8, 24 * MB)
        self.quiet_s = 2.0 if full else 0.5
        self.keys = 1_000_000 if full else 20_000
        self.members = 200_000 if full else 10_000
        self.bitmap = 512 * MB if full else 4 * MB
        # proto-max-bulk-len bounds the product of two.
        self.text, self.long_text = (11_000, 11_000) if full else (3_000, 5_000)
        self.repeat = 3 if full else 2


def three(sample):
    return " / ".join("%.2f" % (sample.at(share) * 1e3) for share in (0.5, 0.99, 0.999))


def told(name, before, watch, outcome):
    during = watch.sample
    print("| %s | %s | %s | %.1f | %d MB | %s |" % (name, three(before), three(during), during.worst * 1e3, watch.grown // MB, outcome))
    sys.stdout.flush()


def within(size, sample, before, most_s, what):
    if not size.full:
        expect(sample.worst <= most_s + NOISE_S + 20 * before.worst, "%s: others waited %.3f s", what, sample.worst)


def crowd_of(count, work, *args):
    """So many processes that do the same; they must all end well."""
    context = multiprocessing.get_context("fork")
    attackers = [context.Process(target=work, args=args) for _ in range(count)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join()
    expect(all(attacker.exitcode == 0 for attacker in attackers), "an attacker was not served")


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
    with Watch(server, **how) as watch:
        begun = time.monotonic()
        crowd_of(2, connects, server, size.rate / 2, size.storm_s)
        took = time.monotonic() - begun
    told("%d connections a second, one word each, beside %d clients" % (size.rate, size.working), before, watch,
         "%.0f a second, all served; p99 %.2f of the quiet one" % (size.rate * size.storm_s / took, watch.sample.at(0.99) / before.at(0.99)))
    within(size, watch.sample, before, 1.0, "storm")


def first_words(server):
    """Of a handshake over TLS."""
    client = tls.Socket(("127.0.0.1", server.tls_port), tls.client_context(), 30.0, shake=False)
    try:
        client.object.do_handshake()
    except ssl.SSLWantReadError:
        pass
    words = client.pending_out()
    client.close()
    return words


def shakes(server, seconds):
    """The first words of a handshake, what the server answers, and gone: the server has had all the work."""
    words = first_words(server)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", server.tls_port), 30.0) as sock:
            sock.sendall(words)
            sock.recv(1)


def handshakes(server, size):
    """Handshakes over TLS as fast as two clients can begin them."""
    before = quiet(server, size.quiet_s)
    failed = info(server, "stats").get("tls_failed_handshakes", 0)
    with Watch(server) as watch:
        begun = time.monotonic()
        crowd_of(2, shakes, server, size.storm_s)
        took = time.monotonic() - begun
        time.sleep(0.2)
    failed = info(server, "stats").get("tls_failed_handshakes", 0) - failed
    told("handshakes over TLS that are left, by two clients", before, watch, "%.0f a second" % (failed / took) if failed else "served")
    within(size, watch.sample, before, 0.5, "handshakes")


def slow_handshakes(server, size):
    """Many that begin a handshake byte by byte, and never end it."""
    before = quiet(server, size.quiet_s)
    words = first_words(server)
    attackers = [socket.create_connection(("127.0.0.1", server.tls_port), 30.0) for _ in range(size.slow)]
    with Watch(server) as watch:
        for byte in words[:24]:
            for attacker in attackers:
                attacker.sendall(bytes([byte]))
    told("%d handshakes byte by byte" % size.slow, before, watch, "%d KB each" % (watch.grown / size.slow / 1024))
    within(size, watch.sample, before, 0.5, "slow handshakes")
    for attacker in attackers:
        attacker.close()


def slowloris(server, size):
    """Many clients that send a line, or a request, byte by byte, and never end it."""
    before = quiet(server, size.quiet_s)
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
    told("%d clients that send byte by byte" % size.slow, before, watch, "%d KB each" % (grown / size.slow / 1024))
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
    ask(server, "CONFIG", "SET", "maxmemory-clients", "64mb")
    before, memory = quiet(server, size.quiet_s), rss_bytes(server)
    context = multiprocessing.get_context("fork")
    done = context.Event()
    small = connect(server)
    small.ask("PING")
    with Watch(server) as watch:
        attackers = [context.Process(target=give, args=(server, n, size.given, done)) for n in range(size.givers)]
        for attacker in attackers:
            attacker.start()
        wanted = min(size.givers, size.givers * size.given // (64 * MB) - 1)
        limit = time.monotonic() + 30
        while time.monotonic() < limit and info(server, "stats").get("evicted_clients", 0) < wanted:
            time.sleep(0.05)
    left = settled_rss(server, memory + 96 * MB) - memory
    evicted = info(server, "stats").get("evicted_clients", 0)
    done.set()
    for attacker in attackers:
        attacker.join()
    told("%d clients that send arguments of 512 MB, `maxmemory-clients 64mb`" % size.givers, before, watch, "%d closed" % evicted)
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
    before, memory = quiet(server, size.quiet_s), rss_bytes(server)
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
    told("%d clients that ask for 200 MB each and never read" % len(attackers), before, watch, "%d MB held" % (grown // MB))
    expect(grown < 64 * MB + len(attackers) * 4 * MB, "what was never read took %d MB", grown // MB)
    within(size, watch.sample, before, 0.5, "deaf")
    for attacker in attackers:
        attacker.close()


REFUSED = ((b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
           (b"*2\r\n$4\r\nPING\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"))


def knocks(server, seconds):
    """A stranger's word, its refusal, and gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = connect(server, 30.0)
        connection.send(wire.encode([b"GET", b"watched"]) * 10)
        for _ in range(10):
            connection.reply()
        connection.close()


def limits_of_strangers(server):
    """Before AUTH: ten words of 16 KB are the most that is taken, refused in redis-server's words."""
    for sent, wanted in REFUSED:
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
    return connection


def unknown(server, size):
    """Strangers: many with half requests, and two that come as fast as they can for ten refusals each."""
    before = quiet(server, size.quiet_s)
    with Watch(server) as watch:            # those who work are there before a password is asked for
        ask(server, "CONFIG", "SET", "requirepass", "door")
        connection = limits_of_strangers(server)
        try:
            memory = rss_bytes(server)
            attackers = [connect(server, 30.0) for _ in range(size.slow)]
            for attacker in attackers:
                attacker.send(b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"x" * 16384) * 3)
            crowd_of(2, knocks, server, size.storm_s)
            expect(connection.ask("PING") == ("status", b"PONG"), "others meanwhile")
            grown = rss_bytes(server) - memory
        finally:
            connection.ask("CONFIG", "SET", "requirepass", "")
            connection.close()
    told("%d strangers with half requests, two that ask without AUTH" % size.slow, before, watch, "%d KB each, all refused" % (grown / size.slow / 1024))
    expect(grown < size.slow * 200_000 + 32 * MB, "%d strangers took %d MB", size.slow, grown // MB)
    within(size, watch.sample, before, 0.5, "strangers")
    for attacker in attackers:
        attacker.close()


EVIL, NAME = b"a*" * 60 + b"b", b"a" * 200


def say_patterns(server, seconds):
    """Patterns that backtracking matchers take exponential time for (CVE-2022-36021)."""
    connection, other = connect(server, 30.0), connect(server, 30.0)
    begun, longest = time.monotonic(), 0.0
    connection.ask("SET", NAME, "x")
    while True:
        at = time.monotonic()
        for words in (("KEYS", EVIL), ("SCAN", "0", "MATCH", EVIL), ("PSUBSCRIBE", EVIL)):
            connection.ask(*words)
        connection.ask("PUNSUBSCRIBE")
        other.ask("PUBLISH", NAME, "x")
        for words in (("ACL", "SETUSER", "evil", "on", "nopass", "+@all", b"~" + EVIL), ("ACL", "DRYRUN", "evil", "GET", NAME),
                      ("HSET", "h", NAME, "x"), ("HSCAN", "h", "0", "MATCH", EVIL), ("CONFIG", "GET", EVIL),
                      ("ACL", "DELUSER", "evil"), ("COMMAND", "LIST", "FILTERBY", "PATTERN", EVIL)):
            other.ask(*words)
        longest = max(longest, time.monotonic() - at)
        if time.monotonic() - begun > seconds:
            break
    for each in (connection, other):
        each.close()
    return longest


def patterns(server, size):
    before = quiet(server, size.quiet_s)
    with Watch(server) as watch:
        took = say_patterns(server, 3.0 if size.full else 0.0)
    told("patterns `a*a*a*…b`, in nine commands", before, watch, "%.1f ms, all of them" % (took * 1e3))
    expect(took < 5, "patterns took %.1f s", took)


# ---- the processor

def processor_time(server, size):
    """One client that says the same expensive command over and over."""
    processor.fill(server, size)
    before = quiet(server, size.quiet_s, clients=16)
    context = multiprocessing.get_context("fork")
    for words in processor.COMMANDS:
        if not common.knows(server, words[0]):
            continue
        results = context.Queue()
        with Watch(server, clients=16) as watch:
            attacker = context.Process(target=processor.hammer, args=(server, words, 1.0 if size.full else 0.0, size.repeat, results))
            attacker.start()
            count, longest, wrong = results.get(timeout=300)
            attacker.join()
        expect(not wrong or size.full, "%s was not answered: %s", words[0], wrong)
        shown = " ".join(words)
        half = watch.sample.longest[len(watch.sample.longest) // 2 - 1]
        told("`%s`" % (shown if len(shown) < 46 else shown[:43] + "…"), before, watch,
             "%.1f ms each at most; half of the others never waited above %.1f ms%s" % (
                 longest * 1e3, half * 1e3, "; after %d of them %s" % (count, wrong) if wrong else ""))
        within(size, watch.sample, before, 3 * longest, shown)


def many_sorts(server, size):
    """LCS, SORT and BITOP from many at once: what they hold is bounded, those beyond it wait."""
    processor.fill_some(server, size)
    before = quiet(server, size.quiet_s, clients=16)
    attackers = [connect(server, 120.0) for _ in range(40)]
    asked = [[b"LCS", b"long0", b"long1"], [b"SORT", b"set1", b"ALPHA", b"LIMIT", b"0", b"1"], [b"BITOP", b"NOT", b"bits", b"bits0"]]
    with Watch(server, clients=16) as watch:
        for n, attacker in enumerate(attackers):
            attacker.send(wire.encode(asked[n % 3]))
        wrong = [said for said in (attacker.reply() for attacker in attackers) if said[0] not in ("bulk", "int", "array")]
    expect(not wrong, "a command of many was answered %s", wrong[:1])
    told("40 clients with LCS, SORT and BITOP at once", before, watch, "all answered, %d after others" % info(server, "stats").get("slices_waits", 0))
    within(size, watch.sample, before, 2.0, "many at once")
    for attacker in attackers:
        attacker.close()


CASES = {"storm": storm, "handshakes": handshakes, "slow_handshakes": slow_handshakes, "slowloris": slowloris, "givers": givers, "deaf": deaf,
         "unknown": unknown, "patterns": patterns, "many": many_sorts, "processor": processor_time}
HEAD = "| attack | quiet | meanwhile | longest | memory | outcome |\n|---|---|---|---:|---:|---|"


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
        print("%s\n\n%s" % (command, HEAD))
        for name in options.cases or CASES:
            with common.servers.Server(command + " {tls}", OPTIONS) as server:
                try:
                    CASES[name](server, size)
                    expect(server.alive() and ask(server, "PING") == ("status", b"PONG"), "the server is not well")
                except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
                    failed += 1
                    print("%s: %s: %s\n%s" % (name, type(wrong).__name__, wrong, server.said()))
        print()
    print("%d attacks failed to be bounded" % failed if failed else "all attacks are bounded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
