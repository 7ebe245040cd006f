#!/usr/bin/env python3
"""A long time at the limit under mixed load, RSS looked at each second: strings of 50 B to 16 KB with and without a
deadline as a cache is used (SET of what GET did not find), APPEND, hashes, sorted sets, lists, deletes, and sizes that
shift every few minutes.

    nice tests/stress/soak.py --server "build/release/coatcheckd --port {port} --threads 2" [--minutes 20]
                              [--limit MB] [--rate REQUESTS_A_SECOND] [--csv FILE]

Says each minute, and at the end, what RSS was at least, in the middle and at most, and fails when it was once above
maxmemory x 1.05 + 24 MB, when a command was refused, or when the last quarter took 5 % more than the second: then
something leaks. With --csv each second's figures are written down.
"""
import argparse
import random
import re
import shlex
import socket
import subprocess
import sys
import threading
import time

from maxmemory import MB, Client, request

BATCH = 50


class Load(threading.Thread):
    """Requests in batches of BATCH, so many a second."""

    def __init__(self, port, number, rate):
        super().__init__(daemon=True)
        self.client, self.dice, self.rate = Client(port), random.Random(number), rate
        self.ends, self.asked, self.wrong, self.began = False, 0, [], time.monotonic()

    def size(self):
        # Every other five minutes nearly all values are small.
        small = int((time.monotonic() - self.began) // 300) % 2
        return int(50 * (6 if small else 320) ** self.dice.random())

    def key(self, kind):
        return "%s:%d" % (kind, int(400000 * self.dice.random() ** 3))

    def one(self):
        dice = self.dice.random()
        if dice < 0.03:
            return request("APPEND", self.key("grow"), b"g" * self.dice.randrange(100))
        if dice < 0.08:
            return request("HSET", "hash:%d" % self.dice.randrange(20000), "f%d" % self.dice.randrange(100), b"h" * 30)
        if dice < 0.13:
            return request("ZADD", "board:%d" % self.dice.randrange(5000), dice, "member:%d" % self.dice.randrange(10000))
        if dice < 0.16:
            return request("RPUSH", "list:%d" % self.dice.randrange(5000), b"l" * 50)
        if dice < 0.18:
            return request("DEL", self.key("key"))
        if dice < 0.24:
            return request("SET", self.key("brief"), b"b" * self.size(), "EX", self.dice.randrange(1, 120))
        return None

    def batch(self):
        keys, requests = [], []
        for _ in range(BATCH):
            other = self.one()
            key = None if other else self.key("key")
            requests.append(other or request("GET", key))
            keys.append(key)
        self.client.socket.sendall(b"".join(requests))
        replies = [self.client.reply() for _ in requests]
        self.wrong += [reply for reply in replies if reply[:1] == b"-" and len(reply) < 200]
        absent = [key for key, reply in zip(keys, replies) if key and reply == b"$-1"]
        self.wrong += self.client.ask_many([request("SET", key, b"k" * self.size()) for key in absent])
        return len(requests) + len(absent)

    def run(self):
        while not self.ends:
            try:
                self.asked += self.batch()
            except OSError as error:
                if not self.ends:
                    self.wrong.append(repr(error).encode())
                return
            ahead = self.asked / self.rate - (time.monotonic() - self.began)
            if ahead > 0:
                time.sleep(ahead)


def info(client):
    text = client.ask("INFO", "memory") + client.ask("INFO", "stats")
    return {name.decode(): int(value) for name, value in re.findall(rb"(\w+):(\d+)\r\n", text)}


def told(samples):
    rss = sorted(rss for rss, _ in samples)
    return "RSS %.1f … %.1f … %.1f MB, used_memory at most %.1f MB" % (
        rss[0] / MB, rss[len(rss) // 2] / MB, rss[-1] / MB, max(used for _, used in samples) / MB)


def watch(server, port, loads, args):
    client, samples, allowed = Client(port), [], args.limit * MB * 1.05 + 24 * MB
    csv = open(args.csv, "w") if args.csv else None
    began = time.monotonic()
    while time.monotonic() - began < args.minutes * 60:
        time.sleep(max(0, began + len(samples) + 1 - time.monotonic()))
        with open("/proc/%d/statm" % server.pid) as file:
            rss = int(file.read().split()[1]) * 4096
        figures = info(client)
        samples.append((rss, figures["used_memory"]))
        if csv:
            csv.write("%d,%d,%d,%d\n" % (len(samples), rss, figures["used_memory"], figures["evicted_keys"]))
        if rss > allowed:
            sys.exit("second %d: RSS %.1f MB, allowed are %.1f MB" % (len(samples), rss / MB, allowed / MB))
        wrong = [reply for load in loads for reply in load.wrong]
        if wrong or server.poll() is not None:
            sys.exit("second %d: %s" % (len(samples), wrong[:3] or "the server has ended"))
        if len(samples) % 60 == 0:
            print("minute %d: %s, %d keys evicted" % (len(samples) // 60, told(samples[-60:]),
                                                      figures["evicted_keys"]), flush=True)
    return samples, figures


def judge(samples, figures, loads):
    quarter = len(samples) // 4
    second, last = samples[quarter:2 * quarter], samples[3 * quarter:]
    print("all: %s; %d requests, %d keys evicted, %d expired, %.1f %% hits" %
          (told(samples), sum(load.asked for load in loads), figures["evicted_keys"], figures["expired_keys"],
           100 * figures["keyspace_hits"] / max(1, figures["keyspace_hits"] + figures["keyspace_misses"])))
    if figures["evicted_keys"] == 0:
        sys.exit("never came to the limit")
    if max(rss for rss, _ in last) > 1.05 * max(rss for rss, _ in second):
        sys.exit("RSS grows: second quarter %s; last %s" % (told(second), told(last)))
    print("OK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--limit", type=int, default=60, help="MB")
    parser.add_argument("--rate", type=int, default=3000)
    parser.add_argument("--csv")
    args = parser.parse_args()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(shlex.split(args.server.format(port=port)) +
                              ["--maxmemory", "%dmb" % args.limit, "--maxmemory-policy", "allkeys-lru"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        loads = [Load(port, number, args.rate / 2) for number in range(2)]
        for load in loads:
            load.start()
        samples, figures = watch(server, port, loads, args)
        for load in loads:
            load.ends = True
        for load in loads:
            load.join()
        judge(samples, figures, loads)
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
