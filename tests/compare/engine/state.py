"""Everything that both servers hold, compared: names, types, values, deadlines, encodings."""

import time

from runner import wire

from . import judge, pump

AT_ONCE = 500
DROPPED_WITHIN_S = 3.0
VALUE_OF = {
    "string": [b"GET"],
    "list": [b"LRANGE", None, b"0", b"-1"],
    "set": [b"SMEMBERS"],
    "hash": [b"HGETALL"],
    "zset": [b"ZRANGE", None, b"0", b"-1", b"WITHSCORES"],
    "stream": [b"XRANGE", None, b"-", b"+"],
}
UNORDERED = {"set": 1, "hash": 2}


class Mismatch(Exception):
    """The servers hold different things. probes are commands that show it; key may be None."""

    def __init__(self, db, key, why, probes):
        super().__init__(why)
        self.db, self.key, self.why, self.probes = db, key, why, probes


def scan_all(pair, side_count=2, command=(b"SCAN", b"0", b"COUNT", b"200")):
    """The keys that a complete SCAN gives, on each server."""
    found = []
    for side in range(side_count):
        words, keys = list(command), set()
        while True:
            reply = ask(pair, side, words)
            if reply[0] != "array":
                raise Mismatch(None, None, "SCAN on the %s answered %r" % (pump.SIDES[side], reply), [words])
            keys.update(item[1] for item in reply[1][1][1])
            words[1] = reply[1][0][1]
            if words[1] == b"0":
                break
        found.append(keys)
    return found


def ask(pair, side, words):
    """One command to one of the two servers."""
    sock = pair.socks[side]
    sock.setblocking(True)
    sock.settimeout(10.0)
    try:
        sock.sendall(wire.encode(words))
        got = bytearray()
        while True:
            data = sock.recv(1 << 18)
            if not data:
                raise pump.Lost(pair, side, "closed the connection")
            got += data
            try:
                return wire.parse(got)[0]
            except wire.Incomplete:
                continue
    except TimeoutError:
        raise pump.Lost(pair, side, "gave no answer for 10 s") from None
    finally:
        sock.setblocking(False)


def ask_both(pair, commands):
    """Commands pipelined to both; a pair of raw replies for each."""
    answers = pump.exchange(pair, b"".join(wire.encode(words) for words in commands))
    left, right = (pump.split(answer) for answer in answers)
    return list(zip(left, right))


def compare_db(pair, db, exact):
    """Raises Mismatch when database db differs; answers how many keys it holds. exact(key) tells whether the key's
    deadline has to agree to the millisecond."""
    for reply in ask_both(pair, [[b"SELECT", b"%d" % db]])[0]:
        if reply != b"+OK\r\n":
            raise Mismatch(db, None, "SELECT %d answered %r" % (db, reply), [])
    left, right = scan_all(pair)
    for missing, where in ((left - right, "left"), (right - left, "right")):
        for key in sorted(missing):
            if not is_going(pair, key):
                raise Mismatch(db, key, "the key is only on the %s" % where, [[b"EXISTS", key], [b"TYPE", key]])
    keys = sorted(left & right)
    for first in range(0, len(keys), AT_ONCE):
        compare_keys(pair, db, keys[first:first + AT_ONCE], exact)
    compare_sizes(pair, db)
    return len(keys)


def compare_sizes(pair, db):
    """DBSIZE is what SCAN finds; keys whose deadline has passed have a moment to be dropped."""
    limit = time.monotonic() + DROPPED_WITHIN_S
    while True:
        counts = [b":%d\r\n" % len(keys) for keys in scan_all(pair)]
        sizes = list(ask_both(pair, [[b"DBSIZE"]])[0])
        if sizes == counts and sizes[0] == sizes[1]:
            return
        if time.monotonic() > limit:
            raise Mismatch(db, None, "DBSIZE answers %r, SCAN finds %r" % (sizes, counts), [[b"DBSIZE"]])
        time.sleep(0.05)


def is_going(pair, key):
    """Has its deadline passed on both sides, a moment later at most? One may have answered before and one after."""
    for _ in range(20):
        if ask_both(pair, [[b"EXISTS", key]])[0] == (b":0\r\n", b":0\r\n"):
            return True
        time.sleep(0.005)
    return False


def compare_keys(pair, db, keys, exact):
    types = ask_both(pair, [[b"TYPE", key] for key in keys])
    for key, (left, right) in zip(keys, types):
        if left != right and not is_going(pair, key):
            raise Mismatch(db, key, "its type is %r and %r" % (left, right), [[b"TYPE", key]])
    probes = []
    for key, (kind, _) in zip(keys, types):
        kind = kind[1:-2].decode()
        if kind == "none":                  # gone since the SCAN
            continue
        value = [key if word is None else word for word in VALUE_OF[kind]]
        value = value if None in VALUE_OF[kind] else value + [key]
        probes += [(key, kind, words) for words in (value, [b"PEXPIRETIME", key], [b"OBJECT", b"ENCODING", key])]
    replies = ask_both(pair, [words for _, _, words in probes])
    for (key, kind, words), (left, right) in zip(probes, replies):
        if words[0] == VALUE_OF[kind][0] and kind in UNORDERED:
            left, right = sorted_reply(left, UNORDERED[kind]), sorted_reply(right, UNORDERED[kind])
        if left != right and not judge.same(words, left, right, exact(key)) and not is_going(pair, key):
            raise Mismatch(db, key, "it differs", [words])


def sorted_reply(raw, width):
    kind, value = wire.parse(raw)[0]
    if kind == "map":
        return sorted(value)
    return sorted(tuple(value[at:at + width]) for at in range(0, len(value), width)) if kind in ("array", "set") else raw
