"""CLIENT REPLY in any pipeline, CLIENT KILL across workers, idle clients: what they cost and when they are closed."""

import os
import re
import resource
import socket
import threading
import time
from pathlib import Path

from common import connect, dice, expect, wire

from . import Served
from .pauses import field, wait_for

IDLE = 10_000
IDLE_BYTES = 300


# ---- CLIENT REPLY

class Model:
    """Which commands of a pipeline are answered, as redis-server has it."""

    def __init__(self):
        self.off = self.skip = False
        self.count = 0

    def take(self, words):
        """The reply to one command, or None."""
        skip, self.skip = self.skip, False
        if words[0] == b"CLIENT":
            if words[2] == b"ON":
                self.off = False
                return ("status", b"OK")
            if words[2] == b"OFF":
                self.off = True
            elif not self.off:
                self.skip = True
            return None
        reply = self.reply_to(words)
        return None if skip or self.off else reply

    def reply_to(self, words):
        if words[0] == b"INCR":
            self.count += 1
            return ("int", self.count)
        if words[0] == b"ECHO":
            return ("bulk", words[1])
        if words[0] == b"GET":
            return ("bulk", b"v" * int(words[1]))
        if words[0] == b"MGET":
            return ("array", [("bulk", b"v" * int(word)) for word in words[1:]])
        return ("error", b"ERR unknown command 'NONE', with args beginning with: ")


SIZES = [b"1", b"100", b"5000", b"16000", b"40000", b"70000", b"300000", b"1000000"]


def draw_command(draw, name):
    kind = draw.random()
    if kind < 0.25:
        return [b"CLIENT", b"REPLY", draw.choice([b"ON", b"OFF", b"SKIP", b"SKIP", b"ON"])]
    if kind < 0.45:
        return [b"INCR", name]
    if kind < 0.6:
        return [b"ECHO", b"e" * draw.choice([0, 10, 3000, 20000])]
    if kind < 0.8:
        return [b"GET", draw.choice(SIZES)]
    if kind < 0.95:
        return [b"MGET"] + [draw.choice(SIZES) for _ in range(draw.randrange(1, 6))]
    return [b"NONE"]


def reply_modes(command, options):
    """Pipelines with CLIENT REPLY anywhere in them, small and large replies mixed, cut anywhere."""
    draw = dice(options.seed)
    with Served(command) as server:
        setter = connect(server)
        for size in SIZES:
            setter.ask("SET", size, b"v" * int(size))
        limit, round_ = time.monotonic() + 8, 0
        while time.monotonic() < limit:
            client, model, round_ = connect(server), Model(), round_ + 1
            name = b"n%d" % round_
            for _ in range(draw.randrange(1, 6)):
                commands = [draw_command(draw, name) for _ in range(draw.randrange(1, 90))]
                commands += [[b"CLIENT", b"REPLY", b"ON"]]
                wanted = [reply for reply in map(model.take, commands) if reply is not None]
                data = b"".join(map(wire.encode, commands))
                sender = threading.Thread(target=send_cut, args=(client, data, draw.choice([len(data), 1000, 70000])))
                sender.start()
                for reply in wanted:
                    got = client.reply()
                    expect(got == reply, "%.60r in place of %.60r", got, reply)
                sender.join()
            client.close()


def send_cut(client, data, step):
    for at in range(0, len(data), step):
        client.send(data[at:at + step])


# ---- CLIENT KILL

def kill_counts(command, options):
    """Several killers at once over the same crowd: each victim is counted once, and runs nothing more."""
    with Served(command) as server:
        killers = [connect(server) for _ in range(4)]
        for killer in killers:
            killer.ask("CLIENT", "SETNAME", "killer")
        spared = "".join("SKIPME yes").split()
        for round_ in range(5):
            crowd = [connect(server) for _ in range(200)]
            for client in crowd:
                client.ask("PING")
            for client in crowd:
                client.send(b"INCR running\r\n" * 2000)
            # All at once: everyone but the killers themselves, told by their addresses.
            ids = [line.split()[0][3:] for line in killers[0].ask("CLIENT", "LIST")[1].decode().splitlines()
                   if " name=killer " not in line]
            for killer in killers:
                for number in ids:
                    killer.send(wire.encode([b"CLIENT", b"KILL", b"ID", number.encode(), *map(str.encode, spared)]))
            counts = [[killer.reply()[1] for _ in ids] for killer in killers]
            each = [sum(column) for column in zip(*counts)]
            expect(all(count == 1 for count in each), "a victim was counted %d times", max(each, key=lambda c: abs(c - 1)))
            expect(len(ids) == 200, "there were %d of 200", len(ids))
            alive = killers[1].ask("CLIENT", "LIST")[1].decode().count("\n")
            expect(alive == 4, "after the KILLs LIST still shows %d", alive)
            at_once = killers[2].ask("GET", "running")[1]
            time.sleep(0.05)
            later = killers[2].ask("GET", "running")[1]
            # One command of each worker may have been at work at that moment.
            expect(int(later) - int(at_once) <= 8, "killed clients ran on: %r, then %r", at_once, later)
            for client in crowd:
                drain_to_end(client)


