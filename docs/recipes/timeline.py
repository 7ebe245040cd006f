#!/usr/bin/env python3
"""A timeline, and a queue.   timeline.py PORT

What somebody's friends write stands in a list of that reader's own, the newest first and no more than a thousand. Jobs wait
in a list for workers, who wait for jobs; a job is not lost when its worker dies.
"""

import sys
import threading

import redis

KEPT = 1000
WORKERS, JOBS = 3, 200


def publish(client, author, text):
    """To all who follow the author; in one transaction, so that nobody sees half of it."""
    post = client.incr("recipe:posts")
    readers = client.smembers("recipe:followers:" + author)
    with client.pipeline() as pipe:
        pipe.hset("recipe:post:%d" % post, mapping={"author": author, "text": text})
        for reader in readers:
            key = b"recipe:timeline:" + reader
            pipe.lpush(key, post).ltrim(key, 0, KEPT - 1)
        pipe.execute()
    return post


def page(client, reader, first, count):
    posts = client.lrange("recipe:timeline:" + reader, first, first + count - 1)
    with client.pipeline(transaction=False) as pipe:
        for post in posts:
            pipe.hget(b"recipe:post:" + post, "text")
        return [text.decode() for text in pipe.execute()]


def timelines(client):
    client.sadd("recipe:followers:ann", "bob", "cleo")
    client.sadd("recipe:followers:bob", "cleo")
    for n in range(KEPT // 2 + 100):
        publish(client, "ann", "ann's %d" % n)
        publish(client, "bob", "bob's %d" % n)
    last = KEPT // 2 + 99
    assert page(client, "cleo", 0, 3) == ["bob's %d" % last, "ann's %d" % last, "bob's %d" % (last - 1)]
    assert page(client, "cleo", 50, 50) == [text % n for n in range(last - 25, last - 50, -1) for text in ("bob's %d", "ann's %d")]
    assert client.llen("recipe:timeline:cleo") == KEPT and client.llen("recipe:timeline:bob") == KEPT // 2 + 100


def work(port, name, done, dies_after):
    """Takes jobs until there are none for a second. What is in work stands in a list of the worker's own."""
    client, own = redis.Redis(port=port), "recipe:working:" + name
    while True:
        job = client.blmove("recipe:jobs", own, 1, "RIGHT", "LEFT")
        if job is None:
            return
        if len(done) == dies_after:
            return                              # as if the process had been killed
        done.append(job)
        client.lrem(own, 1, job)


def give_back(client, name):
    """What a worker that is gone had in work goes to the front of the queue again."""
    moved = 0
    while client.lmove("recipe:working:" + name, "recipe:jobs", "RIGHT", "RIGHT") is not None:
        moved += 1
    return moved


def queue(client, port):
    done = {"one": [], "two": [], "three": []}
    threads = [threading.Thread(target=work, args=(port, name, jobs, 5 if name == "one" else -1))
               for name, jobs in done.items()]
    for thread in threads:
        thread.start()
    for n in range(JOBS):
        client.lpush("recipe:jobs", "job:%d" % n)
    threads[0].join(10)
    assert give_back(client, "one") == 1
    for thread in threads:
        thread.join(10)
    assert sorted(sum(done.values(), [])) == sorted(b"job:%d" % n for n in range(JOBS))
    assert not client.exists("recipe:jobs", *("recipe:working:" + name for name in done))


def main():
    port = int(sys.argv[1])
    client = redis.Redis(port=port, socket_timeout=10)
    for key in client.scan_iter("recipe:*", count=1000):
        client.unlink(key)
    timelines(client)
    queue(client, port)
    print("all is well")


main()
