#!/usr/bin/env python3
"""Users under fire: what one may not do, it cannot do, by no command and at no time.

  tests/stress/users.py [--server COMMAND] [--seconds 6] [--commands 60000] [--clients 24] [--seed N]

Beyond reach: a user who may touch ok:* only says random commands of all families, with keys of ok:* and of no:* mixed.
What no:* holds must never be in a reply, and must be the same when all is over.
The walk: the same with every command that the server lists, drawn from its own grammar (grammar_dice.py), whatever is added to it; and
what COMMAND GETKEYSANDFLAGS, ACL DRYRUN and the command itself say of each must agree.
Changing rules: a boss turns what users may do on and off while they work on other workers: from the answer to ACL SETUSER
on nothing else is allowed or refused, by no connection. Users are deleted and made anew: their connections end.
Files: users are saved and loaded, in the file of aclfile and in the configuration, and one wrong line changes nothing.
"""

import importlib
import sys
import tempfile
import time
from pathlib import Path

import common
from common import expect, wire
from grammar_dice import Grammar

sys.path.insert(0, str(common.HOME / "tests"))
from compare.engine import draw as dice_of  # noqa: E402
from compare.engine import speech  # noqa: E402

SECRET = b"TOP-SECRET"
BATCH = 100
LEFT_OUT = ("__init__", "differences", "operators", "connection", "tracking")


class MixedDraw(dice_of.Draw):
    """The dice of a connection whose keys are now among its own, now among those beyond its reach."""

    def __init__(self, seed, beyond):
        self.beyond = beyond
        super().__init__(seed, 1)
        self.keys = [start + end for start in ((b"ok:", b"no:") if beyond < 1 else (b"no:",)) for end in dice_of.KEY_ENDS]

    @property
    def prefix(self):
        return b"no:" if self.random() < self.beyond else b"ok:"

    @prefix.setter
    def prefix(self, _):
        pass


def families():
    names = sorted(path.stem for path in (common.HOME / "tests" / "compare").glob("*.py"))
    return [importlib.import_module("compare." + name) for name in names if name not in LEFT_OUT]


def talker(server, seed, beyond):
    def known(name):
        return common.knows(server, name)
    draw = MixedDraw(seed, beyond)
    return speech.Speech(draw, *speech.rows_for(families(), known, draw))


def say(connection, talk, count):
    """So many random commands, pipelined; the commands and the raw bytes of their replies, one by one."""
    said = []
    while len(said) < count:
        said += talk.next()
    connection.send(b"".join(wire.encode(words) for words in said))
    return [(words, raw_reply(connection)) for words in said]


def raw_reply(connection):
    while True:
        try:
            end = wire.reply_end(connection.pending, 0)
        except wire.Incomplete:
            connection.receive()
            continue
        return connection.raw(end)


def plant(boss, name):
    """A value of the same type whose every part is the secret. One that has expired since its name was told is a string."""
    kind = boss.ask("TYPE", name)[1]
    boss.ask("DEL", name)
    parts = [b"%s-%d" % (SECRET, n) for n in range(20)]
    string = ["SET", name, SECRET]
    words = {b"string": string, b"none": string, b"list": ["RPUSH", name, *parts], b"set": ["SADD", name, *parts],
             b"hash": ["HSET", name, *(word for n, part in enumerate(parts) for word in (b"f%d" % n, part))],
             b"zset": ["ZADD", name, *(word for n, part in enumerate(parts) for word in (b"%d" % n, part))]}[kind]
    boss.ask(*words)


def contents(boss):
    names = sorted(item[1] for item in boss.ask("KEYS", "no:*")[1])
    return {name: boss.ask("DEBUG", "DIGEST-VALUE", name)[1][0] for name in names}


