"""Bytes per key over its payload, for a sweep of sizes, with and without a TTL.

A table's cost per key depends on how full it is, and a daemon spends its life somewhere between two
growths: each figure is the mean over several counts of keys, spread evenly by ratio over a doubling.
"""

import contextlib
import time

from . import tools
from .report import figure, ratio, say

SIZES = ((16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256), (16, 512), (16, 1024),
         (16, 4096), (8, 8), (32, 64), (64, 64))
QUICK_SIZES = ((16, 64),)
STEPS, QUICK_STEPS = 3, 1
STILL_S, SETTLE_MOST_S = 1.0, 12.0


class Filled:
    """One server that is filled step by step with keys of one size."""

    def __init__(self, server, key_size, value_size, ttl):
        self.server, self.ttl = server, ttl
        self.key_size, self.value_size = key_size, value_size
        self.keys, self.empty = 0, server.rss_bytes()
        self.rss_each = []

    def fill_to(self, keys):
        command = "SET {k:%d} {v}%s" % (self.key_size, " EX 1000000" if self.ttl else "")
        tools.load(self.server, command, requests=keys - self.keys, keys=keys, first_key=self.keys,
                   value_size=self.value_size, distribution="sequential", pipeline=100, clients=10)
        self.keys = keys

    def note(self):
        held = int(self.server.ask("DBSIZE"))
        if held != self.keys:
            raise tools.LoadError("%s holds %d keys of %d" % (self.server.name, held, self.keys))
        payload = self.key_size + self.value_size
        self.rss_each.append((self.server.rss_bytes() - self.empty) / self.keys - payload)

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


def counts(payload, settings):
    """How many keys each step has: from one count to just under its double."""
    steps = QUICK_STEPS if settings.quick else STEPS
    first = max(50_000, min(settings.keys // 2, (64 << 20) // payload))
    return [round(first * 2 ** (step / steps)) for step in range(steps)]


def measure(contestants, key_size, value_size, settings):
    """{(name, ttl): Filled}; all servers stand at once, so that one wait settles them all."""
    with contextlib.ExitStack() as stack:
        table = {}
        for contestant in contestants:
            for ttl in (False, True):
                server = stack.enter_context(contestant.start())
                table[contestant.name, ttl] = Filled(server, key_size, value_size, ttl)
        for keys in counts(key_size + value_size, settings):
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
    for key_size, value_size in QUICK_SIZES if settings.quick else SIZES:
        say("memory: %d + %d bytes" % (key_size, value_size))
        table = measure(contestants, key_size, value_size, settings)
        cells = []
        for ttl in (False, True):
            means = [table[name, ttl].overhead() for name in names]
            cells += map(figure, means)
            if len(names) > 1:
                cells.append(ratio(means[0], means[1]))
        rows.append(["%d + %d" % (key_size, value_size)] + cells)
        for (name, ttl), filled in table.items():
            report.keep("memory", {"server": name, "ttl": ttl, "key_bytes": key_size,
                                   "value_bytes": value_size, "overheads": filled.rss_each,
                                   "keys": counts(key_size + value_size, settings)})
    report.heading("Memory: bytes per key over key and value")
    versus = ["%s / %s" % tuple(names[:2])] if len(names) > 1 else []
    report.table(["key + value"] + names + versus + ["%s, TTL" % name for name in names] + versus, rows)
    report.text("Growth of the resident set from the empty server, less key and value, per key; the "
                "mean over %d counts of keys between a count and its double."
                % (QUICK_STEPS if settings.quick else STEPS))
