"""What does not fit into a stream of batches: deadlines that pass, raw bytes, iteration over a whole database."""

import re
import time

from runner import wire

from . import draw as d
from . import judge, pump, speech, state

SHORT_PREFIX = b"short:"
SHORT_COMMANDS = 60
HELLO_OWN = re.compile(rb"(?<=\$7\r\nversion\r\n)\$\d+\r\n[\d.]+|(?<=\$2\r\nid\r\n):\d+")  # HELLO's version and number
NEAREST_NAME = re.compile(rb"- did you mean '[a-z]*'\?(?=\r\n)")       # told on plain lines, see differences.py
LEAD_MS, ROOM_MS, AFTER_MS = 700, 450, 40


class Differs(Exception):
    """Two replies that do not say the same. before are the commands of the phase that led there."""

    def __init__(self, where, words, left, right, before=()):
        super().__init__(where)
        self.where, self.words, self.left, self.right, self.before = where, words, left, right, list(before)


def hold_against(where, commands, answers, exact=True):
    """Compares the answers to commands reply by reply; raises Differs."""
    if answers[0] == answers[1]:
        return
    left, right = pump.split(answers[0]), pump.split(answers[1])
    for at, (words, one, two) in enumerate(zip(commands, left, right)):
        if not judge.same(words, one, two, exact):
            raise Differs(where, words, one, two, commands[:at])
    if len(left) != len(right):
        raise Differs(where, [b"(all)"], b"%d replies" % len(left), b"%d replies" % len(right), commands)


class ShortLived:
    """Deadlines in the near future, the same absolute ones to both, and what is seen after they have passed."""

    def __init__(self, targets, seed):
        self.pair = pump.Pair(targets, "short")
        self.draw = d.Draw(seed, 9001)
        self.draw.prefix = SHORT_PREFIX
        self.draw.keys = [SHORT_PREFIX + b"%d" % n for n in range(12)]
        self.before = speech.Speech(self.draw, self.before_rows(), [])
        self.after = speech.Speech(self.draw, self.AFTER, [])
        self.due_ms = 0
        self.said = []
        self.passed = 0

    def deadline(self, draw):
        return b"%d" % (self.base_ms + 25 * draw.below(5))

    def before_rows(self):
        when = d.maybe(0.3, d.one_of("NX", "XX", "GT", "LT"))
        return [
            d.row(6, "SET", d.key, d.value, "PXAT", self.deadline), d.row(4, "PEXPIREAT", d.key, self.deadline, when),
            d.row(2, "GETEX", d.key, "PXAT", self.deadline), d.row(1, "PERSIST", d.key), d.row(1, "RENAME", d.key, d.key),
            d.row(2, "COPY", d.key, d.key, "REPLACE"), d.row(1, "SET", d.key, d.value, "KEEPTTL"),
            d.row(1, "SET", d.key, d.value), d.row(1, "INCR", d.key), d.row(1, "APPEND", d.key, d.value),
            d.row(1, "GETEX", d.key, "PERSIST"), d.row(1, "PEXPIRETIME", d.key), d.row(1, "MSET", d.key, d.value),
            d.row(1, "SETRANGE", d.key, "3", "x"), d.row(1, "GETDEL", d.key), d.row(1, "RENAMENX", d.key, d.key),
        ]

    AFTER = [
        d.row(4, "GET", d.key), d.row(2, "EXISTS", d.some(1, 4, d.key)), d.row(2, "TTL", d.key), d.row(1, "PTTL", d.key),
        d.row(1, "EXPIRETIME", d.key), d.row(1, "TYPE", d.key), d.row(1, "STRLEN", d.key), d.row(1, "INCR", d.key),
        d.row(1, "APPEND", d.key, "x"), d.row(1, "SETNX", d.key, "x"), d.row(1, "SET", d.key, "x", "XX"),
        d.row(1, "SET", d.key, "x", "KEEPTTL"), d.row(1, "GETEX", d.key, "PERSIST"), d.row(1, "PERSIST", d.key),
        d.row(1, "RENAME", d.key, d.key), d.row(1, "COPY", d.key, d.key), d.row(1, "DEL", d.key), d.row(1, "GETDEL", d.key),
        d.row(1, "KEYS", SHORT_PREFIX + b"*"), d.row(1, "TOUCH", d.key), d.row(1, "OBJECT ENCODING", d.key),
        d.row(1, "EXPIREAT", d.key, "4000000000", d.maybe(0.5, d.one_of("NX", "XX", "GT", "LT"))),
        d.row(1, "MSETNX", d.key, "y"), d.row(1, "UNLINK", d.key), d.row(1, "GETSET", d.key, "z"), d.row(1, "LCS", d.key, d.key),
        d.row(1, "SETRANGE", d.key, "2", "x"), d.row(1, "GETRANGE", d.key, "0", "-1"), d.row(1, "INCRBYFLOAT", d.key, "1.5"),
    ]

    def turn(self):
        """Begins a round of deadlines, or looks at one whose time has come. Answers how many commands were said."""
        now_ms = time.time() * 1000
        if not self.due_ms:
            self.base_ms = int(now_ms) + LEAD_MS
            self.said = [words for _ in range(SHORT_COMMANDS) for words in self.before.next()]
            answers = self.send(self.said)
            if time.time() * 1000 - now_ms > ROOM_MS:
                self.clear()                # too slow to know on which side of the deadlines the commands came
                return len(self.said)
            hold_against("before short deadlines", self.said, answers)
            self.due_ms = self.base_ms + 100 + AFTER_MS
            return len(self.said)
        if now_ms < self.due_ms:
            return 0
        after = [words for _ in range(SHORT_COMMANDS) for words in self.after.next()]
        answers = self.send(after)
        try:
            hold_against("after short deadlines", after, answers)
        except Differs as found:
            found.before = self.said + found.before
            raise
        self.passed += 1
        self.clear()
        return len(after)

    def send(self, commands):
        return pump.exchange(self.pair, b"".join(wire.encode(words) for words in commands))

    def clear(self):
        self.send([[b"DEL"] + self.draw.keys])
        self.due_ms = 0


