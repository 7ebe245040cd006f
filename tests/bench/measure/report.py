"""What was measured, as Markdown for people and JSON for programs."""

import json
import statistics
import sys


def say(text):
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def figure(value):
    """A number with the digits that count; a dash for what could not be measured."""
    if value is None:
        return "–"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return format(value, ",.%df" % decimals)


def ratio(ours, theirs):
    if ours is None or not theirs:
        return "–"
    return "%.2f" % (ours / theirs)


def turns(count):
    return "one round" if count == 1 else "%d rounds" % count


class Report:
    def __init__(self, facts, out=sys.stdout):
        self.out = out
        self.data = {"facts": dict(facts), "cases": {}}
        self.line("| | |")
        self.line("|---|---|")
        for name, value in facts:
            self.line("| %s | %s |" % (name, value))

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def heading(self, text):
        self.line()
        self.line("### " + text)
        self.line()

    def text(self, text):
        self.line()
        self.line(text)

    def table(self, columns, rows, text_columns=1):
        """Rows of ready texts; the first columns are words, the others numbers."""
        marks = ["---"] * text_columns + ["---:"] * (len(columns) - text_columns)
        self.line("| " + " | ".join(columns) + " |")
        self.line("|" + "|".join(marks) + "|")
        for row in rows:
            self.line("| " + " | ".join(row) + " |")

    def keep(self, case, row):
        """One measurement for the JSON file."""
        self.data["cases"].setdefault(case, []).append(row)

    def write_json(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=1)
            file.write("\n")
