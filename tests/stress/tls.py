#!/usr/bin/env python3
"""TLS with good clients and bad ones at the same time.

  tests/stress/tls.py [--server COMMAND] [--seconds 6] [--clients 12] [--megabytes 10] [--seed N]

Good ones count, carry large values both ways, pipeline thousands of commands, and send their records in pieces of any
size; what they get is checked to the last byte. Bad ones say nothing, speak no TLS, hand in a handshake byte by byte or
half of one, send records that are damaged, and vanish in the middle of anything. Certificates are asked for in all
three ways, from clients with a good one, none, another authority's, and one that has expired; their name is their
user. A storm of handshakes that are never finished comes over a hundred who work. The server's certificate is replaced under way, by CONFIG SET and by SIGHUP, and by files that are no good.
"""

import argparse
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import time
import traceback

import common
from common import expect, wire
from crowd import floods, handshakes
from crowd.encrypted import Client, Crowd, Files, count, hello, raw, reset, settle
from runner import tls

TOO_LATE = (OSError, ssl.SSLError, wire.Closed)
SERVER = str(common.HOME / "build" / "release" / "coatcheckd") + " --port {port} --bind 127.0.0.1 --dir {dir} --threads 4"
TLS_OPTIONS = " --tls-port {tls_port} --tls-cert-file %s/now.crt --tls-key-file %s/now.key --tls-ca-cert-file %s/ca.crt --tls-auth-clients no"
HALF_OPEN_S = (9, 45)       # the server's limit is 10 s; how late it is seen is up to the machine


# ---- good ones

def in_pieces(client, data, dice, most):
    """The records of `data` in pieces of any size, the borders anywhere."""
    for start in range(0, len(data), 20_000):
        client.sock.object.write(data[start:start + 20_000])
    sealed = client.sock.pending_out()
    while sealed:
        n = dice.randint(1, most)
        client.sock.raw.sendall(sealed[:n])
        sealed = sealed[n:]


def counting(server, files, dice, until, name):
    """A counter of its own, by single commands, pipelines and records in pieces."""
    client, seen = Client(server, files.context()), 0
    while time.monotonic() < until:
        many = dice.choice((1, 1, 3, 50, 400))
        data = wire.encode([b"INCR", name]) * many
        if dice.random() < 0.3:
            in_pieces(client, data, dice, dice.choice((1, 7, 300, 20_000)) if many < 10 else 3000)
        else:
            client.send(data)
        for _ in range(many):
            seen += 1
            said = client.reply()
            expect(said == ("int", seen), "the counter %s should be %d, and is %s", name, seen, said)
        if dice.random() < 0.05:
            client.close()
            client = Client(server, files.context())
    client.close()
    return seen


