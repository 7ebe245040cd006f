"""The same bytes to two servers, and what each of them answers."""

import select
import time

from runner import wire

BULK, ONE_LINE = ord("$"), frozenset(b"+-:_")
SIDES = ("left", "right")


class Lost(Exception):
    """A server closed a connection or stopped answering. side says which, got what had come before."""

    def __init__(self, pair, side, why):
        super().__init__("%s: %s" % (SIDES[side], why))
        self.pair, self.side, self.why = pair, side, why


class Pair:
    """One client of both servers."""

    def __init__(self, targets, name):
        self.name = name
        self.socks = [wire.open_socket(target) for target in targets]
        for sock in self.socks:
            sock.setblocking(False)
        self.marks = 0
        self.out = [b"", b""]
        self.got = [bytearray(), bytearray()]
        self.mark = b""

    def close(self):
        for sock in self.socks:
            sock.close()

    def say(self, payload):
        """Queues the commands, and an ECHO behind them whose reply marks the end of theirs."""
        self.marks += 1
        word = b"end of %s %d" % (self.name.encode(), self.marks)
        self.mark = b"$%d\r\n%b\r\n" % (len(word), word)
        whole = payload + wire.encode([b"ECHO", word])
        self.out = [whole, whole]
        self.got = [bytearray(), bytearray()]

    def push(self, side, limit=None):
        """Sends what the socket takes; True when nothing is left."""
        data = self.out[side]
        if not data:
            return True
        try:
            sent = self.socks[side].send(data[:limit] if limit else data)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            raise Lost(self, side, "closed the connection") from None
        self.out[side] = data[sent:]
        return not self.out[side]

    def pull(self, side):
        try:
            data = self.socks[side].recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise Lost(self, side, "closed the connection")
        self.got[side] += data

    def complete(self, side):
        return not self.out[side] and self.got[side].endswith(self.mark)

    def answers(self):
        """What both answered, without the mark."""
        return [bytes(got[:-len(self.mark)]) for got in self.got]


def collect(pairs, timeout_s=60.0):
    """Sends and receives until every pair has both its answers."""
    poll = select.poll()
    owing = {}
    for pair in pairs:
        for side in (0, 1):
            sock = pair.socks[side]
            if not pair.complete(side):
                owing[sock.fileno()] = (pair, side)
                poll.register(sock, select.POLLIN | (select.POLLOUT if pair.out[side] else 0))
    limit = time.monotonic() + timeout_s
    while owing:
        events = poll.poll(1000)
        if not events and time.monotonic() > limit:
            pair, side = next(iter(owing.values()))
            raise Lost(pair, side, "gave no answer for %g s" % timeout_s)
        for fd, event in events:
            pair, side = owing[fd]
            if event & select.POLLOUT and pair.push(side):
                poll.modify(fd, select.POLLIN)
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                pair.pull(side)
                if pair.complete(side):
                    poll.unregister(fd)
                    del owing[fd]


def start(pairs):
    """Sends as much as goes without waiting, so that the servers work while the next batch is drawn."""
    for pair in pairs:
        for side in (0, 1):
            pair.push(side)


def exchange(pair, payload):
    """One batch on one pair; both answers."""
    pair.say(payload)
    collect([pair])
    return pair.answers()


def split(data):
    """The replies in a run of bytes, each as bytes. Written for speed: most replies are one line or one string."""
    replies, at, size, find = [], 0, len(data), data.find
    while at < size:
        sigil = data[at]
        if sigil == BULK:
            end = find(b"\r\n", at) + 2
            length = int(data[at + 1:end - 2])
            if length >= 0:
                end += length + 2
        elif sigil in ONE_LINE:
            end = find(b"\r\n", at) + 2
        else:
            end = wire.reply_end(data, at)
        replies.append(data[at:end])
        at = end
    return replies


def answers_of(data):
    """As split(), with what a client is told of its own command behind the reply to that, in any order."""
    replies, pushed = [], []
    for reply in split(data):
        if reply[:1] == b">" and replies:
            pushed.append(reply)
            continue
        if pushed:
            replies[-1] += b"".join(sorted(pushed))
            pushed = []
        replies.append(reply)
    if pushed:
        replies[-1] += b"".join(sorted(pushed))
    return replies


def raw_exchange(target, pieces, timeout_s=5.0):
    """Raw bytes on a connection of their own, then no more: everything that comes until the server closes."""
    conn = wire.Connection(target, timeout_s)
    try:
        for piece in pieces:
            conn.send(piece)
            if len(pieces) > 1:
                time.sleep(0.001)
        conn.shut()
        while True:
            conn.receive()
    except wire.Closed:
        return bytes(conn.pending)
    except wire.Silent:
        return bytes(conn.pending) + b"<left open>"
    finally:
        conn.close()
