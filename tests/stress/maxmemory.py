#!/usr/bin/env python3
"""The limit of memory while everything is done to break it: more keys than fit, sizes that shift from 100 B to 10 KB
and back, values growing by APPEND, sorted sets growing, a thousand clients with replies that they do not read, thirty
that ask for all keys and read none, a thousand with requests that they do not end, under the limit alone and under
maxmemory-clients, announcements of what never comes, a mass of keys that fall due at once (their memory has to come back), a limit that is lowered; RSS is looked at all the while.

    tests/stress/maxmemory.py --server "build/release/coatcheckd --port {port} --threads 4" [--limit MB] [--seed N] [--phase NAME …]
        [--sanitized]

Under a sanitizer (--sanitized) memory is the sanitizer's: nothing is held against the limit but that no command is
refused, that the server lives, and what the sanitizer finds.
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

MB = 1 << 20
WITHIN_S = 30  # seconds for what is done in one or two: how fast the machine is, is not looked at


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n" % len(word) + word + b"\r\n")
    return b"".join(parts)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rb")

    def reply(self):
        line = self.file.readline()
        if line[:1] == b"$" and int(line[1:]) >= 0:
            return self.file.read(int(line[1:]) + 2)[:-2]
        if not line:
            raise ConnectionError("closed")
        return line[:-2]

    def ask(self, *words):
        self.socket.sendall(request(*words))
        return self.reply()

    def ask_many(self, requests):
        """Pipelined; the replies that are errors."""
        wrong = []
        for at in range(0, len(requests), 500):
            some = requests[at:at + 500]
            self.socket.sendall(b"".join(some))
            wrong += [reply for reply in (self.reply() for _ in some) if reply[:1] == b"-"]
        return wrong


class Watch(threading.Thread):
    """Looks at RSS and at what the server counts twenty times a second."""

    def __init__(self, pid, port, args):
        super().__init__(daemon=True)
        self.pid, self.client, self.args = pid, Client(port), args
        self.limit, self.most_rss, self.most_used, self.over = args.limit * MB, 0, 0, []
        self.ends = False

    def rss(self):
        with open("/proc/%d/statm" % self.pid) as file:
            return int(file.read().split()[1]) * 4096

    def allowed(self):
        return self.limit * 1.05 + 24 * MB

    def run(self):
        while not self.ends:
            rss = self.rss()
            self.most_rss = max(self.most_rss, rss)
            try:
                info = self.client.ask("INFO", "memory")
            except OSError:
                return  # the end of the server is told elsewhere
            used = int(re.search(rb"used_memory:(\d+)", info).group(1))
            self.most_used = max(self.most_used, used)
            if not self.args.sanitized and rss > self.allowed():
                self.over.append("RSS %.1f MB, %s" % (rss / MB, " ".join(
                    line for line in info.decode().split("\r\n") if line.startswith("allocator_") and "frag" not in line)))
            if not self.args.sanitized and used > self.allowed():
                self.over.append("used_memory %.1f MB" % (used / MB))
            time.sleep(0.05)

    def told(self):
        told = "RSS at most %.1f MB, used_memory %.1f MB" % (self.most_rss / MB, self.most_used / MB)
        self.most_rss = self.most_used = 0
        return told


def at_once(port, count, work):
    """`work(client, number)` on so many threads; what they raise is raised."""
    wrong = []

    def run(number):
        try:
            wrong.extend(work(Client(port), number) or [])
        except Exception as error:  # told below
            wrong.append(repr(error).encode())

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit("wrong: %r" % wrong[:3])


def evicted(port, field=b"evicted_keys"):
    return int(re.search(field + rb":(\d+)", Client(port).ask("INFO", "stats")).group(1))


def more_keys_than_fit(port, args):
    def work(client, number):
        return client.ask_many([request("SET", "few:%d:%d" % (number, i), b"x" * 100)
                                for i in range(args.scale * args.limit * 6000 // 2)])
    at_once(port, 4, work)


def shifting_sizes(port, args):
    def work(client, number):
        dice, wrong = random.Random(args.seed * 100 + number), []
        for size in (100, 10000, 100, 1000, 10000, 100):
            rounds = args.scale * args.limit * MB // 3 // (size + 300)
            for at in range(0, rounds, 500):
                wrong += client.ask_many([request("SET", "shift:%d" % dice.randrange(3000000), b"y" * size)
                                          for _ in range(min(500, rounds - at))])
        return wrong
    at_once(port, 4, work)


def growing_values(port, args):
    def work(client, number):
        dice = random.Random(args.seed * 100 + number)
        return client.ask_many([request("APPEND", "grow:%d" % dice.randrange(2000), b"z" * dice.randrange(4000))
                                for _ in range(args.scale * args.limit * 400)])
    at_once(port, 4, work)


def growing_sorted_sets(port, args):
    def work(client, number):
        dice, wrong = random.Random(args.seed * 100 + number), []
        for _ in range(args.scale * args.limit * 3 // 4):
            wrong += client.ask_many([request("ZADD", "board:%d" % dice.randrange(2000),
                                              *(word for _ in range(20) for word in
                                                (dice.random(), "member:%d" % dice.randrange(10 ** 9))))
                                      for _ in range(500)])
        return wrong
    before = evicted(port)
    at_once(port, 4, work)
    if evicted(port) == before and not args.sanitized:
        raise SystemExit("growing_sorted_sets: never came to the limit")


def crowd(port, args, asker, send):
    """A thousand clients that send what `send(number)` says and read nothing; keys are set meanwhile."""
    clients = []
    for number in range(1000 if not args.sanitized else 100):
        client = socket.create_connection(("127.0.0.1", port))
        client.setblocking(False)
        try:
            client.send(send(number))
        except OSError:
            pass  # it does not take more, or has closed us
        clients.append(client)
        if number % 50 == 0:
            asker.ask_many([request("SET", "beside:%d" % (number * 100 + i), b"b" * 1000) for i in range(100)])
    time.sleep(0.5)
    asker.ask_many([request("SET", "beside:%d" % i, b"b" * 1000) for i in range(10000)])
    return clients


def deaf_clients(port, args):
    """Replies of 2 MB for each, none of which is read."""
    asker = Client(port)
    asker.ask_many([request("SET", "page:%d" % i, b"p" * 10000) for i in range(100)])
    pages = b"".join(request("GET", "page:%d" % (i % 100)) for i in range(200))
    for client in crowd(port, args, asker, lambda number: pages):
        client.close()


ASKED_BYTES = 46       # of a key of those besides its value, by used_memory
ASKED_NAME = b"$18\r\nasked:%012d\r\n"
ASKED_SET = b"*3\r\n$3\r\nSET\r\n" + ASKED_NAME


def set_asked(asker, percent, args):
    """So much of the limit is taken by keys to be asked for, or less. Returns how many there are."""
    count = 20000 if args.sanitized else args.limit * MB * percent // 100 // (ASKED_BYTES + 64) // 5000 * 5000
    value = b"$64\r\n" + b"a" * 64 + b"\r\n"
    for first in range(0, count, 500):
        asker.socket.sendall(b"".join(ASKED_SET % i + value for i in range(first, first + 500)))
        if asker.file.read(5 * 500) != b"+OK\r\n" * 500:
            raise SystemExit("SET of a key to be asked for was refused")
    return count


def all_is_free(client, args):
    """Deletes all keys, and waits until their pages are given back: until then they count against the limit, too."""
    client.ask("FLUSHALL", "SYNC")
    started = time.monotonic()
    while not args.sanitized and figures(client)["used_memory_rss"] > args.limit * MB * 6 // 10:
        if time.monotonic() - started > WITHIN_S:
            raise SystemExit("without keys RSS is %.1f MB" % (figures(client)["used_memory_rss"] / MB))
        time.sleep(0.05)


def answer_of_keys(asker):
    """How many keys it has, when there are none but those; or the error."""
    reply = asker.ask("KEYS", "*")
    if reply[:1] == b"-":
        return reply
    count = int(reply[1:])
    names = asker.file.read(count * len(ASKED_NAME % 0))
    if names.count(ASKED_NAME[:-7]) != count:
        raise SystemExit("KEYS: %d were announced, and came as %r" % (count, names[:100]))
    return count


def one_deaf_asker(port, args):
    """One client asks for all keys and does not read: others that ask and read are answered each time, when half of memory
    is free and when none is, though an answer takes a quarter of the limit, for which keys have to go."""
    for percent in (40, 130):
        asker = Client(port)
        asker.ask("FLUSHALL", "SYNC")
        count = set_asked(asker, percent, args)
        deaf = socket.create_connection(("127.0.0.1", port))
        deaf.sendall(request("KEYS", "*") * 50)
        started = time.monotonic()
        while not re.search(rb" omem=[1-9]\d* .* cmd=keys ", asker.ask("CLIENT", "LIST")):
            if time.monotonic() - started > WITHIN_S:
                raise SystemExit("one_deaf_asker: all of its answers were taken by the kernel")
            time.sleep(0.05)
        for _ in range(5):
            found = answer_of_keys(asker)
            if not isinstance(found, int) or (percent < 100 and found != count):
                raise SystemExit("one_deaf_asker: with %d %% taken KEYS is answered %r" % (percent, found))
        deaf.close()


def deaf_askers(port, args):
    """Thirty clients ask for all keys, again and again, and read nothing: no key is evicted for replies that nobody reads.
    They may take an eighth of the limit, or half of what keys leave free, and a reply or two more. Who reads gets his
    answer, if need be once they have gone. Who is refused is counted."""
    asker = Client(port)
    all_is_free(asker, args)
    count, refused = set_asked(asker, 40, args), evicted(port, b"oom_refusals")
    before, clients, started = evicted(port), [], time.monotonic()
    for _ in range(30):
        clients.append(socket.create_connection(("127.0.0.1", port)))
        clients[-1].sendall(request("KEYS", "*") * 200)
    time.sleep(2)
    wrong = asker.ask_many([request("SET", "asked:%012d" % i, b"b" * 64) for i in range(2000)])
    if wrong or (evicted(port) != before and not args.sanitized):
        raise SystemExit("deaf_askers: %d keys were evicted, wrong: %r, %r" % (evicted(port) - before, wrong[:1],
                                                                               figures(asker)))
    while not args.sanitized and evicted(port, b"oom_refusals") == refused:
        if time.monotonic() - started > WITHIN_S:
            raise SystemExit("deaf_askers: nobody was refused")
        time.sleep(0.05)
    for client in clients:
        client.close()
    started = time.monotonic()
    while True:
        found = answer_of_keys(asker)
        if found == count:
            break
        if isinstance(found, int) or found[:4] != b"-OOM" or time.monotonic() - started > WITHIN_S:
            raise SystemExit("deaf_askers: KEYS is answered %r" % found)


def unending_requests(port, args):
    """A transaction of 10 KB and half a request of 30 KB in each; then maxmemory-clients is set."""
    asker = Client(port)
    half = (request("MULTI") + request("SET", "queued", b"q" * 1000) * 10 + b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n" +
            b"$30000\r\n" + b"h" * 20000)
    asker.ask("CLIENT", "NO-EVICT", "on")
    clients = crowd(port, args, asker, lambda number: half)
    before = evicted(port, b"evicted_clients")
    most = args.limit * MB // 20
    asker.ask("CONFIG", "SET", "maxmemory-clients", most)
    started = time.monotonic()
    while True:
        held = int(re.search(rb"mem_clients_normal:(\d+)", asker.ask("INFO", "memory")).group(1))
        closed = evicted(port, b"evicted_clients") - before
        if held <= most and closed > 0:
            break
        if time.monotonic() - started > WITHIN_S:
            raise SystemExit("unending_requests: clients hold %d bytes, maxmemory-clients is %d, and closed %d" % (
                held, most, closed))
        time.sleep(0.05)
    asker.ask("CONFIG", "SET", "maxmemory-clients", 0)
    for client in clients:
        client.close()


def empty_promises(port, args):
    """Ten clients announce 500 MB each and send a little of it: nothing is evicted for what never comes."""
    asker = Client(port)
    asker.ask("FLUSHALL")
    asker.ask_many([request("SET", "stays:%d" % i, b"s" * 1000) for i in range(args.limit * 300)])
    before, clients = evicted(port), []
    for number in range(10):
        clients.append(socket.create_connection(("127.0.0.1", port)))
        clients[-1].sendall(b"*3\r\n$3\r\nSET\r\n$7\r\npromise\r\n$500000000\r\n" + b"p" * 200000)
    time.sleep(0.5)
    wrong = asker.ask_many([request("SET", "stays:%d" % i, b"t" * 1000) for i in range(args.limit * 100)])
    for client in clients[::2]:
        client.close()
    time.sleep(0.3)
    wrong += asker.ask_many([request("SET", "stays:%d" % i, b"u" * 1000) for i in range(args.limit * 100)])
    if wrong or (evicted(port) != before and not args.sanitized):
        raise SystemExit("empty_promises: %d keys were evicted, wrong: %r" % (evicted(port) - before, wrong[:1]))
    for client in clients[1::2]:
        client.close()


def mass_expiry(port, args):
    def work(client, number):
        return client.ask_many([request("SET", "brief:%d:%d" % (number, i), b"e" * 100, "PX", 1500)
                                for i in range(args.scale * args.limit * 500)])
    Client(port).ask("FLUSHALL")
    at_once(port, 4, work)
    started = time.monotonic()
    while True:
        info = Client(port).ask("INFO", "memory")
        used, rss = (int(re.search(field + rb":(\d+)", info).group(1)) for field in (b"used_memory", b"used_memory_rss"))
        if rss < args.limit * MB // 4 + 24 * MB or args.sanitized:
            break
        if time.monotonic() - started > WITHIN_S:
            raise SystemExit("mass_expiry: %d s later RSS is %.1f MB, used_memory %.1f MB" % (WITHIN_S, rss / MB, used / MB))
        time.sleep(0.05)
    more_keys_than_fit(port, args)


def figures(client):
    return {name.decode(): int(value) for name, value in re.findall(rb"(\w+):(\d+)\r\n", client.ask("INFO", "memory"))}


def of_any_kind(dice):
    """One request of those that make, change and end keys of all types."""
    size = int(10 * 1600 ** dice.random())
    number = int(5000 * dice.random() ** 2)
    member = "member:%d" % dice.randrange(3000)
    return request(*dice.choice((
        ("SET", "string:%d" % dice.randrange(200000), b"s" * size),
        ("SET", "string:%d" % dice.randrange(200000), b"s" * size),
        ("SET", "brief:%d" % number, b"b" * size, "PX", dice.randrange(1, 3000)),
        ("APPEND", "grown:%d" % number, b"a" * (size // 8 + 1)), ("SETRANGE", "grown:%d" % number, size, "r"),
        ("HSET", "hash:%d" % number, member, b"h" * (size // 20)), ("HSET", "hash:%d" % number, member, "short"),
        ("HDEL", "hash:%d" % number, member), ("HINCRBY", "counts:%d" % number, member, 1),
        ("ZADD", "board:%d" % number, dice.random(), member), ("ZREM", "board:%d" % number, member),
        ("ZREMRANGEBYRANK", "board:%d" % number, 0, 0), ("SADD", "set:%d" % number, member, "m" * (size // 50 + 1)),
        ("SPOP", "set:%d" % number), ("SADD", "numbers:%d" % number, dice.randrange(10 ** 6)),
        ("RPUSH", "list:%d" % number, b"l" * (size // 4)), ("LPOP", "list:%d" % number), ("LTRIM", "list:%d" % number, 0, 50),
        ("SETBIT", "bits:%d" % number, dice.randrange(100000), 1), ("PFADD", "guess:%d" % number, member),
        ("PEXPIRE", "%s:%d" % (dice.choice(("string", "hash", "board", "set", "list")), number), dice.randrange(3000)),
        ("PERSIST", "string:%d" % number), ("COPY", "hash:%d" % number, "copy:%d" % number, "REPLACE"),
        ("RENAME", "copy:%d" % number, "other:%d" % number), ("UNLINK", "board:%d" % number))))


def add_up(client):
    """What INFO says that keys take, and the sum of what MEMORY USAGE says of each."""
    used, cursor, names = 0, b"0", []
    while True:
        client.ask("SCAN", cursor, "COUNT", 1000)  # the answer is two: the cursor, and the names
        cursor, count = client.reply(), int(client.reply()[1:])
        names += [client.reply() for _ in range(count)]
        if cursor == b"0":
            break
    names = list(set(names))
    for at in range(0, len(names), 500):
        some = names[at:at + 500]
        client.socket.sendall(b"".join(request("MEMORY", "USAGE", name) for name in some))
        for reply in [client.reply() for _ in some]:
            used += int(reply[1:]) if reply[:1] == b":" else 0
    told = figures(client)
    return told["used_memory_dataset"], used, len(names)


def accounts(port, args):
    """Everything is done to keys of all types at the limit. Meanwhile the parts that INFO tells are the whole; afterwards what
    is left of the whole for keys is the sum of what they take, each by itself: within 1 %, and 1 MB for each thread of the
    server and one more, since what the allocator keeps ready for a thread is in the whole and no key's."""
    done = threading.Event()

    def work(client, number):
        dice = random.Random(args.seed * 100 + number)
        for _ in range(args.scale * (args.limit if not args.sanitized else 5)):
            wrong = [reply for reply in client.ask_many([of_any_kind(dice) for _ in range(500)])
                     if reply != b"-ERR no such key"]
            if wrong:
                return wrong
        return []

    def watch():
        client = Client(port)
        while not done.wait(0.1):
            told = figures(client)
            parts = (told["used_memory_startup"] + told["mem_clients_normal"] + told["mem_tables"], told["used_memory_overhead"])
            if parts[0] != parts[1] or parts[1] + told["used_memory_dataset"] != told["used_memory"]:
                broken.append(told)

    broken, watcher = [], threading.Thread(target=watch)
    watcher.start()
    try:
        at_once(port, 4, work)
    finally:
        done.set()
        watcher.join()
    if broken:
        raise SystemExit("accounts: parts are not the whole: %r" % broken[0])
    client = Client(port)
    client.ask("CONFIG", "SET", "maxmemory", 2 * args.limit * MB)  # or the asking would have keys evicted
    client.ask("CONFIG", "GET", "threads")
    client.reply()
    threads, started = int(client.reply()), time.monotonic()
    while True:
        # Keys that fall due meanwhile, and what is freed in slices, are in one of the two.
        dataset, keys, count = add_up(client)
        apart, bound = abs(dataset - keys), keys // 100 + (threads + 1) * MB
        if apart <= bound or args.sanitized or time.monotonic() - started > WITHIN_S:
            break
        time.sleep(0.2)
    print("accounts: %d keys take %d bytes each by itself, %d by what is left of the whole" % (count, keys, dataset))
    if apart > bound and not args.sanitized:
        raise SystemExit("accounts: used_memory_dataset and the sum of MEMORY USAGE are %d bytes apart, allowed are %d" % (
            apart, bound))
    client.ask("CONFIG", "SET", "maxmemory", args.limit * MB)


