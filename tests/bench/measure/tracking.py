"""Client-side caching: what tracking costs those who read and those who write, and what an invalidation costs."""

import socket
import time

from .report import figure, median, ratio, say, turns

KEYS, VALUE = 1024, b"x" * 64
DEPTHS = (1, 16)
READERS = (1, 100)
FOUND = b"$%d\r\n%s\r\n" % (len(VALUE), VALUE)
TRACKED = b"CLIENT TRACKING ON\r\n"


def name(number, prefix=b"key"):
    return b"%s:%08d" % (prefix, number % KEYS)


class Client:
    """Speaks RESP3 when it tracks."""

    def __init__(self, server, *begin):
        self.socket = socket.create_connection((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if begin:
            self.say_at_once(b"HELLO 3\r\n", b"END")
        for line in begin:
            self.say_at_once(line, b"END")

    def say_at_once(self, line, mark):
        self.socket.sendall(line + b"ECHO %s\r\n" % mark)
        got = b""
        while not got.endswith(b"$%d\r\n%s\r\n" % (len(mark), mark)):
            got += self.socket.recv(1 << 16)

    def ask(self, requests, bytes_):
        """So many bytes are the replies."""
        self.socket.sendall(requests)
        while bytes_ > 0:
            bytes_ -= len(self.socket.recv(1 << 18))

    def hear(self, count, word=b"key:"):
        """Until so many names of keys have come."""
        rest = b""
        while count > 0:
            data = rest + self.socket.recv(1 << 18)
            count -= data.count(word)
            rest = data[-len(word) + 1:]

    def close(self):
        self.socket.close()


def fill(server):
    client = Client(server)
    client.ask(b"".join(b"SET %s %s\r\n" % (name(i), VALUE) for i in range(KEYS)), 5 * KEYS)
    client.close()


def timed(server, seconds, work, operations):
    """Microseconds of the server's processors for each operation; work() is so many of them."""
    for _ in range(3):
        work()
    rounds, before, end = 0, server.cpu_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        work()
        rounds += 1
    return (server.cpu_seconds() - before) * 1e6 / (rounds * operations)


class Numbers:
    """The next so many keys, over and over."""

    def __init__(self):
        self.at = 0

    def next(self, count):
        self.at += count
        return range(self.at - count, self.at)


def gets(begin):
    """GET by a client that begins so."""
    def cost(server, depth, seconds):
        client, keys = Client(server, *begin), Numbers()
        took = timed(server, seconds, lambda: client.ask(
            b"".join(b"*2\r\n$3\r\nGET\r\n$12\r\n%s\r\n" % name(i) for i in keys.next(depth)), depth * len(FOUND)), depth)
        client.close()
        return took
    return cost


def sets(begin, heard):
    """SET by a client that does not track, beside one that begins so and is told of them, or of nothing."""
    def cost(server, depth, seconds):
        client, beside, keys = Client(server), Client(server, *begin) if begin else None, Numbers()

        def work():
            client.ask(b"".join(b"*3\r\n$3\r\nSET\r\n$12\r\n%s\r\n$%d\r\n%s\r\n" % (name(i), len(VALUE), VALUE)
                                for i in keys.next(depth)), 5 * depth)
            if heard:
                beside.hear(depth)
        took = timed(server, seconds, work, depth)
        for one in (client, beside):
            if one:
                one.close()
        return took
    return cost


def cycles(readers, begin):
    """Sixteen keys are read by all readers, then written by another: for each reader and key, with and without an
    invalidation."""
    def cost(server, depth, seconds):
        writer, crowd, keys = Client(server), [Client(server, *(begin or (b"PING\r\n",))) for _ in range(readers)], Numbers()

        def work():
            numbers = keys.next(depth)
            question = b"MGET %s\r\n" % b" ".join(map(name, numbers))
            for one in crowd:
                one.socket.sendall(question)
            for one in crowd:
                one.ask(b"", len(b"*%d\r\n" % depth) + depth * len(FOUND))
            writer.ask(b"".join(b"SET %s %s\r\n" % (name(i), VALUE) for i in numbers), 5 * depth)
            for one in crowd if begin else []:
                one.hear(depth)
        took = timed(server, seconds, work, depth * readers)
        for one in [writer] + crowd:
            one.close()
        return took
    return cost


def cases():
    """(what, how, function of (server, depth, seconds)), those that are compared together, the plain one first."""
    others = b"CLIENT TRACKING ON BCAST PREFIX other:\r\n"
    these = b"CLIENT TRACKING ON BCAST PREFIX key:\r\n"
    yield "GET", [("nobody tracks", gets(())), ("by who tracks", gets((TRACKED,))),
                  ("by who tracks with BCAST", gets((these,)))]
    yield "SET", [("nobody tracks", sets((), False)), ("others track", sets((TRACKED, b"GET other\r\n"), False)),
                  ("others track with BCAST, another prefix", sets((others,), False)),
                  ("told with BCAST", sets((these,), True))]
    for readers in READERS:
        yield "MGET of all by %d, SET of each" % readers, [("nobody tracks", cycles(readers, ())),
                                                           ("told", cycles(readers, (TRACKED,)))]


def measure(running, settings, workers, report, rows):
    for server in running:
        fill(server)
    for what, ways in cases():
        for depth in DEPTHS:
            plain = None
            for how, cost in ways:
                found = {server.name: [] for server in running}
                for _ in range(settings.rounds):
                    for server in running:
                        say("tracking: %s, %s, %d at once, %d workers, %s" % (what, how, depth, workers, server.name))
                        found[server.name].append(cost(server, depth, settings.seconds))
                medians = [median(found[server.name]) for server in running]
                report.keep("tracking", {"what": what, "how": how, "depth": depth, "workers": workers, "us": found})
                plain = plain or medians
                added = [one - without for one, without in zip(medians, plain)] if plain is not medians else None
                rows.append([what, how, str(depth), str(workers)] + [figure(one) for one in medians]
                            + ([ratio(medians[0], medians[1])] if len(medians) > 1 else [])
                            + ["–" if added is None else "%+.3f" % one for one in added or medians])


def run(running_of, settings, report):
    rows = []
    for workers in settings.workers:
        with running_of(workers) as running:
            names = [server.name for server in running]
            measure(running, settings, workers, report, rows)
    report.heading("Tracking: server CPU in µs for each GET or SET; with MGET and SET, for each key and reader")
    report.table(["what", "who tracks", "at once", "workers"] + names + (["ratio"] if len(names) > 1 else [])
                 + ["added, " + one for one in names], rows, text_columns=2)
    report.text("One client at work, and %s who read; all that is told has been read before the next request goes. Added: above the "
                "same with nobody who tracks. redis-server has one worker throughout. Medians of %s." % (
                    " or ".join(map(str, READERS)), turns(settings.rounds)))
