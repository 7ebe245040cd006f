"""Sorted sets: ties, equal scores and members of equal scores, the ends of every range, every option in any order.

Those of redis-server 7.0 only: ZRANK WITHSCORE came with 7.2 and is told in the talks.
"""

from .engine import state
from .engine.draw import (FLOATS, INFINITIES, INTEGERS, LONG_TEXTS, NO_FLOATS, NO_INTEGERS, TEXTS, index, integer, key, maybe,
                          one_of, pattern, real, row, seconds, shuffled, some, unix_milliseconds, value)

BOARDS, LEXICONS, GIANTS = 7, 4, 2          # keys for sets of a few, of equal scores, and of many members
MEMBERS = TEXTS + [b"A", b"aa", b"ab", b"b", b"a\x00", b"a\x00b", b"a\xff", b"-", b"+", b"[a", b"(a", b"x" * 65, b"0", b"-0", b"1.5",
                   b"inf", b"9223372036854775807", b"9223372036854775808", b"127", b"128", b"4095", b"4096", b"-32768", b"32768"]
LETTERS = [b"a", b"b", b"c", b"d", b"e", b"\x00", b"\xff", b""]
SAME = [b"0", b"1", b"1.0", b"-1", b"2", b"+1", b"1e0"]
ENDS = [b"-inf", b"+inf", b"inf", b"(-inf", b"(+inf", b"(inf", b"0", b"(0", b"-0", b"(-0", b"(1", b"1", b"(2"]
NO_ENDS = [b"", b"(", b"((1", b"[1", b"abc", b"nan", b"(nan", b"1x", b" 1", b"-", b"+", b"(abc", b"--inf"]
LEX_ENDS = [b"-", b"+", b"[", b"(", b"[a", b"(a", b"[b", b"(c", b"[\xff", b"(\xff", b"[a\x00", b"[zz", b"(zz"]
NO_LEX_ENDS = [b"", b"a", b"--", b"+a", b"-a", b"1", b"inf", b"{a"]


def board(draw):
    """A sorted set of some members, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.90:
        return draw.prefix + b"z%d" % draw.below(BOARDS)
    if dice < 0.93:
        return draw.prefix + b"nosuch"
    return giant(draw) if dice < 0.96 else key(draw)


def lexicon(draw):
    """All its scores are equal, always: where they are not, a range by member has no meaning, and in redis-server it
    depends on how high its skip list's towers happen to be."""
    return draw.prefix + b"zl%d" % draw.below(LEXICONS)


def giant(draw):
    return draw.prefix + b"zb%d" % draw.below(GIANTS)


def member(draw):
    dice = draw.random()
    if dice < 0.55:
        return b"m%d" % draw.below(30)
    if dice < 0.75:
        return draw.one_of(MEMBERS)
    if dice < 0.85:
        return b"%d" % (draw.below(300) - 100)
    return b"wide:%d" % draw.below(600) if dice < 0.998 else draw.one_of(LONG_TEXTS)


def wide_member(draw):
    return b"player:%08d" % draw.below(4000)


def letters(draw):
    return draw.one_of(LETTERS) + draw.one_of(LETTERS) + draw.one_of(LETTERS)


def score(draw):
    dice = draw.random()
    if dice < 0.45:
        return draw.one_of(SAME)
    if dice < 0.65:
        return b"%d" % (draw.below(200) - 100)
    if dice < 0.72:
        return draw.one_of(INFINITIES)
    return draw.one_of(INTEGERS) if dice < 0.8 else draw.one_of(FLOATS) if dice < 0.9 else real(draw)


def good_score(draw):
    """One that is never refused, so that a long ZADD is carried out."""
    return b"%d" % draw.below(50) if draw.random() < 0.7 else b"%.3f" % (draw.random() * 1e6)