class RawBytes:
    """Requests right and wrong as bytes, on connections that end with them. No zero bytes: redis-server looks for the
    end of a line with strchr(), so what follows a zero byte is not seen by it at all until much later. And no byte 255, with
    which a telnet client's options begin: see protocol.talk."""

    BAD = [b"*abc\r\n", b"*99999999999999999999\r\n", b"*-1\r\n", b"*0\r\n", b"*\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$abc\r\n",
           b"*1\r\n$536870913\r\n", b"*1\r\n!4\r\nPING\r\n", b"*1\r\nPING\r\n", b"*01\r\n$4\r\nPING\r\n", b"*1\r\n$04\r\nPING\r\n",
           b"*2\r\n$4\r\nECHO\r\n", b"*2\r\n$4\r\nECHO\r\n$100\r\nshort\r\n", b"*1\r\n$4\r\nPINGxx", b"$4\r\nPING\r\n",
           b":5\r\n", b"+OK\r\n", b"-ERR\r\n", b"*1\r\n\r\n", b"*+1\r\n$4\r\nPING\r\n", b"* 1\r\n", b"*1 \r\n$4\r\nPING\r\n",
           b"*1\n$4\nPING\n", b"*1\r$4\rPING\r", b"*1\r\n$0\r\n\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\n"]
    LINES = [b"PING\r\n", b"PING\n", b"\r\n", b"\n", b"   \r\n", b"\t\r\n", b"ECHO hello\r\n", b"ECHO \"a b\"\r\n", b"ECHO 'a b'\r\n",
             b"ECHO \"half\r\n", b"ECHO 'half\r\n", b"ECHO \"a\"b\r\n", b"ECHO a\"b c\"\r\n", b"ECHO \"\\x41\\n\\\"\"\r\n",
             b"ECHO 'it\\'s'\r\n", b"ECHO \"\\xzz\"\r\n", b"ECHO\r\n", b"FOO bar\r\n", b"echo a b\r\n", b"ECHO \\\r\n",
             b"QUIT\r\n", b"quit now\r\n", b"\"PING\"\r\n", b"''\r\n", b"\xfe\xfd\r\n", b"PING\r\r\n", b"PI\rNG\r\n", b"ECHO \"\\",
             b"SET raw:k 'v w'\r\n", b"GET raw:k\r\n", b"GET / HTTP/1.1\r\n", b"HELLO 3\r\n", b"HELLO 9\r\n", b"RESET\r\n",
             b"GETEX raw:k\v\r\n", b"GET\x0craw:k\r\n", b"ECHO \x07\r\n"]

    def __init__(self, targets, seed):
        self.targets = targets
        self.draw = d.Draw(seed, 9002)

    def good(self):
        draw = self.draw
        words = draw.one_of([[b"PING"], [b"ECHO", draw.one_of(d.TEXTS).replace(b"\x00", b"0")], [b"GET", b"raw:k"],
                             [b"SET", b"raw:k", b"v"], [b"DEL", b"raw:k"], [b"EXISTS", b"raw:k", b"raw:k"], [b"FOO", b"x"], [b"GET"],
                             [b"PING", b""], [b"MGET", b"raw:k", b"raw:l"]])
        return wire.encode(words)

    def fragment(self):
        dice = self.draw.random()
        if dice < 0.45:
            return self.good()
        if dice < 0.8:
            return self.draw.one_of(self.LINES)
        if dice < 0.95:
            return self.draw.one_of(self.BAD)
        return bytes(1 + self.draw.below(254) for _ in range(self.draw.below(40)))

    def turn(self):
        """One burst. In pieces only when nothing in it ends the connection early: what is sent after that could
        cost the last reply."""
        draw = self.draw
        if draw.chance(0.3):
            data = b"".join(self.good() for _ in range(1 + draw.below(8)))
            at = sorted(draw.below(len(data) + 1) for _ in range(draw.below(4)))
            pieces = [data[a:b] for a, b in zip([0] + at, at + [len(data)]) if a < b]
        else:
            data = bytearray(b"".join(self.fragment() for _ in range(1 + draw.below(6))))
            if data and draw.chance(0.3):
                data[draw.below(len(data))] = 1 + draw.below(254)
            pieces = [bytes(data)]
        left, right = (pump.raw_exchange(target, pieces) for target in self.targets)
        if HELLO_OWN.sub(b"", left) != HELLO_OWN.sub(b"", NEAREST_NAME.sub(b"", right)):
            raise Differs("raw bytes", pieces, left, right)
        return 1


