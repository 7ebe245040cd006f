#!/usr/bin/env python3
"""Dumps with damage in them: refused whole, or taken whole; and the server goes on.

  tests/stress/dump_damage.py [--server COMMAND] [--seconds 15] [--seed N]

Values of every type and in every form, new and old, are damaged at random: bytes turned, cut out, doubled, put in the
place of others, numbers made huge; and their check sums made right again. What RESTORE takes must read, dump and restore
again to the same; what it refuses leaves the key as it was. To be run on a server under a sanitizer.
"""

import argparse
import struct
import sys
import time

import common
import dump_both_ways as both
import rdb
from common import connect, expect

KEY, COPY = b"damaged", b"copy"


def damaged(dice, value):
    value = bytearray(value)
    for _ in range(dice.choice([1, 1, 1, 2, 3, 8])):
        at = dice.randrange(len(value))
        what = dice.randrange(8)
        if what == 0:
            value[at] ^= 1 << dice.randrange(8)
        elif what == 1:
            value[at] = dice.choice([0, 1, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xC3, 0xF0, 0xF4, 0xFE, 0xFF, dice.randrange(256)])
        elif what == 2:
            del value[at:at + dice.randrange(1, 9)]
        elif what == 3:
            value[at:at] = value[at:at + dice.randrange(1, 20)]
        elif what == 4:
            value[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif what == 5:
            value[at:at + 4] = struct.pack("<I", dice.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, dice.randrange(1 << 32)]))
        elif what == 6:
            del value[at:]
        else:
            value[0] = dice.choice(list(range(21)) + [24, 25])
        if not value:
            value = bytearray(b"\x00")
    return bytes(value)


def forms(dice, client):
    """One value in every form that its type has, as it stands in a dump."""
    kind = dice.choice(["own", "list", "set", "zset", "hash", "newer"])
    members = both.draw_members(dice)[:40]
    if kind == "own":
        value = both.Value(dice, b"own")
        client.ask(b"DEL", b"own")
        for words in value.make:
            both.say(client, *words)
        dump = both.say(client, b"DUMP", b"own")
        return [dump[:-10]]
    if kind == "list":
        made = rdb.list_forms(dice, members)
    elif kind == "set":
        made = rdb.set_forms(dice, members)
    elif kind == "zset":
        made = rdb.zset_forms(dice, dict(list(both.draw_scores(dice).items())[:40]))
    elif kind == "hash":
        made = rdb.hash_forms(dice, {member: both.draw_text(dice) for member in members})
    else:
        far = 4102444800000
        deadlines = {name: far + dice.randrange(10 ** 6) for name in members[:1 + len(members) // 2]}
        made = list(rdb.new_hash_forms(dice, dict.fromkeys(members, b"value"), deadlines)) + list(rdb.new_set_forms(dice, members))
    return [value for _, value in made]


def look(client, key):
    kind = both.say(client, b"TYPE", key).decode()
    return None if kind == "none" else (kind, both.tell(client, kind, key))


def one(dice, client, value):
    """True: it was taken."""
    both.say(client, b"SET", KEY, b"here")
    reply = client.ask(b"RESTORE", KEY, b"0", rdb.dump(value, dice.choice([6, 9, 10, 11, 12])), b"REPLACE")
    if reply[0] == "error":
        expect(reply[1] == b"ERR Bad data format", "RESTORE answered %r", reply[1])
        expect(client.ask(b"GET", KEY) == ("bulk", b"here"), "what was refused has changed the key")
        return False
    there = look(client, KEY)
    if there is None:
        return True                         # all of its fields were past their deadlines
    both.restore(client, COPY, both.say(client, b"DUMP", KEY), b"0", b"REPLACE")
    expect(look(client, COPY) == there, "taken, but its dump is another %s", there[0])
    both.say(client, b"COPY", KEY, COPY, b"REPLACE")
    both.say(client, b"MEMORY", b"USAGE", KEY)
    return True


def run(options, dice):
    taken = refused = 0
    with common.servers.Server(options.server) as server:
        client = connect(server, 60)
        limit = time.monotonic() + options.seconds
        while time.monotonic() < limit:
            for name, choices in both.THRESHOLDS.items():
                both.say(client, b"CONFIG", b"SET", name, dice.choice(choices))
            for value in forms(dice, client):
                for _ in range(20):
                    if one(dice, client, damaged(dice, value)):
                        taken += 1
                    else:
                        refused += 1
        both.say(client, b"FLUSHALL", b"SYNC")
        expect(server.alive(), "the server has ended: %s", server.said())
        server.end_process()
        expect(server.process.returncode == 0, "it ended with %r: %s", server.process.returncode, server.said())
    expect(taken > 0 and refused > 0, "%d taken, %d refused: that is no test", taken, refused)
    return taken, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    common.servers.stop_on_signals()
    seed = options.seed if options.seed is not None else struct.unpack("<I", common.dice(None).randbytes(4))[0]
    try:
        taken, refused = run(options, common.dice(seed))
    except (common.Failed, common.wire.Closed, common.wire.Silent, common.servers.StartError) as failure:
        print("FAIL with --seed %d: %s %s" % (seed, type(failure).__name__, failure))
        return 1
    print("%d damaged dumps refused, %d taken as something whole; seed %d" % (refused, taken, seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
