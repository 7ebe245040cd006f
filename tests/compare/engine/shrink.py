"""Making a failure small: the fewest commands of one connection that still show it."""

import time

from runner import notation, wire

from . import judge, pump, speech

CHUNK = 200
ALWAYS = {b"SELECT", b"RESET", b"HELLO", b"SWAPDB", b"FLUSHDB", b"MOVE"}


class Replayer:
    """Says a list of commands on one new connection to both servers, emptied before.

    both.targets() gives the addresses of both servers, started again when one has ended, and both.settle() waits for
    one that is ending.
    """

    def __init__(self, both, exact):
        self.both, self.exact = both, exact

    def first_difference(self, commands):
        """The place of the first command that differs, len(commands) when a server is lost, None when all agree.
        With it the replies of both, as far as they came."""
        replies = ([], [])
        try:
            pair = pump.Pair(self.both.targets(), "replay")
        except OSError:
            self.both.settle()
            pair = pump.Pair(self.both.targets(), "replay")
        try:
            pump.exchange(pair, wire.encode([b"FLUSHALL"]))
            for first in range(0, len(commands), CHUNK):
                chunk = commands[first:first + CHUNK]
                answers = pump.exchange(pair, b"".join(map(speech.encode, chunk)))
                for side in (0, 1):
                    replies[side].extend(pump.answers_of(answers[side]))
                for at, words in enumerate(chunk, first):
                    if not judge.same(words, replies[0][at], replies[1][at], self.exact):
                        return at, replies
        except (pump.Lost, IndexError, wire.ProtocolError):
            self.both.settle()
            return len(commands), replies
        finally:
            pair.close()
        return None, replies


def related(commands):
    """Those that share a word with the last one, or change where all others go."""
    words = set(commands[-1][1:])
    for command in reversed(commands):
        if command[0].upper() in (b"RENAME", b"RENAMENX", b"COPY") and words.intersection(command[1:]):
            words.update(command[1:3])
    return [c for c in commands if c[0].upper() in ALWAYS or words.intersection(c[1:])]


def shrink(commands, replayer, seconds):
    """A shorter list that still differs, or None when one connection alone does not show it.

    Of one that differs the last command is the one that shows it; of one that ends a server it may be any.
    """
    end = time.monotonic() + seconds

    def differs(candidate):
        at, _ = replayer.first_difference(candidate)
        return None if at is None else (candidate[:at + 1], at == len(candidate))

    found = differs(related(commands)) or differs(commands)
    if found is None:
        return None
    small, lost = found
    size = max(1, len(small) // 2)
    while time.monotonic() < end:
        at, shorter = 0, False
        while at < len(small) - (not lost) and time.monotonic() < end:
            candidate = small[:at] + small[min(at + size, len(small) - (not lost)):]
            found = differs(candidate) if candidate else None
            if found and found[1] == lost and len(found[0]) < len(small):
                small, shorter = found[0], True
            else:
                at += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return small


def as_talk(commands, replies):
    """The commands as lines of a conversation, with what the left server answered."""
    lines = []
    for words, raw in zip(commands, replies[0] + [None] * len(commands)):
        reply = notation.show(wire.parse(raw)[0]) if raw else "?"
        if type(words) is speech.PlainLine:
            lines.append("  a>> %s\n  a< %s" % (notation.quote(words.line), reply))
        else:
            lines.append("  a> %s  a< %s" % (" ".join(map(word, words)).ljust(46), reply))
    return "\n".join(lines)


def word(data):
    text = data.decode("latin-1")
    if text and text.isascii() and text.isprintable() and not set(text) & set(" \"'\\$#"):
        return text
    if len(data) > 100 and data == data[:1] * len(data):
        return "${%s*%d}" % (text[0], len(data))
    return notation.quote(data)
