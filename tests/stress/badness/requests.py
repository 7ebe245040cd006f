"""Requests that are wrong, or only look it."""

import os

from common import ask, connect, dice, expect, knows, rss_bytes, wire

MB = 1 << 20

# What is sent, and all that comes back before the server closes; redis-server 7.0 answers so.
REFUSED = (
    (b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n"),
    (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n"),
    (b"*3\r\n$3\r\nSET\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$1073741824\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$abc\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*2\r\n$3\r\nGET\r\n$ 1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*abc\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*4294967296\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"SET \"abc\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"SET 'a'b c\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"x" * (80 << 10), b"-ERR Protocol error: too big inline request\r\n"),
    (b"*" + b"1" * (80 << 10), b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + b"1" * (80 << 10), b"-ERR Protocol error: too big bulk count string\r\n"),
    (b"POST / HTTP/1.1\r\n", b""),
    (b"host: example.org\r\n", b""),
)

# What is sent before a PING, and all that comes back with its +PONG: nothing is closed.
SUFFERED = (
    (b"\r\n\r\n\n", b""),
    (b"*0\r\n", b""),
    (b"*-1\r\n", b""),
    (b"*-2147483648\r\n", b""),
    (b"   \r\n", b""),
    (b"ping\n", b"+PONG\r\n"),
    (b"ECHO \"\\x00\\n\"\r\n", b"$2\r\n\x00\n\r\n"),
    (b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n"),
)


def bytes_until_close(connection, most=1 << 16):
    """All that the server sends before it closes; raises Silent if it never does."""
    data = b""
    while len(data) < most:
        try:
            connection.receive()
        except wire.Closed:
            break
        data += bytes(connection.pending)
        connection.pending.clear()
    return data


def exchange(server, sent):
    """What comes back for raw bytes until the server closes, or None if it does not close."""
    connection = connect(server, 2.0)
    try:
        try:
            connection.send(sent)
        except wire.Closed:                 # it closed while we were still talking; what it said is there
            pass
        return bytes_until_close(connection)
    except wire.Silent:
        return None
    finally:
        connection.close()


def refused(server):
    for sent, wanted in REFUSED:
        got = exchange(server, sent)
        expect(got is not None, "%r was not refused", sent[:60])
        expect(got == wanted, "%r was answered %r and not %r", sent[:60], got, wanted)


def suffered(server):
    for sent, wanted in SUFFERED:
        connection = connect(server, 2.0)
        connection.send(sent + b"PING\r\n")
        got = connection.raw(len(wanted) + 7)
        expect(got == wanted + b"+PONG\r\n", "%r was answered %r and not %r", sent, got, wanted)
        connection.close()


def wrong_types(server):
    """A text is no number, and no other type; other types are no text."""
    ask(server, "SET", "text", "coat")
    for words in (("INCR", "text"), ("INCRBY", "text", "5"), ("DECR", "text")):
        kind, value = ask(server, *words)
        expect((kind, value) == ("error", b"ERR value is not an integer or out of range"),
               "%s was answered %r", words[0], value)
    for words, other in ((("LPUSH", "text", "x"), ("LPUSH", "list", "x")),
                         (("SADD", "text", "x"), ("SADD", "set", "x")),
                         (("HSET", "text", "f", "x"), ("HSET", "hash", "f", "x")),
                         (("ZADD", "text", "1", "x"), ("ZADD", "zset", "1", "x"))):
        kind, value = ask(server, *words)
        if not knows(server, words[0]):
            expect(value.startswith(b"ERR unknown command"), "%s was answered %r", words[0], value)
            continue
        expect(kind == "error" and value.startswith(b"WRONGTYPE "), "%s was answered %r", words[0], value)
        ask(server, *other)
        for verb in ("GET", "INCR", "STRLEN", "APPEND"):
            kind, value = ask(server, verb, other[1], *(["x"] if verb == "APPEND" else []))
            expect(kind == "error" and value.startswith(b"WRONGTYPE "), "%s of a %s was answered %r", verb,
                   other[1], value)
    expect(ask(server, "GET", "text") == ("bulk", b"coat"), "the text is not what it was")


def wrong_arity(server):
    """Every command that the server lists, with one argument too few and with some too many. Before
    the sentence stands ERR, but for EXEC, which says EXECABORT."""
    _, rows = ask(server, "COMMAND")
    connection, tried = connect(server), 0
    for _, row in rows:
        name, arity = row[0][1], row[1][1]
        counts = [abs(arity) - 2] if arity < -1 or arity > 1 else []
        if arity > 0:
            counts += [arity, arity + 20]
        for count in counts:
            reply = connection.ask(name, *["1"] * count)
            wanted = b"rong number of arguments for '%s' command" % name.lower()
            expect(reply[0] == "error" and reply[1].endswith(wanted), "%s with %d arguments was answered %r", name.decode(), count,
                   reply[1])
            tried += 1
    connection.close()
    expect(tried > 100, "only %d wrong calls could be tried", tried)


def binary_keys(server):
    every_byte = bytes(range(256))
    connection = connect(server)
    for key in (b"", b"\x00", b"\r\n", b"*3\r\n$3\r\n", every_byte, every_byte * 300, b"\xff" * 70_000):
        for value in (b"", key, b"\x00" * 10, every_byte * 500):
            expect(connection.ask("SET", key, value) == ("status", b"OK"), "SET of %r", key[:20])
            expect(connection.ask("GET", key) == ("bulk", value), "GET of %r", key[:20])
        expect(connection.ask("STRLEN", key)[1] == len(value), "STRLEN of %r", key[:20])
        expect(connection.ask("DEL", key)[1] == 1, "DEL of %r", key[:20])
        expect(connection.ask("EXISTS", key)[1] == 0, "EXISTS of %r", key[:20])
    connection.close()


def many_arguments(server):
    """Two million arguments: done, or refused before they are held in memory."""
    before = rss_bytes(server)
    request = b"*2000000\r\n$3\r\nDEL\r\n" + b"$1\r\nk\r\n" * 1_999_999
    connection = connect(server, 30.0)
    try:
        connection.send(request)
        kind, value = connection.reply()
        served = (kind, value) == ("int", 0)
        expect(served or (kind, value) == ("error", b"ERR Protocol error: invalid multibulk length"),
               "two million arguments were answered %r", value)
    except wire.Closed:
        pass                                # refused, and closed before all had been sent
    connection.close()

    connections = [connect(server) for _ in range(50)]
    for connection in connections:          # a promise alone must not cost memory
        connection.send(b"*1000000\r\n$3\r\nDEL\r\n")
    expect(ask(server, "PING") == ("status", b"PONG"), "the others are not served")
    expect(rss_bytes(server) < before + 300 * MB, "arguments that never came took %d MB",
           (rss_bytes(server) - before) // MB)
    for connection in connections:
        connection.close()


def promised_bulks(server):
    """Five hundred clients that announce half a gigabyte each and send nothing of it."""
    before = rss_bytes(server)
    connections = [connect(server) for _ in range(500)]
    for connection in connections:
        connection.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n" + b"x" * 100)
    expect(ask(server, "PING") == ("status", b"PONG"), "the others are not served")
    grown = rss_bytes(server) - before
    expect(grown < 256 * MB, "promises of bytes took %d MB", grown // MB)
    for connection in connections:
        connection.close()


def garbage(server):
    """Random bytes, and sound requests with a few bytes changed."""
    seed = int.from_bytes(os.urandom(4), "big")
    chance = dice(seed)
    sound = b"*3\r\n$3\r\nSET\r\n$4\r\ncoat\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$4\r\ncoat\r\nSET a 'b c'\r\n" * 3
    for turn in range(600):
        if turn % 2:
            data = bytearray(sound)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.choice((0, 10, 13, 36, 42, 45, 57, 34, chance.randrange(256)))
        else:
            data = bytearray(chance.randbytes(chance.randrange(1, 4000)))
            if chance.random() < 0.5:
                data[0] = chance.choice(b"*$+-:%~>|=\"'")
        connection = connect(server, 2.0)
        try:
            connection.send(bytes(data))
            connection.shut()
            while True:
                connection.receive()
        except (wire.Closed, OSError):
            pass
        except wire.Silent:
            expect(False, "seed %d, turn %d: our half is closed and the server keeps its own open", seed, turn)
        finally:
            connection.close()
        expect(server.alive(), "seed %d, turn %d: the server died of %r", seed, turn, bytes(data[:200]))


CASES = {
    "requests that are refused": refused,
    "requests that look wrong": suffered,
    "wrong types": wrong_types,
    "wrong arity": wrong_arity,
    "binary and empty keys": binary_keys,
    "two million arguments": many_arguments,
    "bulks that never come": promised_bulks,
    "garbage": garbage,
}