def end(draw):
    dice = draw.random()
    if dice < 0.5:
        return draw.one_of(ENDS)
    if dice < 0.9:
        return (b"(" if draw.random() < 0.3 else b"") + b"%d" % (draw.below(120) - 60)
    return draw.one_of(FLOATS) if dice < 0.94 else b"(" + draw.one_of(FLOATS) if dice < 0.97 else draw.one_of(NO_ENDS + NO_FLOATS)


def lex_end(draw):
    dice = draw.random()
    if dice < 0.5:
        return draw.one_of(LEX_ENDS)
    return (b"[" if dice < 0.75 else b"(") + letters(draw) if dice < 0.97 else draw.one_of(NO_LEX_ENDS)


def wrong_lex_end(draw):
    return draw.one_of(NO_LEX_ENDS)


def rank(draw):
    return b"%d" % (draw.below(400) - 200) if draw.random() < 0.3 else index(draw)


def weight(draw):
    return draw.one_of(SAME) if draw.random() < 0.6 else real(draw)


def few(draw):
    """How many members: never so many that a reply grows beyond what the set holds."""
    dice = draw.random()
    if dice < 0.8:
        return b"%d" % (draw.below(30) - 8)
    return draw.one_of([b"-1000", b"1000", b"0", b"9223372036854775807", b"9223372036854775808", b"4294967296"]) if dice < 0.93 \
        else draw.one_of(NO_INTEGERS)


def count(draw):
    return b"%d" % draw.below(12) if draw.random() < 0.85 else draw.one_of([b"0", b"-1", b"1000000", b"9223372036854775807",
                                                                             b"9223372036854775808", b"-9223372036854775808", b"x", b""])


def keys_told(draw):
    """numkeys and the keys; now and then it is told wrong."""
    there = 1 + draw.below(4)
    told = there if draw.random() < 0.95 else draw.one_of([0, -1, there + 1, there - 1, 1000000, 2 ** 63 - 1])
    words = [b"%d" % told if draw.random() < 0.98 else draw.one_of(NO_INTEGERS)]
    words += [board(draw) for _ in range(there)]
    return words, there


def combined(*others, weighted=True):
    """numkeys key … with WEIGHTS and AGGREGATE and the other options, in any order."""
    def draw_combined(draw):
        words, there = keys_told(draw)
        groups = [part(draw) for part in others]
        if weighted and draw.random() < 0.4:
            many = there if draw.random() < 0.95 else draw.below(6)
            groups.append([draw.one_of([b"WEIGHTS", b"weights"])] + [weight(draw) for _ in range(many)])
        if weighted and draw.random() < 0.4:
            groups.append([b"AGGREGATE", draw.one_of([b"SUM", b"MIN", b"MAX", b"min", b"Max", b"AVG", b""])
                           if draw.random() < 0.2 else draw.one_of([b"SUM", b"MIN", b"MAX"])])
        for at in range(len(groups) - 1, 0, -1):
            other = draw.below(at + 1)
            groups[at], groups[other] = groups[other], groups[at]
        return words + [word for group in groups for word in group]
    return draw_combined


def popped_keys(draw):
    return keys_told(draw)[0]


WITHSCORES = maybe(0.5, one_of("WITHSCORES", "withscores"))
# BYLEX only where all scores are the same: between members of different scores it is unspecified, and redis-server's answer
# hangs on the heights that its skip list drew.
JUNK = maybe(0.03, one_of("FOO", "", "LIMIT", "WITHSCORES", "BYSCORE", "REV", "COUNT", "NX"))
LEX_JUNK = maybe(0.04, one_of("FOO", "", "LIMIT", "WITHSCORES", "BYSCORE", "BYLEX", "REV", "COUNT", "NX"))
LIMIT = maybe(0.35, one_of("LIMIT", "limit"), one_of(few, count), few)
ZADD_OPTIONS = shuffled([maybe(0.15, one_of("NX", "nx"))], [maybe(0.15, one_of("XX", "Xx"))], [maybe(0.15, one_of("GT", "gt"))],
                        [maybe(0.15, one_of("LT", "lT"))], [maybe(0.25, one_of("CH", "ch"))], [maybe(0.15, one_of("INCR", "incr"))],
                        [maybe(0.02, one_of("FOO", "", "NX", "GT", "INCR"))])
