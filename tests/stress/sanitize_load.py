#!/usr/bin/env python3
"""Many clients, all commands, few keys: what a sanitizer build is put through.

  tests/stress/sanitize_load.py --server "build/tsan/coatcheckd --port {port} --threads 4" [--seconds 30]

Fifty clients meet on the same few keys. Half of what they send is sensible, from the table below; the
other half is any command that the server lists, with arguments drawn without sense. They pipeline,
leave in the middle of a reply, come back, and speak RESP2 or RESP3. Passed means that each reply was
one, that the server lived, ended with 0 when it was told to, and that no sanitizer had anything to say.
"""

import argparse
import multiprocessing
import os
import queue
import re
import signal
import sys
import time

import common
import rdb
from common import ask, connect, servers, wire

PATIENCE_S = 60.0
CLIENTS_A_PROCESS = 13
PROCESSES = 4

# Words in capitals stay; k is a key, v a value, n a number, p a pattern, t a deadline soon, g a float,
# s a key whose value w is always short: LCS takes time by the product of two lengths; z a sorted set, m a member of it;
# b a sorted set that grows large, since little takes all of it away; * forty scores and members;
# d a dump, one in ten damaged; h a hash, a few of which grow large, with fields m; x a set, likewise, with members m;
# u a HyperLogLog; y a sorted set of places, o and a a longitude and a latitude.
SENSIBLE = """
SET k v|SET k v PX t|SET k v EX n|SET k v NX|SET k v XX GET|SET k v KEEPTTL|SET k n|SETNX k v|SETEX k n v
PSETEX k t v|GETSET k v|GETDEL k|GETEX k PX t|GETEX k PERSIST|GET k|GET k|GET k|MGET k k k k k k k k
MSET k v k v k v k v|MSETNX k v k v|APPEND k v|STRLEN k|SETRANGE k n v|GETRANGE k n n|SET s w|LCS s s IDX|INCR k|INCR k
DECR k|INCRBY k n|INCRBYFLOAT k g|DEL k k k|UNLINK k k|EXISTS k k|TYPE k|EXPIRE k n|PEXPIRE k t|PEXPIRE k t NX
EXPIREAT k n|TTL k|PTTL k|EXPIRETIME k|PERSIST k|RENAME k k|RENAMENX k k|COPY k k REPLACE|COPY k k DB 1
MOVE k 1|TOUCH k k|KEYS p|SCAN 0 MATCH p COUNT n|SCAN n|RANDOMKEY|DBSIZE|OBJECT ENCODING k|OBJECT FREQ k
OBJECT IDLETIME k|MEMORY USAGE k|MEMORY STATS|INFO|INFO keyspace|CLIENT LIST|CLIENT INFO|CLIENT ID|CLIENT GETNAME
CLIENT SETNAME v|CLIENT KILL ID n|COMMAND COUNT|COMMAND DOCS get|CONFIG GET p|CONFIG RESETSTAT|SLOWLOG GET
LATENCY LATEST|LATENCY HISTOGRAM|TIME|ECHO v|PING v|SELECT 0|SELECT 1|SELECT 1|SELECT 0|SWAPDB 0 1|HELLO 2|HELLO 3
LPUSH k v v|RPUSH k v|LPOP k|RPOP k n|LRANGE k n n|LSET k n v|LINSERT k BEFORE v v|LMOVE k k LEFT RIGHT|LREM k n v
HSET k v v v v|HGET k v|HGETALL k|HDEL k v|HINCRBY k v n|HSCAN k 0|SADD k v v|SREM k v|SMEMBERS k|SPOP k|SINTER k k
SUNIONSTORE k k k|SSCAN k 0|ZADD k g v g v|ZINCRBY k g v|ZRANGE k n n|ZRANK k v|ZREM k v|ZPOPMIN k|ZSCAN k 0
ZUNIONSTORE k 2 k k|ZADD z g m g m g m g m|ZADD z g m n m g v|ZADD z NX CH g m|ZADD z GT g m|ZADD z n m n m n m n m n m n m
ZADD z INCR g m|ZINCRBY z g m|ZINCRBY z n m|ZINCRBY z g m|ZSCORE z m|ZMSCORE z m m m|ZCARD z|ZCOUNT z n n|ZRANK z m|ZREVRANK z m WITHSCORE TIES
ZAROUND z m 5 WITHSCORES|ZAROUND z m n REV|ZRANGE z 0 20 WITHSCORES|ZRANGE z n n REV|ZRANGE z 0 -1|ZRANGE z g +inf BYSCORE LIMIT 0 9
ZRANGEBYSCORE z n n|ZREVRANGEBYSCORE z +inf -inf LIMIT n n|ZRANGEBYLEX z - + LIMIT 0 5|ZLEXCOUNT z - +|ZREM z m m m m|ZREM z m v
ZREMRANGEBYRANK z n n|ZREMRANGEBYSCORE z 10 20|ZPOPMIN z|ZPOPMAX z n|ZMPOP 2 z z MIN COUNT 3|ZRANDMEMBER z n|ZRANDMEMBER z
ZUNION 2 z z|ZINTER 2 z z WITHSCORES|ZDIFF 2 z z|ZINTERCARD 2 z z|ZUNIONSTORE z 3 z z z AGGREGATE MIN|ZINTERSTORE z 2 z z WEIGHTS g n
ZDIFFSTORE z 2 z z|ZRANGESTORE z z 0 50|ZSCAN z 0 COUNT n|ZSCAN z n|COPY z z REPLACE|RENAME z z|DEL z|UNLINK z|PEXPIRE z t|PERSIST z
SET z v|MEMORY USAGE z|OBJECT ENCODING z|DEBUG OBJECT z|MOVE z 1|BZPOPMIN z z 0.01|BZPOPMAX z 0.02|BZMPOP 0.01 2 z z MAX COUNT 4
ZADD b *|ZADD b *|ZADD b *|ZADD b CH n m n m n m n m g m g v g m|ZADD b NX n v n m n m n m g m g v g m
ZINCRBY b g m|ZINCRBY b n m|ZRANK b m|ZSCORE b m|ZAROUND b m 10 WITHSCORES|ZRANGE b n n|ZREVRANGE b 0 50 WITHSCORES|ZREM b m m m m m m
ZRANGE b g g BYSCORE LIMIT n n|ZPOPMIN b 3|ZREMRANGEBYRANK b 5 15|ZREMRANGEBYSCORE b 50 51|ZSCAN b 0 COUNT 100|ZSCAN b n|COPY b z REPLACE
ZUNIONSTORE z 2 b z|ZINTERSTORE z 2 b b|ZDIFF 2 b z|ZRANDMEMBER b -20|ZRANGESTORE z b 100 300|ZRANGE b 0 -1 WITHSCORES|RENAME b b|ZCOUNT b g g
HSET h m v|HSET h m n m n m v m v m v m v|HSET h m v m v m v m v m v m v m v m v m v m v m v m v|HSETNX h m v|HGET h m|HMGET h m m m
HGETALL h|HKEYS h|HVALS h|HLEN h|HEXISTS h m|HSTRLEN h m|HDEL h m m|HINCRBY h m n|HINCRBYFLOAT h m g|HRANDFIELD h n WITHVALUES
HRANDFIELD h|HSCAN h 0 COUNT n|HSCAN h n NOVALUES|HPEXPIRE h t FIELDS 3 m m m|HPEXPIRE h t NX FIELDS 1 m|HEXPIRE h n FIELDS 2 m m
HPERSIST h FIELDS 2 m m|HPTTL h FIELDS 2 m m|HSETEX h PX t FIELDS 2 m v m v|HSETEX h FNX KEEPTTL FIELDS 1 m v|HGETEX h PX t FIELDS 2 m m
HGETDEL h FIELDS 2 m m|HSETEX h PX t FIELDS 4 m n m n m v m v|COPY h h REPLACE|RENAME h h|MOVE h 1|UNLINK h|PEXPIRE h t|MEMORY USAGE h
SADD x m m m m m m|SADD x m m m m m m m m m m m m m m m m m m m m v|SADD x n n n n n|SADD x n v|SREM x m m m m|SREM x n m v|SISMEMBER x m
SMISMEMBER x m n v|SCARD x|SMEMBERS x|SMOVE x x m|SPOP x|SPOP x n|SPOP x 5|SRANDMEMBER x n|SRANDMEMBER x|SINTER x x|SUNION x x x|SDIFF x x x
SINTERCARD 2 x x LIMIT n|SINTERSTORE x x x|SUNIONSTORE x x x|SDIFFSTORE x x x|SSCAN x 0 COUNT n|SSCAN x n|ZUNION 2 x z|ZINTERSTORE z 2 x x
ZDIFF 2 z x|COPY x x REPLACE|RENAME x x|UNLINK x|DEL x|PEXPIRE x t|MEMORY USAGE x|OBJECT ENCODING x|DEBUG OBJECT x|DEBUG DIGEST-VALUE x
SETBIT k n 1|SETBIT k n 0|GETBIT k n|BITCOUNT k|BITCOUNT k n n BIT|BITPOS k 1 n n BIT|BITPOS k 0 n|BITOP AND k k k|BITOP XOR k k k k
BITOP NOT k k|BITFIELD k SET u8 n n INCRBY i64 n n GET u63 n|BITFIELD k OVERFLOW FAIL INCRBY u5 n n|BITFIELD_RO k GET i64 n GET u1 n
RPUSH k n n n n|SORT k|SORT k ALPHA STORE k|SORT k BY nosort DESC LIMIT n n GET key:*|SORT k BY key:* GET # GET hash:*->m STORE k
SORT x ALPHA LIMIT n n|SORT x BY key:* ALPHA GET # GET key:*|SORT x BY hash:*->member:1 LIMIT n n STORE k|SORT z ALPHA DESC STORE k
SORT_RO z BY nosort LIMIT n n|SORT_RO b BY nosort DESC LIMIT n 20|SORT b ALPHA LIMIT 0 10|SORT h
OBJECT ENCODING h|DEBUG OBJECT h|MULTI|EXEC|DISCARD|WATCH k|UNWATCH|PFADD k v|XADD k * v v|XRANGE k - +
PUBLISH v v|FLUSHDB ASYNC|FLUSHALL|DUMP k|DUMP h|DUMP x|DUMP z|DUMP b|RESTORE k 0 d REPLACE|RESTORE k t d|RESTORE h n d REPLACE
PFADD u v v v|PFADD u m m m m m m m m m m m m m m m m|PFADD u|PFCOUNT u|PFCOUNT u u u|PFMERGE u u u|PFMERGE u k|SETRANGE u n v|DUMP u
RESTORE u 0 d REPLACE|DEL u|COPY u u REPLACE|GEOADD y o a m|GEOADD y o a m o a m o a m o a m|GEOADD y XX CH o a m|GEOPOS y m m|GEOHASH y m m
GEODIST y m m km|GEOSEARCH y FROMMEMBER m BYRADIUS n km|GEOSEARCH y FROMLONLAT o a BYBOX 4000 2000 km ASC COUNT 10 WITHCOORD WITHDIST
GEOSEARCH y FROMLONLAT o a BYRADIUS 3000 km COUNT 5 ANY WITHHASH|GEOSEARCHSTORE z y FROMLONLAT o a BYRADIUS 3000 km STOREDIST
GEOSEARCHSTORE y y FROMLONLAT o a BYRADIUS 9000 km|GEORADIUS y o a 2000 km STORE z|GEORADIUSBYMEMBER y m 500 km DESC|ZREM y m m m|DUMP y
RESTORE y 0 d REPLACE|SORT y BY nosort GET # LIMIT 0 10|COPY y z REPLACE|UNLINK y
RESTORE x 0 d REPLACE FREQ n|RESTORE z 0 d REPLACE IDLETIME n|RESTORE z t d REPLACE
"""
RARELY = {"FLUSHALL", "FLUSHDB", "SWAPDB", "KEYS", "CLIENT", "INFO", "HELLO"}

