"""Expiry: is what fell due gone, is its memory back, and do other clients feel it?

Nobody reads the keys that expire, so only the server's own sweep can remove them.
"""

import time

from . import tools
from .contestants import of_each
from .report import figure, median, ratio, say, turns

# Deep enough that every question is sent when it is due, whatever is still unanswered.
PROBE = {"clients": 10, "rate": 5000, "pipeline": 4096}


SETTLED_MS = 50


def now_ms():
    return time.time_ns() // 1_000_000


def sleep_until(when_ms):
    time.sleep(max(0.0, (when_ms - now_ms()) / 1000))


def sample(server):
    used = server.info("used_memory", "memory")
    return {"at_ms": now_ms(), "keys": int(server.ask("DBSIZE")), "used": int(used) if used else None,
            "rss": server.rss_bytes() if server.pid else None}


class Spread:
    """Keys with deadlines spread evenly over `span_s` seconds, beside others without any."""

    def __init__(self, server, settings):
        self.server = server
        self.plain = 4 * settings.keys // (2 if settings.quick else 1)
        self.mortal = settings.keys // (2 if settings.quick else 1)
        self.span_s = 5 if settings.quick else 60
        self.samples = []

    def prepare(self):
        server = self.server
        server.fill(self.plain, command="SET plain:{k} {v}")
        self.first_ms = now_ms() + server.fill_ms(self.mortal)
        server.fill(self.mortal, command="SET mortal:{k} {v} PXAT {d:%d+%d}" % (
            self.first_ms, self.span_s * 1000))
        self.each_bytes = self.usage_each()
        # Just before the first deadline: what filling left to be done, as tables on the move, is done by then.
        if now_ms() > self.first_ms - SETTLED_MS:
            raise tools.LoadError("%s was not filled before the first deadline" % server.name)
        sleep_until(self.first_ms - SETTLED_MS)
        self.full = sample(server)

    def usage_each(self):
        """What MEMORY USAGE says of a key with a deadline: they are all of one length. None where nobody answers."""
        try:
            return int(self.server.ask("MEMORY", "USAGE", "mortal:%012d" % (self.mortal // 2)))
        except (TypeError, tools.LoadError):
            return None

    def due(self, at_ms):
        share = (at_ms - self.first_ms) / (self.span_s * 1000)
        return self.mortal * min(1.0, max(0.0, share))

    def watch(self):
        """A sample at each second's end and one a second after the last; on until all are gone, or two
        minutes have passed."""
        for second in range(1, self.span_s + 1):
            sleep_until(self.first_ms + second * 1000)
            self.samples.append(sample(self.server))
        end_ms = self.first_ms + self.span_s * 1000
        self.all_gone_s = None
        while len(self.samples) <= self.span_s or (self.all_gone_s is None and now_ms() < end_ms + 120_000):
            if self.all_gone_s is None and int(self.server.ask("DBSIZE")) <= self.plain:
                self.all_gone_s = (now_ms() - end_ms) / 1000
            if len(self.samples) == self.span_s and now_ms() >= end_ms + 1000:
                self.samples.append(sample(self.server))
            time.sleep(0.02)

    def gone(self, one):
        return self.full["keys"] - one["keys"]

    def back(self, field, due, later):
        """Which share of the memory of what fell due is back a second later, by what MEMORY USAGE said of a key."""
        if self.full[field] is None or self.each_bytes is None:
            return None
        return (self.full[field] - later[field]) / (self.each_bytes * due)

    def figures(self):
        at_end, behind_s, after, used, rss = [], [], [], [], []
        for one, later in zip(self.samples[:-1], self.samples[1:]):
            due = self.due(one["at_ms"])
            at_end.append(min(1.0, self.gone(one) / due))
            after.append(min(1.0, self.gone(later) / due))
            behind_s.append(max(0.0, due - self.gone(one)) / (self.mortal / self.span_s))
            used.append(self.back("used", due, later))
            rss.append(self.back("rss", due, later))
        return {"gone_at_end": at_end, "gone_a_second_later": after, "behind_s": behind_s,
                "used_back": used, "rss_back": rss, "all_gone_s": self.all_gone_s}


def percent(value):
    return "–" if value is None else "%.1f %%" % (100 * value)


def worst(values):
    values = [value for value in values if value is not None]
    return min(values) if values else None


def spread_of(server, settings):
    spread = Spread(server, settings)
    spread.prepare()
    spread.watch()
    server.ask("FLUSHALL")
    return spread


def spread_table(running_of, settings, report):
    rows = []
    say("expire: spread over time")
    with running_of(1) as running:
        for server, spread in of_each(running, settings, lambda server: spread_of(server, settings)):
            found = spread.figures()
            report.keep("expire_spread", {"server": server.name, "samples": spread.samples, **found})
            rows.append([server.name,
                         percent(median(found["gone_at_end"])), percent(worst(found["gone_at_end"])),
                         figure(median(found["behind_s"])), figure(max(found["behind_s"])),
                         percent(worst(found["gone_a_second_later"])),
                         figure(spread.each_bytes), percent(worst(found["used_back"])), percent(worst(found["rss_back"])),
                         figure(found["all_gone_s"]) if found["all_gone_s"] is not None
                         else "not in 120"])
    report.heading("Expiry: %s keys with deadlines spread over %d s, beside %s without" % (
        format(spread.mortal, ","), spread.span_s, format(spread.plain, ",")))
    report.table(["server", "gone at the second's end, median", "worst", "seconds behind, median",
                  "worst", "gone a second later, worst", "MEMORY USAGE of a key",
                  "used_memory back a second later, worst", "RSS back a second later, worst", "all gone, s after the last deadline"], rows)
    report.text("Shares of all that had fallen due by the end of each second. Seconds behind: the keys "
                "that are due and still there, in seconds' worth of deadlines. Memory back: the fall since before the "
                "first deadline, as a share of MEMORY USAGE of all keys that had fallen due.")


def burst_fill(server, keys):
    """keys that all fall due at one instant; returns it."""
    when_ms = now_ms() + 1500 + server.fill_ms(keys)
    server.fill(keys, command="SET burst:{k} {v} PXAT %d" % when_ms)
    return when_ms


def watch_burst(server, plain, probe_end_ms, when_ms):
    """Seconds from the deadline until the last key is gone; asks ten times a second."""
    gone_s = None
    connection = server.connect()
    while gone_s is None and now_ms() < max(probe_end_ms, when_ms + 60_000):
        if connection.ask("DBSIZE")[1] <= plain and now_ms() >= when_ms:
            gone_s = (now_ms() - when_ms) / 1000
        time.sleep(0.1)
    connection.close()
    return gone_s


def burst_round(server, settings, keys):
    window_s = 1.5 if settings.quick else 6.0
    probe = {"keys": settings.keys, "value_size": settings.value_size, "seconds": window_s, **PROBE}
    quiet = tools.load(server, "GET key:{k}", **probe)["latency_us"]
    when_ms = burst_fill(server, keys)
    if now_ms() > when_ms - 1500:
        raise tools.LoadError("%s was not filled before the deadline" % server.name)
    sleep_until(when_ms - 1000)
    running = tools.Load(server, "GET key:{k}", **probe)
    gone_s = watch_burst(server, settings.keys, when_ms + 1000 * window_s, when_ms)
    return {"quiet": quiet, "burst": running.result()["latency_us"], "gone_s": gone_s}


def burst_table(running_of, settings, report):
    keys = settings.keys
    fields = ("p50", "p99", "p999", "max")
    rows = []
    with running_of(1) as running:
        found = {server.name: [] for server in running}
        for server in running:
            server.fill(settings.keys, settings.value_size)
        for turn in range(max(1, (settings.rounds + 1) // 2)):
            for server in running:
                say("expire: all at one instant, round %d, %s" % (turn + 1, server.name))
                found[server.name].append(burst_round(server, settings, keys))
    for name, rounds in found.items():
        report.keep("expire_burst", {"server": name, "keys": keys, "rounds": rounds})
        seen = {when: {field: median([one[when][field] for one in rounds]) for field in fields}
                for when in ("quiet", "burst")}
        gone = [one["gone_s"] for one in rounds]
        rows.append([name] + [figure(seen["quiet"][field]) for field in fields]
                    + [figure(seen["burst"][field]) for field in fields]
                    + [ratio(seen["burst"]["p999"], seen["quiet"]["p999"]),
                       "not in 60" if None in gone else figure(median(gone))])
    report.heading("Expiry: %s keys due at one instant; GET by other clients, in µs"
                   % format(keys, ","))
    report.table(["server"] + ["quiet " + field.replace("p999", "p99.9") for field in fields]
                 + ["burst " + field.replace("p999", "p99.9") for field in fields]
                 + ["p99.9 burst / quiet", "last one gone, s"], rows)
    report.text("%d clients, %d GETs a second in all, of other keys; each counts from when it was due. "
                "Medians of %s." % (PROBE["clients"], PROBE["rate"], turns(len(rounds))))


def run(running_of, settings, report):
    spread_table(running_of, settings, report)
    burst_table(running_of, settings, report)