BY_RANK = shuffled([maybe(0.35, one_of("REV", "rev"))], [WITHSCORES], [maybe(0.03, "LIMIT", few, few)], [JUNK])
BY_SCORE = shuffled(["BYSCORE"], [LIMIT], [WITHSCORES], [JUNK])
BY_SCORE_REV = shuffled([one_of("BYSCORE", "byscore")], ["REV"], [LIMIT], [WITHSCORES], [JUNK])
BY_LEX = shuffled([one_of("BYLEX", "bylex")], [maybe(0.4, "REV")], [LIMIT], [maybe(0.03, "WITHSCORES")], [LEX_JUNK])
STORED_BY_RANK = shuffled([maybe(0.35, "REV")], [JUNK])
OLD_OPTIONS = shuffled([WITHSCORES], [LIMIT], [JUNK])
# How many keys is always a number here: of anything else redis-server makes what atoi() makes of it, without flags.
some_keys = one_of(["1", board], ["2", board, board], ["3", board, board, board], ["2", board], ["0", board], ["-1"], ["1000000", board])
NEEDED = {
    "zadd": ["ZADD", board, "1", member], "zunion": ["ZUNION", some_keys], "store": ["ZUNIONSTORE", board, some_keys],
    "card": ["ZINTERCARD", some_keys], "mpop": ["ZMPOP", some_keys, "MIN"], "range": ["ZRANGESTORE", board, board, "0", "1"],
    "blocking": ["BZPOPMIN", some(1, 3, board), "0"], "bzmpop": ["BZMPOP", "0", some_keys, "MAX"], "diff": ["ZDIFF", some_keys],
}
NAMES = ["ZADD", "ZINCRBY", "ZSCORE", "ZMSCORE", "ZCARD", "ZCOUNT", "ZLEXCOUNT", "ZRANK", "ZREVRANK", "ZRANGE", "ZRANGESTORE",
         "ZREVRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZREM", "ZREMRANGEBYRANK",
         "ZREMRANGEBYSCORE", "ZREMRANGEBYLEX", "ZPOPMIN", "ZPOPMAX", "ZMPOP", "ZRANDMEMBER", "ZUNION", "ZINTER", "ZDIFF",
         "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZINTERCARD", "ZSCAN", "BZPOPMIN", "BZPOPMAX", "BZMPOP"]

