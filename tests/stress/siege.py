"""What the attacks share: clients that work at a steady pace meanwhile and measure how long they wait."""

import multiprocessing
import re
import selectors
import time
from pathlib import Path

import common
from common import wire

ASKED = wire.encode([b"GET", b"watched"])


class Sample:
    """Waits in seconds, of all clients, and of each the longest."""

    def __init__(self, waits, longest):
        self.waits, self.longest = sorted(waits), sorted(longest)

    def at(self, share):
        return self.waits[min(len(self.waits) - 1, int(len(self.waits) * share))] if self.waits else 0.0

    @property
    def worst(self):
        return self.waits[-1] if self.waits else 0.0


def work(server, clients, each_s, go, stop, results):
    """`clients` connections that each ask once in `each_s`, spread evenly; the answer must be right."""
    selector = selectors.DefaultSelector()
    connections = [common.connect(server, 60.0) for _ in range(clients)]
    for n, connection in enumerate(connections):
        connection.sock.setblocking(False)
        selector.register(connection.sock, selectors.EVENT_READ, n)
    go.wait()
    begun = time.monotonic()
    due = [begun + each_s * n / clients for n in range(clients)]
    sent, waits, longest, wrong, order = [None] * clients, [], [0.0] * clients, None, 0
    while not stop.is_set() or any(at is not None for at in sent):
        now = time.monotonic()
        if stop.is_set() and now - begun > 300:
            wrong = "clients that work were not answered"
            break
        # In turns: whoever is due, but for those that still wait for their answer.
        for _ in range(clients):
            if due[order] > now or stop.is_set():
                break
            if sent[order] is None:
                connections[order].sock.send(ASKED)
                sent[order] = time.monotonic()
            due[order] += each_s
            order = (order + 1) % clients
        for key, _ in selector.select(max(0.0, min(0.02, due[order] - time.monotonic()))):
            n = key.data
            data = connections[n].sock.recv(100)
            if data not in (b"$1\r\nx\r\n", b"$-1\r\n"):      # after FLUSHALL it is gone
                wrong = "a client that works was answered %r" % data
                stop.set()
                sent[n] = None
                continue
            took = time.monotonic() - sent[n]
            sent[n] = None
            waits.append(took)
            longest[n] = max(longest[n], took)
    results.put((waits, longest, wrong))


class Peak:
    """The most memory that the server has had resident since this was made, above what it had then."""

    def __init__(self, server):
        self.home = Path("/proc/%d" % server.process.pid)
        (self.home / "clear_refs").write_text("5")      # the kernel begins to look for the most anew
        self.before = self.read()

    def read(self):
        return int(re.search(r"VmHWM:\s*(\d+)", (self.home / "status").read_text()).group(1)) * 1024

    def grown(self):
        return max(0, self.read() - self.before)


class Watch:
    """So many clients at work, in a process of their own, from `with` to its end; and how much memory the server took at most."""

    def __init__(self, server, clients=8, each_s=0.02):
        context = multiprocessing.get_context("fork")
        self.go, self.stop, self.results = context.Event(), context.Event(), context.Queue()
        common.ask(server, "SET", "watched", "x")
        self.server, self.peak, self.grown = server, None, 0
        self.process = context.Process(target=work, args=(server, clients, each_s, self.go, self.stop, self.results))

    def __enter__(self):
        self.process.start()
        self.go.set()
        time.sleep(0.2)
        self.peak = Peak(self.server)
        return self

    def __exit__(self, *failure):
        if failure[0] is None:
            self.grown = self.peak.grown()
        self.stop.set()
        waits, longest, wrong = self.results.get(timeout=330)
        self.process.join()
        self.sample = Sample(waits, longest)
        if failure[0] is None:
            common.expect(wrong is None, "%s", wrong)


def quiet(server, seconds, **how):
    with Watch(server, **how) as watch:
        time.sleep(seconds)
    return watch.sample
