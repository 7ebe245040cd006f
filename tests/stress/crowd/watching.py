"""Monitors that come and go while clients on all workers number their commands: between its beginning and its end each
monitor is shown each command once, those of a client in their order, however they ran: alone, in transactions, after
waiting for a key or for the end of a pause, in slices. Secrets are never shown, and a monitor that does not read is
closed by its limit, with its neighbours none the worse."""

import random
import re
import socket
import time

from common import connect, expect
from stream import Stream, pump

from . import Served
from .pauses import asks, wait_for

CLIENTS, MONITORS, DEAF = 12, 8, 2
UNANSWERED_MOST = 60
PADDING = "." * 150
NUMBER = re.compile(rb"#(\d+):(\d+)#")
PATIENCE_S = 90


class Lines(Stream):
    """Replies of one line each."""

    def __init__(self, server):
        super().__init__(server)
        self.rest, self.lines = b"", []

    def take(self, data):
        lines = (self.rest + data).split(b"\r\n")
        self.rest = lines.pop()
        self.lines += lines


class Client:
    """Command n of client c has the word "#c:n#" in it; what was sent and what is answered is known at every moment."""

    def __init__(self, server, number):
        self.stream, self.number = Lines(server), number
        self.sent = self.answered = 0
        self.under_way = []             # how many commands, and lines of their replies

    def word(self):
        self.sent += 1
        return "#%d:%d#%s" % (self.number, self.sent - 1, PADDING)

    def say(self, numbered, lines, *commands):
        self.under_way.append([numbered, lines])
        self.stream.unsent += b"".join(asks(command) for command in commands)

    def work(self, dice):
        key = "key:%d" % self.number
        for _ in range(dice.randrange(1, 10)):
            drawn = dice.random()
            if drawn < 0.8:
                self.say(1, 1, "SET %s %s" % (key, self.word()))
            elif drawn < 0.86:
                count = dice.randrange(1, 4)
                queue = ["SET %s %s" % (key, self.word()) for _ in range(count)]
                self.say(count, 2 + 2 * count, "MULTI", *queue, "EXEC")
            elif drawn < 0.88:
                self.say(1, 1, "BLPOP nothing:%s 0.01" % self.word())
            elif drawn < 0.91:
                self.say(1, 1, "KEYS %s" % self.word())
            elif drawn < 0.94:
                self.say(1, 1, "GET %s %s" % (self.word(), key))              # too many words: refused, and not shown
                self.under_way[-1][0] = 0
                self.sent -= 1
            else:
                self.say(0, 1, dice.choice(["AUTH joe secret", "HELLO 9 AUTH joe secret", "AUTH no-secret", "AUTH joe no-secret",
                                            "HELLO 2 AUTH joe no-secret"]))

    def read(self):
        lines = self.stream.lines
        expect(not self.stream.closed, "a client was closed")
        while lines and self.under_way:
            numbered, wanted = self.under_way[0]
            if len(lines) < wanted:
                return
            expect(not lines[0].startswith(b"-NOAUTH"), "a client is a stranger")
            del lines[:wanted], self.under_way[0]
            self.answered += numbered


