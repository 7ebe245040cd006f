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


def run(contestants, settings, report):
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
