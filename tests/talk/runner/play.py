"""Playing talks to a server and noting what came back."""

import time

from . import notation, wire

LEAVING_S = 5.0
REPLY_TIMEOUT_S = 5.0
BETWEEN_TRIES_S = 0.02
BETWEEN_PAGES = 100         # commands of another connection between two pages of an iteration
AT_ONCE = 500               # of a command said many times, how many go out before their replies are read


class Failure:
    def __init__(self, talk, step, why):
        self.talk, self.step, self.why = talk, step, why

    def __str__(self):
        said = self.step.asked.source if self.step.asked else self.step.source
        return '%s:%d: in "%s"\n    said:     %s\n%s' % (
            self.talk.path, self.step.line, self.talk.title, said, self.why)


class Tally:
    """What a run found."""

    def __init__(self):
        self.passed = self.failed = 0
        self.failures = []
        self.not_run = []           # (talk, why)
        self.filled = {}            # (path, line) -> reply as text, where a reply was written as ?

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.failures += other.failures
        self.not_run += other.not_run
        self.filled.update(other.filled)


def clip(text, limit=600):
    return text if len(text) <= limit else "%s ... (%d characters)" % (text[:limit], len(text))


def mismatch(expected, got):
    return "    expected: %s\n    got:      %s" % (clip(expected), clip(got))


class Abandoned(Exception):
    """The talk cannot go on: a reply that did not come leaves the later ones without meaning."""