# These end the server, answer otherwise than once, wait for ever, or hold the whole server up.
NEVER = {"SHUTDOWN", "DEBUG", "MONITOR", "SYNC", "PSYNC", "REPLICAOF", "SLAVEOF", "FAILOVER", "SUBSCRIBE",
         "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "CLIENT", "WAIT",
         "CONFIG", "QUIT", "REPLCONF", "ACL", "MODULE", "CLUSTER", "BGREWRITEAOF", "BGSAVE", "SAVE", "AUTH",
         "RESTORE-ASKING", "MIGRATE", "HELLO", "LCS", "PFSELFTEST", "PFDEBUG"}
WAITING = {"BZPOPMIN", "BZPOPMAX", "BZMPOP"}      # sensible only with a short patience
REPORTS = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w*Sanitizer")


class Dice:
    """Draws whole commands."""

    def __init__(self, seed, listed):
        self.dice = common.dice(seed)
        self.sensible = [shape.split() for shape in SENSIBLE.replace("\n", "|").split("|") if shape]
        self.sensible = [words for words in self.sensible if words[0] in listed or words[0] in WAITING]
        members = [b"member:%d" % at for at in range(30)] + [b"%d" % at for at in range(30)]
        forms = [*rdb.list_forms(self.dice, members), *rdb.set_forms(self.dice, members), *rdb.set_forms(self.dice, members[30:]),
                 *rdb.zset_forms(self.dice, {member: at * 0.5 for at, member in enumerate(members)}),
                 *rdb.hash_forms(self.dice, dict.fromkeys(members, b"value")),
                 *rdb.new_hash_forms(self.dice, dict.fromkeys(members, b"value"), {members[3]: 1 << 45, members[4]: 1 << 42})]
        self.dumps = [rdb.dump(value, 12) for _, value in forms]
        self.listed = sorted(name for name in listed if name not in NEVER)

    def value(self):
        dice = self.dice
        kind = dice.randrange(20)
        if kind == 0:
            return dice.randbytes(dice.choice((0, 1, 44, 45, 4000, 40_000, 200_000)))
        if kind < 5:
            return b"%d" % dice.choice((0, 1, -1, 10, 2 ** 63 - 1, -2 ** 63, dice.randrange(10_000)))
        return dice.randbytes(dice.randrange(80))

    def word(self, letter):
        dice = self.dice
        if letter == "k":
            return b"key:%d" % (dice.randrange(12) if dice.random() < 0.5 else dice.randrange(3000))
        if letter == "v":
            return self.value()
        if letter == "n":
            return b"%d" % dice.choice((0, 1, -1, 3, 10, 100, -100, dice.randrange(1000)))
        if letter == "d":
            dump = dice.choice(self.dumps)
            return dump if dice.random() < 0.9 else dump[:dice.randrange(len(dump))] + dice.randbytes(3)
        if letter == "t":
            return b"%d" % dice.randrange(1, 60)
        if letter == "g":
            return b"%.3f" % (dice.random() * 100)
        if letter == "s":
            return b"short:%d" % dice.randrange(4)
        if letter == "w":
            return bytes(dice.choices(b"coat", k=dice.randrange(100)))
        if letter == "z":
            return b"zset:%d" % (dice.randrange(6) if dice.random() < 0.8 else dice.randrange(300))
        if letter == "h":
            return b"hash:%d" % (dice.randrange(4) if dice.random() < 0.7 else dice.randrange(300))
        if letter == "x":
            return b"set:%d" % (dice.randrange(5) if dice.random() < 0.7 else dice.randrange(300))
        if letter == "b":
            return b"board:%d" % dice.randrange(2)
        if letter == "m":
            return b"member:%d" % dice.randrange(40 if dice.random() < 0.2 else 6000)
        if letter == "u":
            return b"seen:%d" % dice.randrange(6)
        if letter == "y":
            return b"places:%d" % dice.randrange(4)
        if letter in "oa":
            return b"%.4f" % ((dice.random() - 0.5) * (360 if letter == "o" else 170))
        if letter == "p":
            return dice.choice((b"*", b"key:1*", b"[a-k]*:?", b"\\*", b"max*"))
        return letter.encode()

    def pairs(self):
        return [self.word(letter) for letter in "gm" * 40]

    def command(self):
        dice = self.dice
        if dice.random() < 0.5:
            words = dice.choice(self.sensible)
            while words[0] in RARELY and dice.random() < (0.99 if words[0].startswith("FLUSH") else 0.9):
                words = dice.choice(self.sensible)
            return [drawn for word in words for drawn in (self.pairs() if word == "*" else [self.word(word)])]
        name = dice.choice(self.listed)
        while name in RARELY and dice.random() < (0.999 if name.startswith("FLUSH") else 0.95):
            name = dice.choice(self.listed)
        return [name.encode()] + [self.word(dice.choice("kkvngtpzzhhm")) for _ in range(dice.randrange(6))]


