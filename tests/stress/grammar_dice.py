"""Commands drawn from the grammar that the server itself tells by COMMAND DOCS: every command, every option, with words
that fit their places, and now and then one that does not. What a new row adds is drawn without a change here."""

import random

import rdb

# These end the server, make it another's replica, or hold it up by intent.
NEVER = {"shutdown", "sync", "psync", "replicaof", "slaveof", "failover", "migrate", "debug", "module", "cluster", "restore-asking",
         "config|rewrite", "config|set", "config|help", "acl|load", "acl|save", "acl|setuser", "acl|deluser", "acl|help", "client|pause",
         "client|kill", "bgrewriteaof", "bgsave", "save", "wait", "waitaof"}
RARE = {"flushall": 0.002, "flushdb": 0.004, "swapdb": 0.05, "monitor": 0.02, "keys": 0.3, "command": 0.02, "command|docs": 0.05,
        "client|list": 0.2, "lolwut": 0.1, "pfselftest": 0.01, "pfdebug": 0.2, "eval": 0.5, "memory|malloc-stats": 0.02, "memory|purge": 0.1}

# Drawn by hand: what their words mean is not in their grammar. In the shape of words, letters as in Grammar.WORDS.
BY_HAND = """
CONFIG SET maxmemory M|CONFIG SET maxmemory-policy P|CONFIG SET list-max-listpack-size S|CONFIG SET hash-max-listpack-entries S
CONFIG SET set-max-intset-entries S|CONFIG SET set-max-listpack-entries S|CONFIG SET zset-max-listpack-entries S|CONFIG SET hz S
CONFIG SET zset-max-listpack-value S|CONFIG SET notify-keyspace-events N|CONFIG SET slowlog-log-slower-than S|CONFIG SET slowlog-max-len S
CONFIG SET maxmemory-clients C|CONFIG SET latency-tracking Y|CONFIG SET active-expire-effort S|CONFIG SET timeout S x y|CONFIG SET acllog-max-len S
ACL SETUSER U R R R R|ACL SETUSER U reset on nopass R R|ACL DELUSER U U|ACL SETUSER U resetkeys K|AUTH U word|AUTH U nonsense
CLIENT PAUSE T WRITE|CLIENT PAUSE T|CLIENT KILL ID I|CLIENT KILL USER U|CLIENT KILL TYPE pubsub SKIPME Y|CLIENT UNPAUSE
DEBUG OBJECT k|DEBUG DIGEST-VALUE k k|DEBUG DIGEST|DEBUG SLEEP 0.001|DEBUG JMAP|DEBUG STRINGMATCH-LEN 30 G|DEBUG SET-ACTIVE-EXPIRE B
DEBUG PROTOCOL F|DEBUG CHANGE-REPL-ID|DEBUG LISTPACK k|DEBUG ZIPLIST k|DEBUG QUICKLIST-PACKED-THRESHOLD S|RESTORE k T D REPLACE
RESTORE k 0 D REPLACE IDLETIME S|RESTORE k 0 D REPLACE FREQ S|RESTORE k 0 D|CLIENT REPLY SKIP|CLIENT REPLY OFF|CLIENT REPLY ON
"""
EDGES = (b"", b"0", b"-0", b"-1", b"1", b"2147483647", b"-2147483648", b"4294967296", b"9223372036854775807", b"-9223372036854775808",
         b"9223372036854775808", b"18446744073709551615", b"1e308", b"-inf", b"+inf", b"nan", b"0.1", b"(1", b"[", b"(", b"+", b"-", b"*",
         b"#", b"$", b"1 ", b" 1", b"01", b"0x10", b"\x00", b"\xff" * 9, b"a" * 65, b"b" * 4097, b"\r\n", b"%s%n")
KINDS = {"string": "str", "bitmap": "bit", "list": "list", "set": "set", "hash": "hash", "sorted-set": "zset", "geo": "geo",
         "hyperloglog": "hll", "stream": "stream"}
RULES = (b"+@all", b"-@all", b"+@read", b"-@write", b"+get", b"-get", b"+config|get", b"-debug", b"allkeys", b"resetkeys", b"~ok:*", b"~z*",
         b"%R~str*", b"%W~list*", b"allchannels", b"resetchannels", b"&ch*", b">word", b"<word", b"nopass", b"resetpass", b"on", b"off",
         b"(+get ~a*)", b"(+@write %W~*)", b"clearselectors", b"reset", b"+select|0", b"sanitize-payload", b"+nosuch", b"(", b"%X~a",
         b"#" + b"0" * 64, b"!" + b"0" * 64)


