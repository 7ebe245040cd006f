"""Strings: every form and option, right and wrong."""

from .engine.draw import (index, integer, key, maybe, milliseconds, number_key, offset, one_of, real, row, seconds,
                          short_key, short_value, shuffled, small_integer, some, unix_milliseconds, unix_seconds, value,
                          wide_key)

DEADLINE = one_of(["EX", seconds], ["PX", milliseconds], ["EXAT", unix_seconds], ["PXAT", unix_milliseconds],
                  ["ex", seconds], ["pXaT", unix_milliseconds])
SET_OPTIONS = shuffled([maybe(0.25, one_of("NX", "XX", "nx", "Xx"))], [maybe(0.3, "GET")], [maybe(0.3, DEADLINE)],
                       [maybe(0.15, "KEEPTTL")], [maybe(0.04, one_of("NX", "XX", "GET", "KEEPTTL", "FOO", "EX", "PERSIST",
                                                                    "", "get"))])
GETEX_OPTIONS = shuffled([maybe(0.5, DEADLINE)], [maybe(0.2, one_of("PERSIST", "persist"))],
                         [maybe(0.05, one_of("KEEPTTL", "NX", "GET", "FOO", "EX", "PX", ""))])
LCS_OPTIONS = shuffled([maybe(0.3, "LEN")], [maybe(0.5, "IDX")], [maybe(0.3, "MINMATCHLEN", integer)],
                       [maybe(0.3, "WITHMATCHLEN")], [maybe(0.03, one_of("FOO", "MINMATCHLEN", "idx"))])


# So long that LCS works in slices.
def long_key(draw):
    return draw.prefix + b"long:%d" % draw.below(3)


def long_text(draw):
    return bytes(b"abcd"[draw.below(4)] for _ in range(1500 + draw.below(1000)))


ROWS = [
    row(40, "GET", key),
    row(20, "SET", key, value),
    row(40, "SET", key, value, SET_OPTIONS, timed=True),
    row(3, "SET", wide_key, value),
    row(6, "SETNX", key, value),
    row(6, "SETEX", key, seconds, value, timed=True),
    row(6, "PSETEX", key, milliseconds, value, timed=True),
    row(6, "GETSET", key, value),
    row(6, "GETDEL", key),
    row(14, "GETEX", key, GETEX_OPTIONS, timed=True),
    row(10, "MGET", some(1, 8, key)),
    row(1, "MGET", some(30, 60, key)),
    row(8, "MSET", some(1, 5, key, value)),
    row(2, "MSET", some(10, 40, wide_key, value)),
    row(6, "MSETNX", some(1, 3, key, value)),
    row(12, "APPEND", key, value),
    row(8, "STRLEN", key),
    row(10, "SETRANGE", key, offset, value),
    row(10, "GETRANGE", key, index, index),
    row(3, "SUBSTR", key, index, index),
    row(8, "LCS", short_key, short_key, LCS_OPTIONS),
    row(0.5, "LCS", long_key, long_key, LCS_OPTIONS),
    row(0.3, "SET", long_key, long_text),
    row(4, "SET", short_key, short_value),
    row(2, "APPEND", short_key, one_of("mytext", "0", "\xff")),
    row(8, "INCR", number_key),
    row(8, "DECR", number_key),
    row(10, "INCRBY", number_key, integer),
    row(10, "DECRBY", number_key, integer),
    row(14, "INCRBYFLOAT", number_key, real),
    row(12, "SET", number_key, one_of(integer, small_integer, real)),
    row(4, "GET", number_key),
    row(2, "OBJECT ENCODING", number_key),
    row(4, "DEL", some(1, 3, key)),
    row(4, "OBJECT ENCODING", key),
    row(2, "TTL", key),
    row(2, "PEXPIRETIME", key),
]
