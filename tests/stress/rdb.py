"""Dumps made by hand: every form in which redis-server has ever written a value, for tests that no server writes today.

The forms are drawn in include/coatcheck/persist/{rdb,sequence}.h. Texts are bytes; numbers in packed forms are found by
their text, as redis-server does.
"""

import struct

STRING, LIST, SET, ZSET, HASH, ZSET_2 = 0, 1, 2, 3, 4, 5
HASH_ZIPMAP, LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, LIST_QUICKLIST = 9, 10, 11, 12, 13, 14
HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, SET_LISTPACK = 16, 17, 18, 20
HASH_METADATA, HASH_LISTPACK_EX = 24, 25


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ 0x95AC9329AC4BC9B5 if byte & 1 else byte >> 1
        table.append(byte)
    return table


CRC = crc_table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc


def dump(value, version=10):
    body = value + struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


# ---- lengths and texts ----


def length(n):
    if n < 1 << 6:
        return bytes([n])
    if n < 1 << 14:
        return struct.pack(">H", 0x4000 | n)
    return b"\x80" + struct.pack(">I", n) if n < 1 << 32 else b"\x81" + struct.pack(">Q", n)


def number_of(text, bits=64):
    """The number whose text this is, or None."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if b"%d" % number == text and -1 << bits - 1 <= number < 1 << bits - 1 else None


def text(value):
    return length(len(value)) + value


def int_text(number):
    for form, head in (("b", 0xC0), ("<h", 0xC1), ("<i", 0xC2)):
        try:
            return bytes([head]) + struct.pack(form, number)
        except struct.error:
            pass
    return text(b"%d" % number)


def lzf_text(value):
    """As one long literal after the other, and repeats of one byte: right, if not short."""
    packed, at = b"", 0
    while at < len(value):
        run = 1
        while at + run < len(value) and value[at + run] == value[at] and run < 264:
            run += 1
        if run > 4:
            packed += b"\x00" + value[at:at + 1]
            more = run - 1 - 2
            packed += bytes([more << 5, 0]) if more < 7 else bytes([7 << 5, more - 7, 0])
            at += run
        else:
            packed += bytes([min(31, len(value) - at - 1)]) + value[at:at + 32]
            at += 32
    return b"\xc3" + length(len(packed)) + length(len(value)) + packed


def some_text(dice, value):
    """One of the forms that the text has."""
    number = number_of(value, 32)
    if number is not None and dice.random() < 0.7:
        return int_text(number)
    return lzf_text(value) if len(value) > 0 and dice.random() < 0.3 else text(value)


# ---- packed forms ----


def listpack_element(value):
    number = number_of(value)
    if number is None:
        size = len(value)
        if size < 64:
            body = bytes([0x80 | size]) + value
        elif size < 4096:
            body = struct.pack(">H", 0xE000 | size) + value
        else:
            body = b"\xf0" + struct.pack("<I", size) + value
    elif 0 <= number < 128:
        body = bytes([number])
    elif -4096 <= number < 4096:
        body = struct.pack(">H", 0xC000 | number & 0x1FFF)
    else:
        for width in (2, 3, 4, 8):
            if -1 << 8 * width - 1 <= number < 1 << 8 * width - 1:
                body = bytes([{2: 0xF1, 3: 0xF2, 4: 0xF3, 8: 0xF4}[width]]) + number.to_bytes(width, "little", signed=True)
                break
    size, back = len(body), []
    while True:
        back.insert(0, size & 127)
        size >>= 7
        if size == 0:
            break
    return body + bytes(b | (128 if i > 0 else 0) for i, b in enumerate(back))


def listpack(values, told=None):
    body = b"".join(map(listpack_element, values))
    count = len(values) if told is None else told
    return struct.pack("<IH", len(body) + 7, min(count, 0xFFFF)) + body + b"\xff"


def ziplist_element(before, value, wide=False):
    head = bytes([before]) if before < 254 and not wide else b"\xfe" + struct.pack("<I", before)
    number = number_of(value)
    if number is None:
        size = len(value)
        if size < 64:
            return head + bytes([size]) + value
        if size < 1 << 14:
            return head + struct.pack(">H", 0x4000 | size) + value
        return head + b"\x80" + struct.pack(">I", size) + value
    if 0 <= number <= 12:
        return head + bytes([0xF1 + number])
    for width, code in ((1, 0xFE), (2, 0xC0), (3, 0xF0), (4, 0xD0), (8, 0xE0)):
        if -1 << 8 * width - 1 <= number < 1 << 8 * width - 1:
            return head + bytes([code]) + number.to_bytes(width, "little", signed=True)
    return None


def ziplist(values, dice=None):
    body, before, last = b"", 0, 10
    for value in values:
        last = 10 + len(body)
        element = ziplist_element(before, value, dice is not None and before > 0 and dice.random() < 0.2)
        body += element
        before = len(element)
    return struct.pack("<IIH", len(body) + 11, last, min(len(values), 0xFFFF)) + body + b"\xff"


def zipmap(pairs, dice=None):
    def size(n):
        return bytes([n]) if n < 254 else b"\xfe" + struct.pack("<I", n)
    body = b""
    for name, value in pairs:
        free = dice.randrange(4) if dice else 0
        body += size(len(name)) + name + size(len(value)) + bytes([free]) + value + b"\x00" * free
    return bytes([min(len(pairs), 254)]) + body + b"\xff"


def intset(numbers, width=None):
    numbers = sorted(numbers)
    if width is None:
        width = next(w for w in (2, 4, 8) if all(-1 << 8 * w - 1 <= n < 1 << 8 * w - 1 for n in numbers))
    return struct.pack("<II", width, len(numbers)) + b"".join(n.to_bytes(width, "little", signed=True) for n in numbers)


# ---- values ----


def old_score(score):
    if score != score:
        return b"\xfd"
    if score in (float("inf"), float("-inf")):
        return b"\xfe" if score > 0 else b"\xff"
    digits = b"%.17g" % score
    return bytes([len(digits)]) + digits


def flat(pairs):
    return [part for pair in pairs for part in pair]


def score_text(score):
    return b"%d" % score if abs(score) < 1 << 52 and score == int(score) else b"%.17g" % score


def list_forms(dice, values):
    """The value in every form, as (name, dump's value)."""
    cut = [values[i:i + 5] for i in range(0, len(values), 5)]
    nodes = b""
    for node in cut:
        nodes += b"\x02" + some_text(dice, listpack(node)) if len(node) > 1 or node[0] == b"" else b"\x01" + some_text(dice, node[0])
    yield "list", bytes([LIST]) + length(len(values)) + b"".join(some_text(dice, v) for v in values)
    yield "list ziplist", bytes([LIST_ZIPLIST]) + some_text(dice, ziplist(values, dice))
    yield "list quicklist", bytes([LIST_QUICKLIST]) + length(len(cut)) + b"".join(
        some_text(dice, ziplist(node, dice)) for node in cut)
    yield "list quicklist 2", bytes([LIST_QUICKLIST_2]) + length(len(cut)) + nodes


def set_forms(dice, members):
    yield "set", bytes([SET]) + length(len(members)) + b"".join(some_text(dice, m) for m in members)
    if all(number_of(m) is not None for m in members):
        yield "set intset", bytes([SET_INTSET]) + some_text(dice, intset([int(m) for m in members]))


def new_set_forms(dice, members):
    yield "set listpack", bytes([SET_LISTPACK]) + some_text(dice, listpack(members))


def zset_forms(dice, scores):
    """Scores by their members."""
    pairs = sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))
    packed = flat((member, score_text(score)) for member, score in pairs)
    head = length(len(pairs))
    yield "zset", bytes([ZSET]) + head + b"".join(some_text(dice, m) + old_score(s) for m, s in pairs)
    yield "zset 2", bytes([ZSET_2]) + head + b"".join(some_text(dice, m) + struct.pack("<d", s) for m, s in pairs)
    yield "zset ziplist", bytes([ZSET_ZIPLIST]) + some_text(dice, ziplist(packed, dice))
    yield "zset listpack", bytes([ZSET_LISTPACK]) + some_text(dice, listpack(packed))


