#!/usr/bin/env python3
"""A rate limiter.   rate_limiter.py PORT

By a fixed window: a counter that ends with its minute; the cheapest, but around the full minute somebody may ask twice as
often. By a sliding one: the times of the last requests, exact and as large as the limit.
"""

import sys
import time

import redis


class FixedWindow:
    def __init__(self, client, limit, window_ms=60_000):
        self.client, self.limit, self.window_ms = client, limit, window_ms

    def allow(self, who):
        """In one round trip. Only the first request sets the deadline, so that asking on does not put it off."""
        key = "rate:" + who
        with self.client.pipeline(transaction=False) as pipe:
            _, count = pipe.set(key, 0, px=self.window_ms, nx=True).incr(key).execute()
        return count <= self.limit

    def wait_ms(self, who):
        """How long until the counter is gone."""
        return max(0, self.client.pttl("rate:" + who))


class SlidingWindow:
    def __init__(self, client, limit, window_ms=60_000):
        self.client, self.limit, self.window_ms = client, limit, window_ms
        self.asked = 0

    def allow(self, who):
        """Requests that are refused count as well: who keeps hammering stays out."""
        key, now = "slide:" + who, time.time()
        self.asked += 1
        with self.client.pipeline() as pipe:
            pipe.zremrangebyscore(key, "-inf", "(%.6f" % (now - self.window_ms / 1000))
            pipe.zadd(key, {"%.6f:%d" % (now, self.asked): now}).zcard(key)
            pipe.zremrangebyrank(key, 0, -self.limit - 2).pexpire(key, self.window_ms)
            count = pipe.execute()[2]
        return count <= self.limit


def main():
    client = redis.Redis(port=int(sys.argv[1]), socket_timeout=10)
    client.delete("rate:ann", "rate:bob", "slide:ann")

    fixed = FixedWindow(client, limit=5, window_ms=400)
    begun = time.monotonic()
    assert [fixed.allow("ann") for _ in range(8)] == [True] * 5 + [False] * 3
    assert fixed.allow("bob") and 0 < fixed.wait_ms("ann") <= 400
    while not fixed.allow("ann"):
        time.sleep(0.02)
    assert time.monotonic() - begun >= 0.39, "the counter ended too early"

    sliding = SlidingWindow(client, limit=3, window_ms=300)
    assert [sliding.allow("ann") for _ in range(4)] == [True] * 3 + [False]
    assert client.zcard("slide:ann") == 4
    time.sleep(0.35)
    assert sliding.allow("ann") and client.zcard("slide:ann") == 1
    time.sleep(0.35)
    assert client.exists("slide:ann") == 0
    print("all is well")


main()
