"""Whether two replies to one command say the same: byte for byte, but for time, chance and order."""

import fnmatch

from runner import wire

from .. import differences
from . import speech

SECONDS_APART, MS_APART = 3, 3000


def same(words, left, right, exact_times):
    """left and right are the raw replies. exact_times holds for a connection that sets absolute deadlines only."""
    if left == right:
        return True
    name = command_name(words)
    rule = RULES.get(name)
    if rule and left[:1] != b"-" and right[:1] != b"-" and rule(left, right, exact_times):
        return True
    return on_purpose(words, left, right)


def command_name(words):
    name = words[0].decode("latin-1").upper()
    if name in CONTAINERS and len(words) > 1:
        name += " " + words[1].decode("latin-1").upper()
    return name


def on_purpose(words, left, right):
    said = b" ".join(words).decode("latin-1").upper()
    line = "plain line: " + said if type(words) is speech.PlainLine else said
    for glob, redis, coatcheck, _ in differences.ROWS:
        if (fnmatch.fnmatchcase(said, glob) or fnmatch.fnmatchcase(line, glob)) and fnmatch.fnmatchcase(left.decode("latin-1"), redis) \
                and fnmatch.fnmatchcase(right.decode("latin-1"), coatcheck):
            return True
    return False


def close_by(apart):
    """Two integers not further apart than this; -1 and -2 are no times and have to be equal."""
    def compare(left, right, exact_times):
        if left[:1] != b":" or right[:1] != b":":
            return False
        one, two = int(left[1:]), int(right[1:])
        return one >= 0 and two >= 0 and abs(one - two) <= apart
    return compare


def close_by_unless_exact(apart):
    compare = close_by(apart)
    return lambda left, right, exact_times: not exact_times and compare(left, right, exact_times)


def any_order(left, right, _):
    one, two = wire.parse(left)[0], wire.parse(right)[0]
    return one[0] == two[0] and one[0] in ("array", "set") and sorted(one[1]) == sorted(two[1])


def pairs_in_any_order(left, right, _):
    def pairs(reply):
        kind, value = wire.parse(reply)[0]
        return kind, sorted(value if kind == "map" else zip(value[::2], value[1::2]))
    return pairs(left) == pairs(right)


def same_kind(left, right, _):
    return left[:1] == right[:1]


def there_or_not(left, right, _):
    """Both a string, or neither."""
    return (left[:3] == b"$-1") == (right[:3] == b"$-1") and left[:1] == right[:1]


def same_shape(left, right, _):
    """For what is drawn by chance: as many items of the same kinds."""
    def shape(reply):
        kind, value = reply
        return kind, [shape(item) for item in value] if kind == "array" else None
    return shape(wire.parse(left)[0]) == shape(wire.parse(right)[0])


def weight(left, right, _):
    """redis-server still weighs a key whose deadline has passed until it has dropped it."""
    return left[:1] == right[:1] or (left[:1] == b":" and right in (b"$-1\r\n", b"_\r\n"))


def hello(left, right, _):
    """All of HELLO's fields but the version and the connection's number."""
    def fields(reply):
        kind, value = wire.parse(reply)[0]
        pairs = value if kind == "map" else list(zip(value[::2], value[1::2]))
        return kind, [(key, val if key[1] not in (b"version", b"id") else val[0]) for key, val in pairs]
    return fields(left) == fields(right)


CONTAINERS = ("OBJECT", "MEMORY", "CLIENT", "CONFIG", "COMMAND", "SLOWLOG", "LATENCY", "DEBUG")
RULES = {
    "TTL": close_by(SECONDS_APART),
    "PTTL": close_by(MS_APART),
    "EXPIRETIME": close_by_unless_exact(SECONDS_APART),
    "PEXPIRETIME": close_by_unless_exact(MS_APART),
    "OBJECT IDLETIME": close_by(SECONDS_APART),
    "KEYS": any_order,
    "CONFIG GET": pairs_in_any_order,
    "TIME": same_kind, "DUMP": there_or_not,
    "HELLO": hello,
    "CLIENT ID": same_kind,
    "CLIENT INFO": same_kind,
    "MEMORY USAGE": weight,
    "HGETALL": pairs_in_any_order, "HKEYS": any_order, "HVALS": any_order,
    "SMEMBERS": any_order, "SINTER": any_order, "SUNION": any_order, "SDIFF": any_order, "SPOP": any_order,
    "SRANDMEMBER": same_shape,      # as ZRANDMEMBER, in sets.py
    "HRANDFIELD": same_shape,       # as ZRANDMEMBER, in hashes.py
    "ZRANDMEMBER": same_shape,      # which members those are is looked at in zsets.py
    # the texts of HELP are each server's own
    "OBJECT HELP": same_kind, "MEMORY HELP": same_kind, "CLIENT HELP": same_kind, "SLOWLOG HELP": same_kind,
    "LATENCY HELP": same_kind, "INFO": same_kind,
    # cursors, orders and tables are each server's own; phases.WholeDatabase compares what an iteration finds, zsets.py what ZSCAN does
    "SCAN": same_kind, "HSCAN": same_kind, "ZSCAN": same_kind, "SSCAN": same_kind, "COMMAND": same_kind,
    "COMMAND LIST": same_kind, "COMMAND COUNT": same_kind,
    "COMMAND DOCS": same_kind, "COMMAND INFO": same_kind, "CLIENT LIST": same_kind, "SLOWLOG GET": same_kind, "SLOWLOG LEN": same_kind,
    "LATENCY HISTOGRAM": same_kind, "MEMORY DOCTOR": same_kind, "LOLWUT": same_kind,
}
