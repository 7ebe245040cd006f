#!/usr/bin/env python3
"""What redis-server dumps is restored here, what is dumped here is restored there, and old forms are read alike.

  tests/stress/dump_both_ways.py [--server COMMAND] [--redis COMMAND] [--rounds 60] [--values 40] [--seed N]

Each round sets other thresholds on both servers, so that small values are in their large forms and large ones in their
small forms, on one side or both. Then random values of every type are made on one server, dumped and restored on the
other: both must tell the same of them, also after some changes; and back, where redis-server's digest of what came back
must be that of what went. Values in the forms that only older servers wrote are made by hand and restored on both.
"""

import argparse
import struct
import sys
import time

import common
import rdb
from common import connect, expect

REDIS = common.servers.REDIS + " --enable-debug-command yes"

THRESHOLDS = {
    "list-max-listpack-size": ["-2", "-1", "-5", "3", "1", "200"],
    "hash-max-listpack-entries": ["512", "0", "4", "5000"],
    "hash-max-listpack-value": ["64", "5", "100000"],
    "zset-max-listpack-entries": ["128", "0", "4", "5000"],
    "zset-max-listpack-value": ["64", "5", "100000"],
    "set-max-intset-entries": ["512", "0", "4", "100000"],
}
ONLY_THERE = {"list-compress-depth": ["0", "0", "1", "3"], "rdbcompression": ["yes", "yes", "no"]}

TEXTS = [b"", b"a", b"0", b"-0", b"1", b"-1", b"12", b"13", b"127", b"128", b"-128", b"-129", b"255", b"4095", b"4096", b"-4096",
         b"-4097", b"32767", b"32768", b"-32768", b"-32769", b"8388607", b"8388608", b"-8388608", b"-8388609", b"2147483647",
         b"2147483648", b"-2147483648", b"-2147483649", b"9223372036854775807", b"-9223372036854775808",
         b"9223372036854775808", b"007", b"+1", b" 1", b"1.5", b"\x00", b"\xff\xfe", b"nan", b"inf"]
SIZES = [1, 2, 11, 20, 21, 25, 62, 63, 64, 65, 100, 253, 254, 255, 300, 4000, 4095, 4096, 4097, 8190, 8193, 16383, 16384, 17000]
SCORES = [0.0, 1.0, -1.0, 1.5, -2.25, 0.1, 1 / 3, 1e15, 1e17, -1e17, 1e300, -1e-300, 5e-324, 2.0 ** 52, 2.0 ** 53 + 2, 1e22,
          127.0, 128.0, 4096.0, 32768.0, 3.14159265358979, float("inf"), float("-inf")]


