#!/usr/bin/env python3
"""Programs that listen, as people write them on python3-redis.   subscribe.py PORT"""

import asyncio
import sys
import threading
import time

import redis
import redis.asyncio
from redis.connection import PythonParser

MESSAGES = 300


def until(holds, what, seconds=20):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.005)


def look(pubsub):
    """What a listener's loop does: a connection that broke is made anew by the next look."""
    try:
        return pubsub.get_message(timeout=0.05)
    except redis.ConnectionError:
        return None


def next_of(pubsub, kind):
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        message = pubsub.get_message(timeout=1)
        if message and message["type"] == kind:
            return message
    raise AssertionError("no %s came" % kind)


def words(client):
    pubsub = client.pubsub()
    pubsub.subscribe("coats", "hats")
    pubsub.psubscribe("co*", "h?ts")
    told = [pubsub.get_message(timeout=5) for _ in range(4)]
    assert [(one["type"], one["channel"], one["data"]) for one in told] == [
        ("subscribe", b"coats", 1), ("subscribe", b"hats", 2), ("psubscribe", b"co*", 3), ("psubscribe", b"h?ts", 4)], told
    assert client.publish("coats", b"\x00\r\n\xff") == 2 and client.publish("nobody", "x") == 0
    assert pubsub.get_message(timeout=5) == {"type": "message", "pattern": None, "channel": b"coats", "data": b"\x00\r\n\xff"}
    assert pubsub.get_message(timeout=5) == {"type": "pmessage", "pattern": b"co*", "channel": b"coats",
                                             "data": b"\x00\r\n\xff"}
    assert sorted(client.pubsub_channels()) == [b"coats", b"hats"] and client.pubsub_channels("h*") == [b"hats"]
    assert client.pubsub_numsub("coats", "none") == [(b"coats", 1), (b"none", 0)] and client.pubsub_numpat() == 2
    pubsub.ping("are you there")
    assert next_of(pubsub, "pong")["data"] == b"are you there"
    pubsub.unsubscribe()
    pubsub.punsubscribe("co*")
    assert next_of(pubsub, "punsubscribe")["data"] == 1
    pubsub.close()
    until(lambda: client.pubsub_channels() == [] and client.pubsub_numpat() == 0, "it still listens")


def threads(client):
    """Three threads publish, two listen with handlers of their own: each publisher's messages come in order."""
    heard = {"by name": [], "by pattern": []}
    listeners, running = [], []
    for kind in heard:
        one = client.pubsub(ignore_subscribe_messages=True)
        note = lambda message, kind=kind: heard[kind].append(message["data"])  # noqa: E731
        if kind == "by name":
            one.subscribe(**{"room:%d" % n: note for n in range(3)})
        else:
            one.psubscribe(**{"room:*": note})
        listeners.append(one)
        running.append(one.run_in_thread(sleep_time=0.05, daemon=True))
    until(lambda: client.pubsub_numsub("room:2") == [(b"room:2", 1)] and client.pubsub_numpat() == 1, "nobody listens")

    def publish(n):
        for i in range(MESSAGES):
            assert client.publish("room:%d" % n, "%d %d" % (n, i)) == 2
    publishers = [threading.Thread(target=publish, args=(n,)) for n in range(3)]
    for one in publishers:
        one.start()
    for one in publishers:
        one.join()
    for kind, said in heard.items():
        until(lambda: len(said) >= 3 * MESSAGES, "%s: %d heard" % (kind, len(said)))
        for n in range(3):
            assert [one for one in said if one.startswith(b"%d " % n)] == [b"%d %d" % (n, i) for i in range(MESSAGES)]
    for one in running:
        one.stop()
    for one in running:
        one.join(10)
        assert not one.is_alive()


def comes_back(client):
    """The server closes the connection: the listener connects again and listens to what it listened to."""
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("news")
    pubsub.psubscribe("n*s")
    until(lambda: client.publish("news", "before") == 2 or pubsub.get_message(), "nobody listens")
    assert next_of(pubsub, "message")["data"] == b"before"
    for n in range(5):
        assert client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == 1
        limit = time.monotonic() + 20
        until(lambda: client.pubsub_numpat() == 0, "it still listens")
        while not (client.pubsub_numpat() and client.pubsub_numsub("news") == [(b"news", 1)]):
            assert time.monotonic() < limit, "it does not come back"
            look(pubsub)
        assert client.publish("news", "after %d" % n) == 2
        assert next_of(pubsub, "message")["data"] == b"after %d" % n
    pubsub.close()


def events(client):
    before = client.config_get("notify-keyspace-events")["notify-keyspace-events"]
    client.config_set("notify-keyspace-events", "KEA")
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.psubscribe("__keyspace@0__:coat")
    pubsub.get_message(timeout=5)
    client.set("coat", "warm", px=30)
    assert [next_of(pubsub, "pmessage")["data"] for _ in range(3)] == [b"set", b"expire", b"expired"]
    pubsub.close()
    client.config_set("notify-keyspace-events", before)


async def asynchronous(port):
    client = redis.asyncio.Redis(port=port, decode_responses=True)
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("coats")
        await pubsub.psubscribe("ha*")
        heard = []

        async def listen():
            async for message in pubsub.listen():
                if message["data"] == "end":
                    return
                heard.append((message["type"], message["channel"], message["data"]))
        task = asyncio.create_task(listen())
        while await client.pubsub_numpat() == 0:
            await asyncio.sleep(0.01)
        counts = await asyncio.gather(*(client.publish("coats", n) for n in range(MESSAGES)))
        assert counts == [1] * MESSAGES, counts
        assert await client.publish("hats", "ü") == 1
        assert await client.publish("coats", "end") == 1
        await asyncio.wait_for(task, 20)
        assert heard[:2] == [("subscribe", "coats", 1), ("psubscribe", "ha*", 2)]
        assert sorted(heard[2:-1]) == sorted(("message", "coats", str(n)) for n in range(MESSAGES))
        assert heard[-1] == ("pmessage", "hats", "ü")
        assert await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == 1
        limit = time.monotonic() + 20
        while await client.pubsub_numpat() > 0:      # nobody reads, so it does not come back before the next look
            assert time.monotonic() < limit, "it still listens"
            await asyncio.sleep(0.01)
        while await client.publish("coats", "again") == 0:
            assert time.monotonic() < limit, "it does not come back"
            try:
                await pubsub.get_message(timeout=0.05)
            except redis.ConnectionError:
                pass
        while (message := await pubsub.get_message(timeout=1)) is None or message["type"] != "message":
            assert time.monotonic() < limit, "it does not hear again"
        assert message["data"] == "again"
        await pubsub.unsubscribe()
    await client.close()


def main():
    port = int(sys.argv[1])
    redis.Redis(port=port).flushall()
    for parser in {PythonParser, redis.connection.DefaultParser}:
        pool = redis.ConnectionPool(port=port, parser_class=parser)
        client = redis.Redis(connection_pool=pool)
        words(client)
        threads(client)
        comes_back(client)
        events(client)
        pool.disconnect()
    asyncio.run(asynchronous(port))
    print("all is well")


if __name__ == "__main__":
    main()
