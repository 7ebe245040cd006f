"""A run: connections that say batch after batch to both servers, until time or commands are up or something differs."""

import time

from runner import wire

from . import judge, phases, pump, speech, state
from .draw import Draw

BATCH = 200                 # commands of one connection before its replies are looked at
EPOCH_ROUNDS = 100          # rounds between two FLUSHALLs; what a failure is traced back through
STATE_ROUNDS = 50           # rounds between two looks at everything that is stored
WHOLE_ROUNDS = 5            # rounds between two looks over each database that has one owner
HALVED = 0.1                # batches that are sent in two parts


class Failure(Exception):
    """What differs, and the commands that led there, on one connection (talker), the failing one last."""

    def __init__(self, where, talker, commands, left=None, right=None, suspects=()):
        super().__init__(where)
        self.suspects = suspects    # when a server was lost: everybody who had said something
        self.where, self.talker, self.commands, self.left, self.right = where, talker, commands, left, right


class Talker:
    """One connection and its stream of commands."""

    def __init__(self, targets, draw, rows, sequences):
        self.draw = draw
        self.name = "%d" % draw.index
        self.pair = pump.Pair(targets, self.name)
        self.speech = speech.Speech(draw, rows, sequences)
        self.log = []               # everything said since the last FLUSHALL
        self.said = []              # the batch under way
        self.next = ([], b"")

    def begin_epoch(self):
        """The connection as it was when it was new, in its own first database."""
        self.draw.db = self.draw.dbs[0]
        self.log = [[b"RESET"], [b"SELECT", b"%d" % self.draw.db]]
        pump.exchange(self.pair, b"".join(wire.encode(words) for words in self.log))

    def prepare(self, size):
        commands, form = [], self.speech.form
        while len(commands) < size:
            commands += map(form, self.speech.next())
        self.next = (commands, b"".join(map(speech.encode, commands)))

    def say(self):
        self.said, payload = self.next
        self.log += self.said
        self.pair.say(payload)

    def judge(self):
        left, right = self.pair.answers()
        if left == right:
            return
        left, right = pump.answers_of(left), pump.answers_of(right)
        exact = not self.draw.relative
        base = len(self.log) - len(self.said)
        for at, words in enumerate(self.said):
            one = left[at] if at < len(left) else b"(no reply)"
            two = right[at] if at < len(right) else b"(no reply)"
            if one != two and not judge.same(words, one, two, exact):
                raise Failure("the replies differ", self, self.log[:base + at + 1], one, two)
        if len(left) != len(right):
            raise Failure("%d and %d replies to %d commands" % (len(left), len(right), len(self.said)), self, self.log)


