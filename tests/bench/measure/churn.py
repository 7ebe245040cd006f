"""Long churn with changing value sizes: what stays resident, beside a server that was just filled with the same."""

import contextlib
import time

from . import tools
from .memory import settle
from .report import figure, ratio, say

KEYS, QUICK_KEYS = 300_000, 30_000
EPOCHS, QUICK_EPOCHS = 24, 4
SIZES = (8, 64, 100, 333, 1000, 40, 2500, 200)
PARTS = 6                                           # of the keys: each has another size of value at a time


class Subject:
    """A server whose keys are overwritten, deleted and put again; settle() looks at its resident set."""

    def __init__(self, server, keys):
        self.server, self.keys, self.empty = server, keys, server.rss_bytes()

    def write(self, epoch):
        """The state that the epoch leaves: the same whatever came before."""
        for part in range(PARTS):
            first, count = part * self.keys // PARTS, self.keys // PARTS
            tools.load(self.server, "SET key:{k} {v}", requests=count, keys=self.keys, first_key=first, pipeline=50,
                       clients=10, value_size=SIZES[(epoch + part) % len(SIZES)], distribution="sequential")

    def thin_out(self, epoch):
        """Keys drawn evenly go: four draws for each ten keys."""
        tools.load(self.server, "DEL key:{k}", requests=self.keys * 4 // 10, keys=self.keys, pipeline=50, clients=10, seed=epoch)

    def held(self):
        return self.server.rss_bytes() - self.empty


# Growing by one element at a time; how many there are in each is drawn.
CONTAINERS = {
    "sorted sets": "ZADD box:{k} {r:0-1000000} member:{k:10}",
    "sets": "SADD box:{k} member:{k:10}",
    "lists": "RPUSH box:{k} element:{k:10}",
    "hashes": "HSET box:{k} field:{k:10} {v}",
}
BOXES, QUICK_BOXES, ELEMENTS = 30_000, 3_000, 60


def thin_containers(contestant, command, boxes):
    """Containers that are filled, and of which all but a quarter are dropped, drawn evenly: what is resident then, to
    what those that stay had taken before."""
    how = {"keys": boxes, "pipeline": 50, "clients": 10}
    with contestant.start() as server:
        empty = server.rss_bytes()
        tools.load(server, command, requests=boxes * ELEMENTS, value_size=16, **how)
        full, before = server.rss_bytes() - empty, server.ask("DBSIZE")
        tools.load(server, "DEL box:{k}", requests=boxes * 14 // 10, seed=1, **how)
        time.sleep(8)                                   # for whoever moves blocks in the background
        stay = full * server.ask("DBSIZE") / before
        return full, stay, server.rss_bytes() - empty


def run_containers(contestants, settings, report):
    boxes = QUICK_BOXES if settings.quick else BOXES
    rows = []
    for name, command in CONTAINERS.items():
        for contestant in contestants:
            if contestant.address:
                continue
            say("churn: %s, %s" % (contestant.name, name))
            full, stay, held = thin_containers(contestant, command, boxes)
            rows.append([name, contestant.name, figure(full / 2**20), figure(stay / 2**20), figure(held / 2**20), ratio(held, stay)])
            report.keep("churn", {"server": contestant.name, "containers": name, "full": full, "stay": stay, "held": held})
    report.heading("Containers: %s with some %d elements each, of which a quarter stays" % (format(boxes, ","), ELEMENTS))
    report.table(["of", "server", "filled, MB", "the part that stays, MB", "resident after it, MB", "ratio"], rows, text_columns=2)


def run(contestants, settings, report):
    run_containers(contestants, settings, report)
    keys = QUICK_KEYS if settings.quick else KEYS
    epochs = QUICK_EPOCHS if settings.quick else EPOCHS
    rows = []
    for contestant in contestants:
        if contestant.address:
            continue
        with contextlib.ExitStack() as stack:
            old, fresh = (Subject(stack.enter_context(contestant.start()), keys) for _ in range(2))
            for epoch in range(epochs):
                say("churn: %s, epoch %d of %d" % (contestant.name, epoch + 1, epochs))
                old.write(epoch)
                old.thin_out(epoch)
            old.write(epochs)
            fresh.write(epochs)
            time.sleep(1 if settings.quick else 8)      # for whoever moves entries in the background
            settle([old, fresh])
            rows.append([contestant.name, figure(old.held() / 2**20), figure(fresh.held() / 2**20),
                         ratio(old.held(), fresh.held())])
            report.keep("churn", {"server": contestant.name, "churned": old.held(), "fresh": fresh.held(), "epochs": epochs})
    report.heading("Churn: %s keys, overwritten with values of other sizes and deleted, %d times" % (format(keys, ","), epochs))
    report.table(["server", "resident after it, MB", "of a server just filled with the same, MB", "ratio"], rows)
    report.text("Growth of the resident set from the empty server. Values of %s bytes; each size goes from one part of the "
                "keys to the next." % ", ".join(map(str, SIZES)))
