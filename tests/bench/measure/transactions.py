"""Transactions: processor time per MULTI … EXEC, one at a time on each connection and sixteen in flight."""

from . import tools
from .report import figure, median, ratio, say, turns

DEPTHS = (1, 16)                    # transactions in flight on a connection
CLIENTS = 10                        # with so many requests in flight, few connections keep the server at work

TRANSACTIONS = (
    ("MULTI, INCR, EXEC", ["MULTI", "INCR counter:{k}", "EXEC"]),
    ("MULTI, SET, EXEC", ["MULTI", "SET key:{k} {v}", "EXEC"]),
    ("MULTI, 10 SETs, EXEC", ["MULTI"] + ["SET key:{k} {v}"] * 10 + ["EXEC"]),
    ("MULTI, 10 GETs, EXEC", ["MULTI"] + ["GET key:{k}"] * 10 + ["EXEC"]),
    ("WATCH, GET, MULTI, SET, EXEC", ["WATCH key:{k}", "GET key:{k}", "MULTI", "SET key:{k} {v}", "EXEC"]),
)


def measure(server, commands, depth, settings):
    """A client's requests go out in whole transactions: as many at once as make `depth` of them."""
    result = tools.load(server, commands, clients=CLIENTS, pipeline=len(commands) * depth, expect="any", seconds=settings.seconds,
                        keys=settings.keys, value_size=settings.value_size)
    whole = result["replies"] / len(commands)
    return {"cpu_us": result["server_cpu_s"] * 1e6 / whole if server.pid else None,
            "transactions": whole / result["seconds"]}


def show(report, names, table):
    rows = []
    for (title, depth), found in table.items():
        cost = [median([one["cpu_us"] for one in found[name]]) for name in names]
        rate = [median([one["transactions"] for one in found[name]]) / 1000 for name in names]
        rows.append([title, str(depth)] + [figure(one) for one in cost] + ([ratio(cost[0], cost[1])] if len(names) > 1 else [])
                    + [figure(one) for one in rate])
    report.table(["transaction", "in flight"] + ["%s µs" % name for name in names]
                 + (["%s / %s" % tuple(names[:2])] if len(names) > 1 else []) + ["%s thousand/s" % name for name in names], rows)


def run(running_of, settings, report):
    table = {}
    with running_of(1) as running:
        names = [server.name for server in running]
        for server in running:
            if not server.knows("MULTI"):
                raise tools.LoadError("%s has no transactions" % server.name)
            server.fill(settings.keys, settings.value_size)
            server.fill(settings.keys, command="INCR counter:{k}")
        for title, commands in TRANSACTIONS:
            for depth in DEPTHS:
                say("transactions: %s, %d in flight" % (title, depth))
                found = table.setdefault((title, depth), {name: [] for name in names})
                for _ in range(settings.rounds):
                    for server in running:
                        found[server.name].append(measure(server, commands, depth, settings))
                report.keep("transactions", {"transaction": title, "in_flight": depth, "rounds": found})
    report.heading("Transactions: 1 worker, %d clients, %s keys, values of %d bytes"
                   % (CLIENTS, format(settings.keys, ","), settings.value_size))
    show(report, names, table)
    report.text("Processor time of the server (user and system) for a whole transaction, MULTI and EXEC included; medians of %s, in "
                "which the servers took turns." % turns(settings.rounds))