class Monitor:
    def __init__(self, server, clients, dice):
        self.stream, self.clients, self.dice, self.redacted = Lines(server), clients, dice, 0
        self.begin()

    def begin(self):
        self.not_before = [client.answered for client in self.clients]
        self.until, self.next, self.left = None, None, self.dice.randrange(5, 200)
        self.stream.say(asks("MONITOR"))

    def is_watching(self):
        return self.next is not None and self.until is None

    def end(self):
        """By RESET, after which it may begin again, or QUIT."""
        self.until = [client.answered for client in self.clients]
        self.stream.say(asks(self.dice.choice(["RESET", "QUIT"])))

    def turn(self):
        """False: it is over."""
        lines, self.stream.lines = self.stream.lines, []
        for line in lines:
            if line == b"+OK" and self.next is None:
                self.next = [None] * len(self.clients)
                self.not_missing = [client.sent for client in self.clients]
            elif line == b"+RESET" or line == b"+OK":
                self.has_ended()
                if line == b"+OK":
                    return False
                self.begin()
            else:
                self.see(line)
        expect(self.until is None or not self.stream.closed, "a monitor was closed before it was told so")
        expect(not self.stream.closed, "a monitor was closed that reads")
        if self.is_watching():
            self.left -= 1
            if self.left == 0:
                self.end()
        return True

    def see(self, line):
        expect(self.next is not None, "before its OK a monitor was shown %r", line)
        expect(b"secret" not in line, "a monitor was shown %r", line)
        found = NUMBER.search(line)
        if not found:
            self.redacted += b"(redacted)" in line
            return
        client, n = map(int, found.groups())
        if self.next[client] is None:
            expect(self.not_before[client] <= n <= self.not_missing[client],
                   "of client %d a monitor was shown %d first: it began after %d and before %d", client, n,
                   self.not_before[client], self.not_missing[client])
        else:
            expect(n == self.next[client], "of client %d a monitor was shown %d in the place of %d", client, n, self.next[client])
        self.next[client] = n + 1

    def has_ended(self):
        expect(self.until is not None, "a monitor has ended by itself")
        for client, until in enumerate(self.until):
            seen = self.next[client]
            expect(until <= (seen if seen is not None else self.not_missing[client]),
                   "of client %d a monitor was shown no more than %r at its end, and %d were answered", client, seen, until)


def step(clients, monitors):
    pump([client.stream for client in clients] + [monitor.stream for monitor in monitors], 0.005)
    for client in clients:
        client.read()


def figure(boss, name):
    return int(re.search(rb"\r\n%s:(\d+)" % name.encode(), boss.ask("INFO", "stats")[1]).group(1))


def watching(command, options):
    dice = random.Random(options.seed)
    settings = [("client-output-buffer-limit", "pubsub 1mb 0 0"), ("auth-failure-delay", "0")]
    with Served(command, settings) as server:
        boss, other = connect(server, 30.0), connect(server, 30.0)
        boss.ask("ACL", "SETUSER", "joe", "on", ">secret", "allkeys", "allcommands")
        clients = [Client(server, i) for i in range(CLIENTS)]
        monitors, gone = [Monitor(server, clients, dice) for _ in range(MONITORS)], 0
        deaf = [connect(server) for _ in range(DEAF)]
        for one in deaf:
            one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            one.send(asks("MONITOR"))
        begun, limit, more = time.monotonic(), time.monotonic() + PATIENCE_S, True
        while more or any(client.under_way for client in clients):
            expect(time.monotonic() < limit, "%d commands are unanswered", sum(len(client.under_way) for client in clients))
            more = more and (time.monotonic() < begun + 3 or figure(boss, "client_output_buffer_limit_disconnections") < DEAF)
            for client in clients:
                if more and len(client.under_way) < UNANSWERED_MOST:
                    client.work(dice)
            if dice.random() < 0.01:
                other.ask("CLIENT", "PAUSE", "20", dice.choice(["WRITE", "ALL"]))
            step(clients, monitors)
            for i, monitor in enumerate(monitors):
                if not monitor.turn() or dice.random() < 0.002:
                    monitor.stream.close()
                    monitors[i] = Monitor(server, clients, dice)
                    gone += 1
        finish(clients, monitors, limit)
        expect(sum(monitor.redacted for monitor in monitors) > 0, "no monitor was shown a password's place")
        expect(gone > 0 and figure(boss, "client_output_buffer_limit_disconnections") == DEAF, "others were closed than who is deaf")
        for one in monitors + clients:
            one.stream.close()
        wait_for(lambda: b"flags=O" not in boss.ask("CLIENT", "LIST")[1], "no monitor is left", 30.0)


def finish(clients, monitors, limit):
    """All has been answered: a monitor that ends now has been shown all of it."""
    left = monitors
    for monitor in monitors:
        if monitor.is_watching():
            monitor.end()
    while left:
        expect(time.monotonic() < limit, "%d monitors do not end", len(left))
        step(clients, left)
        left = [monitor for monitor in left if monitor.turn() and not monitor.is_watching()]


CASES = {"monitors and numbered commands": watching}
