"""Events of keys that expire: how long after its deadline a listener hears of each key, which nobody reads.

Deadlines are spread evenly over a minute, or all fall due at one instant, or are those of a few keys beside many that last;
the server is idle otherwise, or other clients ask it for all that it can do.
"""

import collections
import copy
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
# A few keys fall due beside many that do so much later.
RARE, RARE_SPAN_S, LASTING_S, RARE_PATIENCE_S, QUICK_RARE_PATIENCE_S = 1000, 1, 3600, 300, 40
QUICK_KEYS, QUICK_PARTS, QUICK_WORKERS = 1_000_000, ["spread", "rare"], [1]

# How many keys fall due in how many seconds, beside so many that last; how long we listen on after the last deadline.
Shape = collections.namedtuple("Shape", "name keys span_s lasting patience_s busy")


def shapes_of(settings):
    keys, span_s = settings.keys, QUICK_SPAN_S if settings.quick else SPAN_S
    rare_patience_s = QUICK_RARE_PATIENCE_S if settings.quick else RARE_PATIENCE_S
    spread, instant = "%s spread over %d s" % (format(keys, ","), span_s), "%s at one instant" % format(keys, ",")
    rare = "%s, beside %s that last" % (format(RARE, ","), format(keys, ","))
    return {"spread": Shape(spread, keys, span_s, 0, PATIENCE_S, False), "spread-busy": Shape(spread, keys, span_s, 0, PATIENCE_S, True),
            "instant": Shape(instant, keys, 0, 0, PATIENCE_S, False), "instant-busy": Shape(instant, keys, 0, 0, PATIENCE_S, True),
            "rare": Shape(rare, RARE, RARE_SPAN_S, keys, rare_patience_s, False)}


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


def one(server, shape):
    """What a listener hears of all keys, sorted, in ms; and the server's microseconds for each key."""
    keys = shape.keys
    server.ask("FLUSHALL")
    server.ask("CONFIG", "SET", "notify-keyspace-events", "Ex")
    server.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")      # we may be slower than it
    if shape.busy:
        server.fill(100_000)
    if shape.lasting:
        server.fill(shape.lasting, command="SET lasting:{k} {v} EX %d" % LASTING_S)
    server.fill(max(1000, keys // 10), command="SET first:{k} {v}")        # how fast is it?
    first_ms = int(now_ms()) + server.fill_ms(keys) + 1000
    server.fill(keys, command="SET mortal:{k} {v} PXAT {d:%d+%d}" % (first_ms, shape.span_s * 1000))
    if now_ms() > first_ms - 500:
        raise tools.LoadError("%s was not filled before the first deadline" % server.name)
    listener = Listener(server)
    time.sleep(max(0.0, (first_ms - 500 - now_ms()) / 1000))
    load = tools.Load(server, "GET key:{k}", keys=100_000, seconds=shape.span_s + 3, **BUSY) if shape.busy else None
    before = server.cpu_seconds()
    listener.listen(keys * frame_len(), first_ms + (shape.span_s + shape.patience_s) * 1000)
    took = (server.cpu_seconds() - before) * 1e6 / keys
    if load:
        load.result()
    listener.socket.close()
    return listener.lags_ms(lambda key: first_ms + key * shape.span_s * 1000 // keys), took


def at_share(lags, keys, share):
    """By then this share of all keys had been told of. None: it was not within our patience."""
    place = min(keys - 1, int(keys * share))
    return lags[place] if place < len(lags) else None


def hasten(settings):
    """A look in less than two minutes, with as many keys as the figures to publish."""
    settings = copy.copy(settings)
    settings.parts = settings.parts or QUICK_PARTS
    if settings.keys_by_default:
        settings.keys = QUICK_KEYS
    if settings.workers_by_default:
        settings.workers = QUICK_WORKERS
    return settings


def row_of(contestant, workers, shape, lags, took):
    heard = [at_share(lags, shape.keys, share) for share in (0.5, 0.99, 0.999, 1)]
    return ([shape.name, "busy" if shape.busy else "idle", "%s, %d" % (contestant.name, workers)]
            + ["over %s" % format(shape.patience_s * 1000, ",") if lag is None else figure(lag) for lag in heard]
            + ["%.1f %%" % (100 * len(lags) / shape.keys), "–" if shape.busy or shape.lasting else figure(took)])


def run(contestants, settings, report):
    if settings.quick:
        settings = hasten(settings)
    shapes, rows = shapes_of(settings), []
    for part in settings.parts or shapes:
        shape = shapes.get(part)
        if not shape:
            continue
        for workers in settings.workers:
            for contestant in contestants:
                if workers > 1 and contestant.name == "redis":
                    continue
                try:
                    server = contestant.start(workers, pinned=workers == 1 and len(tools.CORES) > 1)
                except NotStarted as wrong:
                    raise tools.LoadError(str(wrong)) from None
                with server:
                    say("events: %s, %d workers, %s%s" % (server.name, workers, shape.name, ", busy" if shape.busy else ""))
                    lags, took = one(server, shape)
                report.keep("events", {"server": contestant.name, "workers": workers, "part": part,
                                       "heard": len(lags), "us_a_key": took})
                rows.append(row_of(contestant, workers, shape, lags, took))
    report.heading("Events of keys that expire: ms from the deadline until a listener has the event")
    report.table(["keys that fall due", "other clients", "server, workers", "p50", "p99", "p99.9", "max", "heard of", "server CPU a key, µs"],
                 rows, text_columns=3)
    report.text("Busy: %d clients ask for as many GETs as they get, %d at a time. Those that last do so for %d s. Over so many ms: not "
                "heard in the time that we listened on after the last deadline." % (BUSY["clients"], BUSY["pipeline"], LASTING_S))