PHASES = [more_keys_than_fit, shifting_sizes, growing_values, growing_sorted_sets, deaf_clients,
          one_deaf_asker, deaf_askers, unending_requests, empty_promises, accounts, mass_expiry]


def member(dice):
    return "member:%d" % dice.randrange(10 ** 9)


# Of twenty elements each; how many keys there are, and so how long they grow, is drawn by the seed.
CONTAINERS = {
    "strings": lambda key, dice: request("SET", key, b"s" * dice.choice([10, 100, 300, 1000])),
    "sorted sets": lambda key, dice: request("ZADD", key, *(word for _ in range(20) for word in (dice.random(), member(dice)))),
    "sets": lambda key, dice: request("SADD", key, *(member(dice) for _ in range(20))),
    "lists": lambda key, dice: request("RPUSH", key, *(member(dice) for _ in range(20))),
    "hashes": lambda key, dice: request("HSET", key, *(member(dice) for _ in range(40))),
}


def fill(port, words, args):
    """Until memory is full, and some keys have been evicted."""
    dice = random.Random(args.seed)
    keys = dice.choice([300, 3000, 30000]) if words is not CONTAINERS["strings"] else 10 ** 6
    before = evicted(port)

    def work(client, number):
        dice, wrong = random.Random(args.seed * 100 + number), []
        for _ in range(1000 if not args.sanitized else 4):
            wrong += client.ask_many([words("full:%d" % dice.randrange(keys), dice) for _ in range(500)])
            if evicted(port) > before + keys // 100 or wrong:
                break
        return wrong
    at_once(port, 4, work)


