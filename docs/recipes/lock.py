#!/usr/bin/env python3
"""A lock, and compare-and-set.   lock.py PORT

A lock is a key with its owner's token and a deadline: who dies gives it back by dying. Only its owner gives it back early:
DELIFEQ (ours, and of later Redis-likes) compares and deletes in one step; without it WATCH does.
"""

import secrets
import sys
import threading
import time

import redis


class Lock:
    def __init__(self, client, name, lifetime_ms=30_000):
        self.client, self.key, self.lifetime_ms = client, "lock:" + name, lifetime_ms
        self.token = secrets.token_hex(16)

    def take(self):
        return bool(self.client.set(self.key, self.token, px=self.lifetime_ms, nx=True))

    def give_back(self):
        """False: it was no longer ours, and whoever has it now keeps it."""
        try:
            return self.client.execute_command("DELIFEQ", self.key, self.token) == 1
        except redis.ResponseError as wrong:
            assert "unknown command" in str(wrong), wrong
            return self.give_back_watching()

    def give_back_watching(self):
        with self.client.pipeline() as pipe:
            pipe.watch(self.key)
            if pipe.get(self.key) != self.token.encode():
                return False
            pipe.multi()
            pipe.delete(self.key)
            try:
                return pipe.execute() == [1]
            except redis.WatchError:
                return False


def count(port, times):
    """Reads, waits, writes: right only if nobody else does at the same time."""
    client = redis.Redis(port=port)
    for _ in range(times):
        lock = Lock(client, "count")
        while not lock.take():
            time.sleep(0.002)
        there = int(client.get("recipe:count") or 0)
        time.sleep(0.001)
        client.set("recipe:count", there + 1)
        assert lock.give_back()


def compare_and_set(client):
    client.set("recipe:config", "old")
    try:
        assert client.execute_command("SET", "recipe:config", "new", "IFEQ", "old") in (True, b"OK")
        assert client.execute_command("SET", "recipe:config", "newer", "IFEQ", "old") is None
    except redis.ResponseError as wrong:
        assert "syntax error" in str(wrong), wrong
        print("this server has no SET IFEQ")
        return
    assert client.get("recipe:config") == b"new"


def main():
    port = int(sys.argv[1])
    client = redis.Redis(port=port, socket_timeout=10)
    client.delete("lock:job", "lock:count", "recipe:count", "recipe:config")
    mine, other = Lock(client, "job", lifetime_ms=200), Lock(client, "job")
    assert mine.take() and not other.take() and not other.give_back()
    time.sleep(0.3)
    assert other.take(), "a lock past its deadline is free"
    assert not mine.give_back() and client.exists("lock:job") and other.give_back() and not client.exists("lock:job")

    threads = [threading.Thread(target=count, args=(port, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert client.get("recipe:count") == b"100"
    compare_and_set(client)
    print("all is well")


main()
