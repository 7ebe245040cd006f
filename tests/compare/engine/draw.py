"""Random draws, and the rows that families are made of.

A family is a list of rows: row(weight, name, part, part, ...). A part is a word as it stands, or a function of the
Draw that answers one argument or a list of arguments. Everything is drawn from the connection's own generator, never
from replies, so a seed repeats a run exactly.
"""

import random
import re
import time

INTEGERS = [b"0", b"1", b"-1", b"2", b"10", b"100", b"9999", b"10000", b"32767", b"32768", b"-32768", b"65536",
            b"2147483647", b"2147483648", b"-2147483648", b"4294967295", b"4294967296", b"9007199254740993",
            b"9223372036854775806", b"9223372036854775807", b"-9223372036854775807", b"-9223372036854775808"]
NO_INTEGERS = [b"9223372036854775808", b"-9223372036854775809", b"18446744073709551615", b"99999999999999999999999",
               b"", b"-", b"+", b"+1", b"-0", b"00", b"01", b"-01", b" 1", b"1 ", b"1.0", b"1.5", b"1e3", b"0x10",
               b"abc", b"1a", b"\x00", b"1\x00", b"nan", b"inf", b"-inf", b"NaN", b"--1", b"1_000"]
FLOATS = [b"0", b"0.0", b"-0", b"-0.0", b"1.5", b"-1.5", b"0.1", b"0.2", b"0.3", b"1e10", b"1e-10", b"1e17", b"1e18",
          b"1e21", b"-1e21", b"1e-17", b"1e-18", b"3.14159265358979323846", b"1.7976931348623157e308", b"5e-324",
          b".5", b"5.", b"+5", b"1E5", b"0x1p4", b"0x1.8p-2", b"007.50", b"123456789.987654321", b"1e300", b"1e-300",
          b"0.30000000000000004", b"99.99", b"-99.99", b"4503599627370497.5", b"1e4931"]
NO_FLOATS = [b"", b"abc", b" 1.5", b"1.5 ", b"1.5.5", b"1e", b"e5", b"1,5", b"nan", b"-nan", b"NaN", b"1e5000",
             b"1e-5000", b"1.5x", b"\x001", b"1\x00", b"--1.5", b"0x", b"1e+", b"."]
INFINITIES = [b"inf", b"+inf", b"-inf", b"INF", b"Infinity", b"-infinity"]
TEXTS = [b"", b"a", b"hello", b"Hello World", b"\x00", b"\x00\x00\x00", b"\r\n", b"a\r\nb", b"\xff\xfe", b"*1\r\n$4\r\n",
         b"-ERR no", b"$-1\r\n", b"x" * 31, b"x" * 32, b"x" * 43, b"x" * 44, b"x" * 45, b"x" * 63, b"x" * 64, b"x" * 127,
         b"x" * 128, b"x" * 255, b"x" * 256, b"y" * 1023, b"y" * 1024, b"y" * 1025, b"z" * 4096, "日本語".encode(),
         b"  spaces  ", b"\"quoted\"", b"it's", b"\t", b"ohmytext", b"mynewtext"]
SHORT_TEXTS = [text for text in TEXTS if len(text) < 64]
LONG_TEXTS = [b"L" * 16384, b"M" * 20000, b"N" * 32768, b"O" * 40000, b"P" * 65536, b"Q" * 70000]
KEY_ENDS = [b"a", b"b", b"c", b"d", b"e", b"f", b"key", b"Key", b"kex", b"k[e]y", b"k*", b"k?", b"\x00", b"\r\n", b"\xff",
            b" ", b"s p", b"k" * 40, b"k" * 300, b"0", b"1", b"-1"]
PATTERNS = [b"*", b"", b"?", b"??", b"*a", b"*a*", b"*k*", b"*[a-c]", b"*[^a-c]", b"*k?y", b"*[Kk]e?", b"*\\*", b"*\\",
            b"*[", b"*[a", b"*[]a]", b"*[^]", b"*\\[e\\]*", b"**", b"*\xff", b"*\x00*", b"[", b"\\", b"*K*", b"*[c-a]",
            b"*wide:1?", b"*wide:[1-3]*5"]
WIDE_KEYS = 3000
NOW = int(time.time())


