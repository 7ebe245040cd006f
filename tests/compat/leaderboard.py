#!/usr/bin/env python3
"""A game's leaderboard on python3-redis.   leaderboard.py PORT [PLAYERS]

Players and their scores, the top ten, a player's rank, the players around one, a page in the middle, two boards merged, and a
board that ends with its day; every answer is held against a plain sorted list.
"""

import random
import sys
import time

import redis

BATCH = 10_000
KEY = "board"


class Model:
    """The same board as a dict, sorted when it is asked."""

    def __init__(self):
        self.scores = {}
        self.order = None

    def put(self, player, score):
        self.scores[player] = score
        self.order = None

    def best_first(self):
        """Equal scores stand in the order of their names, turned round as ZREVRANGE turns it."""
        if self.order is None:
            self.order = sorted(((score, player) for player, score in self.scores.items()), reverse=True)
            self.places = {player: at for at, (_, player) in enumerate(self.order)}
        return self.order

    def rank(self, player):
        self.best_first()
        return self.places.get(player)

    def rank_shared(self, player):
        return sum(score > self.scores[player] for score in self.scores.values())


def fill(client, model, dice, players):
    """One ZADD a score, as they come in from a game, ten thousand in a pipeline."""
    begun = time.monotonic()
    for first in range(0, players, BATCH):
        pipe = client.pipeline(transaction=False)
        for number in range(first, min(players, first + BATCH)):
            player, score = b"player:%08d" % number, dice.randrange(players * 2)
            model.put(player, score)
            pipe.zadd(KEY, {player: score})
        assert all(added == 1 for added in pipe.execute()), "a new player was not new"
    took = time.monotonic() - begun
    print("%d scores in %.1f s, %.0f a second" % (players, took, players / took))
    assert client.zcard(KEY) == players


def top_ten(client, model):
    got = client.zrevrange(KEY, 0, 9, withscores=True)
    assert got == [(player, score) for score, player in model.best_first()[:10]], got
    assert client.zrange(KEY, 0, 9, desc=True) == [player for player, _ in got]


def ranks(client, model, dice, players):
    for _ in range(200):
        player = b"player:%08d" % dice.randrange(players)
        assert client.zrevrank(KEY, player) == model.rank(player), player
        assert client.zscore(KEY, player) == model.scores[player], player
    assert client.zrevrank(KEY, "nobody") is None and client.zscore(KEY, "nobody") is None
    some = sorted(model.scores)[:50]
    assert client.zmscore(KEY, [*some, "nobody"]) == [*(model.scores[player] for player in some), None]


def pages(client, model, dice, players):
    order = model.best_first()
    for _ in range(50):
        first = dice.randrange(players - 50)
        assert client.zrevrange(KEY, first, first + 49) == [player for _, player in order[first:first + 50]], first
        low = dice.randrange(players * 2)
        high = low + players // 10
        within = [player for score, player in reversed(order) if low <= score <= high]
        assert client.zcount(KEY, low, high) == len(within)
        assert client.zrangebyscore(KEY, low, high, start=2, num=10) == within[2:12]


def around(client, model, dice, players):
    """The three above and the three below with their ranks, in one answer of one moment."""
    order = model.best_first()
    for player in [order[0][1], order[1][1], order[-1][1]] + [b"player:%08d" % dice.randrange(players) for _ in range(100)]:
        at = model.rank(player)
        first, end = max(0, at - 3), at + 4
        got = client.execute_command("ZAROUND", KEY, player, 3, "REV", "WITHSCORES")
        assert [(rank, name, float(score)) for rank, name, score in got] == [
            (first + n, name, score) for n, (score, name) in enumerate(order[first:end])], (player, got)
        assert client.execute_command("ZREVRANK", KEY, player, "TIES") == model.rank_shared(player), player
    assert client.execute_command("ZAROUND", KEY, "nobody", 3) is None


def games(client, model, dice, players):
    """Points are won, one player leaves, the scores still agree."""
    pipe = client.pipeline(transaction=False)
    expected = []
    for _ in range(5000):
        player = b"player:%08d" % dice.randrange(players)
        points = dice.choice((1, 5, 10, players, 0.5, -3))
        model.put(player, model.scores[player] + points)
        expected.append(model.scores[player])
        pipe.zincrby(KEY, points, player)
    assert pipe.execute() == expected
    gone = b"player:%08d" % dice.randrange(players)
    del model.scores[gone]
    model.order = None
    assert client.zrem(KEY, gone) == 1 and client.zrevrank(KEY, gone) is None
    model.put(gone, 1.5)
    assert client.zadd(KEY, {gone: 1.5}) == 1 and client.zadd(KEY, {gone: 0.5}, gt=True) == 0
    assert client.zscore(KEY, gone) == 1.5


def merged(client, dice):
    """Two days make a board of both; who played twice has the sum."""
    days = [{b"player:%08d" % dice.randrange(3000): dice.randrange(1000) for _ in range(2000)} for _ in range(2)]
    for name, day in zip(("monday", "tuesday"), days):
        client.zadd(name, day)
    both = {player: days[0].get(player, 0) + days[1].get(player, 0) for player in {*days[0], *days[1]}}
    assert client.zunionstore("both", ["monday", "tuesday"]) == len(both)
    assert dict(client.zrange("both", 0, -1, withscores=True)) == both
    best = {player: max(day.get(player, 0) for day in days) for player in both}
    assert client.zunionstore("best", ["monday", "tuesday"], aggregate="MAX") == len(best)
    assert dict(client.zscan_iter("best", count=500)) == best
    stayed = days[0].keys() & days[1].keys()
    assert client.zinterstore("stayed", ["monday", "tuesday"]) == len(stayed)
    assert sorted(client.zdiff(["both", "stayed"])) == sorted(both.keys() - stayed)


def daily(client):
    """A board that ends with its day."""
    with client.pipeline(transaction=False) as pipe:
        pipe.zadd("today", {"ann": 3, "bob": 5}).pexpire("today", 400).zrevrange("today", 0, -1)
        assert pipe.execute() == [2, True, [b"bob", b"ann"]]
    assert client.zincrby("today", 3, "ann") == 6 and 0 < client.pttl("today") <= 400
    time.sleep(0.5)
    assert client.zrevrange("today", 0, -1) == [] and client.zrevrank("today", "ann") is None
    assert client.zadd("today", {"ann": 1}) == 1 and client.ttl("today") == -1


def has_around(client):
    try:
        client.execute_command("ZAROUND", "nothing", "nobody", 1)
        return True
    except redis.ResponseError as wrong:
        assert "unknown command" in str(wrong), wrong
        return False


def main():
    port, players = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
    client, model, dice = redis.Redis(port=port, socket_timeout=30), Model(), random.Random(7)
    client.delete(KEY, "monday", "tuesday", "both", "best", "stayed", "today")
    fill(client, model, dice, players)
    told = has_around(client)
    for _ in range(2):
        top_ten(client, model)
        ranks(client, model, dice, players)
        pages(client, model, dice, players)
        if told:
            around(client, model, dice, players)
        games(client, model, dice, players)
    merged(client, dice)
    daily(client)
    print("all is well" if told else "all is well without ZAROUND and TIES, which this server does not have")


main()