def beyond_reach(server, commands, seed):
    boss, walker = common.connect(server), common.connect(server)
    filler = talker(server, seed, 1)
    for _ in range(20):
        say(boss, filler, BATCH)
    boss.ask("SELECT", "0")
    for name in contents(boss):
        plant(boss, name)
        boss.ask("PERSIST", name)
    before = contents(boss)
    expect(len(before) > 20, "only %d keys are there to be kept from", len(before))
    sorting = [b"+" + name for name in (b"sort", b"sort_ro") if common.knows(server, name)]
    made = boss.ask("ACL", "SETUSER", "walker", "on", ">word", "~ok:*", "+@all", "-@admin", "-@dangerous", *sorting)
    expect(made == ("status", b"OK"), "SETUSER: %r", made)
    expect(walker.ask("AUTH", "walker", "word") == ("status", b"OK"), "AUTH")
    walks, refused, done = talker(server, seed + 1, 0.3), 0, 0
    while done < commands:
        for words, reply in say(walker, walks, BATCH):
            done += 1
            refused += reply.startswith(b"-NOPERM")
            expect(SECRET not in reply, "a reply to %s holds what it must not", speech.shown(words))
    after = contents(boss)
    changed = [name for name in before if before[name] != after.get(name)] + [name for name in after if name not in before]
    expect(not changed, "changed by who may not: %r", changed[:5])
    boss.ask("ACL", "DELUSER", "walker")
    boss.ask("FLUSHALL")
    for each in (boss, walker):
        each.close()
    expect(0.1 < refused / done < 0.9, "%d of %d commands were refused", refused, done)
    return "%d commands, %d refused, %d keys untouched" % (done, refused, len(before))


# These would make the walker somebody else, or answer otherwise than once.
NOT_WALKED = {b"auth", b"hello", b"reset", b"quit", b"multi", b"exec", b"discard", b"watch", b"monitor", b"subscribe", b"psubscribe", b"ssubscribe",
              b"unsubscribe", b"punsubscribe", b"sunsubscribe", b"client"}


class Walk(Grammar):
    """Calls whose keys are now within reach, now not."""

    beyond = 0.3

    def key(self, kind):
        return (b"no:" if self.dice.random() < self.beyond else b"ok:") + super().key(kind)

    def value(self, node):
        if node.type == "pattern" and self.dice.random() < 0.5:
            return self.dice.choice((b"no:*", b"no:hash:*->f1", b"no:str:*", b"ok:*"))
        return super().value(node)

    def call(self):
        while True:
            words = self.command()
            if words[0].lower() not in NOT_WALKED and not words[0].isupper():
                return words


def walk(server, count, seed):
    """Every command there is, by who may touch ok:* only."""
    boss, walker = common.connect(server, 60.0), common.connect(server, 60.0)
    draw = Walk(boss.ask("COMMAND", "DOCS"), seed)
    draw.beyond = 1
    for turn in range(200):
        say(boss, Talk(draw), BATCH)
        boss.ask("SELECT", "0")
        names = [item[1] for item in boss.ask("KEYS", "no:*")[1]]
        if turn >= 10 and len(names) > 20:      # now and then all is flushed
            break
    draw.beyond = 0.3
    for name in names:
        plant(boss, name)
    before = contents(boss)
    expect(len(before) > 20, "only %d keys are there to be kept from", len(before))
    boss.ask("ACL", "SETUSER", "walker", "on", ">word", "~ok:*", "&*", "+@all", "-@admin", "-@dangerous", "+sort", "+sort_ro", "+keys")
    expect(walker.ask("AUTH", "walker", "word") == ("status", b"OK"), "AUTH")
    done, refused = 0, 0
    while done < count:
        calls = [draw.call() for _ in range(BATCH)]
        judged = [judge(boss, words) for words in calls]
        in_transaction = draw.dice.random() < 0.1
        walker.send(b"".join(map(wire.encode, [[b"MULTI"]] * in_transaction + calls + [[b"EXEC"]] * in_transaction)))
        replies = [raw_reply(walker) for _ in range(len(calls) + 2 * in_transaction)]
        expect(not any(SECRET in reply for reply in replies), "a reply holds what it must not, to one of: %s",
               " | ".join(speech.shown(words) for words in calls))
        for words, (allowed, beyond), reply in zip(calls, judged, replies[in_transaction:]):
            done += 1
            refused += reply.startswith(b"-NOPERM")
            expect(not (allowed and beyond), "allowed, with a key beyond reach: %s", speech.shown(words))
            if allowed is not None and not reply.startswith(b"-ERR wrong number"):
                # What no words name, SORT asks when it runs.
                told = reply.startswith(b"-NOPERM")
                expect(told is not allowed or words[0] in (b"sort", b"sort_ro"), "DRYRUN said %s, and the command %r: %s", allowed, reply[:80],
                       speech.shown(words))
    after = contents(boss)
    changed = [name for name in before if before[name] != after.get(name)] + [name for name in after if name not in before]
    expect(not changed, "changed by who may not: %r", changed[:5])
    walked = len(draw.seen)
    boss.ask("ACL", "DELUSER", "walker")
    boss.ask("FLUSHALL")
    for each in (boss, walker):
        each.close()
    expect(0.1 < refused / done < 0.9, "%d of %d commands were refused", refused, done)
    return "%d calls of %d kinds of command by their grammar, %d refused" % (done, walked, refused)