def lower_the_limit(port, watch, args):
    """RSS follows a limit of half as much, whatever memory is full of; and keys are not evicted that would have fitted, once
    those that stay are moved together."""
    client, half = Client(port), args.limit * MB // 2
    for name, words in CONTAINERS.items():
        client.ask("CONFIG", "SET", "maxmemory", args.limit * MB)
        client.ask("FLUSHALL", "SYNC")
        fill(port, words, args)
        full = figures(client)["used_memory"]
        client.ask("CONFIG", "SET", "maxmemory", half)
        started = time.monotonic()
        while watch.rss() > half * 1.05 + 24 * MB and not args.sanitized:
            if time.monotonic() - started > WITHIN_S:
                raise SystemExit("lower_the_limit: full of %s, RSS did not follow within %d s: %.1f MB, %r" %
                                 (name, WITHIN_S, watch.rss() / MB, figures(client)))
            time.sleep(0.05)
        within = time.monotonic() - started
        time.sleep(1)
        rss, used = watch.rss(), figures(client)["used_memory"]
        print("lower_the_limit: full of %s, %.1f MB, RSS followed within %.1f s, is %.1f MB, used_memory %.1f MB" %
              (name, full / MB, within, rss / MB, used / MB), flush=True)
        if args.sanitized:
            continue
        if rss > half * 1.05 + 24 * MB:
            raise SystemExit("lower_the_limit: full of %s, RSS rose again to %.1f MB" % (name, rss / MB))
        if used < half * 6 // 10:
            raise SystemExit("lower_the_limit: full of %s, only %.1f MB of %.1f stayed" % (name, used / MB, half / MB))


