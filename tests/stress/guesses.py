#!/usr/bin/env python3
"""Those who guess passwords, and those who know theirs.

  tests/stress/guesses.py [--server COMMAND] [--delay 100] [--seconds 3]

Ten wrong logins are answered at once; from then on logins of that address wait, longer with each ten, by AUTH, HELLO and
within MULTI. Meanwhile who is logged in works as before, whoever knows the password comes in after one wait, and from other
addresses at once. Nothing here must be quicker than it may; how much slower it is, is the machine's business.
"""

import socket
import sys
import time

import common
from common import expect, wire

REFUSED = ("error", b"WRONGPASS invalid username-password pair or user is disabled.")
FREE = 10


def timed(connection, *words):
    begun = time.monotonic()
    reply = connection.ask(*words)
    return reply, time.monotonic() - begun


def from_address(server, address):
    """A connection that comes from another address of this machine."""
    connection = wire.Connection.__new__(wire.Connection)
    connection.timeout_s, connection.pending = 30.0, bytearray()
    connection.sock = socket.create_connection(server.tcp[1:], 30.0, source_address=(address, 0))
    return connection


def refusals(server, delay_s):
    """What a guesser meets, one word after the other; and others meanwhile."""
    guesser, worker = from_address(server, "127.0.0.2"), from_address(server, "127.0.0.2")
    expect(worker.ask("AUTH", "ann", "door") == ("status", b"OK"), "AUTH")
    for _ in range(FREE):
        expect(guesser.ask("AUTH", "ann", "guess") == REFUSED, "a wrong password")
    for n, words in enumerate((("AUTH", "ann", "guess"), ("AUTH", "nobody", "guess"), ("HELLO", "3", "AUTH", "ann", "guess"))):
        reply, took = timed(guesser, *words)
        expect(reply == REFUSED and took >= delay_s * 0.9, "guess %d: %r after %.3f s", n, reply, took)
    # Who is in works on, on the same address; no worker sleeps.
    guesser.send(wire.encode([b"AUTH", b"ann", b"guess"]) * 5)
    for n in range(200):
        expect(worker.ask("INCR", "count") == ("int", n + 1), "a client that is logged in")
    for _ in range(5):
        expect(guesser.reply() == REFUSED, "a pipelined guess")
    reply, took = timed(guesser, "AUTH", "ann", "door")
    expect(reply == ("status", b"OK"), "the right password: %r", reply)
    expect(took >= delay_s * 0.9, "the right password is told apart by its time: %.3f s", took)
    for connection in (guesser, worker):
        connection.close()


def within_multi(server, delay_s):
    """Guesses in one transaction do not come cheaper: while the address waits they are not looked at."""
    insider = from_address(server, "127.0.0.3")
    insider.ask("AUTH", "ann", "door")
    insider.ask("MULTI")
    for n in range(2 * FREE):
        insider.ask("AUTH", "boss", "guess%d" % n)
    insider.ask("AUTH", "boss", "boss")
    kind, replies = insider.ask("EXEC")
    expect(kind == "array" and all(reply == REFUSED for reply in replies), "EXEC: %r", replies)
    expect(insider.ask("ACL", "WHOAMI") == ("bulk", b"ann"), "who it is")
    insider.close()


def other_addresses(server, delay_s):
    """One address's failures are not another's, and Unix sockets are one."""
    other = from_address(server, "127.0.0.4")
    for n in range(3):
        expect(other.ask("AUTH", "ann", "guess") == REFUSED and other.ask("AUTH", "ann", "door") == ("status", b"OK"), "AUTH")
    waits = int(dict(line.split(b":", 1) for line in other.ask("INFO", "stats")[1].split() if b":" in line).get(b"auth_logins_delayed", 0))
    expect(waits >= 9, "only %d logins have waited", waits)
    other.close()
    for _ in range(FREE + 1):
        connection = wire.Connection(server.unix, 30.0)
        expect(connection.ask("AUTH", "ann", "guess") == REFUSED, "by the socket")
        connection.close()
    connection = wire.Connection(server.unix, 30.0)
    _, took = timed(connection, "AUTH", "ann", "door")
    expect(took >= delay_s * 0.9, "another connection of the same address waits %.3f s", took)
    connection.close()


def crowd(server, delay_s, seconds):
    """Many who guess at once and hang up: each guess costs them a wait, and the others nothing."""
    boss = from_address(server, "127.0.0.4")
    boss.ask("AUTH", "ann", "door")
    guessing = [from_address(server, "127.0.0.5") for _ in range(100)]
    for guesser in guessing:
        guesser.send(wire.encode([b"AUTH", b"ann", b"guess"]) * 20)
    limit, asked = time.monotonic() + seconds, 0
    while time.monotonic() < limit:
        expect(boss.ask("GET", "nothing") == ("nil", None), "GET")
        asked += 1
        if asked % 50 == 0:
            guessing.pop(0).close()
            guesser = from_address(server, "127.0.0.5")
            guesser.send(wire.encode([b"AUTH", b"ann", b"guess"]) * 20)
            guessing.append(guesser)
    for connection in (*guessing, boss):
        connection.close()


def play(server, options):
    for case in (refusals, within_multi, other_addresses):
        case(server, options.delay / 1000)
    crowd(server, options.delay / 1000, options.seconds)
    expect(server.alive(), "the server ended")
    expect("login refused: user" in server.said(), "no refusal in the log")
    return "who guesses waits, and nobody else"


def main():
    parser = common.new_parser(__doc__, " --unixsocket {socket} --threads 2")
    parser.add_argument("--delay", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    users = [("user", "ann on >door ~* &* +@all"), ("user", "boss on >boss ~* &* +@all")]
    return common.try_server(options, play, users + [("auth-failure-delay", str(options.delay))])


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
