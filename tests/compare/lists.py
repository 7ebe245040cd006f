"""Lists: both ends and every place between, blocks that are split and go together, elements of all sizes, numbers that are
kept as numbers, the edges of every range, every option in any order.

Small lists and large ones: run it with --both='--list-max-listpack-size 3' too, which makes trees of a few elements.
"""

from .engine.draw import (LONG_TEXTS, NO_INTEGERS, TEXTS, index, integer, key, maybe, one_of, row, seconds, some,
                          unix_milliseconds, value)

LISTS, GIANTS = 7, 2                        # keys for lists of a few elements and of thousands
ELEMENTS = TEXTS + [b"a", b"b", b"c", b"0", b"-0", b"01", b"+1", b"127", b"128", b"-1", b"-128", b"-129", b"4095", b"4096", b"32767",
                    b"32768", b"-32769", b"8388607", b"8388608", b"2147483648", b"9223372036854775807", b"-9223372036854775808",
                    b"9223372036854775808", b"x" * 63, b"x" * 64, b"x" * 215, b"x" * 216, b"x" * 472]
HUGE = [b"h" * 4095, b"h" * 8151, b"h" * 8152, b"i" * 8179, b"i" * 8180, b"i" * 8181, b"j" * 20000, b"k" * 70000]
SIDES = [b"LEFT", b"RIGHT", b"left", b"Right"]