def carrying(server, files, dice, until, name, megabytes):
    """Large values in and out."""
    client, rounds = Client(server, files.context(), timeout_s=60.0), 0
    while rounds == 0 or time.monotonic() < until:
        size = dice.choice((1 << 14, (1 << 14) + 1, 100_000, 1 << 20)) if rounds else megabytes << 20
        value = dice.randbytes(1024) * (size // 1024 + 1)
        client.send(wire.encode([b"SET", name, value]) + wire.encode([b"STRLEN", name]) + wire.encode([b"GET", name]))
        expect(client.reply() == ("status", b"OK"), "SET of %d bytes", len(value))
        expect(client.reply() == ("int", len(value)), "STRLEN of %d bytes", len(value))
        expect(client.reply() == ("bulk", value), "GET of %d bytes brought others", len(value))
        rounds += 1
    client.close()
    return rounds


def pipelining(server, files, thousands):
    """All is sent before anything is read: the server has to stop reading, and to go on."""
    client = Client(server, files.context(), timeout_s=60.0)
    value = bytes(range(256)) * 40
    client.ask("SET", "pipelined", value)
    client.send(wire.encode([b"GET", b"pipelined"]) * (thousands * 1000) + wire.encode([b"PING"]))
    for _ in range(thousands * 1000):
        expect(client.reply() == ("bulk", value), "a reply of a long pipeline is another")
    expect(client.reply() == ("status", b"PONG"), "the end of a long pipeline")
    client.close()


def half_closed(server, files):
    """Who says no more still hears the answers."""
    client = Client(server, files.context())
    client.send(wire.encode([b"ECHO", b"last"]))
    client.shut()
    expect(client.reply() == ("bulk", b"last"), "the answer after the client's end")
    ends(client, "a client that has shut its side")
    client = Client(server, files.context())
    client.send(wire.encode([b"QUIT"]))
    expect(client.reply() == ("status", b"OK"), "QUIT")
    ends(client, "a client that has quit")


def ends(client, who):
    try:
        client.receive()
    except wire.Closed:
        client.close()
        return
    except wire.Silent:
        pass
    except (OSError, ssl.SSLError):
        client.close()
        return
    raise common.Failed("%s is not closed" % who)


# ---- bad ones

NO_TLS = (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 600, b"\x16\x03\x01\xff\xff" + b"x" * 600,
          b"\x80\x2e\x01\x03\x01" + b"\x00" * 60, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x01\x00\x02\x02\x28")


def speaks_no_tls(server, dice):
    with raw(server) as sock:
        data = dice.choice(NO_TLS + (dice.randbytes(dice.randint(1, 2000)),))
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except TimeoutError:
            raise common.Failed("%r… is not closed" % data[:20]) from None
        except OSError:
            pass


def byte_by_byte(server, files):
    client = hello(server, files)
    while True:
        for byte in client.pending_out():
            client.raw.sendall(bytes((byte,)))
        try:
            client.object.do_handshake()
            break
        except ssl.SSLWantReadError:
            data = client.raw.recv(100)
            expect(data, "a slow handshake was cut off")
            client.arrived.write(data)
    client.object.write(wire.encode([b"PING"]))
    for byte in client.pending_out():
        client.raw.sendall(bytes((byte,)))
    expect(client.recv(100).startswith(b"+PONG"), "the answer after a slow handshake")
    client.close()


def vanishes(server, files, dice):
    """In the middle of its first words, after them, or in the middle of a record."""
    when = dice.randrange(4)
    if when < 2:
        client = hello(server, files)
        data = client.pending_out()
        client.raw.sendall(data[:dice.randint(0, len(data))] if when == 0 else data)
    else:
        client = tls.Socket(("127.0.0.1", server.tls_port), files.context(), 30.0)
        client.object.write(wire.encode([b"SET", b"cut", b"x" * dice.randint(1, 40_000)]) * 3)
        data = client.pending_out()
        client.raw.sendall(data[:dice.randint(0, len(data))])
    if dice.random() < 0.5:
        reset(client.raw)
    else:
        client.close()


def damages(server, files, dice):
    """A bit of a record is turned: nothing of it is done, and the connection ends."""
    client = Client(server, files.context())
    client.sock.object.write(wire.encode([b"SET", b"damaged", b"x" * 100]))
    data = bytearray(client.sock.pending_out())
    data[dice.randint(5, len(data) - 1)] ^= 1 << dice.randrange(8)
    try:
        client.sock.raw.sendall(data)
        client.reply()
    except TOO_LATE:
        client.close()
        return
    raise common.Failed("a damaged record was answered")


def misbehaving(server, files, dice, until):
    done = 0
    while done < 6 or time.monotonic() < until:
        how = done % 4
        if how == 0:
            speaks_no_tls(server, dice)
        elif how == 1:
            vanishes(server, files, dice)
        elif how == 2:
            damages(server, files, dice)
        else:
            byte_by_byte(server, files)
        done += 1
    return done


def half_open(server, files, many):
    """Those that say nothing and those that stop in the middle are closed, neither soon nor never."""
    began = time.monotonic()
    silent = [raw(server) for _ in range(many)]
    for n in range(many // 2):
        client = hello(server, files)
        client.raw.sendall(client.pending_out()[:10 + n])
        silent.append(client.raw)
    for sock in silent:
        sock.settimeout(HALF_OPEN_S[1])
        try:
            while sock.recv(1000):
                pass
        except TimeoutError:
            raise common.Failed("a handshake that does not go on is not closed") from None
        except OSError:
            pass
        expect(time.monotonic() - began > HALF_OPEN_S[0], "a handshake had no time")
        sock.close()
    return len(silent)


# ---- who may come in

def comes_in(server, context):
    try:
        client = Client(server, context)
        good = client.ask("PING") == ("status", b"PONG")
        client.close()
        return good
    except TOO_LATE:
        return False


def versions(server, files):
    for version, word in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        client = Client(server, files.context(lowest=version, highest=version))
        expect(client.sock.object.version() == word, "%s is not spoken", word)
        client.close()
    old = files.context(lowest=ssl.TLSVersion.TLSv1, highest=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    expect(not comes_in(server, old), "TLS 1.1 is spoken")
    settle(server, "tls-protocols", "TLSv1.3")
    expect(not comes_in(server, files.context(highest=ssl.TLSVersion.TLSv1_2)), "TLS 1.2 is spoken though only 1.3 was asked for")
    settle(server, "tls-protocols", "")
    settle(server, "tls-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")
    client = Client(server, files.context(lowest=ssl.TLSVersion.TLSv1_3))
    expect(client.sock.object.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256", "another cipher suite than the one asked for")
    client.close()
    settle(server, "tls-ciphersuites", "")
    for name, value in (("tls-protocols", "TLSv9"), ("tls-ciphers", "no-such-cipher"), ("tls-ciphersuites", "NO_SUCH"), ("tls-ca-cert-dir", "/nosuch")):
        kind, said = common.ask(server, "CONFIG", "SET", name, value)
        expect(kind == "error" and name.encode() in said, "CONFIG SET %s %s was answered %s", name, value, said)
        expect(common.ask(server, "CONFIG", "GET", name)[1][1][1] == b"", "%s has changed though it was refused", name)


def certificates(server, files):
    people = (None, "alice", "stranger", "late")
    allowed = {"no": (True, True, True, True), "optional": (True, True, False, False), "yes": (False, True, False, False)}
    for asked, expected in allowed.items():
        settle(server, "tls-auth-clients", asked)
        for who, welcome in zip(people, expected):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = files.context(who, lowest=version, highest=version)
                expect(comes_in(server, context) == welcome, "tls-auth-clients %s, %s, %s: should be %s", asked, who, version,
                       "let in" if welcome else "turned away")


def from_a_directory(server, files, rounds=4, many=8):
    """Authorities of a directory are there for all workers in the same moment."""
    folder = files.path("authorities")
    os.mkdir(folder)
    shutil.copy(files.path("ca.crt"), folder)
    tls.openssl("rehash", folder)
    alice, stranger = files.context("alice"), files.context("stranger")
    for _ in range(rounds):
        pairs = ("tls-ca-cert-file", "", "tls-ca-cert-dir", folder, "tls-auth-clients", "yes")
        expect(common.ask(server, "CONFIG", "SET", *pairs)[1] == b"OK", "a directory of authorities")
        crowd = Crowd()
        for n in range(many):
            crowd.add("alice" if n % 4 else "stranger", comes_in, server, alice if n % 4 else stranger)
        crowd.join()
        expect(all(crowd.results["alice"]) and not any(crowd.results["stranger"]), "who comes in by a directory: %s", crowd.results)
    pairs = ("tls-ca-cert-file", files.path("ca.crt"), "tls-ca-cert-dir", "", "tls-auth-clients", "no")
    expect(common.ask(server, "CONFIG", "SET", *pairs)[1] == b"OK", "a file of authorities")


def whoami(server, context):
    client = Client(server, context)
    kind, said = client.ask("ACL", "WHOAMI")
    client.close()
    return said if kind == "bulk" else said.split()[0]


def users(server, files):
    alice, nobody = files.context("alice"), files.context("nobody")
    common.ask(server, "ACL", "SETUSER", "alice", "on", ">secret", "+ping", "+acl|whoami")
    expect(whoami(server, alice) == b"default", "a name counts though tls-auth-clients-user is off")
    settle(server, "tls-auth-clients-user", "CN")
    expect(whoami(server, alice) == b"alice", "the certificate's name is not the user")
    expect(whoami(server, nobody) == b"default", "a name that is no user's")
    client = Client(server, alice)
    expect(client.ask("GET", "k")[0] == "error", "alice may do what her rules do not allow")
    expect(b"user=alice " in common.ask(server, "CLIENT", "LIST")[1], "CLIENT LIST does not name her")
    common.ask(server, "ACL", "DELUSER", "alice")
    ends(client, "a client of a user that is no more")
    expect(whoami(server, alice) == b"default", "a user that was deleted")
    common.ask(server, "ACL", "SETUSER", "alice", "off", "nopass", "+@all")
    expect(whoami(server, alice) == b"default", "a user that is off")
    boss = common.connect(server)
    boss.ask("ACL", "SETUSER", "alice", "on", "resetpass")
    boss.ask("CONFIG", "SET", "requirepass", "door")
    said = whoami(server, alice), whoami(server, nobody)
    boss.ask("CONFIG", "SET", "requirepass", "")
    boss.close()
    expect(said == (b"alice", b"NOAUTH"), "with a password at the door they are %s", said)
    common.ask(server, "ACL", "DELUSER", "alice")
    settle(server, "tls-auth-clients-user", "off")


def resumption(server, files):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = files.context(lowest=version, highest=version)
        first = Client(server, context)
        first.ask("PING")
        session, before = first.sock.object.session, count(server, "tls_resumed_handshakes")
        first.close()
        again = Client(server, context, session)
        expect(again.ask("PING")[1] == b"PONG" and again.sock.object.session_reused, "%s: a session was not resumed", version)
        again.close()
        expect(count(server, "tls_resumed_handshakes") == before + 1, "tls_resumed_handshakes does not count")
        settle(server, "tls-session-caching", "no")
        again = Client(server, context, session)
        expect(again.ask("PING")[1] == b"PONG" and not again.sock.object.session_reused, "%s: resumed though it is off", version)
        again.close()
        settle(server, "tls-session-caching", "yes")


# ---- another certificate

def shown(server, files):
    client = Client(server, files.context())
    found = client.sock.object.getpeercert(True)
    client.close()
    return found


def wait_for_loads(server, wanted):
    limit = time.monotonic() + 30
    while count(server, "tls_loads") < wanted:
        expect(time.monotonic() < limit, "SIGHUP loads no certificate")
        time.sleep(0.01)


def replaced(server, files):
    """By SIGHUP and by CONFIG SET; what is no good changes nothing. Who is connected stays."""
    old = Client(server, files.context())
    for name in ("second", "first", "second"):
        files.take(name)
        loads = count(server, "tls_loads")
        if name == "first":
            settle(server, "tls-cert-file", files.path("now.crt"))
        else:
            server.process.send_signal(signal.SIGHUP)
            wait_for_loads(server, loads + 1)
        expect(shown(server, files) == files.der(name), "the certificate shown is not the %s", name)
    for name, file in (("tls-cert-file", "none.crt"), ("tls-cert-file", "first.crt"), ("tls-key-file", "first.key"),
                       ("tls-key-file", "now.crt"), ("tls-ca-cert-file", "now.key"), ("tls-ca-cert-file", "none.crt")):
        kind, said = common.ask(server, "CONFIG", "SET", name, files.path(file))
        expect(kind == "error" and b"TLS" in said, "%s %s was taken: %s", name, file, said)
    with open(files.path("now.crt"), "w", encoding="ascii") as file:
        file.write("no certificate\n")
    server.process.send_signal(signal.SIGHUP)
    limit = time.monotonic() + 30
    while "stays in use" not in server.said():
        expect(time.monotonic() < limit, "nothing in the log about a certificate that is none")
        time.sleep(0.01)
    expect(shown(server, files) == files.der("second"), "the old certificate is gone")
    pair = ("tls-cert-file", files.path("first.crt"), "tls-key-file", files.path("first.key"))
    expect(common.ask(server, "CONFIG", "SET", *pair)[1] == b"OK", "certificate and key together")
    expect(shown(server, files) == files.der("first"), "the certificate shown is not the new one")
    files.take("second")
    expect(old.ask("PING")[1] == b"PONG", "who was connected has not stayed")
    old.close()


def replacing(server, files, dice, until):
    """Again and again, while everybody works."""
    times = 0
    while times < 4 or time.monotonic() < until:
        name = dice.choice(("first", "second"))
        pair = ("tls-cert-file", files.path(name + ".crt"), "tls-key-file", files.path(name + ".key"))
        expect(common.ask(server, "CONFIG", "SET", *pair)[1] == b"OK", "certificate and key together")
        if dice.random() < 0.3:
            server.process.send_signal(signal.SIGHUP)
        if dice.random() < 0.3:
            kind, _ = common.ask(server, "CONFIG", "SET", "tls-key-file", files.path("alice.key"))
            expect(kind == "error", "a key of another certificate was taken")
        times += 1
        time.sleep(0.02)
    return times


# ---- all together

def all_together(server, files, options):
    crowd, until = Crowd(), time.monotonic() + options.seconds
    dice = common.dice(options.seed)
    for n in range(options.clients):
        crowd.add("counting", counting, server, files, common.dice(dice.random()), until, b"counter:%d" % n)
    for n in range(2):
        crowd.add("carrying", carrying, server, files, common.dice(dice.random()), until, b"large:%d" % n, options.megabytes)
        crowd.add("misbehaving", misbehaving, server, files, common.dice(dice.random()), until)
    crowd.add("pipelining", pipelining, server, files, 2)
    crowd.add("replacing", replacing, server, files, common.dice(dice.random()), until)
    crowd.join()
    told = crowd.results
    return "%d commands, %d large values, %d bad clients, %d certificates" % (
        sum(told["counting"]), sum(told["carrying"]), sum(told["misbehaving"]), told["replacing"][0])


def one_by_one(server, files):
    for work in (versions, certificates):
        work(server, files)
    from_a_directory(server, files)
    settle(server, "tls-auth-clients", "optional")
    users(server, files)
    settle(server, "tls-auth-clients", "no")
    resumption(server, files)
    half_closed(server, files)
    floods.renegotiates(server)
    floods.flood(server, files)
    replaced(server, files)
    return "versions, certificates, users, resumption, renegotiation, floods and replacing are as they must be"


def alone_again(server):
    limit = time.monotonic() + 30
    while common.ask(server, "INFO", "clients")[1].split(b"connected_clients:")[1].split(b"\r\n")[0] != b"1":
        expect(time.monotonic() < limit, "clients are left over")
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="COMMAND", default=SERVER)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tls-") as folder:
        files = Files(folder)
        with common.servers.Server(options.server + TLS_OPTIONS % (folder, folder, folder)) as server:
            try:
                slow = Crowd()
                slow.add("half open", half_open, server, files, 40)
                print(one_by_one(server, files))
                held = handshakes.storm(server, files, 3.0, 100)
                print(all_together(server, files, options))
                slow.join()
                handshakes.all_are_closed(held, HALF_OPEN_S[1])
                silent = slow.results["half open"][0]
                # Those of the storm, and on a slow machine some that came byte by byte, may be among them too.
                closed = count(server, "tls_handshake_timeouts")
                expect(closed >= silent, "tls_handshake_timeouts counts %d, and %d stood still", closed, silent)
                print("%d handshakes that stood still are closed, and %d of the storm" % (silent, len(held)))
                alone_again(server)
                expect(server.alive(), "the server ended")
                server.end_process()
                expect(server.process.returncode == 0, "the server ended with %d", server.process.returncode)
            except (common.Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as wrong:
                traceback.print_exception(wrong)
                print("seed %d: %r\n%s" % (options.seed, wrong, server.said()))
                return 1
    print("seed %d: nothing was lost, and nobody came in who may not" % options.seed)
    return 0


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
