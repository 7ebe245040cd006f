#!/usr/bin/env python3
"""Every command by its own grammar, from many connections at once, against a sanitizer build.

  tests/stress/grammar.py --server "build/address/coatcheckd --port {port} --threads 2" [--seconds 20] [--seed N]
                          [--clients 16] [--record FILE] [--replay FILE …]

The grammar is what the server tells by COMMAND DOCS (grammar_dice.py). Clients pipeline what was drawn, mixed with MULTI,
subscriptions, MONITOR, RESP3 and restricted users, and end each batch by RESET and a word to be echoed: what comes until then must
be replies. A batch that waits too long is given up with its connection. First the findings are said again: files of
tests/stress/findings, a command a line, which once broke the server.
Passed: the server answered all along, ended with 0, and no sanitizer had anything to say. What was said last, by all, goes to
--record (build/grammar-last.txt) when it did not.
"""

import argparse
import collections
import os
import selectors
import shlex
import signal
import sys
import time
from pathlib import Path

import common
from common import wire
from grammar_dice import Grammar
from sanitize_load import REPORTS

PATIENCE_S = 60.0           # for the server to answer anybody at all
GIVE_UP_S = 3.0             # of one batch
KEPT = 4000
FINDINGS = Path(__file__).parent / "findings"
OPTIONS = [("enable-debug-command", "yes"), ("proto-max-bulk-len", "1mb"), ("client-output-buffer-limit", "normal 64mb 0 0 pubsub 8mb 2mb 5"),
           ("auth-failure-delay", "1")]


class Client:
    """A connection, its batch under way, and what has come of the replies."""

    def __init__(self, server, number, selector):
        self.server, self.number, self.selector, self.tokens = server, number, selector, 0
        self.open()

    def open(self):
        self.connection = common.connect(self.server, PATIENCE_S)
        self.connection.sock.setblocking(False)
        self.out, self.waits_for = b"", None
        self.selector.register(self.connection.sock, selectors.EVENT_READ, self)

    def close(self):
        self.selector.unregister(self.connection.sock)
        self.connection.close()

    def begin(self, commands):
        self.tokens += 1
        self.waits_for = b"token-%d-%d" % (self.number, self.tokens)
        self.since = time.monotonic()
        self.out = b"".join(map(wire.encode, commands)) + wire.encode([b"RESET"]) + wire.encode([b"ECHO", self.waits_for])
        self.push()

    def push(self):
        try:
            while self.out:
                self.out = self.out[self.connection.sock.send(self.out):]
        except BlockingIOError:
            pass
        self.selector.modify(self.connection.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0), self)

    def hear(self):
        """Replies that have come, all but the last half one. True: the batch is done."""
        pending = self.connection.pending
        data = self.connection.sock.recv(1 << 18)
        if not data:
            raise wire.Closed
        pending += data
        at = 0
        try:
            while True:
                end = wire.reply_end(pending, at)
                if pending[at:at + 1] == b"$" and bytes(pending[at:end]).endswith(b"\r\n%s\r\n" % self.waits_for):
                    self.waits_for = None
                    at = end
                    break
                at = end
        except wire.Incomplete:
            pass
        del pending[:at]
        return self.waits_for is None


def play(server, grammar, options, said):
    """Until the time is over. What the clients came to."""
    selector = selectors.DefaultSelector()
    clients = [Client(server, n, selector) for n in range(options.clients)]
    dice, counts = grammar.dice, collections.Counter()
    limit, answered = time.monotonic() + options.seconds, time.monotonic()

    def again(client):
        client.close()
        client.open()

    while time.monotonic() < limit:
        for client in clients:
            if client.waits_for is None:
                commands = batch(grammar)
                said.extend((client.number, words) for words in commands)
                counts["commands"] += len(commands)
                attempt(client.begin, commands) or again(client)
            elif time.monotonic() - client.since > GIVE_UP_S or dice.random() < 0.0005:
                counts["given up"] += 1
                again(client)
        for key, events in selector.select(0.05):
            client = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    client.push()
                if events & selectors.EVENT_READ and client.hear():
                    counts["batches"] += 1
                    answered = time.monotonic()
            except (OSError, wire.Closed):
                counts["closed"] += 1
                if not server.alive():
                    return counts
                again(client)
        common.expect(time.monotonic() - answered < PATIENCE_S, "nobody was answered for %d s", PATIENCE_S)
    for client in clients:
        client.close()
    return counts


def attempt(begin, commands):
    try:
        begin(commands)
        return True
    except OSError:
        return False


def batch(grammar):
    dice = grammar.dice
    commands = [grammar.command() for _ in range(dice.choice((1, 2, 5, 20)))]
    chance = dice.random()
    if chance < 0.15:
        commands = [[b"MULTI"], *commands, [b"EXEC"]]
        if chance < 0.05:
            commands.insert(0, [b"WATCH", grammar.key(None)])
    elif chance < 0.3:
        commands.insert(0, [b"HELLO", b"3"])
    elif chance < 0.4:
        commands.insert(0, [b"AUTH", b"user%d" % dice.randrange(4), b"word"])
    return commands


def replay(server, paths):
    """Each file's commands over one connection; what is answered matters only in that it is."""
    for path in paths:
        for line in Path(path).read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            connection = common.connect(server, PATIENCE_S)
            for words in line.split(" ;; "):
                connection.send(wire.encode([unquoted(word) for word in shlex.split(words)]))
            connection.send(wire.encode([b"RESET"]) + wire.encode([b"ECHO", b"the end"]))
            try:
                while connection.reply() != ("bulk", b"the end"):
                    pass
            except wire.Closed:
                pass
            connection.close()
            common.expect(common.ask(server, "PING")[1] == b"PONG", "%s: the server is not well after: %s", path, line)


def unquoted(word):
    return word.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


def quoted(word):
    return shlex.quote(word.decode("latin-1").encode("unicode_escape").decode())


def write_down(said, path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        for number, words in said:
            file.write("# client %d\n%s\n" % (number, " ".join(map(quoted, words))))


def ended(server):
    if server.alive():
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(60)
        except Exception:
            return "the server did not end within a minute of SIGTERM"
    return "the server ended with %d" % server.process.returncode if server.process.returncode else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--record", default="build/grammar-last.txt")
    parser.add_argument("--replay", nargs="*")
    options = parser.parse_args()
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    common.servers.stop_on_signals()
    said, wrong, counts = collections.deque(maxlen=KEPT), [], {}
    with common.servers.Server(options.server, OPTIONS) as server:
        grammar = Grammar(common.ask(server, "COMMAND", "DOCS"), options.seed)
        try:
            replay(server, sorted(FINDINGS.glob("*.txt")) if options.replay is None else options.replay)
            if options.replay is None:
                counts = play(server, grammar, options, said)
        except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as failure:
            wrong.append("%s: %s" % (type(failure).__name__, failure))
        end = ended(server)
        log = Path(server.log).read_text(errors="replace")
    found = REPORTS.search(log)
    if end:
        wrong.append(end + ("" if found else "; its log ends:\n" + log[-3000:]))
    if found:
        wrong.append("a sanitizer has reported:\n" + log[max(0, found.start() - 200):][:8000])
    never = [name for name, _, _ in grammar.rows if name not in grammar.seen]
    print("seed %d: %s; of %d kinds of command %d were said" % (
        options.seed, ", ".join("%d %s" % (n, what) for what, n in counts.items()) or "findings only", len(grammar.rows),
        len(grammar.rows) - len(never)))
    if wrong:
        write_down(said, options.record)
        print("\n".join(wrong) + "\nwhat was said last is in %s" % options.record)
        return 1
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
