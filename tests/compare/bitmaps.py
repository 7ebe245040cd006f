"""Strings as bits: single ones, counts, searches, combinations, numbers of any width."""

from .engine.draw import NO_INTEGERS, index, integer, key, maybe, one_of, row, some, unix_seconds, value

FAR = [b"4294967295", b"#67108863", b"2147483647"]     # to be read only: a write there makes half a gigabyte of zeros
BEYOND = [b"-1", b"4294967296", b"9223372036854775807", b"-9223372036854775808", b"#", b"#-1", b"#x", b"#4294967296",
          b"#9223372036854775807"]
TYPES = [b"u1", b"i1", b"u2", b"i5", b"u8", b"i8", b"u16", b"i17", b"u31", b"i32", b"u33", b"i63", b"u63", b"i64"]
NO_TYPES = [b"u64", b"i65", b"u0", b"i0", b"U8", b"8", b"u", b"i", b"", b"u08", b"u-1", b"u8x", b"x8", b"i9223372036854775807"]
EDGES = [b"0", b"1", b"-1", b"2", b"127", b"128", b"-128", b"-129", b"255", b"256", b"32767", b"65535", b"-2147483648",
         b"9223372036854775807", b"4611686018427387904", b"-4611686018427387904"]
LEAST = [b"-9223372036854775808", b"-9223372036854775807"]
UNIT = maybe(0.5, one_of("BIT", "BYTE", "bit", "bYtE", "BITS", ""))


def place(draw):
    dice = draw.random()
    if dice < 0.85:
        return b"%d" % draw.below(600)
    if dice < 0.88:
        return b"%d" % (draw.below(8) * 8 + 65536 * 8)
    return draw.one_of(BEYOND[:4] + NO_INTEGERS if dice < 0.96 else BEYOND)


def field_place(draw):
    if draw.random() < 0.3:
        return b"#%d" % draw.below(20)
    return place(draw)


def field_type(draw):
    dice = draw.random()
    if dice < 0.6:
        return draw.one_of(TYPES)
    if dice < 0.95:
        signed = draw.below(2)
        return (b"u%d", b"i%d")[signed] % (1 + draw.below(63 + signed))
    return draw.one_of(NO_TYPES)


def number(draw):
    """None below -2^62: SET with OVERFLOW SAT makes the greatest number of those at redis-server, but for i64."""
    dice = draw.random()
    if dice < 0.4:
        return b"%d" % (draw.below(600) - 300)
    if dice < 0.8:
        return draw.one_of(EDGES)
    if dice < 0.97:
        return b"%d" % (draw.below(3 << 62) - (1 << 62))
    return draw.one_of(NO_INTEGERS)


GET = ["GET", field_type, field_place]
OVERFLOW = maybe(0.5, "OVERFLOW", one_of("WRAP", "SAT", "FAIL", "wrap", "sAt", "fail", maybe(0.1, "foo")))
CHANGE = [OVERFLOW, one_of(["SET", field_type, field_place, number], ["INCRBY", field_type, field_place, number],
                           ["incrby", field_type, field_place, number])]

ROWS = [
    row(30, "SETBIT", key, place, one_of("0", "1", "1", "1", "1", "1", "1", "2", "-1", "x", "")),
    row(20, "GETBIT", key, place),
    row(2, "GETBIT", key, one_of(*FAR), whole=True),
    row(2, "BITFIELD", key, "GET", field_type, one_of(*FAR), whole=True),
    row(20, "BITCOUNT", key, maybe(0.7, index, index, UNIT)),
    row(3, "BITCOUNT", key, maybe(0.5, index), maybe(0.2, UNIT, UNIT)),
    row(20, "BITPOS", key, one_of("0", "1", "0", "1", integer), maybe(0.7, index, maybe(0.7, index, UNIT))),
    row(20, "BITOP", one_of("AND", "OR", "XOR", "and", "Or", "xor"), key, some(1, 5, key)),
    row(1, "BITOP", one_of("AND", "OR", "XOR"), key, some(15, 40, key)),
    row(6, "BITOP", one_of("NOT", "NOT", "not", "NAND", ""), key, some(1, 2, key)),
    row(20, "BITFIELD", key, some(0, 4, one_of(GET, CHANGE, CHANGE))),
    row(10, "BITFIELD", key, some(1, 3, *CHANGE)),
    row(4, "BITFIELD", key, OVERFLOW, one_of(["SET", "i64", field_place, one_of(*LEAST)],
                                             ["INCRBY", one_of(*TYPES), field_place, one_of(*LEAST)]), whole=True),
    row(10, "BITFIELD_RO", key, some(0, 4, *GET)),
    row(2, "BITFIELD_RO", key, some(1, 2, one_of(GET, CHANGE, OVERFLOW))),
    row(20, "SET", key, value),
    row(8, "GET", key),
    row(4, "STRLEN", key),
    row(4, "APPEND", key, value),
    row(4, "DEL", some(1, 3, key)),
    row(4, "OBJECT ENCODING", key),
    row(1, "EXPIREAT", key, unix_seconds, timed=True),
    row(2, "TTL", key),
    row(1, "COMMAND GETKEYSANDFLAGS", "BITFIELD", key, some(0, 3, one_of(GET, CHANGE))),
]