ROWS = [
    row(40, "ZADD", board, ZADD_OPTIONS, some(1, 6, score, member)),
    row(10, "ZADD", board, some(1, 10, good_score, member)),
    row(12, "ZADD", lexicon, maybe(0.2, one_of("NX", "XX", "CH", "GT")), some(1, 12, "0", letters), whole=True),
    row(1, "ZUNIONSTORE", lexicon, "2", lexicon, lexicon, whole=True),
    row(1, "ZINTERSTORE", lexicon, "2", lexicon, lexicon, whole=True),
    row(1, "COPY", lexicon, lexicon, "REPLACE"),
    row(1, "ZPOPMIN", lexicon, few),
    row(1, "ZRANGESTORE", board, lexicon, rank, rank, whole=True),
    row(1, "ZUNIONSTORE", board, "2", lexicon, board, "WEIGHTS", weight, weight, whole=True),
    row(1, "ZDIFFSTORE", lexicon, "2", lexicon, lexicon, whole=True),
    row(4, "ZADD", giant, maybe(0.3, "CH"), some(10, 60, good_score, wide_member)),
    row(2, "ZADD", board, ZADD_OPTIONS, some(0, 5, one_of(score, member))),
    row(12, "ZINCRBY", board, score, member),
    row(4, "ZINCRBY", giant, good_score, wide_member),
    row(12, "ZSCORE", board, member),
    row(3, "ZSCORE", giant, wide_member),
    row(6, "ZMSCORE", board, some(1, 6, member)),
    row(6, "ZCARD", one_of(board, giant)),
    row(8, "ZCOUNT", board, end, end),
    row(3, "ZCOUNT", giant, end, end),
    row(6, "ZLEXCOUNT", lexicon, lex_end, lex_end),
    row(1, "ZLEXCOUNT", board, lex_end, wrong_lex_end),
    # a word more is an error in 7.0 and an option in 7.2
    row(10, "ZRANK", board, member, whole=True),
    row(10, "ZREVRANK", board, member, whole=True),
    row(4, "ZRANK", giant, wide_member, whole=True),
    row(2, "ZREVRANK", giant, wide_member, whole=True),
    row(3, "ZRANK", lexicon, letters, whole=True),
    row(10, "ZRANGE", board, rank, rank, BY_RANK),
    row(10, "ZRANGE", board, end, end, BY_SCORE),
    row(10, "ZRANGE", board, end, end, BY_SCORE_REV),
    row(14, "ZRANGE", lexicon, lex_end, lex_end, BY_LEX),
    row(1, "ZRANGE", lexicon, rank, rank, BY_RANK),
    row(2, "ZRANGE", board, one_of(end, lex_end, rank), one_of(end, lex_end, rank), one_of(BY_RANK, BY_SCORE)),
    row(1, "ZRANGE", board, lex_end, wrong_lex_end, BY_LEX),
    row(3, "ZRANGE", giant, rank, rank, BY_RANK),
    row(2, "ZRANGE", giant, end, end, "BYSCORE", maybe(0.5, "REV"), "LIMIT", few, one_of("0", "1", "5", "50"), WITHSCORES),
    row(6, "ZRANGESTORE", board, board, rank, rank, STORED_BY_RANK),
    row(4, "ZRANGESTORE", board, board, end, end, shuffled(["BYSCORE"], [maybe(0.4, "REV")], [LIMIT], [JUNK])),
    row(3, "ZRANGESTORE", lexicon, lexicon, lex_end, lex_end, shuffled(["BYLEX"], [maybe(0.4, "REV")], [LIMIT], [LEX_JUNK])),
    row(1, "ZRANGESTORE", board, giant, rank, rank, STORED_BY_RANK),
    row(8, "ZREVRANGE", board, rank, rank, WITHSCORES, JUNK),
    row(2, "ZREVRANGE", giant, rank, rank, WITHSCORES),
    row(8, "ZRANGEBYSCORE", board, end, end, OLD_OPTIONS),
    row(8, "ZREVRANGEBYSCORE", board, end, end, OLD_OPTIONS),
    row(2, "ZRANGEBYSCORE", giant, end, end, "LIMIT", few, one_of("0", "1", "10")),
    row(5, "ZRANGEBYLEX", lexicon, lex_end, lex_end, shuffled([LIMIT], [LEX_JUNK])),
    row(5, "ZREVRANGEBYLEX", lexicon, lex_end, lex_end, shuffled([LIMIT], [LEX_JUNK])),
    row(1, "ZRANGEBYLEX", board, wrong_lex_end, lex_end, LIMIT),
    row(10, "ZREM", board, some(1, 5, member)),
    row(3, "ZREM", lexicon, some(1, 4, letters)),
    row(2, "ZREM", giant, some(5, 40, wide_member)),
    row(3, "ZREMRANGEBYRANK", board, rank, rank),
    row(1, "ZREMRANGEBYRANK", giant, rank, rank),
    row(3, "ZREMRANGEBYSCORE", board, end, end),
    row(0.5, "ZREMRANGEBYSCORE", giant, "(5", one_of("6", "(7", "20", "+inf")),
    row(3, "ZREMRANGEBYLEX", lexicon, lex_end, lex_end),
    row(0.3, "ZREMRANGEBYLEX", board, wrong_lex_end, lex_end),
    row(5, "ZPOPMIN", board, maybe(0.5, few)),
    row(5, "ZPOPMAX", board, maybe(0.5, few)),
    row(1, "ZPOPMIN", giant, maybe(0.5, few)),
    row(1, "ZPOPMAX", giant, few),
    row(6, "ZMPOP", popped_keys, one_of("MIN", "MAX", "min", "Max"), maybe(0.5, "COUNT", count), JUNK),
    row(1, "ZMPOP", popped_keys, one_of("MIN", "FOO", "COUNT", ""), maybe(0.3, "COUNT", integer), maybe(0.2, "COUNT", "1")),
    row(5, "ZRANDMEMBER", board, maybe(0.7, few, WITHSCORES), whole=True),
    row(1, "ZRANDMEMBER", board, one_of(["-9223372036854775808"], ["-9223372036854775807", "WITHSCORES"], ["x"], ["5", "FOO"],
                                        ["4611686018427387904", "WITHSCORES"], ["1", "WITHSCORES", "x"]), whole=True),
    row(7, "ZUNION", combined(WITHSCORES, JUNK)),
    row(7, "ZINTER", combined(WITHSCORES, JUNK)),
    row(6, "ZDIFF", combined(WITHSCORES, JUNK, weighted=False)),
    row(5, "ZUNIONSTORE", board, combined(JUNK)),
    row(5, "ZINTERSTORE", board, combined(JUNK)),
    row(4, "ZDIFFSTORE", board, combined(JUNK, weighted=False)),
    row(0.5, "ZUNION", "2", giant, giant, maybe(0.5, "AGGREGATE", "MAX"), maybe(0.3, "WEIGHTS", weight, weight), WITHSCORES),
    row(0.5, "ZINTER", "2", giant, one_of(giant, board)),
    row(0.5, "ZDIFF", "2", giant, one_of(giant, board), WITHSCORES),
    row(5, "ZINTERCARD", combined(maybe(0.4, one_of("LIMIT", "limit"), count), JUNK, weighted=False)),
    row(1, "ZINTERCARD", "2", giant, giant, maybe(0.5, "LIMIT", "7")),
    row(4, "ZSCAN", board, one_of("0", "0", "0", "1", "abc", "-1", "18446744073709551616", ""),
        shuffled([maybe(0.4, "MATCH", pattern)], [maybe(0.4, "COUNT", count)], [maybe(0.05, one_of("FOO", "TYPE", "MATCH"))])),
    row(3, "BZPOPMIN", some(1, 4, board), "0.001", needs=("BZPOPMIN",), whole=True),
    row(3, "BZPOPMAX", some(1, 4, board), one_of("0.002", "0x1p-9", ".001", "1e-3"), needs=("BZPOPMAX",), whole=True),
    row(3, "BZMPOP", "0.001", popped_keys, one_of("MIN", "max"), maybe(0.5, "COUNT", count), needs=("BZMPOP",), whole=True),
    row(1, "BZPOPMIN", board, one_of("-1", "abc", "", "nan", "1e400", "-inf", "-0.5", "9223372036854775807", "1e18"),
        needs=("BZPOPMIN",), whole=True),
    row(1, "BZMPOP", one_of("-1", "abc", "1e30"), popped_keys, "MIN", needs=("BZMPOP",), whole=True),
    row(1, "BZMPOP", "0.001", popped_keys, one_of(["FOO"], [], ["MIN", "COUNT"], ["MAX", "COUNT", "0"], ["MIN", "MAX"],
                                                  ["MIN", "COUNT", "1", "COUNT", "2"], ["COUNT", "1", "MIN"]), needs=("BZMPOP",), whole=True),
    row(2, "COMMAND GETKEYS", one_of(*NEEDED.values())),
    row(1, "COMMAND GETKEYSANDFLAGS", one_of(*NEEDED.values())),
    row(4, "OBJECT ENCODING", one_of(board, giant, lexicon)),
    row(2, "TYPE", board),
    row(1, "MEMORY USAGE", board),
    row(4, "COPY", board, board, maybe(0.7, "REPLACE")),
    row(0.3, "COPY", giant, board, "REPLACE"),
    row(3, "RENAME", board, board),
    row(0.2, "RENAME", giant, giant),
    row(3, "EXPIRE", board, seconds, timed=True),
    row(3, "PEXPIREAT", board, unix_milliseconds, timed=True),
    row(2, "PTTL", board),
    row(2, "PERSIST", board),
    row(5, "DEL", some(1, 2, board)),
    row(2, "UNLINK", some(1, 2, one_of(board, lexicon))),
    row(0.1, "DEL", giant),
    row(2, "SET", key, value),
    row(0.5, "SET", board, value),
    row(1, "GET", board),
    row(1, "APPEND", board, "x"),
    row(1, "INCR", board),
    row(1, "EXISTS", some(1, 3, board)),
] + [row(0.15, name, some(0, 2, board), whole=name.startswith("B") or name in ("ZRANK", "ZREVRANK"))
     for name in NAMES if name not in ("ZRANDMEMBER", "ZPOPMIN", "ZPOPMAX")]


