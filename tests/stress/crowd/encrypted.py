"""Clients over TLS, their certificates, and threads of them."""

import os
import shutil
import socket
import ssl
import struct
import threading

import common
from common import expect, wire
from runner import tls


class Client(wire.Connection):
    """One that speaks TLS as told; replies and pending bytes as wire.Connection has them."""

    def __init__(self, server, context=None, session=None, timeout_s=30.0):
        self.timeout_s, self.pending = timeout_s, bytearray()
        self.sock = tls.Socket(("127.0.0.1", server.tls_port), context, timeout_s, session)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise wire.Closed from None


class Files:
    """All certificates of a run."""

    def __init__(self, folder):
        self.folder = folder
        authority, other = tls.Authority(folder), tls.Authority(folder, "other")
        authority.sign("first", "localhost", kind="rsa")
        authority.sign("second", "localhost")
        authority.sign("alice", "alice")
        authority.sign("nobody", "nobody")
        authority.sign("late", "alice", days=-1)
        other.sign("stranger", "alice")
        self.take("first")

    def path(self, name):
        return os.path.join(self.folder, name)

    def take(self, name):
        """The server's files become these, each at once."""
        for kind in (".crt", ".key"):
            shutil.copy(self.path(name + kind), self.path("fresh"))
            os.rename(self.path("fresh"), self.path("now" + kind))

    def context(self, name=None, **settings):
        return tls.client_context(self.path("ca.crt"), self.path(name) if name else None, **settings)

    def der(self, name):
        with open(self.path(name + ".crt"), encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())


def settle(server, name, value):
    kind, said = common.ask(server, "CONFIG", "SET", name, value)
    expect(kind == "status", "CONFIG SET %s %s: %s", name, value, said)


def count(server, name, section="stats"):
    _, text = common.ask(server, "INFO", section)
    return int(text.split(b"\r\n%s:" % name.encode())[1].split(b"\r\n")[0])


def raw(server):
    return socket.create_connection(("127.0.0.1", server.tls_port), 30.0)


def hello(server, files):
    """A client whose first words are ready, and not sent."""
    client = tls.Socket(("127.0.0.1", server.tls_port), files.context(), 30.0, shake=False)
    try:
        client.object.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return client


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Crowd:
    """Threads whose first trouble is told by join()."""

    def __init__(self):
        self.threads, self.trouble, self.results = [], [], {}

    def add(self, name, work, *arguments):
        def run():
            try:
                self.results.setdefault(name, []).append(work(*arguments))
            except Exception as wrong:                      # told by join()
                self.trouble.append((name, wrong))
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.trouble:
            name, wrong = self.trouble[0]
            raise common.Failed("%s: %r" % (name, wrong))
