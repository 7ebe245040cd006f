"""Bytes per element of lists, for sizes of elements times lengths: as they were filled, and after they have been queues.

Each list is its own key; there are as many of them as make a few megabytes, so that what a server takes for other things
does not matter. What is told is what the server has taken from its allocator, its keys' own cost included.
"""

from . import tools
from .report import figure, say
from .zset_memory import FIELDS, Filled

SIZES = (8, 16, 32, 64, 100, 200, 300, 500, 1000, 4000, 10000)
LENGTHS = (10, 100, 1000, 100_000)
BYTES, LISTS_MOST = 16 << 20, 20_000
QUEUED = 0.37                       # the part of a list that leaves and comes again: no round number of blocks
ALLOCATOR = FIELDS[0][0]


def lists_of(size, length):
    return max(1, min(LISTS_MOST, BYTES // (size * length)))


def each_list(server, command, size, lists, times):
    """The command for one list after the other, so many times for each."""
    tools.load(server, command, requests=lists * times, keys=lists, value_size=size, distribution="sequential", pipeline=50,
               clients=4, timeout=120)


def weigh(running_of, size, length):
    """Two figures a server: filled, and used as a queue."""
    lists = lists_of(size, length)
    found = {}
    with running_of(1) as running:
        for server in running:
            filled = Filled(server)
            each_list(server, "RPUSH list:{k:10} {v}", size, lists, length)
            figures = [filled.each(lists * length)[ALLOCATOR]]
            for command in ("LPOP list:{k:10}", "RPUSH list:{k:10} {v}"):
                each_list(server, command, size, lists, int(length * QUEUED))
            figures.append(filled.each(lists * length)[ALLOCATOR])
            held = int(server.ask("LLEN", "list:" + "0" * 10))
            if held != length:
                raise tools.LoadError("%s has %d elements in a list of %d" % (server.name, held, length))
            found[server.name] = figures
    return found


def run(running_of, settings, report):
    names, rows, worst = [], [], 0
    for size in settings.sizes or SIZES:
        for length in LENGTHS:
            if settings.quick and length > 1000:
                continue
            say("lists: %s of %d bytes" % (format(length, ","), size))
            found = weigh(running_of, size, length)
            names = list(found)
            row = [format(size, ","), format(length, ",")]
            for use in range(2):
                values = [found[name][use] for name in names]
                row += [figure(one) for one in values]
                if len(names) > 1:
                    row.append("%.3f" % (values[0] / values[1]))
                    worst = max(worst, values[0] / values[1])
            rows.append(row)
            report.keep("list_weight", {"size": size, "length": length, "lists": lists_of(size, length), "bytes": found})
    versus = ["%s / %s" % tuple(names[:2])] if len(names) > 1 else []
    report.heading("Lists: bytes per element")
    report.table(["element", "length"] + names + versus + ["%s, queue" % name for name in names] + versus, rows)
    report.text("What each server has taken from its allocator more than when it was empty, per element, keys included; *queue*: after %d %% "
                "of each list have left on the left, and as many have come on the right." % round(QUEUED * 100)
                + (" The highest ratio is %.3f." % worst if worst else ""))
