"""HyperLogLog: every value byte for byte, sparse ones, dense ones, merged ones, and such as no server has made.

Texts with a run of zeros that is cut off at their end are left out: redis-server reads beyond them.
"""

import functools
import random

from .engine.draw import TEXTS, key, maybe, one_of, row, seconds, some, unix_milliseconds, value

REGISTERS, SMALL_ONES, BIG_ONES = 16384, 6, 3
HEAD = b"HYLL%c\0\0\0%s"
STALE, FRESH = b"\0" * 7 + b"\x80", b"*" + b"\0" * 7


def log(draw):
    """A HyperLogLog, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.93:
        return draw.prefix + b"h%d" % draw.below(SMALL_ONES)
    return draw.prefix + b"nosuch" if dice < 0.95 else big(draw) if dice < 0.98 else key(draw)


def big(draw):
    return draw.prefix + b"hb%d" % draw.below(BIG_ONES)


def element(draw):
    dice = draw.random()
    if dice < 0.4:
        return b"e%d" % draw.below(40)
    return draw.one_of(TEXTS) if dice < 0.6 else b"%x" % draw.below(1 << 60)


def wide_element(draw):
    return b"%d" % draw.below(200000)


def zeros(count):
    count -= 1
    return bytes([count]) if count < 64 else bytes([0x40 | count >> 8, count & 255])


def runs(dice, total, longest):
    """Runs for so many registers in all, not always in their shortest form."""
    text = b""
    while total > 0:
        if dice.random() < 0.5:
            count = min(dice.randint(1, 4), total)
            text += bytes([0x80 | dice.randint(0, 31) << 2 | count - 1])
        else:
            count = min(dice.randint(1, longest), total)
            text += zeros(count)
        total -= count
    return text


@functools.lru_cache(maxsize=None)
def made(number):
    """Values of our own making: good ones, sparse and dense, and broken ones."""
    dice = random.Random(number)
    kind = number % 12
    count = dice.choice([STALE, STALE, FRESH])
    if kind == 0:
        return HEAD % (0, count) + dice.randbytes(REGISTERS * 6 // 8)
    if kind == 1:
        return HEAD % (0, STALE) + dice.choice([b"\0", b"\xff", b"\x41"]) * (REGISTERS * 6 // 8)
    if kind == 2:
        return HEAD % (1, count) + runs(dice, REGISTERS - dice.choice([1, 5, 16000, 16384]), 3000)
    if kind == 3:
        return HEAD % (1, count) + runs(dice, REGISTERS + dice.choice([1, 4, 64, 5000]), 3000)
    if kind == 4:
        return dice.choice([b"HYLL", b"", b"HYLL\1" + b"\0" * 10, b"HYLL\2" + b"\0" * 11 + zeros(REGISTERS),
                            b"HYLX\1" + b"\0" * 11 + zeros(REGISTERS), HEAD % (0, STALE) + b"\0" * 12287,
                            HEAD % (0, STALE) + b"\0" * 12289, HEAD % (1, STALE)])
    if kind == 5:
        return HEAD % (1, count) + runs(dice, REGISTERS, 20)
    return HEAD % (1, count) + runs(dice, REGISTERS, dice.choice([60, 100, 1000, 9000]))


def made_text(draw):
    return made(draw.below(240))


SUB = one_of("DECODE", "ENCODING", "decode", "Encoding", "ENCODING")

ROWS = [
    row(40, "PFADD", log, some(0, 6, element)),
    row(10, "PFADD", log, some(10, 60, wide_element)),
    row(10, "PFADD", big, some(50, 200, wide_element)),
    row(20, "PFCOUNT", log),
    row(10, "PFCOUNT", some(1, 4, one_of(log, log, big))),
    row(10, "PFMERGE", log, some(0, 4, log)),
    row(4, "PFMERGE", one_of(log, big), some(1, 3, one_of(log, big))),
    row(6, "PFDEBUG", SUB, one_of(log, log, big), whole=True),
    row(1, "PFDEBUG", "TODENSE", log, whole=True),
    row(0.3, "PFDEBUG", one_of("GETREG", "getreg"), one_of(log, big), whole=True),
    row(0.3, "PFDEBUG", one_of("", "FOO", "TODENSE x"), log, whole=True),
    row(8, "SET", log, made_text, whole=True),
    row(1, "SET", big, made_text, whole=True),
    row(4, "GET", log),
    row(1, "GET", big),
    row(2, "STRLEN", one_of(log, big)),
    row(2, "SETRANGE", log, one_of("0", "1", "4", "5", "7"), one_of(b"HYLL", b"\x00", b"\x01", b"x"), whole=True),
    row(2, "SETRANGE", log, "8", one_of(b"\0" * 8, b"\xff" + b"\0" * 6 + b"\x80", b"\xff" * 7 + b"\x7f"), whole=True),
    row(2, "APPEND", log, one_of(b"\x00", b"\x80", b"\x85\x01", b""), whole=True),
    row(4, "OBJECT ENCODING", one_of(log, big)),
    row(2, "TYPE", log),
    row(5, "DEL", some(1, 2, log)),
    row(0.5, "DEL", big),
    row(2, "COPY", log, one_of(log, big), "REPLACE"),
    row(2, "RENAME", log, log),
    row(3, "EXPIRE", log, seconds, timed=True),
    row(2, "PEXPIREAT", log, unix_milliseconds, timed=True),
    row(2, "PTTL", log),
    row(2, "SET", key, value),
    row(1, "PFADD", key, some(1, 3, element)),
    row(1, "PFCOUNT", some(1, 3, key)),
    row(1, "PFMERGE", key, log),
    row(1, "COMMAND GETKEYS", one_of(["PFADD", log], ["PFCOUNT", log, log], ["PFMERGE", log, log], ["PFDEBUG", "x", log])),
    row(1, "COMMAND GETKEYSANDFLAGS", one_of(["PFADD", log], ["PFCOUNT", log, log], ["PFMERGE", log, log], ["PFDEBUG", "x", log])),
] + [row(0.2, name, some(0, 2, maybe(0.8, log))) for name in ("PFADD", "PFCOUNT", "PFMERGE")]
