"""Hashes: few fields and many, numbers counted up and down, the same field twice, every count of HRANDFIELD.

Those of redis-server 7.0 only: deadlines of fields came with 7.4 and are told in the talks.
"""

from .engine import state
from .engine.draw import (FLOATS, INTEGERS, LONG_TEXTS, NO_FLOATS, NO_INTEGERS, TEXTS, integer, key, maybe, one_of, pattern, real,
                          row, shuffled, some, unix_milliseconds, value)

HASHES, GIANTS = 7, 2           # keys for hashes of a few and of many fields
FIELDS = TEXTS + [b"A", b"aa", b"ab", b"b", b"a\x00", b"a\x00b", b"a\xff", b"x" * 65, b"0", b"-0", b"1.5", b"127", b"128", b"-1",
                  b"-128", b"-129", b"32767", b"32768", b"8388607", b"8388608", b"2147483647", b"2147483648", b"007", b"+1",
                  b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"n" * 215, b"n" * 216, b"n" * 217]


def hash_key(draw):
    """A hash of some fields, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.90:
        return draw.prefix + b"h%d" % draw.below(HASHES)
    if dice < 0.93:
        return draw.prefix + b"nosuch"
    return giant(draw) if dice < 0.96 else key(draw)


def giant(draw):
    return draw.prefix + b"hb%d" % draw.below(GIANTS)


def field(draw):
    dice = draw.random()
    if dice < 0.6:
        return b"f%d" % draw.below(20)
    if dice < 0.85:
        return draw.one_of(FIELDS)
    return b"wide:%d" % draw.below(600) if dice < 0.998 else draw.one_of(LONG_TEXTS)


def wide_field(draw):
    return b"field:%06d" % draw.below(3000)


def number_field(draw):
    return b"n%d" % draw.below(6) if draw.random() < 0.85 else field(draw)


def number(draw):
    dice = draw.random()
    if dice < 0.5:
        return b"%d" % (draw.below(200) - 100)
    return draw.one_of(INTEGERS) if dice < 0.8 else draw.one_of(FLOATS) if dice < 0.95 else draw.one_of(NO_INTEGERS + NO_FLOATS)


def many(draw):
    """A count whose reply does not depend on the draw: all of them, none, or more than there are."""
    dice = draw.random()
    if dice < 0.7:
        return b"%d" % (100000 if dice < 0.5 else 0)
    return draw.one_of([b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"4294967296"]) if dice < 0.85 \
        else draw.one_of(NO_INTEGERS)


def few(draw):
    dice = draw.random()
    return b"%d" % (draw.below(30) - 12) if dice < 0.9 else draw.one_of([b"-1000", b"1000", b"0", b"x", b""])


NAMES = ["HSET", "HSETNX", "HMSET", "HGET", "HMGET", "HGETALL", "HKEYS", "HVALS", "HLEN", "HSTRLEN", "HEXISTS", "HDEL", "HINCRBY",
         "HINCRBYFLOAT", "HRANDFIELD", "HSCAN"]
WITHVALUES = maybe(0.5, one_of("WITHVALUES", "withvalues"))
JUNK = maybe(0.03, one_of("FOO", "", "WITHVALUES", "COUNT", "MATCH"))

ROWS = [
    row(40, "HSET", hash_key, some(1, 5, field, value)),
    row(10, "HSET", hash_key, some(1, 4, number_field, number)),
    row(6, "HSET", giant, some(10, 60, wide_field, value)),
    row(2, "HSET", hash_key, some(0, 5, one_of(field, value))),
    row(4, "HMSET", hash_key, some(1, 5, field, value)),
    row(8, "HSETNX", hash_key, field, value),
    row(16, "HGET", hash_key, field),
    row(4, "HGET", giant, wide_field),
    row(8, "HMGET", hash_key, some(1, 6, field)),
    row(3, "HMGET", giant, some(1, 30, wide_field)),
    row(12, "HGETALL", hash_key),
    row(1, "HGETALL", giant),
    row(4, "HKEYS", hash_key),
    row(4, "HVALS", hash_key),
    row(6, "HLEN", one_of(hash_key, giant)),
    row(5, "HSTRLEN", hash_key, one_of(field, number_field)),
    row(6, "HEXISTS", hash_key, field),
    row(12, "HDEL", hash_key, some(1, 6, field)),
    row(3, "HDEL", giant, some(1, 40, wide_field)),
    row(14, "HINCRBY", hash_key, number_field, integer),
    row(10, "HINCRBYFLOAT", hash_key, number_field, real),
    row(4, "HINCRBY", giant, wide_field, integer),
    row(3, "HRANDFIELD", hash_key, maybe(0.5, few, WITHVALUES, JUNK)),
    row(3, "HRANDFIELD", hash_key, many, WITHVALUES, JUNK),
    row(4, "HSCAN", hash_key, one_of("0", "0", "0", "x", "", "-1"),
        shuffled([maybe(0.4, "MATCH", pattern)], [maybe(0.3, "COUNT", one_of(integer, "1000"))], [JUNK])),
    row(2, "TYPE", hash_key),
    row(2, "OBJECT", "ENCODING", one_of(hash_key, giant)),
    row(2, "DEL", hash_key),
    row(1, "DEL", giant),
    row(2, "COPY", hash_key, hash_key, maybe(0.6, "REPLACE")),
    row(1, "RENAME", hash_key, hash_key),
    row(1, "PEXPIREAT", hash_key, unix_milliseconds, timed=True),
    row(1, "PERSIST", hash_key),
    row(1, "SET", hash_key, value),
    row(1, "GET", hash_key),
]


def held(pair, side, name):
    """Fields and values; None when it is no hash."""
    kind, reply = state.ask(pair, side, [b"HGETALL", name])
    if kind not in ("array", "map"):
        return None
    items = [item[1] for item in reply] if kind == "array" else [half[1] for item in reply for half in item]
    return dict(zip(items[::2], items[1::2]))


def look_at_scan(pair, draw, name):
    """An iteration finds all there is, on both, where nothing narrows it."""
    words = [b"HSCAN", name, b"0", b"COUNT", b"%d" % (1 + draw.below(200))]
    narrowed = draw.chance(0.3)
    if narrowed:
        words += [b"MATCH", draw.one_of([b"*", b"f*", b"*1*", b"[a-m]*", b"", b"field:*7", b"\xff*"])]
    found = []
    for side in (0, 1):
        said, pairs = list(words), {}
        while True:
            kind, reply = state.ask(pair, side, said)
            if kind != "array":
                break
            items = [item[1] for item in reply[1][1]]
            pairs.update(zip(items[::2], items[1::2]))
            if reply[0][1] == b"0":
                break
            said[2] = reply[0][1]
        found.append(pairs)
        there = held(pair, side, name)
        if there is not None and not narrowed and pairs != there:
            raise state.Mismatch(draw.db, name, "%r finds %d fields of %d" % (words, len(pairs), len(there)), [words])
    if found[0] != found[1]:
        raise state.Mismatch(draw.db, name, "%r finds otherwise" % (words,), [words])


def look_at_random(pair, draw, name):
    """Fields drawn are fields; drawn without putting back, each comes once at most, and with its own value."""
    wanted = draw.below(60) - 25
    for side in (0, 1):
        there = held(pair, side, name)
        if there is None:
            continue
        words = [b"HRANDFIELD", name, b"%d" % wanted, b"WITHVALUES"]
        kind, reply = state.ask(pair, side, words)
        items = [half[1] for item in reply for half in (item[1] if item[0] == "array" else [item])]
        drawn = list(zip(items[::2], items[1::2]))
        expected = min(wanted, len(there)) if wanted >= 0 else -wanted if there else 0
        right = all(there.get(field) == value for field, value in drawn)
        if not right or len(drawn) != expected or (wanted > 0 and len(dict(drawn)) != expected):
            raise state.Mismatch(draw.db, name, "%r draws %r" % (words, drawn[:5]), [words])


def look(pair, draw):
    """What is compared as a whole, between two batches of the connection that owns these keys."""
    for name in (hash_key(draw), giant(draw)):
        look_at_scan(pair, draw, name)
        look_at_random(pair, draw, name)


LOOKS = [look]
