"""Starting a server of one's own on a free port, and stopping it by its process id."""

import atexit
import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import tls, wire

REDIS = ("redis-server --port {port} --bind 127.0.0.1 --unixsocket {socket} --dir {dir} --save '' "
         "--appendonly no --daemonize no")
COATCHECK = "%s --port {port} --bind 127.0.0.1 --unixsocket {socket}"
START_S = 10.0
running = []


class StartError(Exception):
    """The server did not come up; the message holds what it printed."""


def free_ports(count):
    """Of this moment, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def free_port():
    return free_ports(1)[0]


def die_with_parent():
    """Linux's PR_SET_PDEATHSIG: no server outlives a runner that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """One running server. command may name {port}, {tls_port}, {socket}, {dir} and {tls}, which is all that it takes to serve
    TLS besides; options are (name, value) pairs."""

    def __init__(self, command, options=(), password=None):
        self.password = password
        self.command, self.options = command.replace("{tls}", tls.SERVER_OPTIONS), list(options)
        self.dir = tempfile.mkdtemp(prefix="talk-")
        if self.command != command:
            tls.make_certificates(self.dir)
        self.socket = os.path.join(self.dir, "socket")
        self.log = os.path.join(self.dir, "log")
        self.process = None
        running.append(self)
        for _ in range(3):                  # another program may take the free port first
            if self.try_start():
                return
        said = self.said()
        self.stop()
        raise StartError("cannot start: %s\n%s" % (" ".join(self.words), said))

    def try_start(self):
        self.port, self.tls_port = free_ports(2)
        names = {"port": self.port, "tls_port": self.tls_port, "socket": self.socket, "dir": self.dir}
        self.words = [word.format(**names) for word in shlex.split(self.command)]
        for name, value in self.options:
            self.words += ["--" + name] + (shlex.split(value) if value else [""])
        with open(self.log, "ab") as log:
            try:
                self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                preexec_fn=die_with_parent)
            except OSError as wrong:
                log.write(b"%s\n" % str(wrong).encode())
                return False
        limit = time.monotonic() + START_S
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                client = wire.Connection(self.tcp, 2.0)
                kind, _ = client.ask("PING")
                client.close()
                time.sleep(0.02)            # one that lost the port to another has ended by now
                return kind in ("status", "error") and self.process.poll() is None
            except (OSError, wire.Closed, wire.Silent, wire.ProtocolError):
                time.sleep(0.01)
        self.end_process()
        return False

    @property
    def tcp(self):
        return ("tcp", "127.0.0.1", self.port)

    @property
    def tls(self):
        return ("tls", "127.0.0.1", self.tls_port)

    @property
    def unix(self):
        return ("unix", self.socket)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def said(self):
        """The end of what the server wrote."""
        try:
            with open(self.log, "rb") as log:
                return log.read()[-4000:].decode("utf-8", "replace")
        except OSError:
            return ""

    def end_process(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self.end_process()
        shutil.rmtree(self.dir, ignore_errors=True)
        if self in running:
            running.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def stop_all():
    for server in list(running):
        server.stop()


def stop_on_signals():
    """TERM ends the runner the orderly way, so that its servers end too."""
    atexit.register(stop_all)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(stop_all() or 143))
