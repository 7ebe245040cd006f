"""Clients that behave badly: that vanish, dawdle, do not listen, or come in crowds."""

import resource
import socket
import struct
import time

from common import ask, connect, expect, rss_bytes, servers, wire

MB = 1 << 20
OUTPUT_LIMIT = 32 * MB              # see bad_input.py, which starts the server with it
IDLE = 10_000
CONNECTS_A_SECOND, STORM_S = 1000, 3
patience = 1.0                      # how many times longer others may have to wait; see --sanitized


def vanish(connection):
    """Closes with a reset, as a killed client's kernel does with unread bytes."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Watch:
    """A well-behaved client beside the bad ones: keeps the longest it had to wait."""

    def __init__(self, server):
        self.connection = connect(server)
        self.longest_s = 0.0
        self.connection.ask("SET", "watched", "0")
        self.count = 0

    def look(self):
        begun = time.monotonic()
        self.count += 1
        expect(self.connection.ask("INCR", "watched") == ("int", self.count), "INCR went wrong meanwhile")
        self.longest_s = max(self.longest_s, time.monotonic() - begun)

    def look_for(self, seconds):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.look()
            time.sleep(0.005)

    def close(self, most_s):
        self.connection.close()
        expect(self.longest_s <= most_s * patience, "another client had to wait %.3f s", self.longest_s)


def killed(server):
    """In the middle of a request, with requests unanswered, with a reply half read."""
    watch = Watch(server)
    request = wire.encode([b"SET", b"half", b"x" * MB])
    ask(server, "SET", "big", b"y" * (4 * MB))
    for turn in range(150):
        connection = connect(server)
        if turn % 3 == 0:
            connection.send(request[:1 + turn * 6000])
        elif turn % 3 == 1:
            connection.send(wire.encode([b"GET", b"big"]) * 5)
        else:
            connection.send(wire.encode([b"GET", b"big"]))
            connection.receive()
        vanish(connection)
        watch.look()
    expect(ask(server, "EXISTS", "half") == ("int", 0), "half a request was carried out")
    watch.close(0.5)


def half_closed(server):
    """A client that has closed its own half still gets what it asked for before."""
    for sent, wanted in ((b"PING\r\n", b"+PONG\r\n"), (wire.encode([b"ECHO", b"x" * 1000]) * 20, None)):
        connection = connect(server)
        connection.send(sent)
        connection.shut()
        got = b""
        try:
            while True:
                connection.receive()
                got += bytes(connection.pending)
                connection.pending.clear()
        except wire.Closed:
            pass
        wanted = wanted or b"$1000\r\n%s\r\n" % (b"x" * 1000) * 20
        expect(got == wanted, "after shutdown() came %d bytes of %d", len(got), len(wanted))
        connection.close()


def half_requests(server):
    """A thousand clients that have each said half a sentence cost others nothing."""
    watch = Watch(server)
    before = rss_bytes(server)
    connections = [connect(server) for _ in range(1000)]
    for number, connection in enumerate(connections):
        connection.send(b"*2\r\n$3\r\nGET\r\n$10\r\nkey" if number % 2 else b"SET whole 'a")
    watch.look_for(1.0)
    grown = rss_bytes(server) - before
    expect(grown < 64 * MB, "a thousand half requests took %d MB", grown // MB)
    for number, connection in enumerate(connections):
        connection.send(b":000042\r\n" if number % 2 else b" whole'\r\n")
        wanted = ("nil", None) if number % 2 else ("status", b"OK")
        expect(connection.reply() == wanted, "the half that was missing came, and the reply was wrong")
        connection.close()
    watch.close(0.5)


def deaf(server):
    """A client that asks for much and reads nothing: at most the output limit is kept for it."""
    ask(server, "SET", "big", b"z" * MB)
    for request, count in ((wire.encode([b"GET", b"big"]), 400), (wire.encode([b"ECHO", b"e" * 200]), 1_000_000)):
        watch = Watch(server)
        before = rss_bytes(server)
        connection = connect(server)
        connection.sock.settimeout(0.0)
        data, at, most, refused_since = request * count, 0, 0, None
        limit = time.monotonic() + 20
        while at < len(data) and time.monotonic() < limit:
            try:
                at += connection.sock.send(data[at:at + (256 << 10)])
                refused_since = None
            except BlockingIOError:
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since > 1.5:      # it has stopped reading from us
                    break
                time.sleep(0.01)
            except (BrokenPipeError, ConnectionResetError):
                break                                           # it has closed on us
            watch.look()
            most = max(most, rss_bytes(server) - before)
        watch.look_for(0.3)
        most = max(most, rss_bytes(server) - before)
        expect(most < 2 * OUTPUT_LIMIT + 32 * MB, "a client that does not read took %d MB", most // MB)
        connection.close()
        watch.close(1.0)


def deaf_to_one(server):
    """One reply beyond the output limit, to a client that does not read it: it is closed."""
    ask(server, "SET", "big", b"z" * MB)
    count = 3 * OUTPUT_LIMIT // MB
    watch = Watch(server)
    connection = connect(server, 20.0)
    connection.send(wire.encode([b"MGET"] + [b"big"] * count))
    watch.look_for(1.5)
    got = 0
    try:
        while got < count * MB:
            connection.receive()
            got += len(connection.pending)
            connection.pending.clear()
    except wire.Closed:
        pass
    expect(got < count * MB, "a reply of %d MB was kept, the limit is %d", count, OUTPUT_LIMIT // MB)
    connection.close()
    watch.close(1.0)


def slow(server):
    """Two hundred clients that send a byte at a time."""
    watch = Watch(server)
    request = wire.encode([b"SET", b"slow", b"abcdef"])
    connections = [connect(server) for _ in range(200)]
    for byte in request:
        for connection in connections:
            connection.send(bytes([byte]))
        watch.look_for(0.01)
    for connection in connections:
        expect(connection.reply() == ("status", b"OK"), "a slow client was answered wrong")
        connection.close()
    watch.close(0.3)


def idle(server):
    """Ten thousand clients that only sit there."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expect(hard >= IDLE + 200, "the limit of open files, %d, is too low for %d clients", hard, IDLE)
    watch = Watch(server)
    before = rss_bytes(server)
    connections = []
    for _ in range(IDLE):
        connections.append(connect(server))
        if len(connections) % 500 == 0:
            watch.look()
    watch.look_for(1.0)
    grown = rss_bytes(server) - before
    expect(grown < 400 * MB, "%d idle clients took %d MB", IDLE, grown // MB)
    for connection in connections[::100]:
        expect(connection.ask("PING") == ("status", b"PONG"), "an idle client that woke was answered wrong")
    for connection in connections:
        connection.close()
    watch.close(0.5)


def storm(server):
    """A thousand new connections a second, each for one question."""
    watch = Watch(server)
    begun, longest = time.monotonic(), 0.0
    for number in range(CONNECTS_A_SECOND * STORM_S):
        due = begun + number / CONNECTS_A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        at = time.monotonic()
        connection = connect(server)
        expect(connection.ask("PING") == ("status", b"PONG"), "a new client was answered wrong")
        connection.close()
        longest = max(longest, time.monotonic() - at)
        if number % 20 == 0:
            watch.look()
    took = time.monotonic() - begun
    expect(took < STORM_S * 1.5 * patience, "%d connections took %.1f s", CONNECTS_A_SECOND * STORM_S, took)
    expect(longest < 1.0 * patience, "a new client had to wait %.3f s", longest)
    watch.close(0.5)


def too_many(server):
    """One client more than maxclients is told so; a place that becomes free can be taken."""
    with servers.Server(server.command, [("maxclients", "5")]) as small:
        connections = [connect(small) for _ in range(5)]
        for connection in connections:
            expect(connection.ask("PING") == ("status", b"PONG"), "a client within maxclients")
        late = connect(small)
        expect(late.reply() == ("error", b"ERR max number of clients reached"), "one client too many")
        late.close()
        connections.pop().close()
        limit, reply = time.monotonic() + 5, None
        while reply != ("status", b"PONG") and time.monotonic() < limit:
            late = connect(small)
            try:
                reply = late.ask("PING")
            except wire.Closed:
                pass
            late.close()
        expect(reply == ("status", b"PONG"), "a place that became free was not given again")
        for connection in connections:
            connection.close()


CASES = {
    "clients that are killed": killed,
    "clients that close one half": half_closed,
    "clients with half a request": half_requests,
    "clients that never read": deaf,
    "a reply beyond the output limit": deaf_to_one,
    "clients that send bytes singly": slow,
    "ten thousand idle clients": idle,
    "a thousand connects a second": storm,
    "more clients than maxclients": too_many,
}
