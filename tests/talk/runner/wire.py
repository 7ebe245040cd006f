"""The Redis protocol, seen from the client.

A reply is a pair (kind, value). The kinds are the wire's own types:
  status error bulk verbatim double big blob-error   value is bytes, as they stood on the wire
  int                                                value is an int
  bool                                               value is True or False
  nil nil-array null                                 value is None: $-1, *-1 and RESP3's _
  array set push                                     value is a list of replies
  map attribute                                      value is a list of pairs of replies
"""

import socket

from . import tls

LINE_KINDS = {b"+": "status", b"-": "error", b",": "double", b"(": "big"}
BLOB_KINDS = {b"$": "bulk", b"=": "verbatim", b"!": "blob-error"}
LIST_KINDS = {b"*": "array", b"~": "set", b">": "push"}
PAIR_KINDS = {b"%": "map", b"|": "attribute"}


class ProtocolError(Exception):
    """The server sent bytes that are no reply."""


class Closed(Exception):
    """The server closed the connection."""


class Silent(Exception):
    """No reply came in time."""


class Incomplete(Exception):
    """The bytes at hand end before the reply does."""


def encode(args):
    """One request as an array of bulk strings, the way client libraries send it."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        parts.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(parts)


def reply_end(data, at):
    """Where the reply that begins at `at` ends; raises Incomplete. Walks, never recurses."""
    owed = 1
    while owed:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            raise Incomplete
        sigil = data[at:at + 1]
        if sigil in b"+-:,(_#":
            at = line_end + 2
            owed -= 1
            continue
        try:
            count = int(data[at + 1:line_end])
        except ValueError:
            raise ProtocolError(bytes(data[at:line_end + 2])) from None
        at = line_end + 2
        owed -= 1
        if sigil in b"$=!":
            if count >= 0:
                at += count + 2
        elif sigil in b"*~>":
            owed += max(count, 0)
        elif sigil == b"%":
            owed += 2 * count
        elif sigil == b"|":
            owed += 2 * count + 1       # the reply that the attributes belong to follows them
        else:
            raise ProtocolError(bytes(data[at - 32 if at > 32 else 0:at]))
        if at > len(data):
            raise Incomplete
    return at


def parse(data, at=0):
    """(reply, where the next one begins); raises Incomplete when the reply is not all there."""
    line_end = data.find(b"\r\n", at)
    if line_end < 0:
        raise Incomplete
    sigil = bytes(data[at:at + 1])
    word = bytes(data[at + 1:line_end])
    at = line_end + 2
    if sigil in LINE_KINDS:
        return (LINE_KINDS[sigil], word), at
    if sigil == b":":
        return ("int", int(word)), at
    if sigil == b"_" and not word:
        return ("null", None), at
    if sigil == b"#" and word in (b"t", b"f"):
        return ("bool", word == b"t"), at
    if sigil in BLOB_KINDS:
        size = int(word)
        if size < 0:
            return ("nil", None), at
        if at + size + 2 > len(data):
            raise Incomplete
        if data[at + size:at + size + 2] != b"\r\n":
            raise ProtocolError(b"no line end after " + sigil + word)
        return (BLOB_KINDS[sigil], bytes(data[at:at + size])), at + size + 2
    if sigil in LIST_KINDS:
        count = int(word)
        if count < 0:
            return ("nil-array", None), at
        items = []
        for _ in range(count):
            item, at = parse(data, at)
            items.append(item)
        return (LIST_KINDS[sigil], items), at
    if sigil in PAIR_KINDS:
        pairs = []
        for _ in range(int(word)):
            key, at = parse(data, at)
            value, at = parse(data, at)
            pairs.append((key, value))
        return (PAIR_KINDS[sigil], pairs), at
    raise ProtocolError(sigil + word)


def open_socket(target):
    """A connected socket; target is ("tcp", host, port), ("tls", host, port) or ("unix", path)."""
    if target[0] == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(target[1])
        return sock
    if target[0] == "tls":
        return tls.Socket((target[1], target[2]))
    sock = socket.create_connection((target[1], target[2]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Connection:
    """One client of a server, blocking, with a deadline on each reply."""

    def __init__(self, target, timeout_s=5.0):
        self.timeout_s = timeout_s
        self.sock = open_socket(target)
        self.sock.settimeout(timeout_s)
        self.pending = bytearray()      # received, not yet taken as a reply

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def shut(self):
        """No more requests will follow; replies can still be read."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def receive(self, timeout_s=None):
        """Waits for more bytes."""
        self.sock.settimeout(self.timeout_s if timeout_s is None else timeout_s)
        try:
            data = self.sock.recv(1 << 18)
        except (TimeoutError, BlockingIOError):
            raise Silent from None
        except ConnectionResetError:
            raise Closed from None
        if not data:
            raise Closed
        self.pending += data

    def reply(self):
        """The next reply; raises Silent, Closed or ProtocolError."""
        while True:
            try:
                reply, end = parse(self.pending)
            except Incomplete:
                self.receive()
                continue
            except ValueError as wrong:
                raise ProtocolError(bytes(self.pending[:64])) from wrong
            del self.pending[:end]
            return reply

    def raw(self, size):
        """The next `size` bytes as they came; fewer when the server closed or went silent."""
        try:
            while len(self.pending) < size:
                self.receive()
        except (Silent, Closed):
            pass
        data = bytes(self.pending[:size])
        del self.pending[:size]
        return data

    def ask(self, *words):
        """Sends one command and waits for its reply."""
        self.send(encode([w if isinstance(w, bytes) else str(w).encode() for w in words]))
        return self.reply()