class Row:
    def __init__(self, weight, name, parts, needs=(), timed=False, owner=False, whole=False, changes=None):
        self.weight, self.name, self.parts = weight, name, parts
        self.needs = needs          # commands that both servers must have, besides the first word
        self.timed = timed          # an argument moved to another place could become a deadline that passes soon
        self.owner = owner          # only for a connection that has its database to itself
        self.whole = whole          # a word too few would end or empty a server
        self.changes = changes      # what to note in the Draw when the command has been made

    def words(self, draw):
        words = [self.name]
        for part in self.parts:
            if type(part) is bytes:
                words.append(part)
                continue
            drawn = part(draw)
            if type(drawn) is list:
                words += drawn
            else:
                words.append(drawn)
        return words


def row(weight, name, *parts, **more):
    """A kind of command. name may be two words in capitals, as in OBJECT ENCODING; text parts stand for themselves."""
    names = name.encode().split() if re.fullmatch("[A-Z-]+ [A-Z-]+", name) else [name.encode()]
    said = [part.encode() if isinstance(part, str) else part for part in parts]
    return Row(weight, names[0], names[1:] + said, **more)


class Draw:
    """The dice of one connection, and what it may touch.

    An owner has the databases in dbs to itself and may use commands that reach beyond its keys; the others share
    database 0 and keep to keys that begin with their prefix. A relative connection sets deadlines from now on, so
    that its times differ by a little; the others set absolute ones only, and theirs are compared to the millisecond.
    """

    def __init__(self, seed, index, owner_dbs=None):
        self.random = random.Random("%d/%d" % (seed, index)).random
        self.index = index
        self.relative = index % 2 == 0
        self.owner = owner_dbs is not None
        self.dbs = owner_dbs or [0]
        self.db = self.dbs[0]
        self.prefix = b"" if self.owner else b"c%d:" % index
        self.keys = [self.prefix + end for end in KEY_ENDS] + ([b""] if self.owner else [])

    def below(self, n):
        return int(self.random() * n)

    def one_of(self, choices):
        return choices[int(self.random() * len(choices))]

    def chance(self, p):
        return self.random() < p


# -- combinators

def one_of(*parts):
    """One of these; each a text, a part or a list of parts."""
    made = [as_parts(p) for p in parts]

    def draw_one(draw):
        return spoken(draw, draw.one_of(made))
    return draw_one


def maybe(p, *parts):
    """The parts with this chance, or nothing."""
    made = as_parts(list(parts))

    def draw_maybe(draw):
        return spoken(draw, made) if draw.random() < p else []
    return draw_maybe


def some(low, high, *parts):
    """The parts again and again, between low and high times."""
    made = as_parts(list(parts))

    def draw_some(draw):
        words = []
        for _ in range(low + draw.below(high - low + 1)):
            words += spoken(draw, made)
        return words
    return draw_some


def shuffled(*parts):
    """Each of these lists of parts, or not, in any order: the options of a command."""
    made = [as_parts(p) for p in parts]

    def draw_shuffled(draw):
        groups = [spoken(draw, part) for part in made]
        for at in range(len(groups) - 1, 0, -1):
            other = draw.below(at + 1)
            groups[at], groups[other] = groups[other], groups[at]
        return [word for group in groups for word in group]
    return draw_shuffled


def as_parts(part):
    if isinstance(part, (list, tuple)):
        return [p.encode() if isinstance(p, str) else p for p in part]
    return [part.encode() if isinstance(part, str) else part]


def spoken(draw, parts):
    words = []
    for part in parts:
        if type(part) is bytes:
            words.append(part)
            continue
        drawn = part(draw)
        if type(drawn) is list:
            words += drawn
        else:
            words.append(drawn)
    return words


# -- arguments

def key(draw):
    if draw.random() < 0.03:
        return draw.prefix + b"wide:%d" % draw.below(WIDE_KEYS)
    return draw.one_of(draw.keys)


def wide_key(draw):
    return draw.prefix + b"wide:%d" % draw.below(WIDE_KEYS)


def number_key(draw):
    """A key that mostly holds a number."""
    if draw.random() < 0.3:
        return key(draw)
    return draw.prefix + b"n%d" % draw.below(4)


def short_key(draw):
    """A key whose value stays short, for commands whose cost is the product of two lengths."""
    return draw.prefix + b"s%d" % draw.below(6)