def owned_databases(connections):
    """Which connections share database 0 (None) and which have two databases to themselves."""
    owners = min(7, connections * 3 // 8)
    return [None] * (connections - owners) + [[2 * n + 1, 2 * n + 2] for n in range(owners)]


class Run:
    """targets are the addresses of the left and the right server; families are modules with ROWS."""

    def __init__(self, targets, families, seed, connections, known, without=()):
        self.targets, self.seed = targets, seed
        self.control = pump.Pair(targets, "control")
        self.talkers = []
        for index, dbs in enumerate(owned_databases(connections)):
            draw = Draw(seed, index, dbs)
            rows, sequences = speech.rows_for(families, known, draw, without)
            self.talkers.append(Talker(targets, draw, rows, sequences))
        self.beside = [self.connect_beside(targets, family.BESIDE) for family in families if hasattr(family, "BESIDE")]
        self.short = phases.ShortLived(targets, seed)
        self.raw = phases.RawBytes(targets, seed)
        self.whole = {t: phases.WholeDatabase(seed, t.draw.index) for t in self.talkers if t.draw.owner}
        self.with_raw = any(f.__name__.endswith("connection") for f in families)
        self.with_short = any(f.__name__.endswith(("keys", "strings")) for f in families)
        self.looks = [look for family in families for look in getattr(family, "LOOKS", [])]
        self.counts = {"commands": 0, "states": 0, "keys": 0, "raw": 0, "iterations": 0}
        self.tally = None           # command -> [times, errors], when asked for

    @staticmethod
    def connect_beside(targets, commands):
        """A connection that says this and then only stays."""
        pair = pump.Pair(targets, "beside")
        pump.exchange(pair, b"".join(map(wire.encode, commands)))
        return pair

    def go(self, seconds=None, commands=None):
        """Runs until one of the two is used up. Raises Failure, phases.Differs, state.Mismatch or pump.Lost."""
        end = time.monotonic() + seconds if seconds else None
        round_number = 0
        for talker in self.talkers:
            talker.prepare(BATCH)
        while not (end and time.monotonic() > end) and not (commands and self.counts["commands"] >= commands):
            if round_number % EPOCH_ROUNDS == 0:
                self.begin_epoch()
            self.round()
            round_number += 1
            if round_number % WHOLE_ROUNDS == 0:
                for talker, whole in self.whole.items():
                    self.look_at_whole(talker, whole)
                self.look_at_keys()
            if self.with_raw:
                self.counts["raw"] += self.raw.turn()
            if self.with_short:
                self.counts["commands"] += self.short.turn()
            if round_number % STATE_ROUNDS == 0:
                self.compare_states()
        self.compare_states()

    def begin_epoch(self):
        pump.exchange(self.control, wire.encode([b"FLUSHALL"]))
        self.short.due_ms = 0
        for talker in self.talkers:
            talker.begin_epoch()

    def round(self):
        """One batch of every connection, the next ones drawn while the servers work."""
        pairs = [talker.pair for talker in self.talkers]
        for talker in self.talkers:
            talker.say()
            if talker.draw.chance(HALVED):
                self.say_in_two(talker)
        pump.start(pairs)
        for talker in self.talkers:
            talker.prepare(BATCH)
        try:
            pump.collect(pairs)
        except pump.Lost as lost:
            talker = next(t for t in self.talkers if t.pair is lost.pair)
            raise Failure(str(lost), talker, talker.log, suspects=self.talkers) from lost
        for talker in self.talkers:
            self.counts["commands"] += len(talker.said)
            if self.tally is not None:
                self.count(talker)
            talker.judge()

    def say_in_two(self, talker):
        """Sends a part that may end in the middle of a request; the rest follows with everybody else's."""
        cut = 1 + talker.draw.below(len(talker.pair.out[0]))
        for side in (0, 1):
            talker.pair.push(side, cut)

    def count(self, talker):
        for words, reply in zip(talker.said, pump.answers_of(talker.pair.answers()[0])):
            times = self.tally.setdefault(judge.command_name(words), [0, 0])
            times[0] += 1
            times[1] += reply[:1] == b"-"

    def look_at_whole(self, talker, whole):
        try:
            whole.turn(talker.pair, talker.draw.db)
        except state.Mismatch as found:
            raise Failure(found.why, talker, talker.log + found.probes) from found
        self.counts["iterations"] += 1

    def look_at_keys(self):
        """What a family compares as a whole, among the keys of one connection."""
        for talker in self.talkers if self.looks else []:
            for look in self.looks:
                try:
                    look(talker.pair, talker.draw)
                except state.Mismatch as found:
                    raise Failure(found.why, talker, talker.log + found.probes) from found
            self.counts["iterations"] += 1

    def compare_states(self):
        for db in range(16):
            try:
                self.counts["keys"] += state.compare_db(self.control, db, self.exact)
            except state.Mismatch as found:
                talker = self.owner_of(db, found.key)
                if talker is None:
                    raise
                back = [[b"SELECT", b"%d" % db]] + found.probes
                raise Failure("in database %d, %s: %s" % (
                    db, speech.shown([found.key]) if found.key is not None else "all keys", found.why),
                    talker, talker.log + back) from found
        self.counts["states"] += 1

    def owner_of(self, db, key):
        for talker in self.talkers:
            if talker.draw.owner and db in talker.draw.dbs:
                return talker
            if db == 0 and key is not None and not talker.draw.owner and key.startswith(talker.draw.prefix):
                return talker
        return None

    def exact(self, key):
        """Whether the deadline of this key has to agree to the millisecond."""
        for talker in self.talkers:
            if not talker.draw.owner and key.startswith(talker.draw.prefix):
                return not talker.draw.relative
        return key.startswith(phases.SHORT_PREFIX)
