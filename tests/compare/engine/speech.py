"""What a connection says: draws commands from the rows of the families, spoils some, and writes them as bytes."""

TABLE_SIZE = 4096
JUNK = [b"junk", b"", b"NX", b"7.5", b"WITHSCORES", b"\xff"]
SPOILED, INLINE, ODD_CASE = 0.03, 0.03, 0.05
INLINE_LIMIT = 8000
WRITTEN, WRITTEN_LIMIT = {}, 50000


def rows_for(families, known, draw, without=()):
    """The rows that this connection can say; known tells whether both servers have a command."""
    rows = [r for family in families for r in family.ROWS
            if (draw.owner or not r.owner) and all(known(name) for name in r.needs)
            and r.name.decode("latin-1").upper() not in without]
    sequences = [s for family in families for s in getattr(family, "SEQUENCES", [])]
    return rows, sequences


class Speech:
    """The endless, repeatable stream of commands of one connection."""

    def __init__(self, draw, rows, sequences):
        self.draw = draw
        weighted = [(r.weight, r) for r in rows] + list(sequences)
        total = sum(weight for weight, _ in weighted)
        self.table = []             # an index drawn with equal chance finds each row by its weight
        share = 0.0
        for weight, what in weighted:
            share += weight * TABLE_SIZE / total
            while len(self.table) < share:
                self.table.append(what)

    def next(self):
        """One command, or a few that belong together, as lists of words."""
        draw = self.draw
        row = self.table[int(draw.random() * len(self.table))]
        if callable(row):
            return row(draw)
        words = row.words(draw)
        dice = draw.random()
        if dice < SPOILED and not row.whole:
            words = self.spoil(row, words)
        elif dice < SPOILED + ODD_CASE:
            words[0] = words[0].lower() if dice < SPOILED + ODD_CASE / 2 else words[0].title()
        if row.changes:
            row.changes(draw, words)
        return [words]

    def spoil(self, row, words):
        """A word too few, twice, too many, or two in each other's place. Those who share a database never get a word
        of another's, or of nobody's, where a key stands."""
        draw = self.draw
        words = list(words)
        how = draw.below(4)
        keep = 1 if draw.owner else 3
        if how == 0 and len(words) > keep:
            del words[keep + draw.below(len(words) - keep)]
        elif how == 1 and len(words) > 1:
            at = 1 + draw.below(len(words) - 1)
            words.insert(at, words[at])
        elif how == 2 and draw.owner and not row.timed and len(words) > 2:
            at = 1 + draw.below(len(words) - 2)
            words[at], words[at + 1] = words[at + 1], words[at]
        else:
            words.append((draw.prefix if len(words) == 1 else b"") + draw.one_of(JUNK))
        return words

    def form(self, words):
        """The command as it will be said: as an array, now and then as a plain line."""
        if self.draw.random() < INLINE:
            line = plain_line(self.draw, words)
            if line:
                return PlainLine(words, line)
        return words


class PlainLine(list):
    """A command that was said as a plain line."""

    def __init__(self, words, line):
        super().__init__(words)
        self.line = line


def encode(words):
    """The bytes of a command; the words that come again and again are kept as they were written."""
    if type(words) is PlainLine:
        return words.line
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        written = WRITTEN.get(word)
        if written is None:
            written = b"$%d\r\n%b\r\n" % (len(word), word)
            if len(WRITTEN) < WRITTEN_LIMIT and len(word) < 2000:
                WRITTEN[word] = written
        out.append(written)
    return b"".join(out)


def plain_line(draw, words):
    """The words as a plain line, quoted where they must be and sometimes where not; None when they do not fit one."""
    if sum(len(word) for word in words) > INLINE_LIMIT:
        return None
    return draw.one_of([b" ", b"  ", b"\t"]).join(quoted(draw, word) for word in words) + \
        draw.one_of([b"\r\n", b"\n", b" \r\n"])


def quoted(draw, word):
    plain = word.isalnum() and word.isascii()
    if plain and draw.random() < 0.8:
        return word
    if draw.random() < 0.3 and word.isascii() and b"\\" not in word and b"\n" not in word and b"\x00" not in word:
        return b"'" + word.replace(b"'", b"\\'") + b"'"
    out = bytearray(b'"')
    for byte in word:
        if byte in b'"\\':
            out += b"\\" + bytes([byte])
        elif 32 <= byte < 127:
            out.append(byte)
        else:
            out += b"\\x%02x" % byte
    return bytes(out + b'"')


def shown(words):
    """A command as a person could type it."""
    return " ".join(shown_word(word) for word in words)


def shown_word(word):
    text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\x%02x" % b for b in word[:200])
    if len(word) > 200:
        text += "...(%d bytes)" % len(word)
    return text if text and " " not in text and "\\" not in text and "'" not in text else '"%s"' % text
