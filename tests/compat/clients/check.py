"""What every check leans on: running a client with a deadline, and saying what was expected."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from runner import wire

HERE = Path(__file__).resolve().parents[1]
BUILD = HERE.parents[1] / "build" / "compat"

PACKAGES = {"redis-cli": "redis-tools", "redis-benchmark": "redis-tools", "node": "nodejs", "npm": "npm",
            "prometheus-redis-exporter": "prometheus-redis-exporter", "cc": "gcc", "php": "php-cli", "ruby": "ruby-redis",
            "stunnel4": "stunnel4"}


class Failed(Exception):
    """The client did not get what it should have; the message says what."""


def program(name):
    path = shutil.which(name)
    if not path:
        raise Failed("%s is not installed (Debian: %s)" % (name, PACKAGES[name]))
    return path


def tail(text, lines=15):
    return "\n".join(text.strip().splitlines()[-lines:])


def run(words, timeout_s=30.0, feed=None, cwd=None, env=None, may_fail=False):
    """Runs a client to its end and returns what it printed, both streams; Failed if it takes too long
    or does not end with 0."""
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, cwd=cwd,
                               stderr=subprocess.STDOUT, stdin=subprocess.PIPE, start_new_session=True,
                               env={**os.environ, **(env or {})})
    try:
        out, _ = process.communicate(feed, timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        raise Failed("%s was not done after %g s; it had said:\n%s" % (
            words[0], timeout_s, tail(out.decode("utf-8", "replace")))) from None
    text = out.decode("utf-8", "replace")
    if process.returncode and not may_fail:
        raise Failed("%s ended with %d:\n%s" % (" ".join(map(str, words)), process.returncode, tail(text)))
    return text


def expect(pattern, text, what):
    """The match of a regular expression that must be found."""
    found = re.search(pattern, text, re.M)
    if not found:
        raise Failed("%s: expected /%s/ in:\n%s" % (what, pattern, tail(text)))
    return found


def expect_equal(wanted, got, what):
    if wanted != got:
        raise Failed("%s: expected %r, got %r" % (what, wanted, got))


class Check:
    """One client's look at one fresh server."""

    def __init__(self, server):
        self.server = server
        self.port = str(server.port)
        self.socket = server.socket

    def ask(self, *words):
        """What the server itself says, over a plain connection: the value of the reply."""
        connection = wire.Connection(self.server.tcp, 10.0)
        try:
            kind, value = connection.ask(*words)
        finally:
            connection.close()
        if kind in ("error", "blob-error"):
            raise Failed("%s: %s" % (" ".join(map(str, words)), value.decode("utf-8", "replace")))
        return value

    def fill(self, keys, prefix="key:"):
        """Stores keys 0 .. keys-1, each with a value that grows with its number."""
        connection = wire.Connection(self.server.tcp, 10.0)
        for first in range(0, keys, 1000):
            numbers = range(first, min(keys, first + 1000))
            connection.send(b"".join(wire.encode([b"SET", b"%s%d" % (prefix.encode(), n), b"v" * (n % 100 + 1)])
                                     for n in numbers))
            for _ in numbers:
                expect_equal(("status", b"OK"), connection.reply(), "SET")
        connection.close()


class Terminal:
    """A client at a terminal of its own, as a person would have it."""

    def __init__(self, words, env=None):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **(env or {})})
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            try:
                os.execvp(words[0], words)
            finally:
                os._exit(127)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, pattern, timeout_s=5.0):
        """Reads until the pattern has been printed; what came before it is gone afterwards."""
        limit = time.monotonic() + timeout_s
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if not self.read(limit - time.monotonic()):
                raise Failed("expected /%s/ at the terminal, where stands:\n%s" % (pattern, tail(self.seen)))

    def read(self, timeout_s):
        ready, _, _ = select.select([self.fd], [], [], max(0.0, timeout_s))
        try:
            data = os.read(self.fd, 65536) if ready else b""
        except OSError:                     # Linux says EIO once the other side is closed
            data = b""
        self.seen = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", self.seen + data.decode("utf-8", "replace"))
        return bool(data)

    def close(self):
        """Ends the client; returns its exit status, or None if it had to be killed."""
        limit = time.monotonic() + 3
        status = None
        while time.monotonic() < limit:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            self.read(0.05)
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            status = None
        os.close(self.fd)
        return status if status is None else os.waitstatus_to_exitcode(status)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