def short_value(draw):
    return draw.one_of(SHORT_TEXTS) if draw.random() < 0.5 else b"%x" % draw.below(1 << 60)


def value(draw):
    dice = draw.random()
    if dice < 0.35:
        return draw.one_of(TEXTS)
    if dice < 0.6:
        return b"%d" % (draw.below(20000) - 5000)
    if dice < 0.75:
        return draw.one_of(INTEGERS)
    if dice < 0.85:
        return draw.one_of(FLOATS)
    if dice < 0.997:
        return b"v%d:" % draw.below(100000) + b"." * draw.below(60)
    return draw.one_of(LONG_TEXTS)


def integer(draw):
    """An argument where an integer is wanted: mostly one, sometimes none."""
    dice = draw.random()
    if dice < 0.6:
        return b"%d" % (draw.below(41) - 20)
    if dice < 0.85:
        return draw.one_of(INTEGERS)
    return draw.one_of(NO_INTEGERS)


def small_integer(draw):
    return b"%d" % (draw.below(41) - 20)


def real(draw):
    dice = draw.random()
    if dice < 0.4:
        return b"%.*f" % (draw.below(6), draw.random() * 200 - 100)
    if dice < 0.8:
        return draw.one_of(FLOATS)
    if dice < 0.9:
        return draw.one_of(INTEGERS)
    return draw.one_of(NO_FLOATS + INFINITIES)


def offset(draw):
    """A place in a string: near its ends mostly; never so far that megabytes are filled with zeros."""
    dice = draw.random()
    if dice < 0.8:
        return b"%d" % (draw.below(60) - 20)
    if dice < 0.9:
        return draw.one_of([b"0", b"-1", b"100", b"1000", b"536870912", b"4294967296",
                            b"9223372036854775807", b"-9223372036854775808"])
    return draw.one_of(NO_INTEGERS)


def index(draw):
    """A place where any integer is fine, since nothing grows by it."""
    dice = draw.random()
    if dice < 0.75:
        return b"%d" % (draw.below(60) - 30)
    return draw.one_of(INTEGERS) if dice < 0.92 else draw.one_of(NO_INTEGERS)


def pattern(draw):
    return draw.prefix + draw.one_of(PATTERNS) if draw.prefix else draw.one_of(PATTERNS)


# -- deadlines: in the past or so far away that the run is over long before; the short ones are a phase of their own

BAD_TIMES = [b"0", b"-1", b"-1000", b"9223372036854775807", b"-9223372036854775808", b"9223372036854776",
             b"-9223372036854776"] + NO_INTEGERS
BAD_MS = [b"0", b"-1", b"-1000", b"9223372036854775807", b"-9223372036854775808"] + NO_INTEGERS


def far(draw):
    """Seconds from a million on: wide enough that two relative deadlines do not meet by chance."""
    return 1000000 + draw.below(1000000000)


def seconds(draw):
    if not draw.relative or draw.random() < 0.15:
        return draw.one_of(BAD_TIMES)
    return b"%d" % far(draw)


def milliseconds(draw):
    if not draw.relative or draw.random() < 0.15:
        return draw.one_of(BAD_MS)
    return b"%d" % (far(draw) * 1000 + draw.below(1000))


def unix_seconds(draw):
    dice = draw.random()
    if dice < 0.1:
        return draw.one_of(BAD_TIMES)
    if dice < 0.2:
        return b"%d" % (1 + draw.below(NOW - 1000))
    if dice < 0.3:
        return b"%d" % (NOW + 2000000000 + draw.below(3))
    return b"%d" % (NOW + far(draw))


def unix_milliseconds(draw):
    dice = draw.random()
    if dice < 0.1:
        return draw.one_of(BAD_MS)
    if dice < 0.2:
        return b"%d" % (1 + draw.below((NOW - 1000) * 1000))
    if dice < 0.3:
        return b"%d" % ((NOW + 2000000000) * 1000 + draw.below(3))
    return b"%d" % ((NOW + far(draw)) * 1000 + draw.below(1000))


# -- databases

def own_db(draw):
    return b"%d" % draw.one_of(draw.dbs)


def some_db(draw):
    """A database of this connection, or none at all."""
    if draw.random() < 0.8:
        return own_db(draw)
    return draw.one_of([b"16", b"-1", b"100", b"4294967296", b"99999999999999999999", b"abc", b"", b"1.5", b"00"])
