"""The servers that are compared: how each is started, filled and looked into."""

import concurrent.futures
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import tools
from .turns import Turns

sys.path.insert(0, str(tools.HOME / "tests" / "talk"))
from runner import servers, tls, wire  # noqa: E402

COATCHECK = "%s --port {port} --bind 127.0.0.1 --threads {threads} --dir {dir} --maxclients 20000"
REDIS = ("redis-server --port {port} --bind 127.0.0.1 --dir {dir} --save '' --appendonly no "
         "--daemonize no --maxclients 20000")


class NotStarted(Exception):
    """A contestant cannot take part; the message says why."""


class Contestant:
    """A name and a way to get a server: a command with {port}, {dir} and {threads}, or HOST:PORT."""

    def __init__(self, name, command=None, address=None, version=None):
        self.name, self.command, self.address = name, command, address
        self.version = version or "at %s:%d" % address if address else version or command

    def start(self, threads=1, pinned=True, watched=False):
        return Foreign(self) if self.address else Local(self, threads, pinned, watched)


def coatcheck(program, flags=""):
    if not Path(program).is_file():
        raise NotStarted("%s is not there: build it, or choose others with --only" % program)
    return Contestant("coatcheck", COATCHECK % shlex.quote(str(program)) + " " + flags,
                      version=tools.first_line(str(program), "--version"))


def redis():
    version = tools.first_line("redis-server", "--version")
    if version == "not there":
        raise NotStarted("redis-server is not installed (Debian: redis-server)")
    return Contestant("redis", REDIS, version=version)


def peer(text):
    """NAME=HOST:PORT or NAME=COMMAND."""
    name, separator, what = text.partition("=")
    if not separator or not name or not what:
        raise NotStarted("--peer %s: NAME=HOST:PORT or NAME='command {port}' is wanted" % text)
    address = re.fullmatch(r"([\w.\-]+):(\d+)", what)
    if address:
        return Contestant(name, address=(address.group(1), int(address.group(2))))
    if "{port}" not in what:
        raise NotStarted("--peer %s: the command must say where {port} goes" % name)
    return Contestant(name, what)


class Running:
    """What every contestant can be asked while it runs. pid is None when it is out of sight."""

    turns = None

    def connect(self, timeout_s=60.0):
        return wire.Connection(("tcp", self.host, self.port), timeout_s)

    def ask(self, *words, timeout_s=60.0):
        """One command over a connection of its own; the value of its reply."""
        connection = self.connect(timeout_s)
        try:
            kind, value = connection.ask(*words)
        finally:
            connection.close()
        if kind == "error":
            raise tools.LoadError("%s, asked %s: %s" % (self.name, " ".join(map(str, words)),
                                                       value.decode("utf-8", "replace")))
        return value

    def knows(self, command):
        """Whether it has the command at all."""
        try:
            value = self.ask("COMMAND", "INFO", command)
        except tools.LoadError:
            return False
        return bool(value) and value[0][1] is not None

    def info(self, name, section="all"):
        """A field of INFO, or None; a peer need not have INFO at all."""
        try:
            text = self.ask("INFO", section).decode("utf-8", "replace")
        except tools.LoadError:
            return None
        found = re.search(r"^%s:(.*?)\r?$" % re.escape(name), text, re.M)
        return found.group(1) if found else None

    def status_bytes(self, file, field):
        found = re.search(r"^%s:\s*(\d+) kB" % field, Path("/proc/%d/%s" % (self.pid, file)).read_text(),
                          re.M)
        return int(found.group(1)) * 1024

    def stop_for_now(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def go_first(self):
        """Who serves goes before all that is not in real time: the first thread, and the workers where there are any."""
        for thread in Path("/proc/%d/task" % self.pid).iterdir():
            if int(thread.name) == self.pid or (thread / "comm").read_text().startswith("worker"):
                tools.go_first(int(thread.name))

    def cpu_seconds(self):
        """Processor time of all its threads so far; Linux makes a clock of ~pid << 3 | 2."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def rss_bytes(self):
        return self.status_bytes("status", "VmRSS")

    def private_bytes(self):
        """Pages that are this process's alone: no kernel socket buffers, no shared libraries."""
        return (self.status_bytes("smaps_rollup", "Private_Dirty")
                + self.status_bytes("smaps_rollup", "Private_Clean"))

    def fill(self, keys, value_size=64, command="SET key:{k} {v}", **settings):
        """Each key once, as fast as it goes. fill_rate keeps how many a second that were."""
        result = tools.load(self, command, requests=keys, keys=keys, value_size=value_size,
                            distribution="sequential", pipeline=100, clients=10, **settings)
        self.fill_rate = result["ops_per_second"]
        return result

    def fill_ms(self, keys):
        """How long so many more will take at most, by how long the last ones took."""
        return round(1000 + 3000 * keys / self.fill_rate)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Local(Running):
    """A server of our own, alone on its core unless it may have all of them."""

    host = "127.0.0.1"

    def __init__(self, contestant, threads, pinned, watched):
        self.name, self.threads = contestant.name, threads
        command = contestant.command.replace("{threads}", str(threads))
        if watched:
            self.turns = Turns()
            command = "%s %s" % (self.turns.words(), command)
        if pinned:
            command = "taskset -c %s %s" % (",".join(map(str, tools.SERVER_CORES)), command)
        try:
            self.server = servers.Server(command)
        except servers.StartError as wrong:
            raise NotStarted(str(wrong)) from None
        self.port, self.pid = self.server.port, self.server.process.pid

    def stop(self):
        self.server.stop()
        if self.turns:
            self.turns.close()


class Foreign(Running):
    """A server that somebody else started; its processor time is known if it runs on this machine."""

    def __init__(self, contestant):
        self.name = contestant.name
        self.host, self.port = contestant.address
        self.pid = listening_pid(self.port) if self.host in ("127.0.0.1", "localhost") else None
        try:
            self.ask("PING", timeout_s=5)
        except OSError as wrong:
            raise NotStarted("%s at %s:%d: %s" % (self.name, self.host, self.port, wrong)) from None

    def stop(self):
        pass


class Floor(Running):
    """The epoll loop with one canned reply, started for each shape of reply."""

    name, host = "floor", "127.0.0.1"

    def __init__(self, *canned):
        self.process = subprocess.Popen([tools.build("floor"), "0", *canned], stdout=subprocess.PIPE,
                                        text=True, preexec_fn=tools.on_cores(tools.SERVER_CORES))
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()


def of_each(running, settings, work):
    """[(server, work(server))]: one after the other, so that none disturbs another; all at once only
    where a quick look is wanted and the work is mostly waiting."""
    at_once = len(running) if settings.quick else 1
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(zip(running, pool.map(work, running)))


def listening_pid(port):
    """Who listens at the port here: by the socket's inode, where /proc lets us look."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and int(words[1].rsplit(":", 1)[1], 16) == port:
                inodes.add("socket:[%s]" % words[9])
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
        except OSError:
            continue
    return None
