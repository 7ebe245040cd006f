"""Bytes per key over its payload, for a sweep of sizes, with and without a TTL.

A table's cost per key depends on how full it is, and a daemon spends its life somewhere between two
growths: each figure is the mean over several counts of keys, spread evenly by ratio over a doubling.
"""

import contextlib
import time

from . import tools
from .report import figure, ratio, say

MIXED, INTEGER = tuple(range(100, 501, 10)), "integer"     # values of many sizes; the number 1,000,000 to 9,999,999
INTEGER_BYTES = 7
VALUES = (8, 16, 32, 64, 100, 256, 1024, 16384)
SIZES = (*((16, value) for value in VALUES), (8, 64), (32, 64), (64, 64), (16, MIXED), (16, INTEGER))
SWEEP = tuple((key, value) for key in (8, 16, 32, 64) for value in (*VALUES, INTEGER))
QUICK_SIZES = ((16, 64),)
STEPS, QUICK_STEPS = 3, 1
FIRST = 1_414_000                                  # so that the counts have two millions in their middle
STILL_S, SETTLE_MOST_S = 1.0, 12.0


class Filled:
    """One server that is filled step by step with keys of one size."""

    def __init__(self, server, key_size, value_size, ttl):
        self.server, self.ttl = server, ttl
        self.key_size, self.value_size = key_size, value_size
        self.keys, self.payload, self.empty = 0, 0, server.rss_bytes()
        self.rss_each = []

    def fill_to(self, keys):
        value = "{r:1000000-9999999}" if self.value_size == INTEGER else "{v}"
        command = "SET {k:%d} %s%s" % (self.key_size, value, " EX 1000000" if self.ttl else "")
        sizes = self.value_size if self.value_size == MIXED else [self.value_size if value == "{v}" else 0]
        for number, size in enumerate(sizes):
            until = self.keys + (keys - self.keys) // (len(sizes) - number)
            tools.load(self.server, command, requests=until - self.keys, keys=keys, first_key=self.keys,
                       value_size=size, distribution="sequential", pipeline=100, clients=10)
            self.payload += (until - self.keys) * (self.key_size + (size or INTEGER_BYTES))
            self.keys = until

    def note(self):
        held = int(self.server.ask("DBSIZE"))
        if held != self.keys:
            raise tools.LoadError("%s holds %d keys of %d" % (self.server.name, held, self.keys))
        self.rss_each.append((self.server.rss_bytes() - self.empty - self.payload) / self.keys)

    def overhead(self):
        return sum(self.rss_each) / len(self.rss_each)


def settle(all_filled):
    """Waits until no resident set falls any more: allocators give back late what growth has freed."""
    limit = time.monotonic() + SETTLE_MOST_S
    last = [filled.server.rss_bytes() for filled in all_filled]
    while time.monotonic() < limit:
        time.sleep(STILL_S)
        now = [filled.server.rss_bytes() for filled in all_filled]
        if all(after >= before - (128 << 10) for before, after in zip(last, now)):
            return
        last = now


def mean_of(value_size):
    return INTEGER_BYTES if value_size == INTEGER else sum(MIXED) // len(MIXED) if value_size == MIXED else value_size


def shown(key_size, value_size):
    words = {INTEGER: "an integer of 7 digits", MIXED: "mixed 100–500"}
    return "%d + %s" % (key_size, words.get(value_size, value_size))


def counts(payload, settings):
    """How many keys each step has: from one count to just under its double."""
    steps = QUICK_STEPS if settings.quick else STEPS
    most = FIRST if settings.keys_by_default and not settings.quick else settings.keys // 2
    first = max(50_000 if payload < 8192 else 10_000, min(most, (128 << 20) // payload))
    return [round(first * 2 ** (step / steps)) for step in range(steps)]


def measure(contestants, key_size, value_size, settings):
    """{(name, ttl): Filled}; all servers stand at once, so that one wait settles them all."""
    with contextlib.ExitStack() as stack:
        table = {}
        for contestant in contestants:
            for ttl in (False, True):
                server = stack.enter_context(contestant.start())
                table[contestant.name, ttl] = Filled(server, key_size, value_size, ttl)
        for keys in counts(key_size + mean_of(value_size), settings):
            for filled in table.values():
                filled.fill_to(keys)
            settle(table.values())
            for filled in table.values():
                filled.note()
    return table


def run(contestants, settings, report):
    contestants = [one for one in contestants if not one.address]
    names = [one.name for one in contestants]
    rows = []
    for key_size, value_size in QUICK_SIZES if settings.quick else SWEEP if settings.sweep else SIZES:
        say("memory: %s bytes" % shown(key_size, value_size))
        table = measure(contestants, key_size, value_size, settings)
        cells = []
        for ttl in (False, True):
            means = [table[name, ttl].overhead() for name in names]
            cells += map(figure, means)
            if len(names) > 1:
                cells.append(ratio(means[0], means[1]))
        rows.append([shown(key_size, value_size)] + cells)
        for (name, ttl), filled in table.items():
            report.keep("memory", {"server": name, "ttl": ttl, "key_bytes": key_size,
                                   "value_bytes": value_size, "overheads": filled.rss_each,
                                   "keys": counts(key_size + mean_of(value_size), settings)})
    report.heading("Memory: bytes per key over key and value")
    versus = ["%s / %s" % tuple(names[:2])] if len(names) > 1 else []
    report.table(["key + value"] + names + versus + ["%s, TTL" % name for name in names] + versus, rows)
    report.text("Growth of the resident set from the empty server, less key and value, per key; the "
                "mean over %d counts of keys between a count and its double."
                % (QUICK_STEPS if settings.quick else STEPS))