def draw_text(dice, large=False):
    what = dice.random()
    if what < 0.25:
        return dice.choice(TEXTS)
    if what < 0.35:
        return b"%d" % dice.randrange(-1 << dice.randrange(1, 64), 1 << dice.randrange(1, 64))
    if what < 0.75:
        return b"element:%d" % dice.randrange(100000)
    size = dice.choice(SIZES if large or dice.random() < 0.1 else SIZES[:14])
    if dice.random() < 0.5:
        return dice.randbytes(size)
    word = dice.randbytes(dice.randrange(1, 40))
    return (word * (size // len(word) + 1))[:size]


def draw_count(dice):
    return dice.choice([1, 2, 3, 4, 5, 6, 10, 30, 100, 127, 128, 129, 130, 511, 512, 513, 600, 1500])


def draw_string(dice):
    if dice.random() < 0.1:
        size = dice.choice([65532, 65535, 65536, 65537, 70000, 200000, 1 << 20])
        word = dice.randbytes(dice.choice([1, 7, 100, 9000, size]))
        return (word * (size // len(word) + 1))[:size]
    return draw_text(dice, large=True)


def draw_members(dice):
    if dice.random() < 0.4:
        bits = dice.choice([6, 12, 16, 31, 40, 63])
        return list({b"%d" % dice.randrange(-1 << bits, 1 << bits) for _ in range(draw_count(dice))})
    return list({draw_text(dice) for _ in range(draw_count(dice))})


def draw_scores(dice):
    kinds = dice.choice([1, 2, 3])
    scores = {}
    for member in draw_members(dice):
        what = dice.randrange(kinds)
        scores[member] = (float(dice.randrange(-100, 5000)) if what == 0 else
                          dice.choice(SCORES) if what == 1 else dice.uniform(-1e6, 1e6))
    return scores


def in_parts(words, size=400):
    return [words[at:at + size] for at in range(0, len(words), size)]


class Value:
    """A random value: the commands that make it, that tell it, and that change it."""

    def __init__(self, dice, key):
        self.key = key
        self.kind = dice.choice(["string", "list", "list", "set", "set", "zset", "zset", "hash", "hash"])
        if self.kind == "string":
            self.make = [[b"SET", key, draw_string(dice)]]
            if dice.random() < 0.2:
                self.make.append([b"APPEND", key, draw_text(dice)])
            self.changes = [[b"APPEND", key, b"x"]]
        elif self.kind == "list":
            elements = [draw_text(dice) for _ in range(draw_count(dice))]
            if dice.random() < 0.2:
                elements[dice.randrange(len(elements))] = draw_string(dice)
            self.make = [[b"RPUSH", key] + part for part in in_parts(elements)]
            at = dice.randrange(len(elements))
            self.changes = [[b"LPUSH", key, draw_text(dice)], [b"LSET", key, b"%d" % at, draw_text(dice, True)],
                            [b"LINSERT", key, b"BEFORE", elements[at], b"new"], [b"LREM", key, b"1", elements[0]],
                            [b"RPOP", key], [b"RPUSH", key, draw_text(dice)]]
        elif self.kind == "set":
            members = draw_members(dice)
            self.make = [[b"SADD", key] + part for part in in_parts(members)]
            self.changes = [[b"SADD", key, draw_text(dice), b"7"], [b"SREM", key, members[0]]]
        elif self.kind == "zset":
            scores = draw_scores(dice)
            pairs = [part for member, score in scores.items() for part in (b"%.17g" % score, member)]
            self.make = [[b"ZADD", key] + part for part in in_parts(pairs)]
            self.changes = [[b"ZADD", key, b"3.5", draw_text(dice)], [b"ZREM", key, pairs[1]], [b"ZADD", key, b"-7", pairs[-1]]]
        else:
            names = draw_members(dice)
            self.make = [[b"HSET", key] + part for part in in_parts([part for name in names for part in (name, draw_text(dice))])]
            self.changes = [[b"HSET", key, draw_text(dice), b"changed"], [b"HSET", key, names[0], draw_text(dice, True)],
                            [b"HDEL", key, names[-1]]]

    def told(self, client, key):
        return tell(client, self.kind, key)


def tell(client, kind, key):
    """All of the value, in an order that depends on nothing."""
    asked = {"string": [b"GET", key], "list": [b"LRANGE", key, b"0", b"-1"], "set": [b"SMEMBERS", key],
             "zset": [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"], "hash": [b"HGETALL", key]}[kind]
    kind_told, reply = client.ask(*asked)
    expect(kind_told != "error", "%r answered %r", asked, reply)
    if kind == "string":
        return reply
    parts = [part for _, part in reply]
    if kind == "hash":
        return sorted(zip(parts[::2], parts[1::2]))
    return sorted(parts) if kind == "set" else parts


def say(client, *words):
    reply = client.ask(*words)
    expect(reply[0] != "error", "%r answered %r", [word[:60] if isinstance(word, bytes) else word for word in words], reply[1])
    return reply[1]


def restore(client, key, dump, *options):
    kind, reply = client.ask(b"RESTORE", key, *(options or (b"0",)), dump) if not options else client.ask(
        b"RESTORE", key, options[0], dump, *options[1:])
    expect((kind, reply) == ("status", b"OK"), "RESTORE answered %r to a dump of %d bytes: %r…", reply, len(dump), dump[:80])


def same(value, left, right, what):
    expect(left == right, "%s: a %s is not the same: %r… %r…", what, value.kind, left[:6] if left else left,
           right[:6] if right else right)


def go_and_return(value, here, there, redis, dice):
    """From `here` to `there` and back, by way of both dumps."""
    key = value.key
    for words in value.make:
        say(here, *words)
    wanted = value.told(here, key)
    restore(there, key, say(here, b"DUMP", key))
    same(value, wanted, value.told(there, key), "restored")
    expect(say(there, b"TYPE", key) == say(here, b"TYPE", key), "another type")
    restore(here, b"back:" + key, say(there, b"DUMP", key), b"100000000")
    same(value, wanted, value.told(here, b"back:" + key), "restored at home")
    expect(90000000 < say(here, b"PTTL", b"back:" + key) <= 100000000, "another deadline")
    restore(there, b"again:" + key, say(there, b"DUMP", key), b"%d" % (2 ** 42), b"ABSTTL", b"REPLACE", b"FREQ", b"7")
    expect(say(there, b"PEXPIRETIME", b"again:" + key) == 2 ** 42, "another deadline")
    copy = b"back:" + key if here is redis else b"again:" + key
    say(redis, b"PERSIST", copy)
    digests = [d for _, d in say(redis, b"DEBUG", b"DIGEST-VALUE", key, copy)]
    expect(digests[0] == digests[1], "redis-server has another digest of a %s", value.kind)
    for words in value.changes:
        left, right = here.ask(*words), there.ask(*words)
        expect(left == right, "%r: %r here, %r there", words, left, right)
    same(value, value.told(here, key), value.told(there, key), "changed")


def old_forms(dice, here, redis):
    """What redis-server reads is read here, and is the same."""
    kind = dice.choice(["list", "set", "zset", "hash"])
    members = draw_members(dice)[:200]
    if kind == "list":
        forms = rdb.list_forms(dice, [draw_text(dice) for _ in range(min(200, draw_count(dice)))])
    elif kind == "set":
        forms = rdb.set_forms(dice, members)
    elif kind == "zset":
        forms = rdb.zset_forms(dice, dict(list(draw_scores(dice).items())[:200]))
    else:
        forms = rdb.hash_forms(dice, {member: draw_text(dice) for member in members})
    for name, value in forms:
        dump = rdb.dump(value, dice.randrange(1, 11))
        for client in (redis, here):
            kind_told, reply = client.ask(b"RESTORE", b"old", b"0", dump, b"REPLACE")
            expect(reply == b"OK", "%s: %r: %r…", name, reply, dump[:100])
        left, right = tell(redis, kind, b"old"), tell(here, kind, b"old")
        expect(left == right, "%s: %r… %r…", name, left[:6], right[:6])


def new_forms(dice, here):
    """What came after redis-server 7.0, against what was put in."""
    members = draw_members(dice)[:300]
    for name, value in rdb.new_set_forms(dice, members):
        restore(here, b"new", rdb.dump(value, 11), b"0", b"REPLACE")
        expect(tell(here, "set", b"new") == sorted(members), "%s", name)
    now = int(time.time() * 1000)
    fields = {member: draw_text(dice) for member in members}
    deadlines = {name: now + dice.choice([-5000, 10 ** 7, 10 ** 9, 1]) + dice.randrange(10 ** 6)
                 for name in dice.sample(members, dice.randrange(1, len(members) + 1))}
    live = {name: value for name, value in fields.items() if deadlines.get(name, now * 2) > now + 60000}
    soon = [name for name in fields if now - 60000 < deadlines.get(name, 0) <= now + 60000]
    for name, value in rdb.new_hash_forms(dice, fields, deadlines):
        restore(here, b"new", rdb.dump(value, 12), b"0", b"REPLACE")
        if soon:
            here.ask(b"HDEL", b"new", *soon)
        expect(tell(here, "hash", b"new") == sorted(live.items()), "%s", name)
        for twice in (0, 1):
            told = here.ask(b"HPEXPIRETIME", b"new", b"FIELDS", b"%d" % len(fields), *fields)[1]
            wanted = [deadlines.get(f, -1) if f in live else -2 for f in fields]
            expect(not live or [t for _, t in told] == wanted, "%s: other deadlines", name)
            if live and twice == 0:
                restore(here, b"new", say(here, b"DUMP", b"new"), b"0", b"REPLACE")


def run(options, dice):
    server, redis = common.servers.Server(options.server), common.servers.Server(options.redis)
    here, there = connect(server, 60), connect(redis, 60)
    made = 0
    for _ in range(options.rounds):
        for name, choices in THRESHOLDS.items():
            for client in (here, there):
                say(client, b"CONFIG", b"SET", name, dice.choice(choices))
        for name, choices in ONLY_THERE.items():
            say(there, b"CONFIG", b"SET", name, dice.choice(choices))
        for number in range(options.values):
            value = Value(dice, b"k%d" % number)
            if dice.random() < 0.5:
                go_and_return(value, here, there, there, dice)
            else:
                go_and_return(value, there, here, there, dice)
            old_forms(dice, here, there)
            if number % 8 == 0:
                new_forms(dice, here)
            made += 1
        for client in (here, there):
            say(client, b"FLUSHALL")
    for each in (server, redis):
        each.stop()
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    common.add_server_argument(parser)
    parser.add_argument("--redis", default=REDIS, metavar="COMMAND")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--values", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    common.servers.stop_on_signals()
    seed = options.seed if options.seed is not None else struct.unpack("<I", common.dice(None).randbytes(4))[0]
    begin = time.monotonic()
    try:
        made = run(options, common.dice(seed))
    except (common.Failed, common.wire.Closed, common.wire.Silent, common.servers.StartError) as failure:
        print("FAIL with --seed %d: %s %s" % (seed, type(failure).__name__, failure))
        return 1
    print("%d values went both ways, as many in old forms; seed %d, %.1f s" % (made, seed, time.monotonic() - begin))
    return 0


if __name__ == "__main__":
    sys.exit(main())
