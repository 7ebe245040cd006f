"""Commands that work in slices, asked by many at once: who waits for others, in which order, and what becomes of those who leave."""

import random
import time

from common import connect, expect, wire

from . import Served
from .pauses import asks

LETTERS = 6000          # two such texts take 4.5 MB to compare, and a worker has 16 MB for all who do that


def fill(boss):
    """Two texts, once more under names that others change, and a set. Returns what LCS and SORT of them answer."""
    for n, letters in enumerate((b"abcdefgh", b"hgfedcba")):
        for name in ("text%d", "moving%d"):
            boss.ask("SET", name % n, letters * (LETTERS // 8))
    boss.ask("SADD", "set", *("member:%d" % n for n in range(5000)))
    boss.ask("SET", "large", b"z" * 100_000)
    boss.send(wire.encode([b"MULTI"]) + asks("LCS text0 text1") + asks("SORT set ALPHA LIMIT 0 3") + wire.encode([b"EXEC"]))
    for _ in range(3):
        boss.reply()
    answers = boss.reply()[1]
    expect(len(answers[0][1]) > 100 and answers[1][1][0] == ("bulk", b"member:0"), "LCS and SORT in a transaction: %s", answers[1])
    return answers


def changes(boss, n):
    """Of what others compare: set, gone, renamed, expired."""
    for words in (("RENAME", "moving0", "moving2"), ("RENAME", "moving2", "moving0"), ("DEL", "moving1"),
                  ("SET", "moving1", b"hgfedcba" * (LETTERS // 8), "PX", "20" if n % 2 else "2000")):
        boss.ask(*words)
    boss.ask("SET", "moving1", b"hgfedcba" * (LETTERS // 8))


def check(client, number, round_, answers):
    """The replies to a client's pipeline, in their order."""
    lcs, sort = answers
    expect(client.reply() == ("int", 2 * round_ + 1), "client %d: the first INCR", number)
    expect(client.reply() == lcs, "client %d: LCS", number)
    expect(client.reply() == ("int", 2 * round_ + 2), "client %d: INCR after LCS", number)
    expect(client.reply() == sort, "client %d: SORT", number)
    moving = client.reply()
    expect(moving in (lcs, ("bulk", b"")), "client %d: LCS of what is changed: %s", number, str(moving)[:80])
    expect(client.reply() == ("bulk", b"%d" % (2 * round_ + 2)), "client %d: GET at the end", number)


def waits(boss):
    lines = boss.ask("INFO", "stats")[1].decode().split("\r\n")
    return sum(int(line.split(":")[1]) for line in lines if line.startswith("slices_waits:"))


def many(command, options):
    """All ask at the same moment, when a pause ends; some leave, some are killed, one never reads; the rest are answered in order."""
    dice = random.Random(options.seed)
    with Served(command) as server:
        boss = connect(server, 60.0)
        answers, before = fill(boss), waits(boss)
        clients = [connect(server, 60.0) for _ in range(16 if options.sanitized else 40)]
        clients[0].ask("HELLO", "3")
        clients[0].ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "nothing")
        deaf = connect(server, 60.0)
        for round_ in range(2 if options.sanitized else 3):
            boss.ask("CLIENT", "PAUSE", "200", "ALL")
            deaf.sock.setblocking(False)
            try:
                deaf.sock.send(asks("GET large") * 400 + asks("LCS text0 text1") * 3)
            except BlockingIOError:
                pass
            for number, client in enumerate(clients):
                client.send(asks("INCR n%d" % number) + asks("LCS text0 text1") + asks("INCR n%d" % number) +
                            asks("SORT set ALPHA LIMIT 0 3") + asks("LCS moving0 moving1") + asks("GET n%d" % number))
            gone = [connect(server, 60.0) for _ in range(8)]
            names = [client.ask("CLIENT", "ID")[1] for client in gone]
            for client in gone:
                client.send(asks("LCS text0 text1") * 4)
            for client, name in zip(gone, names):
                time.sleep(dice.random() * 0.005)
                if dice.random() < 0.5:
                    client.close()
                else:
                    boss.ask("CLIENT", "KILL", "ID", str(name))
            changes(boss, round_)
            for number, client in enumerate(clients):
                check(client, number, round_, answers)
        print("     %d waited for others" % (waits(boss) - before))
        expect(waits(boss) > before, "nobody has waited for others")
        deaf.close()
        expect(boss.ask("PING") == ("status", b"PONG"), "PING at the end")


BITS_BYTES = 3 << 20


def change_both(writer, dice):
    """What two strings differ in stays the same: both get the same bytes in one transaction."""
    at, piece = str(dice.randrange(BITS_BYTES - 100)), dice.randbytes(50)
    writer.send(wire.encode([b"MULTI"]) + b"".join(wire.encode([b"SETRANGE", name, at.encode(), piece]) for name in (b"bits0", b"bits1")) +
                wire.encode([b"EXEC"]))
    for _ in range(4):
        reply = writer.reply()
    expect(reply[0] == "array", "a change of both: %s", reply)


def combined(command, options):
    """BITOP of long strings beside one who changes them: its result is of one moment, whoever watches it or tracks it is told."""
    dice = random.Random(options.seed)
    with Served(command) as server:
        boss, writer, watcher, tracker = (connect(server, 60.0) for _ in range(4))
        for name in ("bits0", "bits1"):
            boss.ask("SET", name, b"\xa5" * BITS_BYTES)
        tracker.ask("HELLO", "3")
        tracker.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "result0")
        clients = [connect(server, 60.0) for _ in range(6)]
        for round_ in range(12):
            watcher.ask("WATCH", "result0")
            for number, client in enumerate(clients):
                client.send(asks("INCR n%d" % number) + asks("BITOP XOR result%d bits0 bits1" % number) + asks("BITCOUNT result%d" % number) +
                            asks("BITOP NOT bits0:%d bits0" % number) + asks("STRLEN bits0:%d" % number) + asks("GET n%d" % number))
            # Sometimes nobody disturbs it; sometimes it has to begin anew, and at last to be done at once.
            for _ in range((0, 1, 40)[round_ % 3]):
                change_both(writer, dice)
            if round_ % 4 == 3:
                boss.ask("CLIENT", "PAUSE", "20", "WRITE")
            for number, client in enumerate(clients):
                got = [client.reply() for _ in range(6)]
                expect(got == [("int", round_ + 1), ("int", BITS_BYTES), ("int", 0), ("int", BITS_BYTES), ("int", BITS_BYTES), ("bulk", b"%d" % (round_ + 1))],
                       "round %d, client %d: %s", round_, number, got)
            watcher.send(asks("MULTI") + asks("PING") + asks("EXEC"))
            told = [watcher.reply() for _ in range(3)]
            expect(told[2] == ("nil-array", None), "a watched result was replaced, and EXEC did not fail: %s", told)
            expect(tracker.reply()[0] == "push", "a tracked result was replaced")
        # Some are in the middle of it when they are killed, others when the server ends.
        for client in clients:
            client.send(asks("BITOP OR result1 bits0 bits1") * 20)
        boss.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        late = [connect(server, 60.0) for _ in range(6)]
        for client in late:
            client.send(asks("BITOP AND result2 bits0 bits1") * 20)
        late[0].reply()


CASES = {
    "many that wait for each other's slices": many,
    "BITOP in slices beside one who writes": combined,
}