def scanned(pair, side, words):
    """All that an iteration finds on one server, as a set of pairs; or its error."""
    found = set()
    while True:
        kind, reply = state.ask(pair, side, words)
        if kind != "array":
            return reply
        items = [item[1] for item in reply[1][1]]
        found.update(zip(items[::2], items[1::2]))
        if reply[0][1] == b"0":
            return found
        words[2] = reply[0][1]


def look_at_scan(pair, draw, name):
    """An iteration finds the same on both, and all of it when nothing narrows it."""
    words = [b"ZSCAN", name, b"0"]
    if draw.chance(0.7):
        words += [b"COUNT", b"%d" % (1 + draw.below(200))]
    narrowed = draw.chance(0.3)
    if narrowed:
        words += [b"MATCH", draw.one_of([b"*", b"m*", b"*1*", b"[a-m]*", b"", b"player:*7", b"\xff*"])]
    left, right = (scanned(pair, side, list(words)) for side in (0, 1))
    if left != right:
        odd = sorted(left ^ right)[:5] if isinstance(left, set) and isinstance(right, set) else (left, right)
        raise state.Mismatch(draw.db, name, "%r finds otherwise: %r" % (words, odd), [words])
    if isinstance(right, set) and not narrowed and len(right) != state.ask(pair, 1, [b"ZCARD", name])[1]:
        raise state.Mismatch(draw.db, name, "%r finds %d members" % (words, len(right)), [words, [b"ZCARD", name]])


def look_at_random(pair, draw, name):
    """Members drawn are members; drawn without putting back, each comes once at most."""
    wanted = draw.below(60) - 25
    for side in (0, 1):
        kind, reply = state.ask(pair, side, [b"ZRANGE", name, b"0", b"-1"])
        if kind != "array":
            continue
        there = {item[1] for item in reply}
        words = [b"ZRANDMEMBER", name, b"%d" % wanted]
        drawn = [item[1] for item in state.ask(pair, side, words)[1]]
        expected = min(wanted, len(there)) if wanted >= 0 else -wanted if there else 0
        if not there.issuperset(drawn) or len(drawn) != expected or (wanted > 0 and len(set(drawn)) != expected):
            raise state.Mismatch(draw.db, name, "%r draws %r" % (words, drawn), [words])


def look(pair, draw):
    """What is compared as a whole, between two batches of the connection that owns these keys."""
    for name in (board(draw), giant(draw)):
        look_at_scan(pair, draw, name)
        look_at_random(pair, draw, name)


LOOKS = [look]