class Client:
    """A connection that is given up and made again now and then. commands: sent and not answered."""

    def __init__(self, server, dice):
        self.server, self.dice = server, dice
        self.connection, self.commands, self.answered = None, [], 0

    def ask(self):
        """Sends some commands in one write; now and then only a part of them."""
        chance = self.dice.dice
        if self.connection is None:
            self.connection = connect(self.server, PATIENCE_S)
        self.commands = [self.dice.command() for _ in range(chance.choice((1, 1, 2, 5, 20)))]
        data = b"".join(map(wire.encode, self.commands))
        try:
            if chance.random() < 0.02:              # leave in the middle of a request
                self.connection.send(data[:chance.randrange(len(data))])
                self.leave()
            else:
                self.connection.send(data)
        except wire.Closed:                         # by another client's CLIENT KILL
            self.leave()

    def hear(self):
        """Takes the replies; now and then it leaves before they are there."""
        if self.connection is None:
            return
        if self.dice.dice.random() < 0.02:
            self.leave()
            return
        try:
            while self.commands:
                while self.connection.reply()[0] == "push":
                    pass
                self.commands.pop(0)
                self.answered += 1
        except wire.Closed:
            self.leave()

    def leave(self):
        self.connection.close()
        self.connection = None


def work(server, number, seed, listed, seconds, results):
    clients = [Client(server, Dice(seed * 1000 + number * 100 + i, listed)) for i in range(CLIENTS_A_PROCESS)]
    limit = time.monotonic() + seconds
    wrong = None
    try:
        while time.monotonic() < limit:
            for client in clients:
                client.ask()
            for client in clients:
                client.hear()
    except (OSError, wire.Silent, wire.ProtocolError) as failure:
        wrong = "%s %s; not answered: %s" % (type(failure).__name__, failure, " | ".join(
            repr(b" ".join(words))[:100] for words in client.commands))
    results.put((sum(client.answered for client in clients), wrong))


