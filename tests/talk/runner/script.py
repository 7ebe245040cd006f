"""Conversation files: from lines of text to talks made of steps. The language is told in tests/talk/README.md."""

import re

from . import notation
from .notation import NotationError

NAMED_LINE = re.compile(r"(?P<conn>[a-z][a-z0-9]*)\s*(?P<verb>all>|>>|<<|>|<|\||(?<=\s)(?:closed|shut|open|quiet|refused)\b)\s?")
REPLY_MARK = re.compile(r"\s{2,}(?P<conn>[a-z][a-z0-9]*)(?P<verb><<?)(?:\s|$)")
DIFFERS = re.compile(r"\s{2,}differs:\s*(\".*\")\s*$")
SERVERS = ("coatcheck", "redis")
UNITS = {"ms": 0.001, "s": 1.0}


class ScriptError(Exception):
    """A line of a conversation file that cannot be read."""


class Step:
    """One thing that happens: something is said, a reply is expected, a connection ends, time passes."""

    def __init__(self, line, conn, verb, source, **more):
        self.line, self.conn, self.verb, self.source = line, conn, verb, source
        self.words = more.get("words")          # of a command, still with ${...} in them
        self.data = more.get("data")            # of raw bytes sent or expected
        self.expected = more.get("expected")
        self.expected_text = more.get("expected_text", "")
        self.within_s = more.get("within_s", 0.0)
        self.seconds = more.get("seconds", 0.0)
        self.times = more.get("times", 1)
        self.meanwhile = None                   # (connection, words) said between the pages of an iteration
        self.asked = None                       # the step that a reply answers
        self.redis = None                       # the reply step that holds for redis-server instead
        self.reason = None                      # why it does
        self.reply_column = more.get("reply_column")


class Talk:
    def __init__(self, path, line, title):
        self.path, self.line, self.title = path, line, title
        self.steps = []
        self.needs = []                         # (option, value) pairs the server must run with
        self.commands = []                      # commands that the server must know
        self.tcp_only = self.plain_only = False
        self.own_server = False                 # it ends the server, or changes it for good
        self.only, self.only_reason = None, None

    def checks(self, server):
        """How many steps of the talk can pass or fail."""
        return sum(step.verb in ("<", "<<", "closed", "quiet", "refused") for step in self.steps)


def seconds_of(text):
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    if not found:
        raise NotationError("a time is written 50ms or 2s, not %s" % text)
    return float(found.group(1)) * UNITS[found.group(2)]


def words_of(text):
    """The words of a command up to a reply mark or a comment, and where they end.

    Words are quoted as in Redis's inline commands. Two spaces and `a<` begin the reply.
    """
    words, at = [], 0
    while True:
        gap = re.compile(r"\s*").match(text, at)
        mark = REPLY_MARK.match(text, at)
        if mark or re.compile(r"\s{2,}#\s").match(text, at) or gap.end() == len(text):
            return words, at
        at = gap.end()
        if text[at] in "\"'":
            end = notation.quoted_end(text, at)
            words.append(notation.unquote(text[at:end]))
        else:
            end = re.compile(r"(?:\$\{[^{}]*\}|\S)+").match(text, at).end()
            words.append(text[at:end].encode())
        if end < len(text) and not text[end].isspace():
            raise NotationError("a closing quote must be followed by a space: %s" % text[at:])
        at = end


def strings_of(text):
    """Quoted strings one after the other, as one run of bytes; and where they end."""
    data, at = b"", 0
    while True:
        at = re.compile(r"\s*").match(text, at).end() if not REPLY_MARK.match(text, at) else at
        if at >= len(text) or text[at] not in "\"'":
            break
        end = notation.quoted_end(text, at)
        data += notation.unquote(text[at:end])
        at = end
    rest = text[at:]
    if rest.strip() and not rest.lstrip().startswith("#") and not REPLY_MARK.match(rest):
        raise NotationError("quoted strings are wanted here: %s" % rest)
    return data, at


def brackets_open(text):
    """Whether a bracket is still open at the end of the text, strings and comments left out of the count."""
    depth, at = 0, 0
    while at < len(text):
        if text[at] == '"':
            at = notation.quoted_end(text, at)
            continue
        if re.compile(r"(?<=\s)#\s").match(text, at):
            at = (text.find("\n", at) + 1) or len(text)
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
    return depth > 0


