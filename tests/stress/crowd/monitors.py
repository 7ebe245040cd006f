"""MONITOR over several workers: nothing is missing, nothing is out of order, and nobody has to be waited for."""

import os
import re
import threading
import time

from common import connect, expect, rss_bytes, wire

from . import Served
from .pauses import asks, wait_for

MB = 1 << 20
LINE = re.compile(rb"\d+\.\d{6} \[(\d+) (\S+)\] (.*)")


def complete(command, options):
    """Clients on all workers, monitors on all workers: each sees each command once, each client's in order."""
    clients, commands = 12, 400 if options.sanitized else 3000
    with Served(command) as server:
        crowd = [connect(server) for _ in range(clients)]
        watchers = [connect(server, 30.0) for _ in range(6)]
        for watcher in watchers:
            expect(watcher.ask("MONITOR") == ("status", b"OK"), "MONITOR")
        seen = [{} for _ in watchers]
        readers = [threading.Thread(target=watch, args=(watcher, clients * commands, found))
                   for watcher, found in zip(watchers, seen)]
        for reader in readers:
            reader.start()
        for number, client in enumerate(crowd):
            client.send(b"".join(b"ECHO %d:%d\r\n" % (number, turn) for turn in range(commands)))
        for client in crowd:
            for _ in range(commands):
                client.reply()
        for reader in readers:
            reader.join(30)
        for found in seen:
            expect(len(found) == clients, "a monitor saw %d of %d clients", len(found), clients)
            for number, turns in found.items():
                expect(turns == list(range(commands)), "of client %d a monitor saw %d commands, or not in order",
                       number, len(turns))


def watch(watcher, count, found):
    try:
        for _ in range(count):
            kind, line = watcher.reply()
            number, turn = re.search(rb'"ECHO" "(\d+):(\d+)"', line).groups()
            found.setdefault(int(number), []).append(int(turn))
    except (wire.Closed, wire.Silent, AttributeError):
        pass


def coming_and_going(command, options):
    """Monitors begin and end all the time, by RESET, QUIT, KILL and by vanishing, while others work."""
    with Served(command) as server:
        worker, boss, stop = connect(server), connect(server), threading.Event()

        def work():
            while not stop.is_set():
                worker.send(asks("INCR n") * 50)
                for _ in range(50):
                    worker.reply()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            limit, round_ = time.monotonic() + 4, 0
            while time.monotonic() < limit:
                round_ += 1
                watchers = [connect(server) for _ in range(8)]
                for watcher in watchers:
                    watcher.send(asks("MONITOR"))
                for watcher in watchers:
                    watcher.receive()
                for number, watcher in enumerate(watchers):
                    if number % 4 == 0:
                        watcher.send(asks("RESET") + asks("QUIT"))
                        drain(watcher)
                    elif number % 4 == 1:
                        watcher.send(asks("QUIT"))
                        drain(watcher)
                    elif number % 4 == 2:
                        boss.ask("CLIENT", "KILL", "127.0.0.1:%d" % watcher.sock.getsockname()[1])
                        drain(watcher)
                    else:
                        watcher.close()
            wait_for(lambda: b"flags=O" not in boss.ask("CLIENT", "LIST")[1], "no monitor is left")
        finally:
            stop.set()
            thread.join()
        expect(boss.ask("PING") == ("status", b"PONG"), "after %d rounds" % round_)


def drain(watcher):
    try:
        while True:
            watcher.receive()
            watcher.pending.clear()
    except wire.Closed:
        watcher.close()


def deaf(command, options):
    """A monitor that does not read is closed at its limit, and others are served meanwhile."""
    limits = ("client-output-buffer-limit", "pubsub 8388608 0 0")
    with Served(command, [limits]) as server:
        watcher, client = connect(server), connect(server)
        expect(watcher.ask("MONITOR") == ("status", b"OK"), "MONITOR")
        before, longest, most = rss_bytes(server), 0.0, 0
        request = wire.encode([b"ECHO", b"x" * 10_000])
        for _ in range(60):
            begun = time.monotonic()
            client.send(request * 50)
            for _ in range(50):
                client.reply()
            longest = max(longest, time.monotonic() - begun)
            most = max(most, rss_bytes(server) - before)
        wait_for(lambda: b"flags=O" not in client.ask("CLIENT", "LIST")[1], "the deaf monitor is closed")
        if not options.sanitized:
            expect(most < 64 * MB, "the deaf monitor took %d MB", most // MB)
            expect(longest < 1, "another client had to wait %.2f s", longest)


def ties(command, options):
    """What a monitor is shown is a client's own bytes, quoted: none of them can be taken for a line's end."""
    with Served(command) as server:
        watcher, client = connect(server), connect(server)
        watcher.ask("MONITOR")
        nasty = bytes(range(256))
        client.ask("ECHO", nasty)
        kind, line = watcher.reply()
        found = LINE.fullmatch(line)
        expect(kind == "status" and found, "the line is %r", line)
        expect(found.group(2) == b"127.0.0.1:%d" % client.sock.getsockname()[1], "the address is %r", found.group(2))
        quoted = eval("b" + found.group(3).split(b" ", 1)[1].decode())      # the quoting is Python's too
        expect(quoted == nasty, "the word was shown as %r", quoted)
        if os.path.exists(server.socket):
            wire.Connection(("unix", server.socket)).ask("PING")
            expect(b" unix:%s] " % server.socket.encode() in watcher.reply()[1], "a unix socket's line")


CASES = {
    "monitors see everything, in order": complete,
    "monitors that come and go": coming_and_going,
    "a monitor that does not read": deaf,
    "what a monitor is shown": ties,
}
