#!/usr/bin/env python3
"""Money is moved between accounts by transactions on all workers, and none is ever lost or made.

  tests/stress/money.py [--server COMMAND] [--seconds 10] [--accounts 1000] [--seed N]

plain    MULTI DECRBY INCRBY EXEC, some of it from one database to the other by SELECT inside MULTI.
watch    WATCH two accounts, GET both, MULTI SET SET EXEC: whoever was overtaken begins again.
audit    MULTI, every account by GET, MGET or after KEYS, EXEC: the sum is what it was in the beginning, always.
loner    watches keys that nobody else touches: its EXEC never aborts.
quitter  has queued and watches, and goes away or changes its mind.
switcher swaps empty databases and empties one, which enters all shards.
mover    moves coins from purse to purse, which are sets, sorted sets and a list that is turned round.
cashier  counts them by unions and differences, intersections and SORT, answered or stored, which are made in slices.
skew     before all that, two clients in pairs: each watches and reads what the other one writes, and writes what it does
         not read. Of two that have seen the same state one only goes through.
At the end the sum is right, transfers of both kinds have gone through, some were overtaken, and nothing is watched.
"""

import re
import sys
import threading
import time

import common
from common import connect, expect, wire

EACH = 1000
HOT = 6                         # accounts that are drawn more often than others
VAULT = 3                       # the other database
COINS = 4000                    # so many that counting them takes some slices


class Bank:
    def __init__(self, server, accounts, dice):
        self.server, self.accounts, self.total = server, accounts, accounts * EACH
        self.dice, self.over, self.failure = dice, threading.Event(), None
        self.done, self.lock = {}, threading.Lock()

    def count(self, what, n=1):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + n


def account(n):
    return b"account:%d" % n


def draw(bank, dice):
    return account(dice.randrange(HOT if dice.random() < 0.2 else bank.accounts))


def talk(connection, *requests):
    connection.send(b"".join(wire.encode(list(words)) for words in requests))
    return [connection.reply() for _ in requests]


def transact(connection, *requests):
    """The replies of EXEC; None: it was overtaken."""
    replies = talk(connection, [b"MULTI"], *requests, [b"EXEC"])
    expect(replies[0] == ("status", b"OK"), "MULTI was answered by %r", replies[0])
    for reply in replies[1:-1]:
        expect(reply == ("status", b"QUEUED"), "queueing was answered by %r", reply)
    kind, value = replies[-1]
    expect(kind == "array" or value is None, "EXEC was answered by %r", replies[-1])
    if value is not None:
        expect(len(value) == len(requests), "EXEC answered %d of %d", len(value), len(requests))
    return value


def plain(bank, connection, dice):
    amount, away = b"%d" % dice.randrange(1, 50), dice.random() < 0.3
    source, target = draw(bank, dice), draw(bank, dice)
    moves = [[b"DECRBY", source, amount], [b"INCRBY", target, amount]]
    if away:
        vault = b"%d" % VAULT
        moves = [moves[0], [b"SELECT", vault], moves[1], [b"SELECT", b"0"]]
        if dice.random() < 0.5:             # and back
            moves = [[b"SELECT", vault], moves[0], [b"SELECT", b"0"], moves[2]]
    for reply in transact(connection, *moves):
        expect(reply[0] != "error", "a transfer was answered by %r", reply)
    bank.count("plain")


def watch(bank, connection, dice):
    source, target = draw(bank, dice), draw(bank, dice)
    if source == target:
        return
    amount = dice.randrange(1, 50)
    replies = talk(connection, [b"WATCH", source, target], [b"GET", source], [b"GET", target])
    expect(replies[0] == ("status", b"OK"), "WATCH was answered by %r", replies[0])
    there = [int(value or 0) for _, value in replies[1:]]
    if dice.random() < 0.2:
        time.sleep(0.001)
    value = transact(connection, [b"SET", source, b"%d" % (there[0] - amount)],
                     [b"SET", target, b"%d" % (there[1] + amount)])
    bank.count("overtaken" if value is None else "watch")


def sum_of(replies):
    total = 0
    for kind, value in replies:
        if kind == "array":
            total += sum_of(value)
        elif kind == "bulk":
            total += int(value or 0)
    return total