def refuse_without_eviction(port, args):
    client = Client(port)
    client.ask("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")
    client.ask("SET", "kept", "v")
    client.ask("CONFIG", "SET", "maxmemory", args.limit * MB // 2)
    for i in range(1000000):
        reply = client.ask("SET", "more:%d" % i, b"m" * 10000)
        if reply[:1] == b"-":
            break
    if reply != b"-OOM command not allowed when used memory > 'maxmemory'.":
        raise SystemExit("noeviction: %r" % reply)
    if client.ask("GET", "kept") != b"v" or client.ask("DEL", "kept") != b":1":
        raise SystemExit("noeviction: reading and deleting must go on")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--limit", type=int, default=100, help="MB")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phase", action="append", choices=[phase.__name__ for phase in PHASES],
                        help="these instead of all")
    parser.add_argument("--sanitized", action="store_true")
    args = parser.parse_args()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = shlex.split(args.server.format(port=port)) + ["--maxmemory", "%dmb" % args.limit, "--maxmemory-policy",
                                                          "allkeys-lru"]
    # What a sanitizer finds is to be seen.
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL,
                              stderr=None if args.sanitized else subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                Client(port).ask("PING")
                break
            except OSError:
                time.sleep(0.05)
        watch = Watch(server.pid, port, args)
        watch.start()
        for phase in [phase for phase in PHASES if not args.phase or phase.__name__ in args.phase]:
            started = time.monotonic()
            phase(port, args)
            print("%s: %.1f s, %s" % (phase.__name__, time.monotonic() - started, watch.told()), flush=True)
            if watch.over:
                raise SystemExit("above the limit %d times in %s, at first %s; allowed are %.1f MB" %
                                 (len(watch.over), phase.__name__, watch.over[0], watch.allowed() / MB))
        watch.ends = True
        watch.join()
        lower_the_limit(port, watch, args)
        refuse_without_eviction(port, args)
        if server.poll() is not None:
            raise SystemExit("the server has ended: %s" % server.returncode)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
    if server.returncode != 0:
        sys.exit("the server ended with %s" % server.returncode)
    print("OK")


if __name__ == "__main__":
    main()