class Talk:
    """A grammar as say() wants it."""

    def __init__(self, draw):
        self.draw = draw

    def next(self):
        return [self.draw.call()]


def judge(boss, words):
    """What ACL DRYRUN says, None where it is no judge; and whether COMMAND GETKEYSANDFLAGS names a key beyond reach."""
    kind, keys = boss.ask("COMMAND", "GETKEYSANDFLAGS", *words)
    beyond = kind == "array" and any(not pair[1][0][1].startswith(b"ok:") for pair in keys)
    kind, told = boss.ask("ACL", "DRYRUN", "walker", *words)
    return (None if kind == "error" else told == b"OK"), beyond


def changing(server, seconds, count, dice):
    boss = common.connect(server)
    users = [b"user%d" % n for n in range(4)]
    boss.ask("SET", "k", "v")
    for user in users:
        boss.ask("ACL", "SETUSER", user, "on", ">w", "~*", "&*", "+@all")
    clients = []
    for n in range(count):
        client = common.connect(server)
        expect(client.ask("AUTH", users[n % 4], "w") == ("status", b"OK"), "AUTH")
        clients.append((users[n % 4], client))
    limit, changes, deleted = time.monotonic() + seconds, 0, 0
    while time.monotonic() < limit:
        user = dice.choice(users)
        # Others work meanwhile, whatever they are answered.
        busy = [client for name, client in clients if name != user]
        for client in busy:
            client.send(wire.encode([b"GET", b"k"]) + wire.encode([b"ACL", b"WHOAMI"]) * 3)
        allowed = dice.random() < 0.5
        rules = [("reset", "on", ">w", "~*", "&*", "+@all")] + ([] if allowed else [dice.choice([("-get",), ("resetkeys", "~other")])])
        for rule in rules:
            expect(boss.ask("ACL", "SETUSER", user, *rule) == ("status", b"OK"), "SETUSER")
        changes += len(rules)
        for name, client in clients:
            if name == user:
                kind, value = client.ask("GET", "k")
                expect((kind == "bulk") == allowed, "%s after %r: %r", user, rules[-1], value)
        for client in busy:
            for _ in range(4):
                client.reply()
        if dice.random() < 0.1:
            expect(boss.ask("ACL", "DELUSER", user) == ("int", 1), "DELUSER")
            boss.ask("ACL", "SETUSER", user, "on", ">w", "~*", "&*", "+@all")
            deleted += 1
            for at, (name, client) in enumerate(clients):
                if name == user:
                    expect(ends(client), "a deleted user's connection still answers")
                    fresh = common.connect(server)
                    expect(fresh.ask("AUTH", user, "w") == ("status", b"OK"), "AUTH anew")
                    clients[at] = (user, fresh)
    for user in users:
        boss.ask("ACL", "DELUSER", user)
    boss.close()
    for _, client in clients:
        client.close()
    return "%d changes of rules, %d users deleted and made anew" % (changes, deleted)


def told(server, *words):
    return common.ask(server, *words)[1]


