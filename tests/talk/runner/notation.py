"""Replies as a person writes them: reading an expected reply, holding a real one against it, showing a real one.

The notation is told in tests/talk/README.md.
"""

import re

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b"}
BACK = {v: k for k, v in ESCAPES.items()}
VARIABLE = re.compile(rb"\$\{([^{}]*)\}")


class NotationError(Exception):
    """A reply, a string or a line that cannot be read."""


# -- strings ---------------------------------------------------------------------------------------------------

def quoted_end(text, at):
    """Where the quoted string that opens at `at` ends, one past its closing quote."""
    quote, here = text[at], at + 1
    while here < len(text):
        if text[here] == "\\":
            here += 2
        elif text[here] == quote:
            return here + 1
        else:
            here += 1
    raise NotationError("a quote is not closed: %s" % text[at:])


def unquote(text):
    """The bytes that a quoted string stands for; the escapes are those of Redis's inline commands."""
    if text[0] == "'":
        return text[1:-1].replace("\\'", "'").encode()
    out, at, end = bytearray(), 1, len(text) - 1
    while at < end:
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
        elif text[at + 1] == "x" and re.fullmatch("[0-9a-fA-F]{2}", text[at + 2:at + 4]):
            out.append(int(text[at + 2:at + 4], 16))
            at += 4
        else:
            out += ESCAPES.get(text[at + 1], text[at + 1]).encode()
            at += 2
    return bytes(out)


def quote(data):
    """Bytes as a quoted string that unquote() reads back."""
    out = []
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char in BACK:
            out.append("\\" + BACK[char])
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append("\\x%02x" % byte)
    return '"' + "".join(out) + '"'


def fill_in(data, variables):
    """Replaces ${name}, ${name+5}, ${name-5} and ${text*70000}."""
    def value(found):
        word = found.group(1).decode()
        times = re.fullmatch(r"(.*)\*(\d+)", word, re.S)
        if times:
            return times.group(1).encode() * int(times.group(2))
        plus = re.fullmatch(r"(\w+)(?:([+-])(\d+))?", word)
        if not plus or plus.group(1) not in variables:
            raise NotationError("nothing is known by the name ${%s}" % word)
        known = variables[plus.group(1)]
        if callable(known):
            known = known()
        if not plus.group(2):
            return known if isinstance(known, bytes) else b"%d" % known
        step = int(plus.group(3))
        return b"%d" % (int(known) + (step if plus.group(2) == "+" else -step))
    return VARIABLE.sub(value, data) if b"${" in data else data


# -- reading what is expected ------------------------------------------------------------------------------------

class Expected:
    """One expected reply. how: exact glob near range any capture nothing list map."""

    def __init__(self, how, kind=None, value=None, **more):
        self.how, self.kind, self.value = how, kind, value
        self.unordered = more.get("unordered", False)
        self.open_ended = more.get("open_ended", False)


