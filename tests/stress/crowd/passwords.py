"""A password: what is refused without it, how it changes while clients are there, what is counted."""

from common import connect, expect, wire

from . import Served
from .pauses import field

NOAUTH = ("error", b"NOAUTH Authentication required.")
NO_EXEC = ("error", b"EXECABORT Transaction discarded because of: NOAUTH Authentication required.")
OPEN_TO_ALL = {b"auth", b"hello", b"quit", b"reset"}


def everything_is_locked(command, options):
    """Every command but four answers NOAUTH, however it is called."""
    with Served(command, [("requirepass", "secret")], "secret") as server:
        boss = connect(server)
        boss.ask("AUTH", "secret")
        rows = boss.ask("COMMAND")[1]
        stranger = connect(server)
        tried = 0
        for row in rows:
            name, arity = row[1][0][1], row[1][1][1]
            if name in OPEN_TO_ALL:
                continue
            for words in calls_of(row):
                if len(words) <= 10:
                    got = stranger.ask(*words)
                    expect(got == (NO_EXEC if name == b"exec" else NOAUTH), "%r was answered %r", words, got)
                    tried += 1
        expect(tried > 60, "only %d commands were tried", tried)
        expect(boss.ask("DBSIZE") == ("int", 0), "something was written")
        expect(stranger.ask("GET") == ("error", b"ERR wrong number of arguments for 'get' command"), "arity comes first")


def calls_of(row):
    """Ways to call a command with a number of words that it takes: its subcommands, if it has some."""
    name, arity = row[1][0][1], row[1][1][1]
    subs = row[1][9][1] if len(row[1]) > 9 else []
    for sub in subs:
        yield from ([name] + call[0].split(b"|")[1:] + call[1:] for call in calls_of(sub))
    if not subs:
        words = abs(arity) - (name.count(b"|") and 1)
        yield [name] + [b"1"] * (words - 1)


def pipelined(command, options):
    """AUTH and what it opens come in one piece: the limits of a stranger end with it."""
    with Served(command, [("requirepass", "secret")], "secret") as server:
        large = wire.encode([b"MSET"] + [b"k%d" % n for n in range(40)])
        value = wire.encode([b"SET", b"v", b"x" * 100_000])
        for hello in (wire.encode([b"AUTH", b"secret"]), wire.encode([b"HELLO", b"2", b"AUTH", b"default", b"secret"])):
            client = connect(server)
            client.send(hello + large + value + wire.encode([b"STRLEN", b"v"]))
            expect(client.reply()[0] in ("status", "array"), "AUTH at the head of a pipeline")
            expect(client.reply() == ("status", b"OK"), "forty arguments right after AUTH")
            expect(client.reply() == ("status", b"OK"), "a large argument right after AUTH")
            expect(client.reply() == ("int", 100_000), "what came after")
        stranger = connect(server)
        stranger.send(wire.encode([b"AUTH", b"wrong"]) + large)
        expect(stranger.reply()[1].startswith(b"WRONGPASS"), "a wrong password")
        expect(stranger.reply() == ("error", b"ERR Protocol error: unauthenticated multibulk length"), "then the limits hold")


def live(command, options):
    """CONFIG SET requirepass: who is in stays in, who comes has to know; none asked for lets everybody in."""
    with Served(command) as server:
        inside, outside = connect(server), None
        inside.ask("PING")
        inside.ask("CONFIG", "SET", "requirepass", "one")
        outside = connect(server)
        expect(outside.ask("PING") == NOAUTH, "a new client")
        expect(inside.ask("PING") == ("status", b"PONG"), "a client from before")
        expect(outside.ask("AUTH", "one") == ("status", b"OK"), "the new password")
        inside.ask("CONFIG", "SET", "requirepass", "two")
        expect(outside.ask("PING") == ("status", b"PONG"), "a client with the old password stays in")
        late = connect(server)
        expect(late.ask("AUTH", "one")[0] == "error", "the old password")
        expect(late.ask("PING") == NOAUTH, "after a wrong password")
        inside.ask("CONFIG", "SET", "requirepass", "")
        expect(late.ask("PING") == ("status", b"PONG"), "no password is asked for any more")
        late.send(wire.encode([b"MGET"] + [b"k"] * 30))
        expect(late.reply()[0] == "array", "nor are there limits")
        inside.ask("CONFIG", "SET", "requirepass", "three")
        expect(late.ask("PING") == NOAUTH, "it never gave one")
        expect(inside.ask("RESET") == ("status", b"RESET") and inside.ask("PING") == NOAUTH, "RESET forgets who one is")
        late.ask("AUTH", "three")
        expect(int(field(late, "acl_access_denied_auth")) == 1, "wrong passwords are counted")


CASES = {
    "a password locks everything": everything_is_locked,
    "a pipeline that begins with AUTH": pipelined,
    "a password that changes": live,
}
