#!/usr/bin/env python3
"""A session store.   session_store.py PORT

A session is one key whose deadline moves at each visit; or a hash, of which a part may end before the rest.
"""

import json
import secrets
import sys
import time

import redis

LIFETIME_S = 1800


class Sessions:
    """A session is read whole at each visit, and written when something has changed."""

    def __init__(self, client, lifetime_ms=LIFETIME_S * 1000):
        self.client, self.lifetime_ms = client, lifetime_ms

    def begin(self, data):
        """A new one; its name is what the browser keeps, so nobody must be able to guess it."""
        while True:
            name = secrets.token_urlsafe(16)
            if self.client.set("sess:" + name, json.dumps(data), px=self.lifetime_ms, nx=True):
                return name

    def visit(self, name):
        """What is in it, and a whole lifetime more; None: it is over."""
        data = self.client.getex("sess:" + name, px=self.lifetime_ms)
        return None if data is None else json.loads(data)

    def change(self, name, data):
        """False: it was over, and is not brought back."""
        return bool(self.client.set("sess:" + name, json.dumps(data), px=self.lifetime_ms, xx=True))

    def end(self, name):
        self.client.delete("sess:" + name)


def whole(client):
    sessions = Sessions(client)
    name = sessions.begin({"user": 42})
    assert sessions.visit(name) == {"user": 42} and client.ttl("sess:" + name) == LIFETIME_S
    assert sessions.change(name, {"user": 42, "cart": [7]}) and sessions.visit(name)["cart"] == [7]
    sessions.end(name)
    assert sessions.visit(name) is None and not sessions.change(name, {"user": 42})

    brief = Sessions(client, lifetime_ms=300)
    name = brief.begin({"user": 1})
    for _ in range(4):
        time.sleep(0.1)
        assert brief.visit(name) == {"user": 1}, "each visit should have moved the deadline"
    time.sleep(0.4)
    assert brief.visit(name) is None


def by_fields(client):
    """Fields that change on their own need no session read and written whole: two tabs cannot undo each other."""
    key = "sess:fields"
    with client.pipeline() as pipe:
        pipe.hset(key, mapping={"user": 42, "cart": 0, "code": 812093}).expire(key, LIFETIME_S).execute()
    assert client.hincrby(key, "cart", 2) == 2
    try:
        assert client.execute_command("HPEXPIRE", key, 200, "FIELDS", 1, "code") == [1]
    except redis.ResponseError as wrong:
        assert "unknown command" in str(wrong), wrong
        print("this server has no deadlines for single fields")
        return
    assert client.hget(key, "code") == b"812093"
    time.sleep(0.3)
    assert client.hgetall(key) == {b"user": b"42", b"cart": b"2"}


def main():
    client = redis.Redis(port=int(sys.argv[1]), socket_timeout=10)
    client.delete("sess:fields")
    whole(client)
    by_fields(client)
    print("all is well")


main()