def gets(bank, dice):
    names = [account(n) for n in range(bank.accounts)]
    dice.shuffle(names)
    if dice.random() < 0.5:
        return [[b"GET", name] for name in names]
    step = dice.choice((7, 100, 1000))
    return [[b"MGET"] + names[at:at + step] for at in range(0, len(names), step)]


def audit(bank, connection, dice):
    requests = gets(bank, dice) + [[b"SELECT", b"%d" % VAULT]] + gets(bank, dice) + [[b"SELECT", b"0"]]
    if dice.random() < 0.3:
        requests.append([dice.choice((b"DBSIZE", b"RANDOMKEY", b"PING"))])
    replies = transact(connection, *requests)
    if requests[-1] == [b"RANDOMKEY"]:
        replies.pop()
    found = sum_of(replies)
    expect(found == bank.total, "an auditor counted %d and not %d", found, bank.total)
    bank.count("audits")


def loner(bank, connection, dice):
    keys = [b"own:%d:%d" % (id(connection), dice.randrange(2000)) for _ in range(3)]
    talk(connection, [b"WATCH"] + keys, [b"SET", b"others", b"x"])
    value = transact(connection, [b"SET", keys[0], b"x"], [b"GET", keys[1]], [b"DEL"] + keys)
    expect(value is not None, "nobody touched %r, and yet EXEC did nothing", keys)
    bank.count("loner")


def quitter(bank, connection, dice):
    what = dice.randrange(4)
    mine = connect(bank.server, 60.0)
    talk(mine, [b"WATCH", draw(bank, dice), draw(bank, dice)], [b"MULTI"],
         [b"SET", draw(bank, dice), b"0"], [b"INCRBY", draw(bank, dice), b"1000000"])
    if what == 0:
        talk(mine, [b"DISCARD"])
    elif what == 1:
        talk(mine, [b"RESET"])
    elif what == 2:
        replies = talk(mine, [b"NOSUCHCOMMAND"], [b"EXEC"])
        expect(replies[1][1].startswith(b"EXECABORT"), "EXEC was answered by %r", replies[1])
    mine.close()
    bank.count("quitter")
    time.sleep(0.002)


def switcher(bank, connection, dice):
    transact(connection, [b"SWAPDB", b"7", b"8"], [b"SELECT", b"7"], [b"SET", b"x", b"1"], [b"FLUSHDB"],
             [b"SELECT", b"0"])
    bank.count("switcher")
    time.sleep(0.01)


def coin(n):
    return b"coin:%d" % n


