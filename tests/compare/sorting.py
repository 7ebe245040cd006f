"""SORT and SORT_RO of lists, sets and sorted sets, by themselves and by other keys.

What redis-server leaves open is not asked: the order of a set that is not sorted, that of equal ones of a set, or of a part
of a list, sorted BY letters. Two more things it does are kept away from. It compares letters up to a zero byte only. And
SORT makes every sorted set a skip list: those here are such lists from the start, by a member that is long.
Rows are not spoiled, so that none of this is met by chance; what is wrong is drawn on purpose.
"""

from .engine.draw import INTEGERS, NO_INTEGERS, index, maybe, one_of, row, shuffled, some

LONG = b"0" * 70
NAMES = [b"a", b"b", b"ab", b"B", b"x y", b"\xff", b"\xc3\xa4", b"", b"-", b"1a", b"nan", b"*", b"->"]


def named(name, count):
    def draw_key(draw):
        return draw.prefix + b"sort:%s%d" % (name, draw.below(count))
    return draw_key


list_key, set_key, number_set_key, zset_key = named(b"l", 4), named(b"s", 3), named(b"n", 3), named(b"z", 3)
target, string_key, missing_key = named(b"t", 3), named(b"k", 2), named(b"none", 1)


def number(draw):
    dice = draw.random()
    if dice < 0.6:
        return b"%d" % (draw.below(40) - 10)
    if dice < 0.9:
        return draw.one_of([b"%.1f" % (draw.below(100) / 10), b"%de%d" % (draw.below(10), draw.below(5)), b"0x%x" % draw.below(40),
                            b"+%d" % draw.below(9), b"-0", b"00%d" % draw.below(9), b" %d" % draw.below(9), b"inf", b"-inf"])
    return draw.one_of(INTEGERS)


def element(draw):
    return number(draw) if draw.random() < 0.99 else draw.one_of(NAMES)


def text(draw):
    return draw.one_of(NAMES) if draw.random() < 0.3 else b"%x" % draw.below(200)


def small_number(draw):
    return b"%d" % (draw.below(30) - 5)


def long_member(draw):
    return LONG + b"%d" % draw.below(10)


def pattern_of(*ends):
    def draw_pattern(draw):
        return draw.prefix + draw.one_of(ends)
    return draw_pattern


number_pattern = pattern_of(b"sort:w*", b"sort:w*", b"sort:h*->n", b"sort:h*->a", b"sort:none*", b"sort:n*", b"sort:h*->none")
text_pattern = pattern_of(b"sort:v*", b"sort:v*", b"sort:h*->t", b"sort:none*", b"sort:w*", b"sort:l*", b"sort:h*->")
get_pattern = one_of("#", "#", number_pattern, text_pattern, "nostar", "", pattern_of(b"sort:v**", b"sort:*", b"sort:*->*", b"*->t"))
ORDER = maybe(0.6, one_of("ASC", "DESC", "desc", "Asc"))
LIMIT = maybe(0.5, "LIMIT", one_of(small_number, small_number, small_number, index), one_of(small_number, index))
GETS = maybe(0.5, some(1, 3, "GET", get_pattern))
WRONG = maybe(0.03, one_of("FOO", "BY", "GET", "LIMIT", ["LIMIT", "1"], ["LIMIT", "x", "1"], "", "STORE"))
any_key = one_of(list_key, set_key, number_set_key, zset_key, zset_key)


def sort(weight, *parts):
    """Both commands, the one that may store more often."""
    return [row(weight, "SORT", *parts, WRONG, whole=True), row(weight / 3, "SORT_RO", *parts, WRONG, whole=True)]


# Some lists and sets are so long that they are sorted in slices.
MANY = 1200
many_key = named(b"many", 2)

ROWS = [
    *sort(14, one_of(list_key, number_set_key, zset_key), shuffled([ORDER], [LIMIT], [GETS])),
    *sort(20, any_key, "BY", number_pattern, shuffled([ORDER], [LIMIT], [GETS])),
    *sort(14, any_key, shuffled(["ALPHA"], [ORDER], [LIMIT], [GETS])),
    *sort(10, list_key, shuffled(["ALPHA"], ["BY", text_pattern], [ORDER], [GETS])),
    *sort(10, one_of(list_key, number_set_key, zset_key), shuffled(["BY", one_of("nosort", "#", "")], [ORDER], [LIMIT], [GETS])),
    row(10, "SORT", any_key, shuffled(["ALPHA"], [ORDER], [LIMIT], [GETS]), "STORE", one_of(target, target, any_key), whole=True),
    row(10, "SORT", list_key, shuffled(["ALPHA"], ["BY", text_pattern], [ORDER], [GETS]), "STORE", target, whole=True),
    row(10, "SORT", any_key, shuffled(["BY", "nosort"], [ORDER], [LIMIT], [GETS]), "STORE", one_of(target, list_key), whole=True),
    *sort(3, one_of(string_key, missing_key), shuffled([ORDER], [LIMIT], [GETS])),
    row(14, "RPUSH", list_key, some(1, 6, one_of(number, element, element)), whole=True),
    row(1, "RPUSH", list_key, some(20, 60, number), whole=True),
    row(0.5, "RPUSH", list_key, some(MANY, 2 * MANY, number), whole=True),
    row(0.3, "SADD", many_key, some(MANY, 2 * MANY, lambda draw: b"%d" % draw.below(10_000)), whole=True),
    *sort(1, many_key, shuffled(["ALPHA"], [ORDER], [LIMIT], [GETS])),
    *sort(1, many_key, shuffled([ORDER], [LIMIT], [GETS])),
    row(6, "LTRIM", list_key, "-30", "-1", whole=True),
    row(8, "SADD", set_key, some(1, 5, text), whole=True),
    row(8, "SADD", number_set_key, some(1, 5, small_number), whole=True),
    row(10, "ZADD", zset_key, small_number, long_member, small_number, small_number, small_number, small_number, whole=True),
    row(2, "SREM", set_key, some(1, 4, text), whole=True),
    row(3, "DEL", one_of(list_key, set_key, zset_key, number_set_key, target), whole=True),
    row(2, "SET", string_key, "v", whole=True),
    row(20, "SET", lambda draw: draw.prefix + b"sort:w" + small_number(draw), one_of(number, element), whole=True),
    row(3, "DEL", lambda draw: draw.prefix + b"sort:w" + small_number(draw), whole=True),
    row(14, "SET", lambda draw: draw.prefix + b"sort:v" + element(draw), one_of(text, "same", "same too"), whole=True),
    row(14, "HSET", lambda draw: draw.prefix + b"sort:h" + small_number(draw), "n", element, "t", text, "a", "7", whole=True),
    row(4, "HDEL", lambda draw: draw.prefix + b"sort:h" + small_number(draw), one_of("n", "t", "a"), whole=True),
    row(1, "RPUSH", lambda draw: draw.prefix + b"sort:w" + small_number(draw), "x", whole=True),
    row(4, "LRANGE", target, "0", "-1"),
    row(2, "OBJECT ENCODING", target),
    row(2, "TYPE", target),
    row(1, "COMMAND GETKEYS", "SORT", list_key, shuffled(["ALPHA"], [ORDER], [LIMIT], [GETS], ["STORE", target]), whole=True),
    row(1, "SORT", list_key, "LIMIT", one_of(*NO_INTEGERS), "1", whole=True),
]
