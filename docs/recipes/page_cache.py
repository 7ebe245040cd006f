#!/usr/bin/env python3
"""A page cache.   page_cache.py PORT

Pages end by themselves. Of many who miss one page at once, one makes it and the others wait for it. Pages that tell of one
thing are dropped together when it changes.
"""

import sys
import threading
import time

import redis

MAKING_MS = 5000        # a maker that dies keeps the others waiting no longer


class Pages:
    def __init__(self, client, make, lifetime_ms=60_000):
        self.client, self.make, self.lifetime_ms = client, make, lifetime_ms

    def get(self, path):
        while True:
            page = self.client.get("page:" + path)
            if page is not None:
                return page.decode()
            if not self.client.set("making:" + path, 1, px=MAKING_MS, nx=True):
                time.sleep(0.01)
            elif not self.client.exists("page:" + path):
                return self.fill(path)
            else:
                self.client.delete("making:" + path)    # it was made between our two questions

    def fill(self, path):
        page, tags = self.make(path)
        with self.client.pipeline() as pipe:
            pipe.set("page:" + path, page, px=self.lifetime_ms)
            for tag in tags:
                pipe.sadd("tag:" + tag, path)
            pipe.delete("making:" + path)
            pipe.execute()
        return page

    def get_many(self, paths):
        """All in one answer, of one instant; None where there is none."""
        return [page and page.decode() for page in self.client.mget(["page:" + path for path in paths])]

    def changed(self, tag):
        """Drops every page that tells of it; pages filled from now on are of the new state."""
        with self.client.pipeline() as pipe:
            paths, _ = pipe.smembers("tag:" + tag).delete("tag:" + tag).execute()
        if paths:
            self.client.unlink(*(b"page:" + path for path in paths))
        return len(paths)


def main():
    client = redis.Redis(port=int(sys.argv[1]), socket_timeout=10)
    client.delete("page:/home", "page:/about", "page:/brief", "tag:user:7", "making:/home")
    made = []

    def make(path):
        made.append(path)
        time.sleep(0.05)
        return "<html>%s, %d" % (path, len(made)), ["user:7"] if path != "/about" else []

    pages = Pages(client, make)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(pages.get("/home"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == ["<html>/home, 1"] * 10 and made == ["/home"], (seen, made)
    assert pages.get("/about") == "<html>/about, 2" and 50 < client.ttl("page:/home") <= 60
    assert pages.get_many(["/home", "/nothing", "/about"]) == ["<html>/home, 1", None, "<html>/about, 2"]

    assert pages.changed("user:7") == 1 and pages.changed("user:7") == 0
    assert pages.get("/home") == "<html>/home, 3" and pages.get("/about") == "<html>/about, 2"

    brief = Pages(client, make, lifetime_ms=100)
    assert brief.get("/brief") == brief.get("/brief") == "<html>/brief, 4"
    time.sleep(0.15)
    assert brief.get("/brief") == "<html>/brief, 5"
    print("all is well")


main()