def fill_purses(boss):
    for at in range(0, COINS, 500):
        coins = range(at, at + 500)
        boss.ask("SADD", "purse:%d" % (at // 500 % 2), *[coin(n) for n in coins])
        boss.ask("ZADD", "till:%d" % (at // 500 % 2), *[word for n in coins for word in (b"%d" % (n % 7), coin(n))])
        boss.ask("RPUSH", "roll", *[b"%d" % n for n in coins])


def mover(bank, connection, dice):
    moved, side = coin(dice.randrange(COINS)), dice.randrange(2)
    source, target = b"%d" % side, b"%d" % (1 - side)
    talk(connection, [b"SMOVE", b"purse:" + source, b"purse:" + target, moved])
    replies = talk(connection, [b"RPOPLPUSH", b"roll", b"roll"], [b"ZSCORE", b"till:" + source, moved])
    if replies[1][1] is not None:
        talk(connection, [b"WATCH", b"till:" + source], [b"ZSCORE", b"till:" + source, moved])
        transact(connection, [b"ZREM", b"till:" + source, moved], [b"ZADD", b"till:" + target, b"%d" % dice.randrange(9), moved])
    bank.count("moves")
    time.sleep(dice.choice((0, 0.001, 0.01, 0.1)))


def cashier(bank, connection, dice):
    own = b"counted:%d" % id(connection)
    words, due = dice.choice((
        ([b"SUNION", b"purse:0", b"purse:1"], COINS), ([b"SUNIONSTORE", own, b"purse:1", b"purse:0"], COINS),
        ([b"SINTERCARD", b"2", b"purse:0", b"purse:1"], 0), ([b"SINTERSTORE", own, b"purse:0", b"purse:1"], 0),
        ([b"ZUNION", b"2", b"till:0", b"till:1"], COINS), ([b"ZUNIONSTORE", own, b"2", b"till:0", b"till:1"], COINS),
        ([b"ZINTER", b"2", b"till:1", b"till:0"], 0), ([b"ZINTERSTORE", own, b"2", b"purse:0", b"purse:1"], 0),
        ([b"SORT", b"roll", b"STORE", own], COINS), ([b"SORT", b"roll", b"BY", b"account:*"], COINS)))
    kind, value = talk(connection, words)[0]
    found = value if kind == "int" else len(value)
    expect(found == due, "%r found %r and not %d", words, found, due)
    if words[0] == b"SORT" and kind == "int":
        kind, value = talk(connection, [b"LRANGE", own, b"0", b"-1"])[0]
        expect([int(text) for _, text in value] == list(range(COINS)), "SORT has stored another roll")
    bank.count("counted")


def client(bank, kind, dice):
    try:
        connection = connect(bank.server, 60.0)
        while not bank.over.is_set():
            kind(bank, connection, dice)
        connection.close()
    except Exception as failure:                # told by whoever waits for it
        bank.failure = failure
        bank.over.set()


def seesaw(server, mine, other, rounds, start, went, failures):
    """Writes 1, 2 … to `mine`, each time after watching and reading `other`: what was read by those that went through."""
    try:
        connection = connect(server, 60.0)
        requests = b"".join(wire.encode(words) for n in range(1, rounds + 1) for words in (
            [b"WATCH", other], [b"GET", other], [b"MULTI"], [b"SET", mine, b"%d" % n], [b"EXEC"]))
        start.wait()
        connection.send(requests)
        start.wait()                            # or what is read here would keep the other one from sending
        for n in range(1, rounds + 1):
            replies = [connection.reply() for _ in range(5)]
            if replies[4][1] is not None:
                went.append((n, int(replies[1][1] or 0)))
        connection.close()
    except Exception as failure:                # told by whoever waits for it
        failures.append(failure)
        start.abort()


def skew(server, rounds, pairs=4):
    """Neither may go through with what the other has overtaken, though no command of theirs names what they watch."""
    done = 0
    for pair in range(pairs):
        keys, start, failures = [b"skew:%d:%d" % (pair, side) for side in (0, 1)], threading.Barrier(2), []
        went = [[], []]
        threads = [threading.Thread(target=seesaw, args=(server, keys[side], keys[1 - side], rounds, start, went[side],
                                                         failures)) for side in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        for one, two in (went, went[::-1]):
            later = iter(two + [(rounds + 1, rounds + 1)])
            number, seen = next(later)
            for wrote, read in one:
                while number <= read:           # the first of the other side that went through after this one
                    number, seen = next(later)
                expect(seen >= wrote, "%d had read %d, and %d had read %d, yet both went through", wrote, read, number, seen)
        done += len(went[0]) + len(went[1])
    return done


def watched(boss):
    _, text = boss.ask("INFO", "everything")
    found = re.search(rb"\r\nwatched_keys:(\d+)", text)
    return int(found.group(1)) if found else 0


def play(server, options):
    dice = common.dice(options.seed)
    boss = connect(server, 60.0)
    skewed = skew(server, 2000)
    boss.ask("FLUSHALL")
    bank = Bank(server, options.accounts, dice)
    for n in range(bank.accounts):
        boss.ask("SET", account(n), b"%d" % EACH)
    fill_purses(boss)
    kinds = [plain] * 4 + [watch] * 4 + [audit] * 2 + [loner] * 2 + [quitter, switcher, mover, cashier, cashier]
    threads = [threading.Thread(target=client, args=(bank, kind, common.dice(dice.random()))) for kind in kinds]
    for thread in threads:
        thread.start()
    bank.over.wait(options.seconds)
    bank.over.set()
    for thread in threads:
        thread.join()
    if bank.failure:
        raise bank.failure
    audit(bank, boss, dice)
    for kind in ("plain", "watch", "overtaken", "audits", "loner", "quitter", "switcher", "moves", "counted"):
        expect(bank.done.get(kind, 0) > 0, "of %s there was none", kind)
    limit = time.monotonic() + 10
    while watched(boss) > 0:
        expect(time.monotonic() < limit, "%d keys are still watched", watched(boss))
        time.sleep(0.05)
    bank.count("skew", skewed)
    return "not a coin lost in " + ", ".join("%s %d" % item for item in sorted(bank.done.items()))


def main():
    parser = common.new_parser(__doc__, " --threads 4")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--accounts", type=int, default=1000)
    return common.try_server(parser.parse_args(), play)


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
