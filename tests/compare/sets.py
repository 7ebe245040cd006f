"""Sets: whole numbers and texts that are nearly such, few members and many, every combination of several sets, sets as
sources of sorted ones. What SPOP takes differs on each server, so rows take all or nothing, and a look takes the rest."""

from .engine import state
from .engine.draw import (INTEGERS, LONG_TEXTS, NO_INTEGERS, TEXTS, integer, key, maybe, one_of, pattern, row, shuffled, some,
                          unix_milliseconds, value)

SETS, NUMBERS, GIANTS = 7, 4, 3             # keys for sets of a few, of whole numbers alone, and of many members
MEMBERS = TEXTS + [b"A", b"aa", b"ab", b"b", b"a\x00", b"a\x00b", b"a\xff", b"0", b"-0", b"00", b"1.5", b"+1", b"01", b" 1", b"1 ",
                   b"127", b"128", b"32767", b"32768", b"-32768", b"-32769", b"2147483647", b"2147483648", b"-2147483648",
                   b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809",
                   b"l" * 61, b"l" * 62, b"l" * 63, b"l" * 64, b"L" * 63, b"l" * 215, b"l" * 5000]


def set_key(draw):
    """A set of some members, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.70:
        return draw.prefix + b"s%d" % draw.below(SETS)
    if dice < 0.88:
        return numbers_key(draw)
    if dice < 0.93:
        return draw.prefix + b"nosuch"
    return giant(draw) if dice < 0.97 else key(draw)


def numbers_key(draw):
    return draw.prefix + b"si%d" % draw.below(NUMBERS)


def giant(draw):
    return draw.prefix + b"sb%d" % draw.below(GIANTS)


def sorted_key(draw):
    return draw.prefix + b"sz%d" % draw.below(2)


def number(draw):
    dice = draw.random()
    if dice < 0.8:
        return b"%d" % (draw.below(60) - 20)
    return b"%d" % (draw.below(2000) - 1000) if dice < 0.95 else draw.one_of(INTEGERS)


def member(draw):
    dice = draw.random()
    if dice < 0.5:
        return b"m%d" % draw.below(25)
    if dice < 0.7:
        return number(draw)
    return draw.one_of(MEMBERS) if dice < 0.998 else draw.one_of(LONG_TEXTS)


def wide_member(draw):
    return b"member:%06d" % draw.below(3000) if draw.random() < 0.9 else b"%d" % draw.below(3000)


def few(draw):
    dice = draw.random()
    return b"%d" % (draw.below(30) - 12) if dice < 0.9 else draw.one_of([b"-1000", b"1000", b"0", b"x", b""])


def many(draw):
    """A count whose outcome does not depend on the draw: all of them, none, or an error."""
    dice = draw.random()
    if dice < 0.8:
        return b"%d" % (100000 if dice < 0.4 else 0)
    return draw.one_of([b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-1", b"4294967296"]) \
        if dice < 0.9 else draw.one_of(NO_INTEGERS)


def keys_told(draw):
    """numkeys and the keys; now and then it is told wrong."""
    there = 1 + draw.below(4)
    told = there if draw.random() < 0.93 else draw.one_of([0, -1, there + 1, there - 1, 1000000, 2 ** 63 - 1])
    words = [b"%d" % told if draw.random() < 0.98 else draw.one_of(NO_INTEGERS)]
    return words + [set_key(draw) for _ in range(there)]


def mixed_keys(draw):
    """numkeys and keys of sets and sorted sets."""
    there = 1 + draw.below(3)
    return [b"%d" % there] + [draw.one_of([set_key, numbers_key, sorted_key])(draw) for _ in range(there)]


NAMES = ["SADD", "SREM", "SMEMBERS", "SISMEMBER", "SMISMEMBER", "SCARD", "SMOVE", "SINTER", "SINTERSTORE", "SINTERCARD", "SUNION",
         "SUNIONSTORE", "SDIFF", "SDIFFSTORE", "SSCAN"]
JUNK = maybe(0.03, one_of("FOO", "", "LIMIT", "COUNT", "MATCH"))
LIMIT = maybe(0.5, one_of("LIMIT", "limit"), one_of(few, integer))

ROWS = [
    row(40, "SADD", set_key, some(1, 6, member)),
    row(12, "SADD", numbers_key, some(1, 12, number)),
    row(6, "SADD", giant, some(10, 80, wide_member)),
    row(1, "SADD", giant, some(1, 3, member)),
    row(2, "SADD", set_key, some(0, 5, one_of(member, value))),
    row(20, "SREM", set_key, some(1, 6, member)),
    row(4, "SREM", numbers_key, some(1, 6, number)),
    row(3, "SREM", giant, some(1, 60, wide_member)),
    row(12, "SISMEMBER", set_key, member),
    row(3, "SISMEMBER", giant, wide_member),
    row(6, "SMISMEMBER", set_key, some(1, 6, member)),
    row(2, "SMISMEMBER", giant, some(1, 40, wide_member)),
    row(6, "SCARD", one_of(set_key, giant)),
    row(10, "SMEMBERS", set_key),
    row(6, "SMOVE", set_key, set_key, member),
    row(4, "SMOVE", numbers_key, numbers_key, number),
    row(1, "SMOVE", giant, set_key, wide_member),
    row(2, "SPOP", set_key, many, maybe(0.03, "1"), whole=True),
    row(3, "SRANDMEMBER", set_key, maybe(0.6, few, JUNK)),
    row(2, "SRANDMEMBER", set_key, many, JUNK),
    row(5, "SINTER", some(1, 4, set_key)),
    row(1, "SINTER", giant, giant),
    row(5, "SUNION", some(1, 4, set_key)),
    row(5, "SDIFF", some(1, 4, set_key)),
    row(1, "SDIFF", giant, some(1, 3, one_of(giant, set_key))),
    row(4, "SINTERSTORE", set_key, some(1, 4, set_key)),
    row(4, "SUNIONSTORE", set_key, some(1, 4, set_key)),
    row(4, "SDIFFSTORE", set_key, some(1, 4, set_key)),
    row(1, "SINTERSTORE", numbers_key, some(1, 3, numbers_key)),
    row(1, "SUNIONSTORE", numbers_key, some(1, 3, numbers_key)),
    row(1, "SDIFFSTORE", numbers_key, some(1, 3, numbers_key)),
    row(0.5, "SUNIONSTORE", giant, giant, giant),
    row(6, "SINTERCARD", keys_told, LIMIT, JUNK),
    row(1, "SINTERCARD", "2", giant, giant, LIMIT),
    row(4, "SSCAN", set_key, one_of("0", "0", "0", "x", "", "-1"),
        shuffled([maybe(0.4, "MATCH", pattern)], [maybe(0.3, "COUNT", one_of(integer, "1000"))], [JUNK])),
    row(3, "ZADD", sorted_key, some(1, 4, number, member)),
    row(1, "ZUNION", mixed_keys, maybe(0.7, "WITHSCORES")),
    row(1, "ZINTER", mixed_keys, maybe(0.7, "WITHSCORES")),
    row(1, "ZDIFF", mixed_keys, maybe(0.7, "WITHSCORES")),
    row(1, "ZUNIONSTORE", sorted_key, mixed_keys, maybe(0.3, "AGGREGATE", one_of("MIN", "MAX", "SUM"))),
    row(1, "ZINTERSTORE", sorted_key, mixed_keys, maybe(0.3, "AGGREGATE", one_of("MIN", "MAX", "SUM"))),
    row(1, "ZDIFFSTORE", sorted_key, mixed_keys),
    row(1, "ZINTERCARD", mixed_keys, maybe(0.3, "LIMIT", "2")),
    row(2, "TYPE", set_key),
    row(5, "OBJECT", "ENCODING", one_of(set_key, giant, numbers_key)),
    row(1, "OBJECT", "REFCOUNT", set_key),
    row(1, "MEMORY USAGE", set_key),
    row(3, "DEL", set_key),
    row(0.3, "DEL", giant),
    row(3, "COPY", set_key, set_key, maybe(0.6, "REPLACE")),
    row(2, "RENAME", set_key, set_key),
    row(1, "PEXPIREAT", set_key, unix_milliseconds, timed=True),
    row(1, "PERSIST", set_key),
    row(1, "SET", set_key, value),
    row(1, "GET", set_key),
    row(1, "COMMAND GETKEYS", one_of(["SINTERCARD", "2", set_key, set_key], ["SINTERSTORE", some(2, 4, set_key)],
                                     ["SMOVE", set_key, set_key, member], ["SUNION", some(1, 3, set_key)])),
] + [row(0.15, name, some(0, 2, set_key)) for name in NAMES]


def held(pair, side, name):
    """The members; None when it is no set."""
    kind, reply = state.ask(pair, side, [b"SMEMBERS", name])
    return [item[1] for item in reply] if kind in ("array", "set") else None


def look_at_scan(pair, draw, name):
    """An iteration finds all there is, on both, where nothing narrows it."""
    words = [b"SSCAN", name, b"0", b"COUNT", b"%d" % (1 + draw.below(200))]
    narrowed = draw.chance(0.3)
    if narrowed:
        words += [b"MATCH", draw.one_of([b"*", b"m*", b"*1*", b"[a-m]*", b"", b"member:*7", b"\xff*"])]
    found = []
    for side in (0, 1):
        said, members = list(words), set()
        while True:
            kind, reply = state.ask(pair, side, said)
            if kind != "array":
                break
            members.update(item[1] for item in reply[1][1])
            if reply[0][1] == b"0":
                break
            said[2] = reply[0][1]
        found.append(members)
        there = held(pair, side, name)
        if there is not None and not narrowed and members != set(there):
            raise state.Mismatch(draw.db, name, "%r finds %d members of %d" % (words, len(members), len(there)), [words])
    if found[0] != found[1]:
        raise state.Mismatch(draw.db, name, "%r finds otherwise" % (words,), [words])


def look_at_random(pair, draw, name):
    """Members drawn are members; drawn without putting back, each comes once at most."""
    wanted = draw.below(60) - 25
    for side in (0, 1):
        there = held(pair, side, name)
        if there is None:
            continue
        words = [b"SRANDMEMBER", name, b"%d" % wanted]
        drawn = [item[1] for item in state.ask(pair, side, words)[1]]
        expected = min(wanted, len(there)) if wanted >= 0 else -wanted if there else 0
        if not set(there).issuperset(drawn) or len(drawn) != expected or (wanted > 0 and len(set(drawn)) != expected):
            raise state.Mismatch(draw.db, name, "%r draws %r" % (words, drawn[:5]), [words])


def is_integer(text):
    """Would a set of integers hold it: as it is printed, within 64 bits?"""
    try:
        return text == b"%d" % int(text) and -2 ** 63 <= int(text) < 2 ** 63
    except ValueError:
        return False


def look_at_pop(pair, draw, name):
    """What SPOP takes was there and is gone, on each server; then both have the same set again."""
    name += b":popped"
    kind = draw.one_of([number, member, wide_member])
    members = list({kind(draw) for _ in range(1 + draw.below(300))})
    wanted = draw.below(len(members) + 2)
    words, odd = [b"SPOP", name] + ([b"%d" % wanted] if wanted else []), None
    encodings = []
    for side in (0, 1):
        state.ask(pair, side, [b"DEL", name])
        state.ask(pair, side, [b"SADD", name] + members)
        reply = state.ask(pair, side, words)
        popped = [item[1] for item in reply[1]] if wanted else [reply[1]]
        left = held(pair, side, name)
        if len(popped) != min(wanted or 1, len(members)) or sorted(popped + left) != sorted(members):
            odd = (popped[:5], left[:5])
        whole = all(is_integer(text) for text in left)
        encodings.append((whole, state.ask(pair, side, [b"OBJECT", b"ENCODING", name])))
        state.ask(pair, side, [b"DEL", name])
    # Which members are left is chance, and with it what the rest may be made of.
    if encodings[0][0] == encodings[1][0] and encodings[0] != encodings[1]:
        odd = encodings
    if odd:
        raise state.Mismatch(draw.db, name, "%r of %d members: %r" % (words, len(members), odd),
                             [[b"SADD", name] + members, words])


def look(pair, draw):
    """What is compared as a whole, between two batches of the connection that owns these keys."""
    for name in (set_key(draw), giant(draw)):
        look_at_scan(pair, draw, name)
        look_at_random(pair, draw, name)
        look_at_pop(pair, draw, name)


LOOKS = [look]
