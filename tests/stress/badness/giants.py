"""Keys and values at the limit of 512 MB. They need some gigabytes of memory for a moment."""

import contextlib
import hashlib
import socket

from common import ask, connect, expect, wire

LIMIT = 512 << 20
NEEDED_BYTES = 6 << 30
TOO_LONG = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"


def send_giant(connection, head, giant, rest=b""):
    connection.sock.settimeout(120)
    connection.sock.sendall(head + b"$%d\r\n" % len(giant))
    connection.sock.sendall(giant)
    connection.sock.sendall(b"\r\n" + rest)


def digest_reply(connection):
    """Reads one bulk reply without holding it: its length and digest."""
    connection.sock.settimeout(120)
    file = connection.sock.makefile("rb")
    head = file.readline()
    expect(head.startswith(b"$"), "a giant was answered %r", head)
    left = size = int(head[1:])
    digest = hashlib.blake2b()
    while left > 0:
        data = file.read(min(left, 1 << 20))
        expect(data, "the server closed in the middle of a giant")
        digest.update(data)
        left -= len(data)
    expect(file.read(2) == b"\r\n", "no line end after a giant")
    return size, digest.hexdigest()


@contextlib.contextmanager
def no_output_limit(server):
    """A giant reply is more than the limit that the other cases need."""
    name = "client-output-buffer-limit"
    _, (_, (_, before)) = ask(server, "CONFIG", "GET", name)
    expect(ask(server, "CONFIG", "SET", name, "normal 0 0 0") == ("status", b"OK"), "CONFIG SET %s", name)
    try:
        yield
    finally:
        ask(server, "CONFIG", "SET", name, before)


def value(server):
    """A value of 512 MB is served whole; not a byte can be added."""
    giant = bytes(range(251)) * (LIMIT // 251) + b"." * (LIMIT % 251)
    connection = connect(server, 120)
    send_giant(connection, b"*3\r\n$3\r\nSET\r\n$5\r\ngiant\r\n", giant)
    expect(connection.reply() == ("status", b"OK"), "SET of 512 MB")
    connection.close()
    expect(ask(server, "STRLEN", "giant") == ("int", LIMIT), "STRLEN of 512 MB")
    expect(ask(server, "GETRANGE", "giant", "-3", "-1") == ("bulk", giant[-3:]), "GETRANGE of 512 MB")
    expect(ask(server, "APPEND", "giant", "x") == ("error", TOO_LONG), "APPEND to 512 MB")
    expect(ask(server, "SETRANGE", "giant", str(LIMIT), "x") == ("error", TOO_LONG), "SETRANGE beyond 512 MB")
    expect(ask(server, "SETRANGE", "giant", str(LIMIT - 1), "Z") == ("int", LIMIT), "SETRANGE at the end")
    with no_output_limit(server):
        connection = connect(server, 120)
        connection.send(wire.encode([b"GET", b"giant"]))
        expect(digest_reply(connection) == (LIMIT, hashlib.blake2b(giant[:-1] + b"Z").hexdigest()),
               "GET of 512 MB gives other bytes back")
        connection.close()
    expect(ask(server, "DEL", "giant") == ("int", 1), "DEL of 512 MB")


def key(server):
    """A key of 512 MB is one like any other."""
    giant = b"k" * LIMIT
    connection = connect(server, 120)
    send_giant(connection, b"*3\r\n$3\r\nSET\r\n", giant, b"$5\r\nvalue\r\n")
    expect(connection.reply() == ("status", b"OK"), "SET of a key of 512 MB")
    send_giant(connection, b"*2\r\n$3\r\nGET\r\n", giant)
    expect(connection.reply() == ("bulk", b"value"), "GET of a key of 512 MB")
    expect(ask(server, "DBSIZE")[1] >= 1, "DBSIZE with a key of 512 MB")
    send_giant(connection, b"*2\r\n$3\r\nDEL\r\n", giant)
    expect(connection.reply() == ("int", 1), "DEL of a key of 512 MB")
    connection.close()


def left_alone(server):
    """Half a giant, and the client is gone."""
    connection = connect(server, 120)
    connection.sock.sendall(b"*3\r\n$3\r\nSET\r\n$10\r\nhalf-giant\r\n$%d\r\n" % LIMIT + b"x" * (LIMIT // 2))
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    expect(ask(server, "EXISTS", "half-giant") == ("int", 0), "half a giant is there")


CASES = {
    "a value of 512 MB": value,
    "a key of 512 MB": key,
    "half a value of 512 MB": left_alone,
}