def kept_in_a_file(command, folder):
    """ACL SAVE and LOAD; a file with mistakes changes nothing, and a server does not start with one."""
    path = folder / "users.acl"
    path.write_text("# who may come\nuser default on nopass ~* &* +@all\n\nuser ann on >secret ~a:* resetchannels -@all +get\n")
    with common.servers.Server(command + " --aclfile %s" % path) as server:
        ann = common.connect(server)
        expect(ann.ask("AUTH", "ann", "secret") == ("status", b"OK"), "AUTH")
        expect(told(server, "ACL", "SETUSER", "bob", "on", "nopass", "+@all") == b"OK", "SETUSER")
        expect(told(server, "ACL", "SAVE") == b"OK", "SAVE")
        saved = path.read_text()
        expect(len(saved.splitlines()) == 3 and "user bob on nopass resetchannels +@all" in saved, "saved: %s", saved)
        path.write_text(saved + "user carl +nosuch\nuser ann on\nusers x\n")
        wrong = told(server, "ACL", "LOAD").decode()
        for part in (":4:", "+nosuch", ":5: user 'ann' is there twice", ":6:", "No change"):
            expect(part in wrong, "%r is not in %s", part, wrong)
        expect(len(told(server, "ACL", "USERS")) == 3, "a wrong file changed the users")
        path.write_text("user ann on >secret ~b:* resetchannels -@all +get\n")
        bob = common.connect(server)
        expect(bob.ask("AUTH", "bob", "") == ("status", b"OK"), "AUTH")
        expect(told(server, "ACL", "LOAD") == b"OK", "LOAD")
        expect(ends(bob), "who is no longer a user still is connected")
        expect(ann.ask("GET", "b:1") == ("nil", None) and ann.ask("GET", "a:1")[0] == "error", "ann has not the new rules")
        path.unlink()
        expect(told(server, "ACL", "LOAD").endswith(b"No such file or directory. No change to the users was made."), "LOAD without a file")
        ann.close()
    for content in ("user carl +nosuch\n", "user\n", "nonsense\n"):
        path.write_text(content)
        try:
            common.servers.Server(command + " --aclfile %s" % path).stop()
        except common.servers.StartError as refused:
            expect("users.acl:1:" in str(refused), "refused without saying where: %s", refused)
            continue
        raise common.Failed("a server started with %r" % content)


def kept_in_the_configuration(command, folder):
    """Lines of `user`, and CONFIG REWRITE, which leaves alone what still is true."""
    path = folder / "coatcheck.conf"
    first = "requirepass door\nuser ann on >secret ~a:* -@all +get\nuser bob off\n"
    path.write_text(first)
    words = command.split(" ", 1)
    with common.servers.Server("%s %s %s" % (words[0], path, words[1])) as server:
        boss = common.connect(server)
        expect(boss.ask("PING")[0] == "error" and boss.ask("AUTH", "door")[1] == b"OK", "the default user has lost its password")
        expect(boss.ask("AUTH", "ann", "secret")[1] == b"OK" and boss.ask("AUTH", "default", "door")[1] == b"OK", "AUTH")
        expect(boss.ask("CONFIG", "REWRITE")[1] == b"OK" and path.read_text().startswith("requirepass door\nuser "), "REWRITE")
        expect(boss.ask("ACL", "SETUSER", "carl", "on", "nopass", "~c", "+set")[1] == b"OK", "SETUSER")
        expect(boss.ask("ACL", "DELUSER", "bob")[1] == 1, "DELUSER")
        expect(boss.ask("CONFIG", "REWRITE")[1] == b"OK", "REWRITE")
        before = [item[1] for item in boss.ask("ACL", "LIST")[1]]
        expect(b"carl on nopass" in boss.ask("CONFIG", "GET", "user")[1][1][1], "CONFIG GET user")
        boss.close()
    with common.servers.Server("%s %s %s" % (words[0], path, words[1])) as server:
        boss = common.connect(server)
        expect(boss.ask("AUTH", "door")[1] == b"OK", "the password is lost")
        expect([item[1] for item in boss.ask("ACL", "LIST")[1]] == before, "the users are others after a rewrite: %s", path.read_text())
        boss.close()
    path.write_text("user carl +nosuch\n")
    try:
        common.servers.Server("%s %s %s" % (words[0], path, words[1])).stop()
    except common.servers.StartError as refused:
        expect("+nosuch" in str(refused), "refused without saying why: %s", refused)
        return
    raise common.Failed("a server started with a rule that is none")


def ends(client):
    try:
        client.ask("PING")
    except (OSError, wire.Closed):
        client.close()
        return True
    return False


def play(server, options):
    print(beyond_reach(server, options.commands, options.seed))
    print(walk(server, options.commands // 6, options.seed))
    print(changing(server, options.seconds, options.clients, common.dice(options.seed)))
    return "nobody did what he may not"


def files(options):
    with tempfile.TemporaryDirectory() as folder:
        try:
            kept_in_a_file(options.server, Path(folder))
            kept_in_the_configuration(options.server, Path(folder))
        except common.WRONG as wrong:
            print("files: %r" % wrong)
            return 1
    print("users are kept in files, and wrong ones are refused")
    return 0


def main():
    parser = common.new_parser(__doc__, " --threads 4 --enable-debug-command yes")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--commands", type=int, default=60_000)
    parser.add_argument("--clients", type=int, default=24)
    options = parser.parse_args()
    return common.try_server(options, play) or files(options)


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
