"""Latency at steady rates: requests fall due whether or not the server keeps up (open loop)."""

from . import tools
from .report import figure, median, say, turns

FIELDS = ("p50", "p99", "p999", "p9999", "max")
RATES, QUICK_RATES = (5_000, 20_000, 50_000, 80_000), (20_000,)


def measure(server, rate, settings):
    result = tools.load(server, "GET key:{k}", clients=settings.clients, pipeline=256, rate=rate,
                        seconds=max(1.0, settings.seconds * 3), keys=settings.keys,
                        value_size=settings.value_size, distribution=settings.distribution)
    return {**result["latency_us"], "ops": result["ops_per_second"]}


def run(running_of, settings, report):
    with running_of(1) as running:
        for server in running:
            server.fill(settings.keys, settings.value_size)
        rows = []
        for rate in QUICK_RATES if settings.quick else RATES:
            say("latency: %d requests a second" % rate)
            found = {server.name: [] for server in running}
            for _ in range(settings.rounds):
                for server in running:
                    found[server.name].append(measure(server, rate, settings))
            for name, rounds in found.items():
                late = median([one["ops"] for one in rounds]) < 0.97 * rate
                rows.append([format(rate, ","), name + (" (could not keep up)" if late else "")]
                            + [figure(median([one[field] for one in rounds])) for field in FIELDS])
                report.keep("latency", {"rate": rate, "server": name, "rounds": rounds})
    report.heading("Latency of GET at steady rates, 1 worker, %d clients, in µs" % settings.clients)
    report.table(["requests a second", "server", "p50", "p99", "p99.9", "p99.99", "max"], rows, 2)
    report.text("Each request's time runs from when it was due. Medians of %s, in which the "
                "servers took turns." % turns(settings.rounds))