class Reader:
    """Reads one expected reply out of a text."""

    OPENERS = {"[": ("array", "]"), "#{": ("set", "}"), ">[": ("push", "]")}

    def __init__(self, text):
        self.text, self.at = text, 0

    def skip(self):
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif re.match(r"(?<!\S)#\s", self.text[self.at:]) and self.at > 0:
                self.at = (self.text.find("\n", self.at) + 1) or len(self.text)
            else:
                return

    def take(self, pattern):
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def string(self):
        end = quoted_end(self.text, self.at)
        data = unquote(self.text[self.at:end])
        self.at = end
        return data

    def whole(self):
        """A reply that is the whole rest of the line, as all top-level replies are."""
        self.skip()
        line = re.match(r"([+-])(?!\")", self.text[self.at:])
        if line:
            kind = "status" if line.group(1) == "+" else "error"
            body = re.split(r"\s{2,}#\s", self.text[self.at + 1:], 1)[0].rstrip().encode()
            return glob_or_exact(kind, body)
        expected = self.one()
        self.skip()
        if self.at < len(self.text):
            raise NotationError("not understood: %s" % self.text[self.at:])
        return expected

    def one(self):
        self.skip()
        rest = self.text[self.at:]
        for opener, (kind, closer) in self.OPENERS.items():
            if rest.startswith(opener):
                self.at += len(opener)
                return self.list(kind, closer)
        if rest.startswith("{") or rest.startswith("|{"):
            self.at += rest.index("{") + 1
            return self.map("map" if rest[0] == "{" else "attribute")
        if rest.startswith('"'):
            return Expected("exact", "bulk", self.string())
        if re.match(r'[-+=!]"', rest):
            self.at += 1
            kind = {"+": "status", "-": "error", "=": "verbatim", "!": "blob-error"}[rest[0]]
            return Expected("exact", kind, self.string())
        if re.match(r'[~=]~?"', rest):
            self.at += rest.index('"')
            return glob_or_exact("verbatim" if rest[0] == "=" else "bulk", self.string(), always=True)
        return self.word()

    def word(self):
        for pattern, kind in ((r"\(nil\)", "nil"), (r"\(nil-array\)", "nil-array"), (r"\(null\)", "null")):
            if self.take(pattern):
                return Expected("exact", kind, None)
        found = self.take(r":(-?\d+)\.\.(-?\d+)")
        if found:
            return Expected("range", "int", (int(found.group(1)), int(found.group(2))))
        found = self.take(r":(-?\d+)(?:\s*~(\d+))?")
        if found and found.group(2):
            return Expected("near", "int", (int(found.group(1)), int(found.group(2))))
        if found:
            return Expected("exact", "int", int(found.group(1)))
        found = self.take(r":\$\{([^{}]+)\}(?:\s*~(\d+))?")
        if found:
            return Expected("variable", "int", ("${%s}" % found.group(1), int(found.group(2) or 0)))
        if self.take(r":_"):
            return Expected("any", "int")
        found = self.take(r"#([tf])(?!\w)")
        if found:
            return Expected("exact", "bool", found.group(1) == "t")
        found = self.take(r",([-+.\w]+)") or self.take(r"\((-?\d+)(?![\w)])")
        if found:
            kind = "double" if found.group(0)[0] == "," else "big"
            return Expected("exact", kind, found.group(1).encode())
        found = self.take(r"\$([a-z]\w*)")
        if found:
            return Expected("capture", value=found.group(1))
        found = self.take(r"([-+])([^\s\]}]+)")
        if found:
            return glob_or_exact("status" if found.group(1) == "+" else "error", found.group(2).encode())
        if self.take(r"_(?!\w)"):
            return Expected("any")
        if self.take(r"nothing(?!\w)"):
            return Expected("nothing")
        raise NotationError("not understood: %s" % self.text[self.at:])

    def list(self, kind, closer):
        unordered = bool(self.take(r"\*(?=\s|%s)" % re.escape(closer))) or kind == "set"
        items, open_ended = [], False
        while True:
            self.skip()
            if self.take(re.escape(closer)):
                return Expected("list", kind, items, unordered=unordered, open_ended=open_ended)
            if open_ended:
                raise NotationError("'...' can only be the last element")
            if self.take(r"\.\.\."):
                open_ended = True
            else:
                items.append(self.one())

    def map(self, kind):
        unordered = bool(self.take(r"\*(?=\s|\})"))
        pairs, open_ended = [], False
        while True:
            self.skip()
            if self.take(r"\}"):
                return Expected("map", kind, pairs, unordered=unordered, open_ended=open_ended)
            if self.take(r"\.\.\."):
                open_ended = True
                continue
            key = self.one()
            self.skip()
            if not self.take(":(?=\\s)"):
                raise NotationError("a map wants ': ' after its key: %s" % self.text[self.at:])
            pairs.append((key, self.one()))


