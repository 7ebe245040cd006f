"""RESTORE of dumps made by hand, in every form that redis-server reads, and what is done to the values afterwards. What DUMP
answers is not compared: the bytes for a value are not the same on both; stress/dump_both_ways.py takes them there and back."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stress"))
import rdb  # noqa: E402

from .engine.draw import integer, key, maybe, milliseconds, one_of, row, shuffled, unix_milliseconds, value  # noqa: E402


def payloads():
    dice = random.Random(1)
    texts = [b"a", b"-1", b"12", b"70000", b"-9000000000", b"text " * 9, b"", b"x" * 64, b"\x00\xff", b"1.5", b"b"]
    members = [b"a", b"5", b"300", b"member", b"-70000", b"5000000000", b"x" * 64, b"1.5"]
    scores = dict(zip(members, [1.5, -3.0, 1e300, 0.1, float("inf"), 70000.0, float("-inf"), 3.0]))
    made = list(rdb.list_forms(dice, texts)) + list(rdb.set_forms(dice, members))
    made += rdb.set_forms(dice, [b"1", b"-7", b"40000"])
    made += rdb.zset_forms(dice, scores)
    made += rdb.hash_forms(dice, dict(zip(members, texts)))
    made += [("string", b"\0" + rdb.text(text)) for text in texts + [b"long " * 20000]]
    made += [("string", b"\0" + rdb.lzf_text(b"abc" * 20 + b"d" * 600)), ("string", b"\0" + rdb.int_text(-300))]
    return [rdb.dump(body, version) for _, body in made for version in (6, 10)]


PAYLOADS = payloads()
NO_PAYLOADS = [b"", b"x", b"123456789", b"\x01" * 10, b"\x01" * 40, PAYLOADS[0][:-1], PAYLOADS[0] + b"x", b"\x01" + PAYLOADS[1]]


def payload(draw):
    return draw.one_of(PAYLOADS) if draw.random() < 0.95 else draw.one_of(NO_PAYLOADS)


OPTIONS = shuffled([maybe(0.7, one_of("REPLACE", "replace"))],
                   [maybe(0.15, one_of("IDLETIME", "FREQ", "idletime"), one_of("0", "5", "255", "256", "-1", integer))],
                   [maybe(0.03, one_of("FOO", "", "FREQ", "IDLETIME"))])
AT = shuffled(["ABSTTL"], [maybe(0.8, "REPLACE")])

ROWS = [
    row(30, "RESTORE", key, "0", payload, OPTIONS, timed=True),
    row(6, "RESTORE", key, milliseconds, payload, OPTIONS, timed=True),
    row(6, "RESTORE", key, unix_milliseconds, payload, AT, timed=True, whole=True),
    row(2, "RESTORE", key, one_of("-1", "x", "", "1.5"), payload, OPTIONS, timed=True),
    row(3, "DUMP", key),
    row(1, "DUMP", key, one_of("x", ""), whole=True),
    row(8, "TYPE", key),
    row(6, "PEXPIRETIME", key),
    row(4, "OBJECT ENCODING", key),
    row(8, "GET", key),
    row(6, "APPEND", key, value),
    row(6, "LRANGE", key, "0", "-1"),
    row(4, "LPUSH", key, value),
    row(3, "LINSERT", key, "AFTER", one_of("a", "b", value), value),
    row(3, "LSET", key, one_of("0", "3", "-1"), value),
    row(6, "SADD", key, value),
    row(4, "SREM", key, one_of("a", "5", value)),
    row(6, "ZRANGE", key, "0", "-1", "WITHSCORES"),
    row(4, "ZADD", key, "2.5", value),
    row(4, "ZINCRBY", key, "1", one_of("a", "5", "member")),
    row(6, "HSET", key, one_of("a", "5", value), value),
    row(4, "HDEL", key, one_of("a", "5", "member")),
    row(4, "DEL", key),
    row(3, "RENAME", key, key),
    row(3, "COPY", key, key, maybe(0.5, "REPLACE")),
]
