#!/usr/bin/env python3
"""Transactions, queues and what else an application keeps, on python3-redis.   python_structures.py PORT"""

import random
import sys
import threading

import redis

ACCOUNTS, MOVERS, MOVES = 8, 4, 150
WORKERS, JOBS = 4, 400


def transactions(client):
    with client.pipeline() as pipe:
        answers = pipe.set("a", 1).incr("a", 4).lpush("l", "x", "y").hset("h", mapping={"f": 1, "g": 2}).sadd("s", "m").execute()
    assert answers == [True, 5, 2, 2, 1], answers
    with client.pipeline() as pipe:
        pipe.incr("a").lpush("a", "no list").incr("a")
        first, wrong, last = pipe.execute(raise_on_error=False)
    assert (first, last) == (6, 7) and isinstance(wrong, redis.ResponseError) and "WRONGTYPE" in str(wrong)
    with client.pipeline() as pipe:
        pipe.incr("a").execute_command("INCR")
        try:
            pipe.execute()
        except redis.ResponseError as wrong:
            assert "wrong number of arguments" in str(wrong), wrong
        else:
            raise AssertionError("a transaction with a broken command was executed")
    assert client.get("a") == b"7"


def watched(client, port):
    other = redis.Redis(port=port)
    with client.pipeline() as pipe:
        pipe.watch("a")
        other.incr("a")
        pipe.multi()
        pipe.set("a", "lost")
        try:
            pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("a change of a watched key went unnoticed")
    assert client.get("a") == b"8"
    assert client.transaction(lambda pipe: (pipe.multi(), pipe.incr("a")), "a") == [9]


def mover(port, seed, tries):
    client, dice = redis.Redis(port=port), random.Random(seed)

    def move(pipe):
        source, target = dice.sample(range(ACCOUNTS), 2)
        there = int(pipe.hget("account:%d" % source, "money"))
        amount = dice.randrange(there + 1)
        tries[seed] += 1
        pipe.multi()
        pipe.hincrby("account:%d" % source, "money", -amount)
        pipe.hincrby("account:%d" % target, "money", amount)

    for _ in range(MOVES):
        client.transaction(move, *("account:%d" % n for n in range(ACCOUNTS)))


def together(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"


def money(client, port):
    """Optimistic locking as people write it: read, think, write if nobody was faster, else again."""
    tries = [0] * MOVERS
    for n in range(ACCOUNTS):
        client.hset("account:%d" % n, "money", 100)
    together([threading.Thread(target=mover, args=(port, n, tries)) for n in range(MOVERS)])
    left = [int(client.hget("account:%d" % n, "money")) for n in range(ACCOUNTS)]
    assert sum(left) == 100 * ACCOUNTS and min(left) >= 0, left
    assert sum(tries) >= MOVERS * MOVES


def worker(port, done):
    client = redis.Redis(port=port)
    while True:
        job = client.blmove("jobs", "working", 5, "RIGHT", "LEFT")
        if job in (None, b"end"):
            return
        done.append(job)
        assert client.lrem("working", 1, job) == 1


def queues(client, port):
    """Jobs that nobody loses: each moves to a list of those in work, and from there when it is done."""
    done = [[] for _ in range(WORKERS)]
    threads = [threading.Thread(target=worker, args=(port, each)) for each in done]
    for thread in threads:
        thread.start()
    for n in range(JOBS):
        client.lpush("jobs", "job:%d" % n)
    client.lpush("jobs", *["end"] * WORKERS)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a worker hangs"
    assert sorted(sum(done, [])) == sorted(b"job:%d" % n for n in range(JOBS))
    assert client.lrange("working", 0, -1) == [b"end"] * WORKERS and client.llen("jobs") == 0
    assert client.brpop(["jobs", "more"], timeout=1) is None
    client.rpush("more", "x")
    assert client.blpop(["jobs", "more"], timeout=1) == (b"more", b"x")
    client.zadd("due", {"first": 1, "second": 2})
    assert client.bzpopmin("due", timeout=1) == (b"due", b"first", 1.0)


def structures(client):
    client.hset("user", mapping={"name": "ann", "visits": 1, "score": 1.5})
    assert client.hincrby("user", "visits", 2) == 3 and client.hincrbyfloat("user", "score", 0.25) == 1.75
    assert client.hgetall("user") == {b"name": b"ann", b"visits": b"3", b"score": b"1.75"}
    assert client.hmget("user", "name", "none") == [b"ann", None] and client.hsetnx("user", "name", "bob") == 0
    assert dict(client.hscan_iter("user")) == client.hgetall("user")
    client.rpush("numbers", *range(1000))
    assert client.lrange("numbers", -3, -1) == [b"997", b"998", b"999"] and client.lpos("numbers", 500) == 500
    assert client.linsert("numbers", "BEFORE", 500, "here") == 1001 and client.lindex("numbers", 500) == b"here"
    assert client.ltrim("numbers", 0, 9) and client.llen("numbers") == 10
    client.sadd("ann", *range(0, 600))
    client.sadd("bob", *range(300, 900))
    assert client.sinter("ann", "bob") == {b"%d" % n for n in range(300, 600)}
    assert client.sunionstore("both", "ann", "bob") == 900 and client.sdiffstore("only", "ann", "bob") == 300
    assert client.smismember("both", [0, 899, 900]) == [1, 1, 0]
    assert set(client.sscan_iter("both", count=50)) == client.smembers("both")
    taken = client.spop("both", 100)
    assert len(taken) == 100 and client.scard("both") == 800 and not any(client.smismember("both", taken))


def main():
    port = int(sys.argv[1])
    client = redis.Redis(port=port, socket_timeout=30)
    client.flushall()
    transactions(client)
    watched(client, port)
    money(client, port)
    queues(client, port)
    structures(client)
    print("all is well")


main()