def hash_forms(dice, fields):
    pairs = list(fields.items())
    yield "hash", bytes([HASH]) + length(len(pairs)) + b"".join(some_text(dice, part) for part in flat(pairs))
    yield "hash zipmap", bytes([HASH_ZIPMAP]) + some_text(dice, zipmap(pairs, dice))
    yield "hash ziplist", bytes([HASH_ZIPLIST]) + some_text(dice, ziplist(flat(pairs), dice))
    yield "hash listpack", bytes([HASH_LISTPACK]) + some_text(dice, listpack(flat(pairs)))


def new_hash_forms(dice, fields, deadlines):
    """Deadlines in milliseconds since 1970 by the names of fields that have one."""
    soonest = min(deadlines.values())
    body = b""
    for name, value in fields.items():
        body += length(deadlines[name] - soonest + 1 if name in deadlines else 0)
        body += some_text(dice, name) + some_text(dice, value)
    yield "hash metadata", bytes([HASH_METADATA]) + struct.pack("<Q", soonest) + length(len(fields)) + body
    triples = sorted(((deadlines.get(name, 1 << 62), name, value) for name, value in fields.items()))
    packed = flat((name, value, b"%d" % deadlines.get(name, 0)) for _, name, value in triples)
    yield "hash listpack ex", bytes([HASH_LISTPACK_EX]) + struct.pack("<Q", soonest) + some_text(dice, listpack(packed))