def listed_commands(server):
    _, rows = ask(server, "COMMAND")
    return {row[1][0][1].decode().upper() for row in rows
            if not any(flag[1] in (b"blocking", b"no_multi") for flag in row[1][2][1])}


def gather(server, workers, results, patience_s, has_boards):
    """What the workers tell; and how many members the largest board had, for trees are only seen in large ones."""
    told, largest, limit = [], 0, time.monotonic() + patience_s
    while len(told) < len(workers) and time.monotonic() < limit:
        try:
            told.append(results.get(timeout=0.25))
        except queue.Empty:
            if has_boards and server.alive():
                largest = max(largest, look_at_boards(server))
    return told, largest


def look_at_boards(server):
    connection = connect(server, PATIENCE_S)
    try:
        sizes = [connection.ask("ZCARD", "board:%d" % n)[1] for db in (0, 1) if connection.ask("SELECT", str(db)) for n in (0, 1)]
        return max(size for size in sizes if isinstance(size, int))
    except (OSError, ValueError, wire.Closed, wire.Silent):     # killed, like any other client; or they hold other types
        return 0
    finally:
        connection.close()


def end(server):
    """Tells it to end, and says what was wrong with how it did."""
    if not server.alive():
        return "the server died with %d" % server.process.returncode
    server.process.send_signal(signal.SIGTERM)
    try:
        status = server.process.wait(60)
    except Exception:
        return "the server did not end within a minute of SIGTERM"
    return "the server ended with %d" % status if status else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options = parser.parse_args()
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=0:second_deadlock_stack=1")
    servers.stop_on_signals()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    with servers.Server(options.server) as server:
        listed = listed_commands(server)
        workers = [context.Process(target=work, args=(server, n, options.seed, listed, options.seconds, results))
                   for n in range(PROCESSES)]
        for worker in workers:
            worker.start()
        told, largest = gather(server, workers, results, options.seconds + 180, "ZCARD" in listed)
        for worker in workers:
            worker.join()
        ended = end(server)
        with open(server.log, encoding="utf-8", errors="replace") as log:
            said = log.read()
    wrong = [text for _, text in told if text] + ([ended] if ended else [])
    if len(told) < len(workers):
        wrong.append("%d of %d processes of clients came to no end" % (len(workers) - len(told), len(workers)))
    found = REPORTS.search(said)
    if found:
        wrong.append("a sanitizer has reported:\n" + said[max(0, found.start() - 200):][:8000])
    elif ended:
        wrong.append("its log ends:\n" + said[-3000:])
    print("seed %d: %d replies to %d clients, %d kinds of command, sorted sets of up to %d members" % (
        options.seed, sum(asked for asked, _ in told), PROCESSES * CLIENTS_A_PROCESS, len(listed - NEVER), largest))
    print("\n".join(wrong) if wrong else "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.StartError as failure:
        print(failure)
        sys.exit(1)
