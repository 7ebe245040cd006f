"""Client-side caching: commands of all other families by a client that tracks, which is told of what it changes itself of
the keys that it has read: behind the reply of each command, or behind that of EXEC.

What others change comes when it comes, and BCAST tells it when all that was read together is answered: no order in which
both servers could be compared. The keys of one command may be told in any order.
"""

from . import transactions
from .engine.draw import key, row

MODES = [[], [], [], [b"NOLOOP"], [b"OPTIN"], [b"OPTOUT"], [b"OPTIN", b"NOLOOP"], [b"OPTOUT", b"NOLOOP"]]
WRONG = [[b"OPTIN", b"OPTOUT"], [b"PREFIX", b"a"], [b"REDIRECT", b"0"], [b"REDIRECT", b"x"], [b"JUNK"], [b"OPTIN", b"BCAST"],
         [b"BCAST", b"PREFIX", b"ab", b"PREFIX", b"a"]]

ROWS = [row(1, "CLIENT TRACKINGINFO"), row(1, "CLIENT GETREDIR"), row(1, "CLIENT CACHING", "YES"), row(1, "GET", key)]


def caching(draw):
    return [[b"CLIENT", b"CACHING", draw.one_of([b"YES", b"YES", b"NO", b"maybe"])]] if draw.random() < 0.3 else []


def tracked(draw):
    """HELLO 3, tracking, and off again: what others are told of the same keys must not come between."""
    if draw.owner:                  # their keys have the names of others' in other databases, and databases are not told apart
        return [[b"GET", key(draw)]]
    said = [[b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON"] + draw.one_of(MODES)]
    if draw.random() < 0.1:
        said.append([b"CLIENT", b"TRACKING", b"ON"] + draw.one_of(WRONG))
    for _ in range(draw.below(25)):
        said += caching(draw)
        dice = draw.random()
        if dice < 0.3:
            said.append([b"GET", key(draw)])
        elif dice < 0.9:
            said.append(transactions.command(draw, False))
        elif dice < 0.97:
            said += [[b"MULTI"]] + [transactions.command(draw, True) for _ in range(draw.below(5))] + [[b"EXEC"]]
        else:
            said.append([b"CLIENT", draw.one_of([b"TRACKINGINFO", b"GETREDIR"])])
    return said + [[b"CLIENT", b"TRACKING", b"OFF"], [b"HELLO", b"2"]]


# What was read stays known as long as somebody tracks, in redis-server for good.
BESIDE = [[b"HELLO", b"3"], [b"CLIENT", b"TRACKING", b"ON", b"OPTIN"]]

SEQUENCES = [(60, tracked)]