def lane(draw):
    """A list of some elements, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.90:
        return draw.prefix + b"l%d" % draw.below(LISTS)
    if dice < 0.93:
        return draw.prefix + b"nosuch"
    return giant(draw) if dice < 0.96 else key(draw)


def giant(draw):
    return draw.prefix + b"lb%d" % draw.below(GIANTS)


def element(draw):
    dice = draw.random()
    if dice < 0.5:
        return b"e%d" % draw.below(12)
    if dice < 0.75:
        return draw.one_of(ELEMENTS)
    if dice < 0.9:
        return b"%d" % (draw.below(2000) - 1000)
    if dice < 0.985:
        return b"wide:%d:" % draw.below(600) + b"." * draw.below(200)
    return draw.one_of(HUGE if dice < 0.998 else LONG_TEXTS)


def wide_element(draw):
    return b"queued:%08d" % draw.below(4000) if draw.chance(0.8) else b"%d" % draw.below(100000)


def place(draw):
    dice = draw.random()
    if dice < 0.6:
        return b"%d" % (draw.below(40) - 20)
    if dice < 0.8:
        return b"%d" % (draw.below(9000) - 4500)
    return integer(draw) if dice < 0.97 else draw.one_of(NO_INTEGERS)


def count(draw):
    dice = draw.random()
    if dice < 0.8:
        return b"%d" % (draw.below(9) - 3)
    return b"%d" % draw.below(500) if dice < 0.93 else place(draw)


def side(draw):
    return draw.one_of(SIDES) if draw.chance(0.98) else draw.one_of([b"UP", b"", b"BEFORE", b"LEFTS"])


def popped_keys(draw):
    number = 1 + draw.below(4)
    told = b"%d" % number if draw.chance(0.94) else draw.one_of([b"0", b"-1", b"9", b"x", b"", b"1.5", b"9223372036854775808"])
    return [told] + [lane(draw) for _ in range(number)]


def pos_options(draw):
    options = []
    for _ in range(draw.below(4)):
        name = draw.one_of([b"RANK", b"COUNT", b"MAXLEN", b"rank", b"count", b"maxlen"] + [b"FOO"] * draw.chance(0.1))
        options += [name] + ([count(draw)] if draw.chance(0.97) else [])
    return options


ROWS = [
    row(14, "LPUSH", lane, some(1, 6, element)),
    row(14, "RPUSH", lane, some(1, 6, element)),
    row(2, "LPUSHX", lane, some(1, 4, element)),
    row(2, "RPUSHX", lane, some(1, 4, element)),
    row(1, "RPUSH", giant, some(100, 400, wide_element)),
    row(1, "LPUSH", giant, some(100, 400, wide_element)),
    row(6, "LPOP", lane, maybe(0.4, count)),
    row(6, "RPOP", lane, maybe(0.4, count)),
    row(1, "LPOP", giant, count),
    row(1, "RPOP", giant, count),
    row(4, "LLEN", lane),
    row(10, "LRANGE", lane, place, place),
    row(2, "LRANGE", giant, place, place),
    row(8, "LINDEX", lane, place),
    row(4, "LINDEX", giant, place),
    row(6, "LSET", lane, place, element),
    row(4, "LSET", giant, place, element),
    row(8, "LINSERT", lane, one_of("BEFORE", "AFTER", "before", "after", "AFTR"), element, element),
    row(3, "LINSERT", giant, one_of("BEFORE", "AFTER"), wide_element, element),
    row(5, "LREM", lane, count, element),
    row(2, "LREM", giant, count, wide_element),
    row(2, "LTRIM", lane, place, place),
    row(0.3, "LTRIM", giant, place, place),
    row(2, "LPOS", giant, wide_element, pos_options),
    row(8, "LMOVE", lane, lane, side, side),
    row(3, "LMOVE", giant, lane, side, side),
    row(2, "LMOVE", lane, giant, side, side),
    row(4, "RPOPLPUSH", lane, lane),
    row(5, "LMPOP", popped_keys, side, maybe(0.5, "COUNT", count)),
    row(1, "LMPOP", popped_keys, one_of(["FOO"], [], ["LEFT", "COUNT"], ["RIGHT", "COUNT", "0"], ["LEFT", "RIGHT"],
                                        ["LEFT", "COUNT", "1", "COUNT", "2"], ["COUNT", "1", "LEFT"])),
    row(3, "BLPOP", some(1, 4, lane), "0.001", whole=True),
    row(3, "BRPOP", some(1, 4, lane), one_of("0.002", "0x1p-9", ".001", "1e-3"), whole=True),
    row(3, "BLMPOP", "0.001", popped_keys, side, maybe(0.5, "COUNT", count), whole=True),
    row(3, "BLMOVE", lane, lane, side, side, "0.001", whole=True),
    row(2, "BRPOPLPUSH", lane, lane, "0.001", whole=True),
    row(1, "BLPOP", lane, one_of("-1", "abc", "", "nan", "1e400", "-inf", "-0.5", "9223372036854775807", "1e18"), whole=True),
    row(1, "BLMOVE", lane, lane, side, side, one_of("-1", "abc", "1e30"), whole=True),
    row(1, "BRPOPLPUSH", lane, lane, one_of("-1", "abc", "1e30"), whole=True),
    row(1, "BLMPOP", one_of("-1", "abc", "1e30"), popped_keys, side, whole=True),
    row(2, "COMMAND GETKEYS", one_of("LMPOP", ["BLMPOP", "0"]), popped_keys, "LEFT"),
    row(1, "COMMAND GETKEYSANDFLAGS", one_of("LMOVE", "BLMOVE", "RPOPLPUSH", "LPOP", "LPUSH"), lane, lane, "LEFT", "LEFT"),
    row(4, "OBJECT ENCODING", one_of(lane, giant)),
    row(2, "TYPE", lane),
    row(1, "MEMORY USAGE", lane),
    row(4, "COPY", lane, lane, maybe(0.7, "REPLACE")),
    row(0.3, "COPY", giant, lane, "REPLACE"),
    row(3, "RENAME", lane, lane),
    row(0.2, "RENAME", giant, giant),
    row(3, "EXPIRE", lane, seconds, timed=True),
    row(3, "PEXPIREAT", lane, unix_milliseconds, timed=True),
    row(2, "PTTL", lane),
    row(2, "PERSIST", lane),
    row(4, "DEL", some(1, 2, lane)),
    row(2, "UNLINK", some(1, 2, lane)),
    row(0.1, "DEL", giant),
    row(2, "SET", key, value),
    row(0.5, "SET", lane, value),
    row(1, "GET", lane),
    row(1, "APPEND", lane, "x"),
    row(1, "EXISTS", some(1, 3, lane)),
    row(1, "LRANGE", lane, index, index),
    row(6, "LPOS", lane, element, pos_options),
] + [
    row(0.15, name, some(0, 2, lane), whole=name.startswith("B"))
    for name in ("LPUSH", "RPUSH", "LPUSHX", "RPUSHX", "LPOP", "RPOP", "LLEN", "LRANGE", "LINDEX", "LSET", "LINSERT", "LREM",
                 "LTRIM", "LPOS", "LMOVE", "RPOPLPUSH", "LMPOP", "BLMPOP", "BLMOVE")
]
