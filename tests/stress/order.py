#!/usr/bin/env python3
"""Replies come whole and in order, at whatever pace clients ask and listen.

  tests/stress/order.py [--server COMMAND] [--seconds 20] [--clients 60] [--seed N]

Each client draws commands on keys of its own, so that every byte of its replies is known beforehand. It
sends them in pieces cut anywhere, from single bytes to all at once, and reads as it likes: at once, a
little at a time, or for a while not at all. Meanwhile others pause everybody, kill, and monitor.
Some clients close their half when they have asked, and must get all that they asked for.
"""

import socket
import sys
import time

import common
from common import connect, expect, wire

ENOUGH = 3 << 20                # bytes of replies that a client may have waiting before it must read


class Asker:
    """Draws commands and knows their replies. sent: bytes to send; due: bytes that must come."""

    def __init__(self, number, dice):
        self.dice, self.number = dice, number
        self.values, self.counter, self.resp, self.silent = {}, 0, 2, False
        self.sent, self.due = bytearray(), bytearray()

    def value(self):
        size = self.dice.choice((0, 1, 20, 200, 3000, 17_000, 65_530, 65_536, 200_000))
        if size > 3000 and self.dice.random() < 0.7:
            size = 30
        return (b"%d-%d " % (self.number, self.dice.randrange(1000)) * (size // 5 + 1))[:size]

    def bulk(self, value):
        if value is None:
            return b"$-1\r\n" if self.resp == 2 else b"_\r\n"
        return b"$%d\r\n%s\r\n" % (len(value), value)

    def say(self, words, reply):
        plain = all(word and not set(word) & set(b" \r\n\"'\\\0\t") and len(word) < 200 for word in words)
        if plain and self.dice.random() < 0.3:
            self.sent += b" ".join(words) + self.dice.choice((b"\r\n", b"\n", b"\r\n\r\n"))
        else:
            self.sent += wire.encode(words)
        if not self.silent:
            self.due += reply

    def draw(self):
        dice = self.dice
        key = b"own:%d:%d" % (self.number, dice.randrange(6))
        what = dice.randrange(20)
        if what < 5:
            self.values[key] = self.value()
            self.say([b"SET", key, self.values[key]], b"+OK\r\n")
        elif what < 10:
            self.say([b"GET", key], self.bulk(self.values.get(key)))
        elif what < 13:
            self.counter += 1
            self.say([b"INCR", b"count:%d" % self.number], b":%d\r\n" % self.counter)
        elif what == 13:
            value = self.value()
            self.say([b"ECHO", value], self.bulk(value))
        elif what == 14:
            keys = [b"own:%d:%d" % (self.number, i) for i in range(6)]
            self.say([b"MGET"] + keys, b"*6\r\n" + b"".join(self.bulk(self.values.get(k)) for k in keys))
        elif what == 15:
            pairs = {b"own:%d:%d" % (self.number, i): self.value() for i in range(dice.randrange(1, 5))}
            self.values.update(pairs)
            self.say([b"MSET"] + [word for pair in pairs.items() for word in pair], b"+OK\r\n")
        elif what == 16:
            self.say([b"DEL", key], b":%d\r\n" % (self.values.pop(key, None) is not None))
        elif what == 17:
            self.say([b"ZZZZZZZZZZ", b"x"], b"-ERR unknown command 'ZZZZZZZZZZ', with args beginning with: 'x' \r\n")
        elif what == 18:
            self.change_replies()
        else:
            self.sent += dice.choice((b"\r\n", b"*0\r\n", b"*-1\r\n", b" \r\n")) * dice.randrange(1, 50)

    def change_replies(self):
        kind = self.dice.randrange(4)
        if kind == 0:
            self.silent = True
            self.say([b"CLIENT", b"REPLY", b"OFF"], b"")
        elif kind == 1 and not self.silent:
            self.sent += wire.encode([b"CLIENT", b"REPLY", b"SKIP"]) + wire.encode([b"GET", b"own:%d:0" % self.number])
        elif kind == 2 and not self.silent:
            self.sent += wire.encode([b"SELECT", b"99"])
            self.due += b"-ERR DB index is out of range\r\n"
        if self.silent and kind != 0:
            self.silent = False
            self.say([b"CLIENT", b"REPLY", b"ON"], b"+OK\r\n")


class Client:
    """One connection at a pace of its own."""
    half_close = True

    def __init__(self, server, number, dice):
        self.asker, self.dice, self.number = Asker(number, dice), dice, number
        self.sock = connect(server).sock
        if dice.random() < 0.5:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        self.sock.setblocking(False)
        self.piece = dice.choice((1, 7, 100, 5000, 1 << 20))
        self.gulp = dice.choice((1, 50, 4096, 1 << 18))
        self.deaf_until, self.received, self.ended, self.shut = 0.0, 0, False, False
        self.last_news = time.monotonic()

    def tick(self, now, over):
        """Sends and reads a little. Raises Failed when something else comes than must."""
        asker, dice = self.asker, self.dice
        while not over and len(asker.sent) < self.piece and len(asker.due) < ENOUGH:
            asker.draw()
        if over and asker.silent:
            asker.silent = False
            asker.say([b"CLIENT", b"REPLY", b"ON"], b"+OK\r\n")
        if over and Client.half_close and not asker.sent and not self.shut and dice.random() < 0.1:
            self.sock.shutdown(socket.SHUT_WR)
            self.shut = True
        try:
            if asker.sent:
                size = len(asker.sent) if over and self.piece > 1 else self.piece
                del asker.sent[:self.sock.send(asker.sent[:dice.randrange(1, size + 1)])]
        except BlockingIOError:
            pass
        if now < self.deaf_until and not over:
            return
        if dice.random() < 0.002:
            self.deaf_until = now + dice.random() * 2
        self.read(now, 1 << 18 if over else self.gulp)

    def read(self, now, most):
        asker = self.asker
        try:
            data = self.sock.recv(most)
        except BlockingIOError:
            if asker.due and not asker.sent:
                expect(now - self.last_news < 30, "client %d waits for %r…", self.number, bytes(asker.due[:80]))
            else:
                self.last_news = now
            return
        self.last_news = now
        expect(data or self.shut, "client %d was closed", self.number)
        if not asker.due.startswith(data):
            at = next((i for i, pair in enumerate(zip(data, asker.due)) if pair[0] != pair[1]), len(asker.due))
            expect(False, "client %d at byte %d was told %r… and not %r…", self.number, self.received + at,
                   data[max(0, at - 40):at + 100], bytes(asker.due[max(0, at - 40):at + 100]))
        self.received += len(data)
        del asker.due[:len(data)]
        if not data:
            expect(not asker.due, "client %d was closed before %r…", self.number, bytes(asker.due[:80]))
            self.ended = True

    def done(self):
        return self.ended or (not self.shut and not self.asker.sent and not self.asker.due)


def trouble(server, dice):
    """A generator: each step does something to everybody."""
    boss, monitor = connect(server, 30.0), None
    while True:
        kind = dice.randrange(4)
        if kind == 0:
            expect(boss.ask("CLIENT", "PAUSE", dice.randrange(1, 120), dice.choice(("ALL", "WRITE")))[1] == b"OK", "PAUSE")
        elif kind == 1 and monitor:
            monitor.close()
            monitor = None
        elif kind == 1:
            monitor = connect(server)
            monitor.send(b"MONITOR\r\n")
        elif kind == 2:
            victim = connect(server)
            number = victim.ask("CLIENT", "ID")[1]
            victim.send(wire.encode([b"GET", b"own:0:1"]) * 2000)
            expect(boss.ask("CLIENT", "KILL", "ID", number)[0] == "int", "KILL")
            victim.close()
        else:
            expect(boss.ask("CLIENT", "LIST")[0] == "bulk", "CLIENT LIST")
        if monitor:
            monitor.sock.setblocking(False)
            try:
                while monitor.sock.recv(1 << 20):
                    pass
            except BlockingIOError:
                pass
        yield


def play(server, options):
    dice = common.dice(options.seed)
    clients = [Client(server, number, common.dice(options.seed * 1000 + number)) for number in range(options.clients)]
    steps, next_step = trouble(server, dice), 0.0
    begun, over = time.monotonic(), False
    while True:
        now = time.monotonic()
        if not over and now - begun > options.seconds:
            # Who closes his half while a pause keeps his commands waiting is not answered any more.
            expect(connect(server).ask("CLIENT", "UNPAUSE")[1] == b"OK", "UNPAUSE")
            over = True
        left = [client for client in clients if not client.ended and not (over and client.done())]
        if over and not left:
            break
        if now > next_step and not over:
            next(steps)
            next_step = now + 0.2
        for client in left:
            client.tick(now, over)
    received = sum(client.received for client in clients)
    return "%d MB of replies to %d clients, each in its place" % (received >> 20, len(clients))


def main():
    parser = common.new_parser(__doc__, " --threads 4")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--whole", action="store_true", help="nobody closes a half: redis-server answers no more then")
    options = parser.parse_args()
    Client.half_close = not options.whole
    return common.try_server(options, play)


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