class WholeDatabase:
    """What reaches over a whole database, asked by a connection that has it to itself."""

    def __init__(self, seed, index):
        self.draw = d.Draw(seed, 9100 + index)

    def turn(self, pair, db):
        draw = self.draw
        command = [b"SCAN", b"0"]
        if draw.chance(0.8):
            command += [b"COUNT", b"%d" % (1 + draw.below(300))]
        match = draw.one_of(d.PATTERNS) if draw.chance(0.4) else None
        if match is not None:
            command += [b"MATCH", match]
        if draw.chance(0.3):
            command += [b"TYPE", draw.one_of([b"string", b"STRING", b"list", b"zset", b"nosuch"])]
        left, right = state.scan_all(pair, command=tuple(command))
        if left != right:
            raise state.Mismatch(db, None, "%s finds %d and %d keys, only one side has: %s" % (
                speech.shown(command), len(left), len(right), speech.shown(sorted(left ^ right)[:5])),
                [[b"KEYS", match if match is not None else b"*"]])
        there = state.scan_all(pair)[0]
        for side in (0, 1):
            kind, key = state.ask(pair, side, [b"RANDOMKEY"])
            if (kind == "bulk" and key not in there) or (kind != "bulk" and there):
                raise state.Mismatch(db, None, "RANDOMKEY on the %s answers %r" % (pump.SIDES[side], key), [[b"KEYS", b"*"]])
        state.compare_sizes(pair, db)