def drain_to_end(client):
    try:
        while True:
            client.receive()
            client.pending.clear()
    except wire.Closed:
        client.close()


def kill_by_filter(command, options):
    """Filters over all workers; killing oneself answers first; SKIPME."""
    with Served(command) as server:
        crowd = [connect(server) for _ in range(50)]
        for client in crowd:
            client.ask("PING")
        addresses = [line.split()[1][5:] for line in crowd[0].ask("CLIENT", "LIST")[1].decode().splitlines()]
        expect(len(addresses) >= 50, "LIST shows %d", len(addresses))
        ids = [int(line.split()[0][3:]) for line in crowd[0].ask("CLIENT", "LIST")[1].decode().splitlines()]
        expect(ids == sorted(ids), "LIST is not in the order of connecting")
        victim = crowd.pop()
        address = "127.0.0.1:%d" % victim.sock.getsockname()[1]
        expect(crowd[0].ask("CLIENT", "KILL", address) == ("status", b"OK"), "the old form")
        drain_to_end(victim)
        for skipme, left in (("yes", 1), ("no", 0)):
            asker = crowd[0]
            killed = asker.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", skipme)[1]
            expect(killed >= (49 if skipme == "no" else 48) or left == 0 and killed == 1, "killed %d", killed)
            if skipme == "yes":
                for client in crowd[1:]:
                    drain_to_end(client)
                expect(asker.ask("PING") == ("status", b"PONG"), "the asker was not spared")
            else:
                drain_to_end(asker)
        last = connect(server)
        last.send(b"CLIENT KILL TYPE normal SKIPME no\r\nSET after x\r\n")
        expect(last.reply() == ("int", 1), "killing oneself is answered")
        drain_to_end(last)
        expect(connect(server).ask("EXISTS", "after") == ("int", 0), "what came after killing oneself was carried out")


# ---- idle clients

def private_bytes(server):
    rollup = Path("/proc/%d/smaps_rollup" % server.process.pid).read_text()
    return 1024 * int(re.search(r"Private_Dirty:\s+(\d+)", rollup).group(1))


