"""Keys of any type: deadlines, renaming, copying, moving, databases, iteration."""

from .engine.draw import (integer, key, maybe, milliseconds, one_of, own_db, pattern, row, seconds, shuffled, some, some_db,
                          unix_milliseconds, unix_seconds, value, wide_key)

WHEN = shuffled([maybe(0.25, one_of("NX", "XX", "GT", "LT", "nx", "Xx", "gT", "lt"))],
                [maybe(0.12, one_of("NX", "XX", "GT", "LT", "FOO", ""))])
COPY_OPTIONS = shuffled([maybe(0.4, one_of("REPLACE", "replace"))], [maybe(0.3, one_of("DB", "db"), some_db)],
                        [maybe(0.03, one_of("FOO", "DB", ""))])


def note_db(draw, words):
    """Keeps in mind which database a valid SELECT went to."""
    if len(words) == 2 and words[1] in [b"%d" % db for db in draw.dbs]:
        draw.db = int(words[1])


ROWS = [
    row(14, "SET", key, value),
    row(4, "SET", wide_key, value),
    row(10, "GET", key),
    row(8, "DEL", some(1, 4, key)),
    row(6, "UNLINK", some(1, 4, key)),
    row(8, "EXISTS", some(1, 5, key)),
    row(6, "TOUCH", some(1, 4, key)),
    row(8, "TYPE", key),
    row(12, "EXPIRE", key, seconds, WHEN, timed=True),
    row(12, "PEXPIRE", key, milliseconds, WHEN, timed=True),
    row(12, "EXPIREAT", key, unix_seconds, WHEN, timed=True),
    row(12, "PEXPIREAT", key, unix_milliseconds, WHEN, timed=True),
    row(8, "TTL", key),
    row(8, "PTTL", key),
    row(8, "EXPIRETIME", key),
    row(8, "PEXPIRETIME", key),
    row(8, "PERSIST", key),
    row(10, "RENAME", key, key),
    row(8, "RENAMENX", key, key),
    row(12, "COPY", key, key, COPY_OPTIONS),
    row(6, "MOVE", key, some_db),
    row(4, "OBJECT ENCODING", key),
    row(2, "OBJECT REFCOUNT", key),
    row(1, "OBJECT IDLETIME", key),
    row(1, "OBJECT FREQ", key),
    row(1, "OBJECT HELP"),
    row(1, "MEMORY USAGE", key, maybe(0.3, "SAMPLES", integer)),
    row(1, "KEYS", pattern),
    row(1, "SCAN", one_of("abc", "1.5", "99999999999999999999999", "18446744073709551616", "0x1")),
    row(1, "SCAN", "0", one_of(["COUNT", "0"], ["COUNT", "-5"], ["COUNT", "x"], ["MATCH"], ["TYPE"], ["FOO", "bar"],
                               ["COUNT", "9223372036854775808"], ["FOO"], ["COUNT", "1", "MATCH"])),
    row(6, "SELECT", some_db, changes=note_db),
    row(3, "SWAPDB", some_db, some_db, owner=True),
    row(1, "SWAPDB", one_of("16", "abc", "-1", ""), own_db),
    row(0.3, "FLUSHDB", maybe(0.6, one_of("ASYNC", "SYNC", "async", "sync")), owner=True),
    row(0.3, "FLUSHDB", one_of("FOO", "", ["ASYNC", "SYNC"]), whole=True),
    row(0.3, "FLUSHALL", one_of("FOO", "", ["ASYNC", "SYNC"]), whole=True),
    row(0.5, "DBSIZE", one_of("x", ""), whole=True),
    row(0.5, "RANDOMKEY", one_of("x", ""), whole=True),
]