class FileReader:
    def __init__(self, path):
        self.path = str(path)
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.at = 0                     # the line being read, from 0
        self.talks = []
        self.owed = {}                  # connection -> commands that no reply stands for yet
        self.raw = set()                # connections on which raw bytes were sent: not counted

    def fail(self, why, line=None):
        raise ScriptError("%s:%d: %s" % (self.path, (self.at if line is None else line) + 1, why))

    def read(self):
        while self.at < len(self.lines):
            text = self.lines[self.at].rstrip()
            if text.strip() and not text.lstrip().startswith("#"):
                try:
                    self.line(text)
                except NotationError as wrong:
                    self.fail(str(wrong))
            self.at += 1
        self.end_talk()
        return self.talks

    def end_talk(self):
        for conn, steps in self.owed.items():
            if steps and conn not in self.raw:
                self.fail("no reply stands for: %s" % steps[0].source, steps[0].line - 1)
        self.owed, self.raw = {}, set()

    def line(self, text):
        bare = text.strip()
        title = re.fullmatch(r'talk\s+(".*")', bare)
        if title:
            self.end_talk()
            self.talks.append(Talk(self.path, self.at + 1, notation.unquote(title.group(1)).decode()))
            return
        if not self.talks:
            raise NotationError('a file begins with: talk "what it proves"')
        talk = self.talks[-1]
        only = re.fullmatch(r'only\s+(\w+):\s*(".*")', bare)
        needs = re.fullmatch(r"needs\s+([\w-]+)\s+(.+)", bare)
        wait = re.fullmatch(r"wait\s+(\S+)", bare)
        if only:
            if only.group(1) not in SERVERS:
                raise NotationError("the servers are called %s" % " and ".join(SERVERS))
            talk.only, talk.only_reason = only.group(1), notation.unquote(only.group(2)).decode()
        elif bare == "needs tcp":
            talk.tcp_only = True
        elif bare == "needs plain text":
            talk.plain_only = True
        elif bare == "needs own server":
            talk.own_server = True
        elif needs and needs.group(1) == "command":
            talk.commands += [word.upper() for word in needs.group(2).split()]
        elif needs:
            talk.needs.append((needs.group(1), needs.group(2).strip()))
        elif wait:
            talk.steps.append(Step(self.at + 1, None, "wait", bare, seconds=seconds_of(wait.group(1))))
        else:
            self.said(talk, text)

    def said(self, talk, text):
        times = re.match(r"\s*(\d+) times\s+", text)
        offset = times.end() if times else len(text) - len(text.lstrip())
        mark = NAMED_LINE.match(text, offset)
        if not mark:
            raise NotationError("not understood: %s" % text.strip())
        conn, verb, rest_at = mark.group("conn"), mark.group("verb"), mark.end()
        rest = text[rest_at:]
        if conn == "redis":
            return self.redis_reply(talk, verb, rest)
        if verb in ("<", "<<"):
            return self.reply(talk, conn, verb, rest, rest_at)
        step = Step(self.at + 1, conn, verb, text.strip(), times=int(times.group(1)) if times else 1)
        end = len(rest)
        if verb in (">", "all>"):
            step.words, end = words_of(rest)
            if not step.words:
                raise NotationError("nothing is said")
            if verb == "all>" and b"while" in step.words:
                at = step.words.index(b"while")
                step.meanwhile = (step.words[at + 1].decode().rstrip(">"), step.words[at + 2:])
                step.words = step.words[:at]
        elif verb == "|":
            found = list(REPLY_MARK.finditer(rest))
            end = found[-1].start() if found else len(rest)
            step.data = rest[:end].encode() + b"\r\n"
        elif verb == ">>":
            step.data, end = strings_of(rest)
            self.raw.add(conn)
        elif verb == "quiet":
            step.seconds = seconds_of(rest.strip())
        step.source = (text[mark.start():rest_at] + rest[:end]).strip()
        talk.steps.append(step)
        if verb in (">", "|", "all>"):
            self.owed.setdefault(conn, []).append(step)
        elif verb in ("closed", "shut"):
            self.owed.pop(conn, None)
        found = REPLY_MARK.match(rest, end)
        if found:
            if found.group("conn") != conn:
                raise NotationError("the reply on this line is %s's" % found.group("conn"))
            self.reply(talk, conn, found.group("verb"), rest[found.end():], rest_at + found.end())
        elif step.times > 1:
            raise NotationError("'times' wants its reply on the same line")

    def expected(self, line, conn, verb, text, column):
        """A reply step out of the text after its mark; takes further lines while brackets are open."""
        differs = DIFFERS.search(text)
        reason = notation.unquote(differs.group(1)).decode() if differs else None
        if differs:
            text = text[:differs.start()]
        within = re.match(r"\s*within\s+(\S+)\s+", text)
        within_s = seconds_of(within.group(1)) if within else 0.0
        if within:
            text = text[within.end():]
        step = Step(line, conn, verb, text.strip(), within_s=within_s, reply_column=column)
        if verb == "<<":
            step.data, _ = strings_of(text)
            step.expected_text = text.strip()
        elif text.strip() != "?":
            if text.lstrip()[:1] not in "+-":
                while brackets_open(text) and self.at + 1 < len(self.lines):
                    self.at += 1
                    text += "\n" + self.lines[self.at].rstrip()
            step.expected = notation.read(text)
            step.expected_text = text.strip()
        step.reason = reason
        return step

    def reply(self, talk, conn, verb, text, column):
        step = self.expected(self.at + 1, conn, verb, text, column)
        if step.reason:
            raise NotationError("'differs:' belongs on the line that begins with redis<")
        owed = self.owed.get(conn)
        before = [s for s in talk.steps if s.conn == conn and s.verb in (">", ">>", "|", "all>", "open")]
        if owed:
            step.asked = owed.pop(0)
        elif before:
            step.asked = before[-1]
        else:
            raise NotationError("%s has said nothing yet" % conn)
        if step.within_s and step.asked.verb not in (">", "|"):
            raise NotationError("'within' repeats a command, and there is none")
        if step.asked.times > 1 or step.asked.verb == "all>":
            step.times = step.asked.times
        talk.steps.append(step)

    def redis_reply(self, talk, verb, rest):
        last = talk.steps[-1] if talk.steps else None
        if verb not in ("<", "<<") or last is None or last.verb not in ("<", "<<") or last.redis:
            raise NotationError("redis< follows the reply that coatcheck gives")
        other = self.expected(self.at + 1, last.conn, verb, rest, None)
        if not other.reason:
            raise NotationError('redis< wants a reason: two spaces and differs: "..."')
        other.asked, last.redis = last.asked, other


def read_file(path):
    return FileReader(path).read()
