#!/usr/bin/env python3
"""A leaderboard.   leaderboard.py PORT

Points as they are won, the top, a page, a player's place, the players around one, a board for a day.
"""

import random
import sys
import time

import redis

PLAYERS = 2000


class Board:
    def __init__(self, client, key):
        self.client, self.key = client, key

    def win(self, player, points):
        return self.client.zincrby(self.key, points, player)

    def page(self, first, count):
        return [(player.decode(), points) for player, points in
                self.client.zrevrange(self.key, first, first + count - 1, withscores=True)]

    def place(self, player):
        """0 is the best; None: not on the board."""
        return self.client.zrevrank(self.key, player)

    def around(self, player, most):
        """(place, player, points) of the player and up to so many on both sides, of one moment."""
        found = self.client.execute_command("ZAROUND", self.key, player, most, "REV", "WITHSCORES")
        return found and [(place, name.decode(), float(points)) for place, name, points in found]


def main():
    client, dice, points = redis.Redis(port=int(sys.argv[1]), socket_timeout=10), random.Random(3), {}
    client.delete("recipe:board", "recipe:today")
    board = Board(client, "recipe:board")
    for _ in range(3 * PLAYERS):
        player, won = "player:%d" % dice.randrange(PLAYERS), dice.randrange(1, 100)
        points[player] = points.get(player, 0) + won
        assert board.win(player, won) == points[player]

    # Equal points stand in the order of the names, turned round.
    order = sorted(points.items(), key=lambda one: (one[1], one[0]), reverse=True)
    assert board.page(0, 10) == order[:10] and board.page(100, 50) == order[100:150]
    for place in (0, 1, 500, len(order) - 1):
        assert board.place(order[place][0]) == place
    assert board.place("nobody") is None
    try:
        assert board.around(order[500][0], 2) == [(place, *order[place]) for place in range(498, 503)]
        assert board.around(order[0][0], 2) == [(place, *order[place]) for place in range(3)]
        assert board.around("nobody", 2) is None
    except redis.ResponseError as wrong:
        assert "unknown command" in str(wrong), wrong
        print("this server has no ZAROUND")

    today = Board(client, "recipe:today")
    today.win("ann", 10)
    client.pexpire("recipe:today", 200)
    assert today.win("ann", 5) == 15 and today.place("ann") == 0
    time.sleep(0.3)
    assert today.page(0, 10) == []
    print("all is well")


main()
