"""Bytes per element of a container, beside what is in it: payload, what each server holds, and how much of that is its own."""

from .memory import settle
from .report import figure, ratio, say
from .zset_memory import FIELDS, Filled

ALLOCATOR, USED = (field for field, _ in FIELDS[:2])


class Load:
    """elements in all; payload: the bytes of one, with its share of the key; fill(server) puts them there."""

    def __init__(self, title, elements, payload, fill):
        self.title, self.elements, self.payload, self.fill = title, elements, payload, fill


def weigh(running_of, load):
    """{server: bytes per element by each of FIELDS}"""
    with running_of(1) as running:
        filled = [Filled(server) for server in running]
        for one in filled:
            load.fill(one.server)
        settle(filled)
        return {server.name: one.each(load.elements) for server, one in zip(running, filled)}


def compared(values):
    return [figure(one) for one in values] + ([ratio(values[0], values[1])] if len(values) > 1 else [])


def show(running_of, report, case, heading, loads):
    names, rows = [], []
    for load in loads:
        say("%s: %s weighed" % (case, load.title))
        found = weigh(running_of, load)
        names = list(found)
        held = [found[name][ALLOCATOR] for name in names]
        rows.append([load.title, figure(load.payload)] + compared(held) + compared([one - load.payload for one in held])
                    + compared([found[name][USED] for name in names]))
        report.keep(case, {"case": load.title, "elements": load.elements, "payload": load.payload, "bytes": found})
    columns = [case, "payload"]
    for what in ("", ", overhead", ", used_memory"):
        columns += [name + what for name in names] + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else [])
    report.heading(heading)
    report.table(columns, rows)
    report.text("What each server has taken from its allocator more than when it was empty, per element, and how much of that is not "
                "payload: the bytes of the element itself and its share of the key's. A payload counts as its bytes of text.")
