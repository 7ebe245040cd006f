#!/usr/bin/env python3
"""How a server with TLS starts, or says why it does not; and who is let in by address.

  tests/stress/tls_start.py [--server BINARY]

Alone without a plain port; refused, with place, option and reason, when certificate, key or authority are missing, wrong or
do not fit; protected mode and maxclients hold for TLS as for others.
"""

import argparse
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import common
from common import expect, wire
from runner import tls

BINARY = str(common.HOME / "build" / "release" / "coatcheckd")
START_S = 60


class Started:
    """A server from a file of its own, which need not have a plain port."""

    def __init__(self, binary, folder, lines):
        self.path, self.log = os.path.join(folder, "coatcheck.conf"), os.path.join(folder, "log")
        with open(self.path, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary, self.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=common.servers.die_with_parent)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def refusal(self):
        """What it wrote; it must have ended by itself, and not well."""
        try:
            status = self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.stop()
            raise common.Failed("it started:\n%s" % self.said()) from None
        expect(status not in (0, None), "it ended with %s:\n%s", status, self.said())
        return self.said()

    def wait_until_up(self, port):
        limit = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return
            except OSError:
                expect(self.process.poll() is None and time.monotonic() < limit, "it is not up:\n%s", self.said())
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait(START_S)


def connect(port, address="127.0.0.1", context=None):
    client = wire.Connection.__new__(wire.Connection)
    client.timeout_s, client.pending = 30.0, bytearray()
    client.sock = tls.Socket((address, port), context, 30.0)
    return client


def lines_of(folder, port, *more, certificate="server", key="server", authority="ca"):
    return ["# a comment", "tls-port %d" % port, "port 0", "bind 0.0.0.0", "dir %s" % folder,
            "tls-cert-file %s" % os.path.join(folder, certificate + ".crt") if certificate else "",
            "tls-key-file %s" % os.path.join(folder, key + ".key") if key else "",
            "tls-ca-cert-file %s" % os.path.join(folder, authority + ".crt") if authority else "", *more]


def refused(binary, folder):
    """Each with the line of the file that is to blame, or that of tls-port where a line is missing."""
    port = common.servers.free_port()
    cases = (
        (dict(certificate=None), (), 2, "tls-cert-file", "missing"),
        (dict(key=None), (), 2, "tls-key-file", "missing"),
        (dict(authority=None), (), 2, "tls-ca-cert-file", "missing"),
        (dict(certificate="none"), (), 6, "tls-cert-file", "No such file or directory"),
        (dict(key="none"), (), 7, "tls-key-file", "No such file or directory"),
        (dict(authority="none"), (), 8, "tls-ca-cert-file", "No such file"),
        (dict(key="locked"), (), 7, "tls-key-file", "locked.key"),
        (dict(key="locked"), ("tls-key-file-pass wrong",), 7, "tls-key-file", "locked.key"),
        (dict(key="other"), (), 7, "tls-key-file", "key values mismatch"),
        ({}, ("tls-protocols TLSv4",), 9, "tls-protocols", "TLSv1.3"),
        ({}, ("tls-ciphers nothing",), 9, "tls-ciphers", "no cipher match"),
        ({}, ("tls-auth-clients sometimes",), 9, "tls-auth-clients", "optional"),
    )
    for how, more, line, option, reason in cases:
        server = Started(binary, folder, lines_of(folder, port, *more, **how))
        said = server.refusal()
        for part in ("%s:%d:" % (server.path, line), "'%s'" % option, reason):
            expect(part in said, "%s is not in what was said:\n%s", part, said)
    return len(cases)


def locked_key(binary, folder):
    port = common.servers.free_port()
    server = Started(binary, folder, lines_of(folder, port, "tls-key-file-pass secret", "tls-auth-clients no", key="locked"))
    try:
        server.wait_until_up(port)
        client = connect(port)
        expect(client.ask("PING")[1] == b"PONG", "PING with a key that has a password")
        info = client.ask("INFO", "server")[1]
        expect(b"\r\ntcp_port:%d\r\n" % port in info, "tcp_port is not that of TLS")
        listing = client.ask("CLIENT", "LIST")[1]
        expect(b" laddr=127.0.0.1:%d " % port in listing, "CLIENT LIST tells another port: %s", listing)
        client.ask("CONFIG", "SET", "maxclients", "1")
        try:
            connect(port)
        except (OSError, ssl.SSLError):
            pass
        else:
            raise common.Failed("one more than maxclients was let in")
        client.close()
    finally:
        server.stop()
    expect("secret" not in server.said(), "the password is in the log")


def own_address():
    """One of this machine's that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


def protected(binary, folder, address):
    port = common.servers.free_port()
    server = Started(binary, folder, lines_of(folder, port, "tls-auth-clients no"))
    try:
        server.wait_until_up(port)
        stranger = connect(port, address)
        kind, said = stranger.reply()
        expect(kind == "error" and said.startswith(b"DENIED"), "a stranger heard %s", said)
        try:
            stranger.receive()
            raise common.Failed("a stranger is not closed")
        except wire.Closed:
            stranger.close()
        here = connect(port)
        here.ask("CONFIG", "SET", "protected-mode", "no")
        expect(connect(port, address).ask("PING")[1] == b"PONG", "a stranger though protected mode is off")
        here.close()
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="BINARY", default=BINARY)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        authority = tls.Authority(folder)
        authority.sign("server", "localhost")
        authority.sign("other", "localhost")
        tls.openssl("pkcs8", "-topk8", "-in", authority.path("server.key"), "-out", authority.path("locked.key"), "-passout", "pass:secret")
        try:
            count = refused(options.server, folder)
            locked_key(options.server, folder)
            address = own_address()
            if address:
                protected(options.server, folder, address)
        except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
            print("%r" % wrong)
            return 1
    print("%d wrong beginnings are refused with place and reason; protected mode: %s" % (
        count, "holds" if address else "not tried, this machine has no address but loopback"))
    return 0


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