def idle_memory(command, options):
    """Ten thousand clients at rest, each of which has said something: 300 bytes of our memory each."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expect(hard >= IDLE + 200, "the limit of open files, %d, is too low for %d clients", hard, IDLE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    threads = len(os.sched_getaffinity(0))
    with Served(command, [("maxclients", "12000"), ("threads", str(threads))]) as server:
        warm = [connect(server) for _ in range(200)]
        for client in warm:
            client.send(b"PING\r\n" * 500)
        for client in warm:
            for _ in range(500):
                client.reply()
            client.close()
        wait_for(lambda: field_of(server, "connected_clients") == "1", "the first ones are gone")
        before = settled(server)
        crowd = [connect(server) for _ in range(IDLE)]
        for client in crowd:
            expect(client.ask("PING") == ("status", b"PONG"), "a new client")
        each = (settled(server) - before) / IDLE
        print("     %.0f bytes each, %d workers" % (each, threads))
        if not options.sanitized:
            expect(each <= IDLE_BYTES, "an idle client takes %.0f bytes", each)
        for client in crowd[::50]:
            expect(client.ask("PING") == ("status", b"PONG"), "an idle client that woke")
        for client in crowd:
            client.close()


def field_of(server, name):
    client = connect(server)
    try:
        return field(client, name)
    finally:
        client.close()


def settled(server):
    """Once the allocator has given back what it had at hand."""
    now, last = private_bytes(server), None
    for _ in range(10):
        time.sleep(1)
        now, last = private_bytes(server), now
        if now == last:
            break
    return now


def idle_timeout(command, options):
    """timeout closes those that say nothing, on every worker, but not monitors nor those that have to wait."""
    with Served(command, [("timeout", "1")]) as server:
        quiet = [connect(server) for _ in range(12)]
        talker, monitor, paused = connect(server), connect(server), connect(server)
        monitor.ask("MONITOR")
        talker.ask("CLIENT", "PAUSE", "3500", "WRITE")
        paused.send(b"SET k v\r\n")
        begun, closed = time.monotonic(), {}
        while time.monotonic() - begun < 3.2:
            talker.ask("PING")
            for number, client in enumerate(quiet):
                if number not in closed and is_closed(client):
                    closed[number] = time.monotonic() - begun
            time.sleep(0.05)
        expect(len(closed) == 12, "%d of 12 idle clients were closed", len(closed))
        expect(min(closed.values()) > 0.9, "one was closed after %.1f s", min(closed.values()))
        expect(not is_closed(monitor), "the monitor was closed")
        expect(paused.reply() == ("status", b"OK"), "the client that had to wait was closed")
        talker.ask("CONFIG", "SET", "timeout", "0")
        last = connect(server)
        time.sleep(2.5)
        expect(last.ask("PING") == ("status", b"PONG"), "timeout 0 still closes")


def slow_is_not_idle(command, options):
    """Who takes longer than timeout to send one request, or to read one reply, is at work all the time."""
    with Served(command, [("timeout", "2")]) as server:
        connect(server).ask("SET", "big", b"y" * (8 << 20))
        request = wire.encode([b"SET", b"k", b"x" * 300_000])
        senders = [connect(server) for _ in range(8)]
        readers = [connect(server) for _ in range(2)]
        for reader in readers:
            reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            reader.send(wire.encode([b"GET", b"big"]))
        step, got = len(request) // 8 + 1, [0, 0]
        for at in range(0, len(request), step):
            for number, sender in enumerate(senders):
                sender.send(request[at:at + step] if number % 2 else request[at // 8:(at + step) // 8])
            for number, reader in enumerate(readers):
                while got[number] < (at // step + 1) << 20:
                    got[number] += len(reader.sock.recv(1 << 16))
            time.sleep(0.7)
        for number, sender in enumerate(senders):
            if number % 2:
                expect(sender.reply() == ("status", b"OK"), "a slow request")
            else:
                expect(not is_closed(sender), "half a slow request")


def is_closed(client):
    try:
        client.receive(0.0001)
    except wire.Silent:
        return False
    except wire.Closed:
        return True
    return False


def keepalive(command, options):
    """tcp-keepalive is set on accepted sockets, as the kernel sees it."""
    for seconds, shown in (("300", True), ("0", False)):
        with Served(command, [("tcp-keepalive", seconds)]) as server:
            client = connect(server)
            client.ask("PING")
            timers = timers_of(server.port)
            expect(timers == ["02" if shown else "00"], "tcp-keepalive %s: the timers are %r", seconds, timers)
            client.close()


def timers_of(port):
    """The kernel's timers of the connections made to this port: 02 is the one of keepalive."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(":%04X" % port) and words[3] == "01":
            found.append(words[5].partition(":")[0])
    return found


def strangers(command, options):
    """protected-mode: without a password, only this machine is served."""
    address = other_address()
    if not address:
        print("     left out: this machine has no address but loopback")
        return
    with Served(command.replace("--bind 127.0.0.1", "--bind 0.0.0.0")) as server:
        here, there = connect(server), wire.Connection(("tcp", address, server.port))
        expect(here.ask("PING") == ("status", b"PONG"), "loopback")
        refusal = there.reply()
        expect(refusal[0] == "error" and refusal[1].startswith(b"DENIED "), "a stranger was told %r", refusal)
        drain_to_end(there)
        expect(int(field(here, "rejected_connections")) == 1, "the refusal was not counted")
        for name, value in (("protected-mode", "no"), ("requirepass", "secret")):
            expect(here.ask("CONFIG", "SET", name, value) == ("status", b"OK"), "CONFIG SET %s", name)
            there = wire.Connection(("tcp", address, server.port))
            wanted = ("status", b"PONG") if name == "protected-mode" else ("error", b"NOAUTH Authentication required.")
            expect(there.ask("PING") == wanted, "with %s %s", name, value)
            here.ask("CONFIG", "SET", "protected-mode", "yes")
        expect(there.ask("AUTH", "secret") == ("status", b"OK"), "AUTH from elsewhere")


def other_address():
    """An address of this machine that is not loopback: found by asking for a route, nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return None
        found = probe.getsockname()[0]
    return None if found.startswith("127.") else found


CASES = {
    "CLIENT REPLY anywhere in a pipeline": reply_modes,
    "killers at once over one crowd": kill_counts,
    "CLIENT KILL by filters": kill_by_filter,
    "ten thousand clients at rest": idle_memory,
    "clients that say nothing for too long": idle_timeout,
    "slow clients are not idle": slow_is_not_idle,
    "tcp-keepalive": keepalive,
    "strangers in protected mode": strangers,
}