def glob_or_exact(kind, body, always=False):
    """In this text a star stands for any bytes, and \\* for itself."""
    pieces = re.split(rb"(?<!\\)\*", body)
    plain = [p.replace(rb"\*", b"*") for p in pieces]
    if len(plain) == 1 and not always:
        return Expected("exact", kind, plain[0])
    return Expected("glob", kind, plain)


def read(text):
    return Reader(text).whole()


# -- holding a reply against it ------------------------------------------------------------------------------------

def matches(expected, reply, variables):
    """Whether the reply is what was expected; a capture writes into variables."""
    kind, value = reply
    how = expected.how
    if how == "any":
        return expected.kind is None or kind == expected.kind
    if how == "capture":
        variables[expected.value] = value if isinstance(value, (bytes, int)) else b""
        return isinstance(value, (bytes, int))
    if kind != expected.kind:
        return False
    if how == "exact":
        wanted = expected.value
        return value == (fill_in(wanted, variables) if isinstance(wanted, bytes) else wanted)
    if how == "glob":
        pattern = b".*".join(re.escape(fill_in(p, variables)) for p in expected.value)
        pattern = re.sub(rb"\\\$<([a-z]\w*)>", rb"(?P<\1>.*?)", pattern)
        found = re.fullmatch(pattern, value, re.S)
        variables.update(found.groupdict() if found else {})
        return found is not None
    if how == "near":
        return abs(value - expected.value[0]) <= expected.value[1]
    if how == "range":
        return expected.value[0] <= value <= expected.value[1]
    if how == "variable":
        return abs(value - int(fill_in(expected.value[0].encode(), variables))) <= expected.value[1]
    if how == "list":
        return list_matches(expected, value, lambda e, r: matches(e, r, variables))
    if how == "map":
        return list_matches(expected, value, lambda e, r: matches(e[0], r[0], variables)
                            and matches(e[1], r[1], variables))
    return False


def list_matches(expected, values, same):
    wanted = expected.value
    if len(values) < len(wanted) or (len(values) > len(wanted) and not expected.open_ended):
        return False
    if not expected.unordered:
        return all(same(e, v) for e, v in zip(wanted, values))
    return can_pair(wanted, list(values), same)


def can_pair(wanted, values, same):
    """Whether each wanted element finds a value of its own (augmenting paths, since wildcards may overlap)."""
    taken = {}

    def place(index, seen):
        for at, value in enumerate(values):
            if at in seen or not same(wanted[index], value):
                continue
            seen.add(at)
            if at not in taken or place(taken[at], seen):
                taken[at] = index
                return True
        return False
    return all(place(index, set()) for index in range(len(wanted)))


# -- showing a reply ---------------------------------------------------------------------------------------------

def show(reply, top=True):
    """A reply in the notation that read() understands."""
    kind, value = reply
    if kind in ("status", "error"):
        sigil, text = "+" if kind == "status" else "-", value.decode("latin-1")
        if top and "*" not in text and "  " not in text and text == text.strip() and text.isprintable() \
                and text.isascii() and not text.startswith('"'):
            return sigil + text
        return sigil + quote(value)
    if kind == "bulk":
        return quote(value)
    if kind in ("verbatim", "blob-error"):
        return {"verbatim": "=", "blob-error": "!"}[kind] + quote(value)
    if kind == "int":
        return ":%d" % value
    if kind == "bool":
        return "#t" if value else "#f"
    if kind in ("nil", "nil-array", "null"):
        return "(%s)" % kind
    if kind in ("double", "big"):
        return ("," if kind == "double" else "(") + value.decode("latin-1")
    if kind in ("array", "set", "push"):
        opener = {"array": "[", "set": "#{", "push": ">["}[kind]
        return opener + " ".join(show(v, False) for v in value) + ("}" if kind == "set" else "]")
    opener = {"map": "{", "attribute": "|{"}[kind]
    return opener + " ".join("%s: %s" % (show(k, False), show(v, False)) for k, v in value) + "}"
