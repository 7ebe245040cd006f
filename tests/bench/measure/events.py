"""Events of keys that expire: how long after its deadline a listener hears of each key, which nobody reads.

Deadlines are spread evenly over a minute, or all fall due at one instant; the server is idle otherwise, or other clients
ask it for all that it can do.
"""

import re
import socket
import time

from . import tools
from .contestants import NotStarted
from .report import figure, say

CHANNEL = b"__keyevent@0__:expired"
KEY = re.compile(rb"mortal:(\d{12})\r\n")
# A busy client asks for more than a worker can do.
BUSY = {"clients": 20, "pipeline": 16}
PATIENCE_S = 30
QUICK_SPAN_S, SPAN_S = 5, 60


def now_ms():
    return time.time_ns() / 1e6


class Listener:
    """Notes when the bytes came, and looks at them when it is over."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.host, server.port))
        self.socket.sendall(b"SUBSCRIBE %s\r\n" % CHANNEL)
        self.socket.recv(200)
        self.chunks = []

    def listen(self, bytes_most, until_ms):
        """Until so much has come."""
        got = 0
        while got < bytes_most and now_ms() < until_ms:
            self.socket.settimeout(max(0.001, (until_ms - now_ms()) / 1000))
            try:
                data = self.socket.recv(1 << 20)
            except TimeoutError:
                break
            if not data:
                raise tools.LoadError("the listener was closed")
            self.chunks.append((now_ms(), data))
            got += len(data)

    def lags_ms(self, deadline_ms):
        """Of every key: from its deadline until the last byte of its event was here."""
        lags, rest = [], b""
        for at_ms, data in self.chunks:
            end = 0
            rest += data
            for found in KEY.finditer(rest):
                lags.append(at_ms - deadline_ms(int(found.group(1))))
                end = found.end()
            rest = rest[end:]
        return sorted(lags)


def frame_len():
    key = len("mortal:") + 12
    return len(b"*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n\r\n" % (len(CHANNEL), CHANNEL, key)) + key


def one(server, settings, span_s, busy):
    """What a listener hears of all keys, sorted, in ms; and the server's microseconds for each key."""
    keys = settings.keys
    server.ask("FLUSHALL")
    server.ask("CONFIG", "SET", "notify-keyspace-events", "Ex")
    server.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")      # we may be slower than it
    if busy:
        server.fill(100_000)
    server.fill(keys // 10, command="SET first:{k} {v}")        # how fast is it?
    first_ms = int(now_ms()) + server.fill_ms(keys) + 1000
    server.fill(keys, command="SET mortal:{k} {v} PXAT {d:%d+%d}" % (first_ms, span_s * 1000))
    if now_ms() > first_ms - 500:
        raise tools.LoadError("%s was not filled before the first deadline" % server.name)
    listener = Listener(server)
    time.sleep(max(0.0, (first_ms - 500 - now_ms()) / 1000))
    load = tools.Load(server, "GET key:{k}", keys=100_000, seconds=span_s + 3, **BUSY) if busy else None
    before = server.cpu_seconds()
    listener.listen(keys * frame_len(), first_ms + (span_s + PATIENCE_S) * 1000)
    took = (server.cpu_seconds() - before) * 1e6 / keys
    if load:
        load.result()
    listener.socket.close()
    return listener.lags_ms(lambda key: first_ms + key * span_s * 1000 // keys), took


def at_share(lags, keys, share):
    """By then this share of all keys had been told of. None: it was not within our patience."""
    place = min(keys - 1, int(keys * share))
    return lags[place] if place < len(lags) else None


def run(contestants, settings, report):
    span_s = QUICK_SPAN_S if settings.quick else SPAN_S
    shapes = {"spread": (span_s, False), "spread-busy": (span_s, True), "instant": (0, False), "instant-busy": (0, True)}
    rows = []
    for workers in settings.workers:
        for contestant in contestants:
            if workers > 1 and contestant.name == "redis":
                continue
            for span, busy in [shapes[part] for part in settings.parts or shapes if part in shapes]:
                try:
                    server = contestant.start(workers, pinned=workers == 1 and len(tools.CORES) > 1)
                except NotStarted as wrong:
                    raise tools.LoadError(str(wrong)) from None
                with server:
                    say("events: %s, %d workers, %d s%s" % (server.name, workers, span, ", busy" if busy else ""))
                    lags, took = one(server, settings, span, busy)
                report.keep("events", {"server": contestant.name, "workers": workers, "span_s": span, "busy": busy,
                                       "heard": len(lags), "us_a_key": took})
                heard = [at_share(lags, settings.keys, share) for share in (0.5, 0.99, 0.999, 1)]
                rows.append(["spread over %d s" % span if span else "at one instant", "busy" if busy else "idle",
                             "%s, %d" % (contestant.name, workers)]
                            + ["not heard in time" if lag is None else figure(lag) for lag in heard]
                            + ["–" if busy else figure(took)])
    rows.sort(key=lambda row: (row[0] == "at one instant", row[1] == "busy"))
    report.heading("Events of %s keys that expire: ms from the deadline until a listener has the event"
                   % format(settings.keys, ","))
    report.table(["deadlines", "other clients", "server, workers", "p50", "p99", "p99.9", "max", "server CPU a key, µs"], rows,
                 text_columns=3)
    report.text("Busy: %d clients ask for as many GETs as they get, %d at a time. Not heard in time: later than %d s after the last "
                "deadline." % (BUSY["clients"], BUSY["pipeline"], PATIENCE_S))
