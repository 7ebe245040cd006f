"""Commands that take processor time: the values they work on, and a client that says one of them over and over."""

import time

from common import connect, wire

MB = 1 << 20


def all_of(connection, commands):
    commands = list(commands)
    for at in range(0, len(commands), 2000):
        connection.send(b"".join(map(wire.encode, commands[at:at + 2000])))
        for _ in commands[at:at + 2000]:
            connection.reply()


def in_hundreds(count):
    return (range(at, min(at + 100, count)) for at in range(0, count, 100))


def fill_some(server, size):
    """A set of size.members, bitmaps of size.bitmap bytes, texts of size.text and size.long_text."""
    connection, members = connect(server, 120.0), size.members
    all_of(connection, ([b"SADD", b"set1", *(b"member:%d" % (n * 7919 % members) for n in some)] for some in in_hundreds(members)))
    for n, letters in enumerate((b"abcdefgh", b"hgfedcba")):
        connection.ask("SETRANGE", "bits%d" % n, str(size.bitmap - 1), "x")
        connection.ask("SET", "short%d" % n, letters * (size.text // 8))
        connection.ask("SET", "long%d" % n, letters * (size.long_text // 8))
    connection.close()


def fill(server, size):
    """The same, size.keys keys, and collections of size.members of all kinds."""
    connection, members = connect(server, 120.0), size.members
    fill_some(server, size)
    connection.ask("DEBUG", "POPULATE", str(size.keys))
    for name, verb in ((b"list", b"RPUSH"), (b"set2", b"SADD")):
        all_of(connection, ([verb, name, *(b"member:%d" % (n * 7919 % members) for n in some)] for some in in_hundreds(members)))
    for name in (b"z1", b"z2"):
        all_of(connection, ([b"ZADD", name, *(word for n in some for word in (b"%d" % n, b"member:%d" % n))] for some in in_hundreds(members)))
    all_of(connection, ([b"HSET", b"hash", *(word for n in some for word in (b"field:%d" % n, b"value:%d" % n))] for some in in_hundreds(members)))
    all_of(connection, ([b"GEOADD", b"geo", *(word for n in some for word in (b"%.4f" % (n % 3600 / 20 - 90), b"%.4f" % (n // 3600 % 1600 / 20 - 40),
                                                                             b"m%d" % n))] for some in in_hundreds(members)))
    for n in range(20):
        all_of(connection, ([b"PFADD", b"hll%d" % n, *(b"%d" % (at + m) for m in range(100))] for at in range(0, 20_000, 100)))
    connection.close()


COMMANDS = [
    ("KEYS", "nothing*"), ("SCAN", "0", "COUNT", "100000000", "MATCH", "nothing"), ("LCS", "short0", "short1"), ("LCS", "long0", "long1", "LEN"),
    ("BITOP", "XOR", "bits", "bits0", "bits1"), ("BITOP", "NOT", "bits", "bits0"), ("BITCOUNT", "bits0"), ("BITPOS", "bits0", "1"),
    ("SORT", "list", "ALPHA", "LIMIT", "0", "10"), ("SORT", "set1", "ALPHA"), ("SORT", "list", "BY", "key:*", "LIMIT", "0", "10"),
    ("SORT", "list", "ALPHA", "STORE", "out"), ("SUNION", "set1", "set2"), ("SINTER", "set1", "set2"), ("SDIFF", "set1", "set2"),
    ("SINTERCARD", "2", "set1", "set2"), ("SINTERSTORE", "sout", "set1", "set2"), ("SUNIONSTORE", "sout", "set1", "set2"),
    ("SDIFFSTORE", "sout", "set1", "set2"), ("ZUNION", "2", "z1", "z2"), ("ZINTER", "2", "z1", "z2"), ("ZDIFF", "2", "z1", "z2"),
    ("ZUNIONSTORE", "zout", "2", "z1", "z2"), ("ZINTERSTORE", "zout", "2", "z1", "z2"), ("ZRANGESTORE", "zout", "z1", "0", "-1"),
    ("ZRANGE", "z1", "0", "-1"), ("LRANGE", "list", "0", "-1"), ("SMEMBERS", "set1"), ("HGETALL", "hash"),
    ("GEOSEARCH", "geo", "FROMLONLAT", "0", "0", "BYRADIUS", "20000", "km", "ASC", "COUNT", "10"),
    ("PFCOUNT", *("hll%d" % n for n in range(20))), ("LREM", "list", "0", "nothing"), ("LINDEX", "list", "-30000"),
    ("COPY", "z1", "zout", "REPLACE"), ("COPY", "set1", "sout", "REPLACE"), ("DEL", "zout"), ("SRANDMEMBER", "set1", "-100000"), ("DUMP", "z1"),
    ("DEBUG", "DIGEST"), ("FLUSHALL", "SYNC")]
ONCE = ("FLUSHALL", "DEL")


def hammer(server, words, seconds, least, results):
    """The same command again and again: how often, how long the longest took, and what ended it too early."""
    connection = connect(server, 120.0)
    request, count, longest, begun, wrong = wire.encode([word.encode() for word in words]), 0, 0.0, time.monotonic(), None
    try:
        while count < least or time.monotonic() - begun < seconds:
            at = time.monotonic()
            connection.send(request)
            longest = max(longest, drain(connection) - at)
            count += 1
            if words[0] in ONCE:
                break
    except (OSError, wire.Closed, wire.Silent) as met:
        wrong = type(met).__name__
    connection.close()
    results.put((count, longest, wrong))


def drain(connection):
    """Reads one reply without making objects of it: the attack is on the server. Returns when its end came."""
    pending, at, searched, came = connection.pending, 0, 0, time.monotonic()
    while True:
        try:
            at = wire.reply_end(pending, 0) if len(pending) < 1000 or len(pending) > searched * 2 else 0
        except wire.Incomplete:
            searched, at = len(pending), 0
        if at:
            del pending[:at]
            return came
        try:
            connection.receive(0.05 if len(pending) > 1000 else None)
            came = time.monotonic()
        except wire.Silent:
            searched = 0