def words_of(reply):
    """A reply of COMMAND DOCS as plain lists and dictionaries."""
    kind, value = reply
    if kind in ("array", "set", "push"):
        return [words_of(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def pairs_of(flat):
    return dict(zip(flat[::2], flat[1::2]))


def rows_of(docs):
    """(full name, group, arguments) of each command and subcommand."""
    for name, told in pairs_of(words_of(docs)).items():
        told = pairs_of(told)
        subs = told.get("subcommands")
        if not subs:
            yield name, told["group"], told.get("arguments", [])
        for sub, told_of_sub in pairs_of(subs or []).items():
            yield sub, told["group"], pairs_of(told_of_sub).get("arguments", [])


class Node:
    """One argument of a grammar."""

    def __init__(self, flat):
        told = pairs_of(flat)
        self.name, self.type, self.token = told["name"], told["type"], told.get("token")
        flags = told.get("flags", [])
        self.optional, self.multiple, self.again = ("optional" in flags, "multiple" in flags, "multiple_token" in flags)
        self.children = [Node(child) for child in told.get("arguments", [])]


class Grammar:
    def __init__(self, docs, seed):
        self.dice = random.Random(seed)
        self.rows = [(name, KINDS.get(group), [Node(each) for each in nodes]) for name, group, nodes in rows_of(docs) if name not in NEVER]
        self.rows.sort(key=lambda row: row[0])
        self.weights = [RARE.get(name, 1.0) for name, _, _ in self.rows]
        self.by_hand = [line.split() for line in BY_HAND.replace("\n", "|").split("|") if line]
        self.seen = {}
        members = [b"m%d" % n for n in range(30)] + [b"%d" % n for n in range(30)]
        forms = [*rdb.list_forms(self.dice, members), *rdb.set_forms(self.dice, members), *rdb.set_forms(self.dice, members[30:]),
                 *rdb.zset_forms(self.dice, {member: n * 0.5 for n, member in enumerate(members)}),
                 *rdb.hash_forms(self.dice, dict.fromkeys(members, b"value")),
                 *rdb.new_hash_forms(self.dice, dict.fromkeys(members, b"value"), {members[3]: 1 << 45, members[4]: 1 << 42})]
        self.dumps = [rdb.dump(value, 12) for _, value in forms]

    # ---- words

    def key(self, kind):
        dice = self.dice
        if kind is None or dice.random() < 0.12:
            kind = dice.choice(sorted(set(KINDS.values())))
        return b"%s:%d" % (kind.encode(), dice.choice((0, 1, 2, 3, dice.randrange(60))))

    def text(self):
        dice, chance = self.dice, self.dice.random()
        if chance < 0.03:
            return dice.randbytes(dice.choice((0, 44, 45, 64, 65, 300, 5000, 40_000)))
        if chance < 0.25:
            return b"%d" % dice.randrange(-3, 100)
        return b"m%d" % dice.randrange(40 if dice.random() < 0.5 else 2000)

    def integer(self, name):
        dice = self.dice
        if name == "timeout":
            return b"%.3f" % dice.uniform(0.001, 0.05)      # never 0, which waits for ever
        if name == "index" and self.kind is None:
            return b"%d" % dice.randrange(16)
        if name == "cursor":
            return b"%d" % dice.choice((0, 0, dice.randrange(1 << 16), dice.randrange(1 << 48)))
        if name in ("offset", "start", "end", "stop"):
            return b"%d" % dice.choice((0, 1, -1, dice.randrange(-50, 300), dice.randrange(5000)))
        if "milliseconds" in name:
            return b"%d" % dice.choice((1, 20, 100, 5000))
        return b"%d" % dice.choice((0, 1, 2, 3, -1, 10, 100, dice.randrange(-5, 1000)))

    def value(self, node):
        dice = self.dice
        if node.type == "key":
            return self.key(self.kind)
        if node.type == "integer":
            return self.integer(node.name)
        if node.type == "double":
            return dice.choice((b"%.4f" % dice.uniform(-180, 180), b"%d" % dice.randrange(100), b"+inf", b"-inf", b"1e300"))
        if node.type == "unix-time":
            return b"%d" % dice.choice((1, 4102444800, 4102444800000, 99999999999999))
        if node.type == "pattern":
            return dice.choice((b"*", b"z*", b"*:[0-3]", b"a*a*a*a*b", b"ch*", b"[^a]*", b"str:*->f", b"str:*", b"#", b"nosort", b"\\*"))
        if "channel" in node.name:
            return b"ch%d" % dice.randrange(4)
        if node.name in ("min", "max", "start", "stop", "end"):
            return dice.choice((b"-", b"+", b"[m1", b"(m5", b"[m" + self.text(), b"-inf", b"+inf", b"(3", b"0", b"-1", b"50", b"(m%d" % dice.randrange(40)))
        if node.name in ("encoding", "type"):
            return dice.choice((b"u8", b"i64", b"u63", b"i5", b"u64", b"string", b"hash", b"zset"))
        if node.name == "destination":
            return self.key(self.kind)
        if node.name == "script":
            return dice.choice((b"return 1", b"return {1,2,KEYS[1]}", b"return redis.call('get', KEYS[1])", b"x ="))
        return self.text()

    # ---- the tree

    def draw(self, node, into):
        dice = self.dice
        if node.optional and dice.random() < 0.6:
            return
        times = dice.choice((1, 2, 3, 5, dice.randrange(1, 40))) if node.multiple else 1
        if node.type == "key" and node.multiple and self.numkeys is not None:
            times, self.numkeys = (self.numkeys if dice.random() < 0.95 else times), None
        for turn in range(times):
            if node.token is not None and (turn == 0 or node.again):
                into.append(node.token.encode())
            if node.type == "oneof":
                self.draw(dice.choice(node.children), into)
            elif node.type == "block":
                for child in node.children:
                    self.draw(child, into)
            elif node.type != "pure-token":
                if node.name in ("numkeys", "numfields"):
                    self.numkeys = dice.choice((1, 2, 2, 3, 8))
                    into.append(b"%d" % self.numkeys)
                else:
                    into.append(self.value(node))

    def spoil(self, words):
        """Something a careless, or a careful, client might do to it."""
        dice, at = self.dice, self.dice.randrange(1, len(words) + 1)
        kind = dice.randrange(6)
        if kind == 0:
            words.insert(at, dice.choice(EDGES))
        elif at == len(words):
            words.append(self.text())
        elif kind == 1:
            del words[at]
        elif kind == 2:
            words[at] = words[at].swapcase()
        elif kind == 3:
            words[at], words[-1] = words[-1], words[at]
        elif kind == 4:
            words += words[at:]
        else:
            words[at] = dice.choice(EDGES)

    def letter(self, letter):
        dice = self.dice
        table = {"M": (b"0", b"0", b"100mb", b"60mb"), "P": (b"noeviction", b"allkeys-lru", b"allkeys-lfu", b"volatile-ttl", b"allkeys-random"),
                 "N": (b"", b"KEA", b"Kg$", b"Exe"), "C": (b"0", b"0", b"8mb"), "Y": (b"yes", b"no"), "B": (b"0", b"1", b"1"), "R": RULES,
                 "F": (b"string", b"integer", b"double", b"bignum", b"null", b"array", b"set", b"map", b"attrib", b"push", b"verbatim", b"true"),
                 "K": (b"~*", b"~str:*", b"%R~list:*"), "G": (b"*a*a*a*a*a*b", b"[a-z]*?", b"a")}
        if letter in table:
            return dice.choice(table[letter])
        if letter == "S":
            return b"%d" % dice.choice((1, 2, 8, 64, 128, 512))
        if letter == "T":
            return b"%d" % dice.randrange(1, 40)
        if letter == "U":
            return b"user%d" % dice.randrange(4)
        if letter == "I":
            return b"%d" % dice.randrange(1, 4000)
        if letter == "D":
            dump = dice.choice(self.dumps)
            return dump if dice.random() < 0.7 else dump[:dice.randrange(len(dump))] + dice.randbytes(3)
        return self.key(None) if letter == "k" else letter.encode()

    def command(self):
        dice = self.dice
        if dice.random() < 0.06:
            words = [self.letter(word) if len(word) == 1 else word.encode() for word in dice.choice(self.by_hand)]
            # A pause or a sleep of any length would only be waited for.
            if words[1] not in (b"PAUSE", b"SLEEP", b"maxmemory", b"maxmemory-clients") and dice.random() < 0.1:
                self.spoil(words)
            return words
        name, self.kind, nodes = dice.choices(self.rows, self.weights)[0]
        self.numkeys = None
        self.seen[name] = self.seen.get(name, 0) + 1
        words = [part.encode() for part in name.split("|")]
        for node in nodes:
            self.draw(node, words)
        if not self.waits(words) and dice.random() < 0.12:
            for _ in range(dice.randrange(1, 3)):
                self.spoil(words)
        return words

    @staticmethod
    def waits(words):
        """Spoilt, it might wait for ever, which is what it was asked."""
        return words[0][:1] == b"b" and words[0] not in (b"bitcount", b"bitfield", b"bitfield_ro", b"bitop", b"bitpos") or words[0] == b"xread"
