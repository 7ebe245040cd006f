"""Transactions: commands of all other families, queued, and between WATCH and MULTI, where what they touch decides about EXEC.

Each is said as a whole, so that no connection is left inside MULTI: most run, some are spoiled by a command that cannot be
queued, some are thrown away. What a command touches is seen by whether EXEC answers nil: also what it leaves untouched.
"""

from . import bitmaps, hashes, keys, lists, sets, sorting, strings, zsets
from .engine import judge
from .engine.draw import key, one_of, own_db, row, some, value

OTHERS = [strings, bitmaps, keys, zsets, hashes, lists, sets, sorting]

# Replies that are not compared byte for byte, or differ on purpose, cannot stand in the array of EXEC.
NOT_WITHIN = {b"RANDOMKEY", b"OBJECT", b"MEMORY", b"ZRANK", b"ZREVRANK"} | {name.encode() for name in judge.RULES}
ROWS = [row(1, "UNWATCH"), row(1, "EXEC"), row(1, "DISCARD"), row(1, "GET", key)]
tables = {}


def may_differ(words):
    """By numbers: what redis-server refuses of that, and differences.py lets pass, would stand in the array of EXEC."""
    return words[0].upper().startswith(b"SORT") and not {b"ALPHA", b"nosort"} & set(words)


def table_of(draw, within):
    """The rows of the others that this connection may say, each as often as its weight tells."""
    place = (draw.owner, within)
    if place not in tables:
        rows = [r for family in OTHERS for r in family.ROWS if draw.owner or not r.owner]
        rows = [r for r in rows if not (within and {r.name, b" ".join([r.name] + [p for p in r.parts[:1] if type(p) is bytes])} & NOT_WITHIN)]
        tables[place] = [r for r in rows for _ in range(1 + int(r.weight))]
    return tables[place]


def command(draw, within):
    chosen = draw.one_of(table_of(draw, within))
    words = chosen.words(draw)
    if chosen.changes and not within:
        chosen.changes(draw, words)
    return words


def transaction(draw):
    """WATCH, what comes between, MULTI, the queue, and its end."""
    said = []
    if draw.random() < 0.7:
        said.append([b"WATCH"] + some(1, 3, one_of(key, key, sorting.target, sorting.list_key))(draw))
    said += [command(draw, False) for _ in range(draw.below(4))]
    if draw.random() < 0.05:
        said.append([b"UNWATCH"])
    db = draw.db
    said.append([b"MULTI"])
    for _ in range(draw.below(6)):
        words = command(draw, True)
        if words[0].upper() == b"SELECT" or may_differ(words):
            continue                    # where SELECT went would have to be known
        said.append(words)
        if draw.random() < 0.01:
            said.append(draw.one_of([[b"MULTI"], [b"WATCH", key(draw)], [b"NOSUCH"], [b"GET"], [b"UNWATCH"],
                                     [b"EXEC", b"x"]]))
    if draw.owner and draw.random() < 0.2:
        other = own_db(draw)
        said += [[b"SELECT", other], [b"SET", key(draw), value(draw)], [b"SELECT", b"%d" % db]]
    said.append([b"DISCARD"] if draw.random() < 0.05 else [b"EXEC"])
    return said


SEQUENCES = [(60, transaction)]