class Player:
    """Plays talks over one kind of connection to one server. server is "coatcheck" or "redis"."""

    def __init__(self, target, server, tally, variables=None, password=None):
        self.target, self.server = target, server
        self.fixed = dict(variables or {})
        self.password = password
        self.timeout_s = REPLY_TIMEOUT_S
        self.tally = tally
        self.control = self.control_open()
        self.known = {}             # command -> whether the server has it
        self.has_company = False    # others than ours are connected, and stay

    def control_open(self):
        """The player's own connection, which empties the server before each talk."""
        control = wire.Connection(self.target)
        if self.password and control.ask("AUTH", self.password)[0] == "error":
            raise wire.ProtocolError(b"the password was refused")
        return control

    def close(self):
        self.control.close()

    def must_ok(self, *words):
        reply = self.control.ask(*words)
        if reply != ("status", b"OK"):
            raise wire.ProtocolError(("%s answered %s" % (" ".join(words), notation.show(reply))).encode())

    def empty(self):
        """FLUSHALL; over a new connection when a talk had this one killed."""
        try:
            self.must_ok("FLUSHALL")
        except wire.Closed:
            self.control.close()
            self.control = self.control_open()
            self.must_ok("FLUSHALL")
        self.wait_until_alone()

    def wait_until_alone(self):
        """The server has seen that the connections of the talk before are closed: what they listened to is gone with them."""
        limit = time.monotonic() + LEAVING_S
        while not self.has_company:
            kind, lines = self.control.ask("CLIENT", "LIST")
            if kind != "bulk" or lines.count(b"\n") <= 1:
                return
            self.has_company = time.monotonic() > limit
            time.sleep(0.002)

    def knows(self, name):
        """Whether the server has the command. Asked once."""
        if name not in self.known:
            kind, value = self.control.ask("COMMAND", "INFO", name)
            self.known[name] = kind == "array" and value[0][0] == "array"
        return self.known[name]

    def play(self, talk):
        if talk.only and talk.only != self.server:
            return
        if talk.tcp_only and self.target[0] != "tcp":
            self.tally.not_run.append((talk, "needs TCP"))
            return
        if talk.plain_only and self.target[0] == "tls":
            self.tally.not_run.append((talk, "needs plain text"))
            return
        self.empty()
        unknown = [name for name in talk.commands if not self.knows(name)]
        if unknown:
            self.tally.not_run.append((talk, "needs the command %s" % " ".join(unknown)))
            return
        self.talk, self.conns = talk, {}
        self.variables = {"now": lambda: int(time.time()), "now_ms": lambda: int(time.time() * 1000)}
        self.variables.update(self.fixed)
        checks_before = self.tally.passed + self.tally.failed
        try:
            for step in talk.steps:
                self.step(step)
            self.look_for_more()
        except Abandoned:
            done = self.tally.passed + self.tally.failed - checks_before
            self.tally.failed += talk.checks(self.server) - done
        finally:
            for conn in self.conns.values():
                conn.close()

    def step(self, step):
        if step.verb == "wait":
            time.sleep(step.seconds)
            return
        if step.verb == "refused":
            self.refused(step)
            return
        handler = {">": self.send, ">>": self.send, "|": self.send, "all>": self.open_only, "open": self.open_only,
                   "<": self.reply, "<<": self.raw_reply, "closed": self.closed, "shut": self.shut,
                   "quiet": self.quiet}[step.verb]
        try:
            handler(step, self.connection(step.conn))
        except notation.NotationError as wrong:
            self.abandon(step, "    %s" % wrong)
        except wire.Closed:
            self.abandon(step, mismatch(self.wanted(step), "the server closed the connection"))
        except wire.Silent:
            self.abandon(step, mismatch(self.wanted(step), "no reply in %g s" % self.timeout_s))
        except wire.ProtocolError as wrong:
            self.abandon(step, mismatch(self.wanted(step), "bytes that are no reply: %r" % wrong.args[0]))

    def connection(self, name):
        if name not in self.conns:
            self.conns[name] = wire.Connection(self.target, self.timeout_s)
        return self.conns[name]

    def for_server(self, step):
        return step.redis if self.server == "redis" and step.redis else step

    def wanted(self, step):
        return self.for_server(step).expected_text or step.source

    def passed(self):
        self.tally.passed += 1

    def failed(self, step, why):
        self.tally.failed += 1
        self.tally.failures.append(Failure(self.talk, step, why))

    def abandon(self, step, why):
        self.failed(step, why)
        raise Abandoned

    # -- what is said

    def bytes_of(self, step):
        if step.words is not None:
            return wire.encode([notation.fill_in(word, self.variables) for word in step.words])
        return notation.fill_in(step.data, self.variables)

    def send(self, step, conn):
        if step.times == 1:
            conn.send(self.bytes_of(step))

    def open_only(self, step, conn):
        pass

    def shut(self, step, conn):
        conn.shut()

    # -- what is expected

    def reply(self, step, conn):
        want = self.for_server(step)
        if step.asked.verb == "all>":
            return self.check(step, want, self.iterate(step.asked, conn))
        if step.asked.times > 1:
            return self.replies(step, want, conn)
        if want.expected is None:
            self.tally.filled[(self.talk.path, step.line)] = notation.show(conn.reply())
            return self.passed()
        if want.expected.how == "nothing":
            return self.passed()
        reply = conn.reply()
        limit = time.monotonic() + step.within_s
        while step.within_s and not notation.matches(want.expected, reply, self.variables) \
                and time.monotonic() < limit:
            time.sleep(BETWEEN_TRIES_S)
            conn.send(self.bytes_of(step.asked))
            reply = conn.reply()
        self.check(step, want, reply)

    def check(self, step, want, reply):
        if want.expected is None:
            self.tally.filled[(self.talk.path, step.line)] = notation.show(reply)
            self.passed()
        elif notation.matches(want.expected, reply, self.variables):
            self.passed()
        else:
            self.failed(step, mismatch(want.expected_text, notation.show(reply)))

    def replies(self, step, want, conn):
        """The replies to a command that is said many times; ${i} counts from 1."""
        for first in range(1, step.times + 1, AT_ONCE):
            turn = range(first, min(first + AT_ONCE, step.times + 1))
            block = []
            for self.variables["i"] in turn:
                block.append(self.bytes_of(step.asked))
            conn.send(b"".join(block))
            for self.variables["i"] in turn:
                reply = conn.reply()
                if not notation.matches(want.expected, reply, self.variables):
                    self.abandon(step, mismatch(want.expected_text, "%s, the %d. time" % (
                        notation.show(reply), self.variables["i"])))
        self.passed()

    def iterate(self, asked, conn):
        """A SCAN from cursor 0 back to 0: the distinct elements, or field and value pairs, as one array."""
        words = [notation.fill_in(word, self.variables) for word in asked.words]
        name = words[0].upper()
        at, width = (1, 1) if name == b"SCAN" else (2, 1 if name == b"SSCAN" else 2)
        found, self.variables["i"] = {}, 0
        while True:
            conn.send(wire.encode(words))
            kind, value = conn.reply()
            if kind != "array" or len(value) != 2 or value[1][0] != "array":
                return (kind, value)
            items = value[1][1]
            for first in range(0, len(items), width):
                found[tuple(items[first:first + width])] = True
            words[at] = value[0][1]
            if words[at] == b"0":
                return ("array", [item for items in sorted(found) for item in items])
            if asked.meanwhile:
                self.meanwhile(*asked.meanwhile)

    def meanwhile(self, name, words):
        """What another connection does between two pages of an iteration; ${i} counts on."""
        other = self.connection(name)
        for _ in range(BETWEEN_PAGES):
            self.variables["i"] += 1
            other.send(wire.encode([notation.fill_in(word, self.variables) for word in words]))
        for _ in range(BETWEEN_PAGES):
            other.reply()

    def raw_reply(self, step, conn):
        want = self.for_server(step)
        wanted = notation.fill_in(want.data, self.variables)
        got = conn.raw(len(wanted))
        if got == wanted:
            self.passed()
        else:
            self.abandon(step, mismatch(notation.quote(wanted), notation.quote(got)))

    def closed(self, step, conn):
        try:
            if not conn.pending:
                conn.receive()
        except wire.Closed:
            return self.passed()
        except wire.Silent:
            self.abandon(step, mismatch("the connection closed", "it is open, and nothing came"))
        self.failed(step, mismatch("the connection closed", notation.quote(bytes(conn.pending[:200]))))

    def quiet(self, step, conn):
        if not conn.pending:
            try:
                conn.receive(step.seconds)
            except wire.Silent:
                return self.passed()
        self.failed(step, mismatch("no reply", notation.quote(bytes(conn.pending[:200]))))

    def refused(self, step):
        """Nobody listens any more; a server that is ending has a moment to do so."""
        limit = time.monotonic() + self.timeout_s
        while time.monotonic() < limit:
            try:
                wire.Connection(self.target).close()
            except OSError:
                return self.passed()
            time.sleep(BETWEEN_TRIES_S)
        self.failed(step, mismatch("no connection", "the server accepted one"))

    def look_for_more(self):
        """A reply that no line of the talk expects is a failure of the talk's last step."""
        try:
            self.control.ask("PING")
        except wire.Closed:
            pass                    # the talk was about killing clients, or the server
        for name, conn in self.conns.items():
            try:
                if not conn.pending:
                    conn.receive(0)
            except (wire.Silent, wire.Closed):
                continue
            last = [step for step in self.talk.steps if step.conn == name][-1]
            self.failed(last, mismatch("nothing more on %s" % name, notation.quote(bytes(conn.pending[:200]))))
