"""Processor time per operation, throughput and latency, closed loop, at several depths of pipeline."""

import os

from . import contestants, tools
from .report import figure, median, ratio, say, turns

QUANTILES = ("p50", "p99", "p999", "max")


def commands_of(settings):
    """name: (command, keys are filled for it, what the floor answers)."""
    value = "$%d\\r\\n%s\\r\\n" % (settings.value_size, "x" * settings.value_size)
    many = settings.many
    known = {
        "GET": ("GET key:{k}", value),
        "SET": ("SET key:{k} {v}", "+OK\\r\\n"),
        "INCR": ("INCR counter:{k}", ":1000\\r\\n"),
        "MGET": ("MGET" + " key:{k}" * many, "*%d\\r\\n" % many + value * many),
        "MSET": ("MSET" + " key:{k} {v}" * many, "+OK\\r\\n"),
        "PING": ("PING", "+PONG\\r\\n"),
    }
    wanted = [name.upper() for name in settings.commands]
    for name in wanted:
        if name not in known:
            raise contestants.NotStarted("--commands: %s is none of %s" % (name, ", ".join(known)))
    return {name: known[name] for name in wanted}


def shown(name, settings):
    return "%s of %d" % (name, settings.many) if name in ("MGET", "MSET") else name


def fill_all(running, settings):
    for server in running:
        server.fill(settings.keys, settings.value_size)
        if "INCR" in map(str.upper, settings.commands):
            server.fill(settings.keys, command="INCR counter:{k}")


def measure(server, command, pipeline, settings, workers, expect=None):
    threads = len(tools.LOAD_CORES) if workers == 1 else len(tools.CORES)
    result = tools.load(server, command, clients=settings.clients, pipeline=pipeline,
                        seconds=settings.seconds, keys=settings.keys, value_size=settings.value_size,
                        distribution=settings.distribution, threads=threads, expect=expect,
                        cores=tools.LOAD_CORES if workers == 1 else tools.CORES)
    cpu = result["server_cpu_s"]
    return {"cpu_us": cpu * 1e6 / result["replies"] if server.pid else None,
            "ops": result["ops_per_second"], "misses": result["misses"],
            "server_busy": cpu / result["seconds"] if server.pid else None,
            "load_busy": result["load_cpu_s"] / result["seconds"],
            **{name: result["latency_us"][name] for name in QUANTILES}}


def rounds(running, settings, workers):
    """{(command, pipeline): {server: [measurement of each round]}}; the servers take turns."""
    table = {}
    for name, (command, canned) in commands_of(settings).items():
        for pipeline in settings.pipelines:
            say("speed: %s, pipeline %d, %s" % (name, pipeline, worker_words(workers)))
            floor = contestants.Floor(canned) if workers == 1 else None
            row = table.setdefault((name, pipeline), {})
            try:
                for _ in range(settings.rounds):
                    for server in running:
                        row.setdefault(server.name, []).append(
                            measure(server, command, pipeline, settings, workers))
                    if floor:
                        row.setdefault("floor", []).append(
                            measure(floor, command, pipeline, settings, workers, expect="any"))
            finally:
                if floor:
                    floor.stop()
    return table


def worker_words(workers):
    return "1 worker" if workers == 1 else "%d workers" % workers


def medians(measurements):
    return {field: median([one[field] for one in measurements]) for field in measurements[0]}


def missed(found):
    """Keys that were filled in and are not there any more make an answer cheap: say so."""
    return any(one.get("misses") for row in found.values() for one in row.values())


def tables(report, found, settings, workers):
    names = list(next(iter(found.values())))
    ours, theirs = names[0], names[1] if len(names) > 1 and names[1] != "floor" else None
    cost_rows, wait_rows, starved = [], [], False
    for (command, pipeline), row in found.items():
        head = [shown(command, settings), str(pipeline)]
        cells = [figure(row[name]["cpu_us"]) for name in names]
        if theirs:
            cells.append(ratio(row[ours]["cpu_us"], row[theirs]["cpu_us"]))
        for name in names:
            idle = workers == 1 and (row[name]["server_busy"] or 1) < 0.9
            starved |= idle
            cells.append(figure(row[name]["ops"] / 1000) + ("*" if idle else ""))
        cost_rows.append(head + cells)
        wait_rows.append(head + [figure(row[name][field]) for name in names for field in QUANTILES])
    report.table(["command", "pipeline"] + ["%s µs/op" % name for name in names]
                 + (["%s / %s" % (ours, theirs)] if theirs else [])
                 + ["%s kop/s" % name for name in names], cost_rows)
    report.text("Processor time of the server (user and system) per command; medians of %s of "
                "%g s, in which the servers took turns.%s" % (
                    turns(settings.rounds), settings.seconds,
                    " With a *, the server was at work for less than nine tenths of the time: its "
                    "throughput is bounded by the load, or by what else ran here." if starved else ""))
    report.line()
    report.table(["command", "pipeline"] + ["%s %s" % (name, field.replace("p999", "p99.9"))
                                            for name in names for field in QUANTILES], wait_rows)
    report.text("Latency in µs with the server at its limit: it grows with the clients that wait, see "
                "the latency case for steady rates.")


def run(running_of, settings, report):
    for workers in settings.workers:
        with running_of(workers) as running:
            fill_all(running, settings)
            raw = rounds(running, settings, workers)
        found = {case: {name: medians(all_rounds) for name, all_rounds in row.items()}
                 for case, row in raw.items()}
        for (command, pipeline), row in raw.items():
            report.keep("speed", {"command": command, "pipeline": pipeline, "workers": workers,
                                  "rounds": row})
        report.heading("Speed: %s, %s, %d clients, %s keys, values of %d bytes" % (
            worker_words(workers),
            "server on one core, load on %s" % ("another" if len(tools.LOAD_CORES) == 1 else "the others")
            if workers == 1 and len(tools.CORES) > 1 else "server and load share %d cores" % os.cpu_count(),
            settings.clients, format(settings.keys, ","), settings.value_size))
        tables(report, found, settings, workers)
        if missed(found):
            report.text("Some keys that had been filled in were gone.")
