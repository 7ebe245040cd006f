#!/usr/bin/env python3
"""Messages under load: everything comes once, in order, neither too early nor too late, and a client that does not
read harms nobody but itself.

  tests/stress/pubsub.py [--server COMMAND] [--seconds 6] [--listeners 200] [--seed N] [--sanitized] [NAME ...]

order   Publishers on connections of their own pipeline messages to a few channels. Listeners come and go, join and
        leave channels and overlapping patterns. For every subscription the messages of each publisher are those that
        were published while it stood: none that were answered before it was asked for, none missing between its
        answer and its end, each once, in their order. The numbers that PUBLISH answered add up to what was heard, but for
        those that come or go at the very moment.
leave   The same, with listeners whose connections break in the middle.
mail    What was answered before counts, though the message lies in the worker's mailbox yet: SUBSCRIBE and UNSUBSCRIBE
        that are read in one turn with an earlier command find it.
slow    A listener that never reads is closed by its limit; its neighbours get everything; the memory comes back.
soft    One that leaves more unread than the soft limit allows is closed when it has done so for long enough, and not before;
        one that has longer reads it all later.
storm   Publishers that are faster than delivery, one worker of which sleeps, wait for it: what waits stays bounded,
        nothing is lost, and PUBLISH has told the truth.
idle    Bytes for each subscription of listeners that do nothing, to channels of all and to channels of their own.
"""

import argparse
import fnmatch
import re
import socket
import sys
import time

import common
from common import Failed, connect, dice, expect, servers, wire
from stream import Stream, pump

CHANNELS = [b"ch:%d" % i for i in range(6)] + [b"other"]
PATTERNS = [b"ch:*", b"ch:[0-2]", b"*", b"?h:1", b"oth*"]
BYTES_MOST = 100        # for a subscription


def matches(pattern, channel):
    return fnmatch.fnmatchcase(channel.decode(), pattern.decode())


class Tokens(Stream):
    """No text here has a line break in it, so lines are tokens."""

    def __init__(self, server):
        super().__init__(server)
        self.rest, self.tokens, self.at = b"", [], 0

    def take(self, data):
        lines = (self.rest + data).split(b"\r\n")
        self.rest = lines.pop()
        self.tokens = self.tokens[self.at:] + lines
        self.at = 0

    def next(self):
        """One reply: an integer, a text, or a list of texts and integers. None: not there yet."""
        tokens, at = self.tokens, self.at
        if at >= len(tokens):
            return None
        head = tokens[at]
        if head[:1] not in b"*>":
            self.at += 1
            return int(head[1:]) if head[:1] == b":" else head
        words, at = [], at + 1
        for _ in range(int(head[1:])):
            if at >= len(tokens):
                return None
            if tokens[at] in (b"$-1", b"_"):
                words.append(None)
                at += 1
            elif tokens[at][:1] == b"$":
                if at + 1 >= len(tokens):
                    return None
                words.append(tokens[at + 1])
                at += 2
            else:
                words.append(int(tokens[at][1:]))
                at += 1
        self.at = at
        return words


class Publisher:
    """Message n is "<name>.<n>"; what was sent and what was answered is known at every moment."""

    def __init__(self, server, name):
        self.stream, self.name = Tokens(server), name
        self.channels, self.answered, self.told = [], 0, 0

    def publish(self, random, count):
        data = []
        for _ in range(count):
            channel = random.choice(CHANNELS)
            data.append(b"PUBLISH %s %d.%d\r\n" % (channel, self.name, len(self.channels)))
            self.channels.append(channel)
        self.stream.say(b"".join(data))

    def read(self):
        while (count := self.stream.next()) is not None:
            expect(isinstance(count, int), "PUBLISH was answered by %r", count)
            self.answered += 1
            self.told += count


class Subscription:
    """One stretch of time during which a listener listened to a channel or by a pattern."""

    def __init__(self, name, is_pattern, publishers):
        self.name, self.is_pattern = name, is_pattern
        self.not_before = [p.answered for p in publishers]  # those were over when it was asked for
        self.from_ = None               # from these on nothing may be missing: sent after it was answered
        self.until = None               # up to these nothing may be missing: answered before its end was asked for
        self.last = [-1] * len(publishers)

    def fits(self, channel):
        return matches(self.name, channel) if self.is_pattern else self.name == channel

    def hear(self, publisher, n, channel, publishers):
        expect(self.fits(channel), "%r heard %r", self.name, channel)
        expect(publishers[publisher].channels[n] == channel, "message %d.%d in a foreign channel", publisher, n)
        expect(n >= self.not_before[publisher], "%r heard %d.%d, published before it listened", self.name, publisher, n)
        expect(n > self.last[publisher], "%r heard %d.%d after %d", self.name, publisher, n, self.last[publisher])
        # What was on its way when it joined it may hear or not.
        begin = max(self.last[publisher] + 1, self.from_[publisher])
        for missed in range(begin, n):
            expect(not self.fits(publishers[publisher].channels[missed]), "%r missed %d.%d", self.name, publisher, missed)
        self.last[publisher] = n

    def end(self, publishers, until):
        for p, publisher in enumerate(publishers):
            begin = max(self.last[p] + 1, self.from_[p])
            for missed in range(begin, until[p]):
                expect(not self.fits(publisher.channels[missed]), "%r missed %d.%d at its end", self.name, p, missed)


class Listener:
    def __init__(self, server, publishers, resp3):
        self.stream, self.publishers, self.resp3 = Tokens(server), publishers, resp3
        self.subscriptions = {}         # (name, is_pattern) -> Subscription, as answered
        self.joining, self.leaving = {}, {}
        self.heard, self.pongs = 0, 0
        if resp3:
            self.stream.say(b"HELLO 3\r\n")
            while b"*0" not in self.stream.tokens:      # the list of modules ends its answer
                pump([self.stream], 5)
                expect(not self.stream.closed, "closed by HELLO")
            self.stream.tokens, self.stream.at = [], 0

    def change(self, random):
        """Joins or leaves something, if the last change has been answered."""
        if self.joining or self.leaving or self.stream.closed:
            return
        if self.resp3 and random.random() < 0.3:
            self.stream.say(b"PING\r\n")
        if self.subscriptions and random.random() < 0.45:
            name, is_pattern = random.choice(list(self.subscriptions))
            self.leaving[name, is_pattern] = [p.answered for p in self.publishers]
            self.stream.say((b"PUNSUBSCRIBE " if is_pattern else b"UNSUBSCRIBE ") + name + b"\r\n")
            return
        is_pattern = random.random() < 0.4
        name = random.choice(PATTERNS if is_pattern else CHANNELS)
        if (name, is_pattern) not in self.subscriptions:
            self.joining[name, is_pattern] = Subscription(name, is_pattern, self.publishers)
        self.stream.say((b"PSUBSCRIBE " if is_pattern else b"SUBSCRIBE ") + name + b"\r\n")

    def leave_all(self):
        for key in self.subscriptions:
            self.leaving.setdefault(key, [p.answered for p in self.publishers])
        self.stream.say(b"UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\n")

    def read(self):
        while (news := self.stream.next()) is not None:
            if not isinstance(news, list):
                expect(news == b"+PONG", "a listener heard %r", news)
                self.pongs += 1
                continue
            kind = news[0]
            if kind == b"message":
                self.hear((news[1], False), news[1], news[2])
            elif kind == b"pmessage":
                self.hear((news[1], True), news[2], news[3])
            elif kind in (b"subscribe", b"psubscribe"):
                key = (news[1], kind == b"psubscribe")
                if key in self.joining:
                    subscription = self.subscriptions[key] = self.joining.pop(key)
                    subscription.from_ = [len(p.channels) for p in self.publishers]
            elif kind in (b"unsubscribe", b"punsubscribe"):
                key = (news[1], kind == b"punsubscribe")
                if key in self.subscriptions:
                    self.subscriptions.pop(key).end(self.publishers, self.leaving.pop(key))
            else:
                raise Failed("a listener heard %r" % news)

    def hear(self, key, channel, payload):
        expect(key in self.subscriptions, "%r heard %r in %r without listening", key, payload, channel)
        publisher, n = map(int, payload.split(b"."))
        self.subscriptions[key].hear(publisher, n, channel, self.publishers)
        self.heard += 1


def figure(boss, section, name):
    _, text = boss.ask("INFO", section)
    return int(re.search(rb"\r\n%s:(-?\d+)" % name.encode(), b"\r\n" + text).group(1))


def expect_nothing_left(boss):
    limit = time.monotonic() + 10
    names = ["pubsub_clients", "pubsub_subscriptions", "pubsub_channels", "pubsub_patterns", "messages_waiting"]
    while left := {name: n for name in names if (n := figure(boss, "stats", name))}:
        expect(time.monotonic() < limit, "left over: %r", left)
        time.sleep(0.05)


def run(server, random, options, breaks):
    publishers = [Publisher(server, i) for i in range(4)]
    listeners = [Listener(server, publishers, random.random() < 0.3) for _ in range(options.listeners)]
    boss, heard_before, broken = connect(server), 0, 0
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for publisher in publishers:
            if len(publisher.channels) - publisher.answered < 40 and random.random() < 0.5:
                publisher.publish(random, random.randrange(1, 12))
        for listener in random.sample(listeners, max(1, len(listeners) // 20)):
            listener.change(random)
        if breaks and random.random() < 0.2:
            i = random.randrange(len(listeners))
            heard_before += listeners[i].heard
            listeners[i].stream.close()
            broken += 1
            listeners[i] = Listener(server, publishers, random.random() < 0.3)
        step(publishers, listeners, 0.002)
    settle(publishers, listeners)
    told = sum(p.told for p in publishers)
    heard = heard_before + sum(l.heard for l in listeners)
    # Who joins or leaves at the very moment may hear without having been counted, and the other way round.
    expect(breaks or abs(told - heard) <= max(50, told // (20 if options.sanitized else 100)), "PUBLISH told of %d receivers, and %d heard", told, heard)
    expect(heard > 0, "nobody heard anything")
    for one in publishers + listeners:
        one.stream.close()
    expect_nothing_left(boss)
    return "%d messages, %d deliveries, %d listeners went" % (sum(p.answered for p in publishers), heard, broken)


def step(publishers, listeners, wait_s):
    moved = pump([p.stream for p in publishers] + [l.stream for l in listeners], wait_s)
    for publisher in publishers:
        expect(not publisher.stream.closed, "a publisher was closed")
        publisher.read()
    for listener in listeners:
        expect(not listener.stream.closed, "a listener was closed")
        listener.read()
    return moved


def settle(publishers, listeners):
    """Everything answered; then all leave, and what was published has been heard."""
    limit = time.monotonic() + 30
    while any(p.answered < len(p.channels) for p in publishers) or any(l.joining or l.leaving for l in listeners):
        step(publishers, listeners, 0.05)
        expect(time.monotonic() < limit, "no answer for thirty seconds")
    for listener in listeners:
        listener.leave_all()
    while any(l.subscriptions for l in listeners):
        step(publishers, listeners, 0.05)
        expect(time.monotonic() < limit, "UNSUBSCRIBE is not answered")


def order(server, random, options):
    return run(server, random, options, False)


def leave(server, random, options):
    return run(server, random, options, True)


def await_one(streams, wait_s=20):
    """One reply from each of these; returns those that gave none in that time."""
    left, until = set(streams), time.monotonic() + wait_s
    while left and time.monotonic() < until:
        pump(list(left), 0.02)
        left = {stream for stream in left if not stream.next()}
    return left


def await_some(stream, count, wait_s=20):
    """So many replies, or those that came in that time."""
    got, until = [], time.monotonic() + wait_s
    while len(got) < count and time.monotonic() < until:
        if (reply := stream.next()) is None:
            pump([stream], 0.02)
        else:
            got.append(reply)
    return got


def mates_of(sleeper, streams, sleep_s):
    """Those that sit on the worker of `sleeper`, which cannot answer while it sleeps; and the others."""
    for stream in streams:
        stream.say(b"PING\r\n")
    expect(not await_one(streams), "PING is not answered")
    sleeper.say(b"DEBUG SLEEP %g\r\n" % sleep_s)
    time.sleep(sleep_s / 5)
    for stream in streams:
        stream.say(b"PING\r\n")
    mates = await_one(streams, sleep_s * 0.6)
    expect(not await_one([sleeper, *mates]), "a worker does not wake up")
    return [one for one in streams if one in mates], [one for one in streams if one not in mates]


def mail_to_sleepers(mates, sleeper, publisher, sleep_s):
    """What each heard has to be so however fast the machine is. False: nobody slept when he should have."""
    stays, comes, goes, crowd = mates[0], mates[1], mates[2], mates[3:18]
    for one in stays, goes:
        one.say(b"SUBSCRIBE news\r\n")
    expect(not await_one([stays, goes]), "SUBSCRIBE is not answered")
    # All of these are ready at once, and a turn reads sixteen: it sleeps before the next one reads the last two.
    sleeper.say(b"DEBUG SLEEP %g\r\n" % (sleep_s * 0.6))
    time.sleep(sleep_s * 0.2)
    sleeper.say(b"DEBUG SLEEP %g\r\n" % (sleep_s * 1.2))
    for one in crowd + [comes, goes]:
        one.say(b"PING\r\n")
    time.sleep(sleep_s * 0.8)
    publisher.say(b"PUBLISH news old\r\n")
    expect(not await_one([publisher]), "PUBLISH is not answered")
    comes.say(b"SUBSCRIBE news\r\n")
    goes.say(b"UNSUBSCRIBE news\r\n")
    if len(await_one([comes, goes], sleep_s * 0.2)) < 2:
        return False
    got = {goes: await_some(goes, 3)}
    expect(len(await_some(sleeper, 2)) == 2, "a worker does not wake up")
    got[comes] = await_some(comes, 2)
    publisher.say(b"PUBLISH news new\r\n")
    expect(not await_one([publisher]), "PUBLISH is not answered")
    for one in stays, comes, goes:
        one.say(b"PING end\r\n")
    old, new, end = [b"message", b"news", b"old"], [b"message", b"news", b"new"], [b"pong", b"end"]
    got[stays], got[comes] = await_some(stays, 3), got[comes] + await_some(comes, 2)
    got[goes] += await_some(goes, 2)
    expect(got[stays] in ([old, new, end], [old, end, new]), "who stays heard %r", got[stays])
    expect(got[comes][:2] == [b"+PONG", [b"subscribe", b"news", 1]] and got[comes][2:] in ([new, end], [end, new]),
           "who comes heard %r", got[comes])
    expect(sorted(map(str, got[goes][:2])) == sorted(map(str, [[b"pong", b""], old])) and
           got[goes][2:] == [[b"unsubscribe", b"news", 0], b"$3", b"end"], "who goes heard %r", got[goes])
    return True


def mail(server, random, options):
    for sleep_s in 0.5, 1, 2, 4:
        boss, sleeper, streams = connect(server), Tokens(server), [Tokens(server) for _ in range(100)]
        mates, others = mates_of(sleeper, streams, sleep_s)
        done = len(mates) >= 18 and others and mail_to_sleepers(mates, sleeper, others[0], sleep_s)
        for one in streams + [sleeper]:
            one.close()
        expect_nothing_left(boss)
        boss.close()
        if done:
            return "%d clients on the worker that sleeps" % len(mates)
    raise Failed("no worker slept while others did not")


def slow(server, random, options):
    boss, size, count = connect(server), 4000, 3000
    boss.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4194304 0 0")
    before = figure(boss, "memory", "used_memory")
    publisher, listeners = Tokens(server), [Tokens(server) for _ in range(20)]
    stuck = [Tokens(server) for _ in range(3)]
    for one in listeners + stuck:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        one.say(b"SUBSCRIBE flood\r\n")
    while figure(boss, "stats", "pubsub_clients") < 23:
        time.sleep(0.01)
    sent = answered = 0
    got = [0] * len(listeners)
    limit = time.monotonic() + (60 if options.sanitized else 20)
    while answered < count or min(got) < count:
        expect(time.monotonic() < limit, "%d of %d answered, %r heard", answered, count, got)
        while sent < count and sent - min(got) < 200:
            publisher.say(b"PUBLISH flood %06d%s\r\n" % (sent, b"x" * size))
            sent += 1
        pump([publisher] + listeners, 0.01)
        while publisher.next() is not None:
            answered += 1
        for i, listener in enumerate(listeners):
            expect(not listener.closed, "a neighbour of those that do not read was closed")
            while (news := listener.next()) is not None:
                if news[0] == b"message":
                    expect(int(news[2][:6]) == got[i], "message %d came in the place of %d", int(news[2][:6]), got[i])
                    got[i] += 1
    closed = figure(boss, "stats", "client_output_buffer_limit_disconnections")
    expect(closed == len(stuck), "%d clients were closed, and not %d", closed, len(stuck))
    expect(figure(boss, "stats", "pubsub_clients") == len(listeners), "who was closed still listens")
    for one in listeners + stuck + [publisher]:
        one.close()
    expect_nothing_left(boss)
    if not options.sanitized:
        limit = time.monotonic() + 10
        while (held := figure(boss, "memory", "used_memory") - before) >= 3_000_000:
            expect(time.monotonic() < limit, "%d bytes are still held", held)
            time.sleep(0.05)
    return "%d messages of %d bytes to %d listeners, %d closed" % (count, size, len(listeners), closed)


def flood(publisher, sent, count, size):
    """Publishes messages until so many are answered; returns how many there are now."""
    data = b"".join(b"PUBLISH flood %06d%s\r\n" % (n, b"x" * size) for n in range(sent, sent + count))
    publisher.say(data)
    limit, answered = time.monotonic() + 60, 0
    while answered < count:
        expect(time.monotonic() < limit, "%d of %d answered", answered, count)
        pump([publisher], 0.05)
        while publisher.next() is not None:
            answered += 1
    return sent + count


def deaf_ones(server, boss, count):
    """Listeners of whose messages little fits into the kernel's buffers."""
    found = [Tokens(server) for _ in range(count)]
    for one in found:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        one.say(b"SUBSCRIBE flood\r\n")
    while figure(boss, "stats", "pubsub_clients") < count:
        time.sleep(0.01)
    return found


def unread(boss):
    """Bytes that the server keeps for each listener."""
    return [int(n) for n in re.findall(rb"omem=(\d+)", boss.ask("CLIENT", "LIST", "TYPE", "pubsub")[1])]


def flood_over(boss, publisher, sent, most):
    """Publishes until each listener leaves more unread and keeps doing so: the kernel takes some of it, a while after the
    server has sent it too, and how much is its own affair."""
    limit, settled = time.monotonic() + 60, 0
    while settled < 10:
        expect(time.monotonic() < limit, "the kernel keeps all of %d messages", sent)
        if min(unread(boss), default=most + 1) > most:
            settled += 1
            time.sleep(0.02)
        else:
            settled = 0
            sent = flood(publisher, sent, 100, 4000)
    return sent


def expect_closed(boss, publisher, sent, most, count):
    """Those who read nothing are closed without another word; returns how many messages there are now. Whose socket has
    taken so much of it meanwhile that it leaves less than `most` gets more."""
    limit = time.monotonic() + 60
    while figure(boss, "stats", "client_output_buffer_limit_disconnections") < count:
        expect(time.monotonic() < limit, "those who read nothing are still there: %r", unread(boss))
        sent = flood_over(boss, publisher, sent, most)
        time.sleep(0.02)
    return sent


def soft(server, random, options):
    boss, publisher, soft_limit, count = connect(server), Tokens(server), 1 << 18, 3
    boss.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 %d 3600" % soft_limit)
    stuck, limit = deaf_ones(server, boss, count), time.monotonic() + 60
    sent = flood_over(boss, publisher, 0, soft_limit)
    time.sleep(random.random())
    expect(len(unread(boss)) == count, "a listener was closed long before its time")
    got = [0] * count
    while min(got) < sent:
        expect(time.monotonic() < limit, "of %d messages %r were heard", sent, got)
        pump(stuck, 0.05)
        for i, one in enumerate(stuck):
            expect(not one.closed, "a listener was closed that came back in time")
            while (news := one.next()) is not None:
                if news[0] == b"message":
                    expect(int(news[2][:6]) == got[i], "message %s came in the place of %d", news[2][:6], got[i])
                    got[i] += 1
    expect(figure(boss, "stats", "client_output_buffer_limit_disconnections") == 0, "a listener was closed")
    boss.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 %d 1" % soft_limit)
    begun = time.monotonic()
    sent = expect_closed(boss, publisher, flood_over(boss, publisher, sent, soft_limit), soft_limit, count)
    expect(time.monotonic() - begun > 1, "they were closed within their second")
    stuck += deaf_ones(server, boss, 1)
    boss.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 %d 3600" % soft_limit)
    sent = flood_over(boss, publisher, sent, soft_limit)
    boss.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 %d 1" % soft_limit)
    sent = expect_closed(boss, publisher, sent, soft_limit, count + 1)
    for one in stuck + [publisher]:
        one.close()
    expect_nothing_left(boss)
    return "%d messages, %d listeners" % (sent, count)


def storm_of(server, nap_s, crowd, count, size):
    boss, sleeper = connect(server), Tokens(server)
    sleeper.say(b"HELLO 3\r\nSUBSCRIBE sleep\r\n")
    listeners, publishers = [Tokens(server) for _ in range(crowd)], [Tokens(server) for _ in range(4)]
    for listener in listeners:
        listener.say(b"SUBSCRIBE a b\r\n")
    while figure(boss, "stats", "pubsub_subscriptions") < 2 * crowd + 1:
        time.sleep(0.01)
    sleeper.say(b"DEBUG SLEEP %g\r\n" % nap_s)
    for i, publisher in enumerate(publishers):
        publisher.say(b"".join(wire.encode([b"PUBLISH", b"ab"[n % 2:n % 2 + 1], b"%d.%d.%s" % (i, n, b"x" * size)])
                               for n in range(count // 4)))
    next_, limit = [[0] * 4 for _ in listeners], time.monotonic() + 60
    done = 0
    while done < crowd:
        expect(time.monotonic() < limit, "%d of %d listeners have everything", done, crowd)
        pump(publishers + listeners, 0.02)
        expect(not any(publisher.closed for publisher in publishers), "a publisher was closed")
        for i, listener in enumerate(listeners):
            expect(not listener.closed, "a listener was closed")
            while (news := listener.next()) is not None:
                if news[0] != b"message":
                    continue
                publisher, n = map(int, news[2].split(b".")[:2])
                expect(next_[i][publisher] == n, "%d.%d came in the place of %d", publisher, n, next_[i][publisher])
                next_[i][publisher] += 1
                done += next_[i] == [count // 4] * 4
    told = 0
    for publisher in publishers:
        while (n := publisher.next()) is not None:
            told += n
    while told < count * crowd:
        expect(time.monotonic() < limit, "PUBLISH told of %d receivers, and %d were there", told, count * crowd)
        pump(publishers, 0.05)
        for publisher in publishers:
            while (n := publisher.next()) is not None:
                told += n
    waits = figure(boss, "stats", "publish_waits")
    for one in listeners + publishers + [sleeper]:
        one.close()
    expect_nothing_left(boss)
    return waits


def storm(server, random, options):
    """Of large messages so many that publishers wait; of small ones several batches of one publisher lie in one inbox."""
    before = storm_of(server, 1 if options.sanitized else 0.5, 120, 1200, 20)
    waits = storm_of(server, 4 if options.sanitized else 1, 20, 400, 50_000) - before
    expect(waits > 0, "no publisher had to wait")
    return "1200 small messages to each of 120, 400 of 50000 bytes to each of 20, %d waits of publishers" % waits


def idle(server, random, options):
    boss, crowd, each, told = connect(server), 300 if options.sanitized else 2000, 10, []
    for kind in "shared", "own":
        listeners = [connect(server) for _ in range(crowd)]
        time.sleep(0.4)
        before = figure(boss, "memory", "used_memory")
        for i, listener in enumerate(listeners):
            names = [b"channel:%d:%012d" % (n, i if kind == "own" else 0) for n in range(each)]
            listener.send(wire.encode([b"SUBSCRIBE"] + names))
            for _ in names:
                listener.reply()
        time.sleep(0.4)
        bytes_ = (figure(boss, "memory", "used_memory") - before) / (crowd * each)
        told.append("%.0f %s" % (bytes_, kind))
        expect(options.sanitized or bytes_ < BYTES_MOST, "%.0f bytes a subscription to %s channels", bytes_, kind)
        for listener in listeners:
            listener.close()
        expect_nothing_left(boss)
    return "bytes a subscription: " + ", ".join(told)


CASES = {"order": order, "leave": leave, "mail": mail, "slow": slow, "soft": soft, "storm": storm, "idle": idle}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sanitized", action="store_true", help="more time, no bounds on memory")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(CASES))
    options, failed = parser.parse_args(), 0
    for name in options.names or CASES:
        begun, wrong, told = time.monotonic(), None, ""
        with servers.Server(options.server + " --enable-debug-command local") as server:
            try:
                told = CASES[name](server, dice(options.seed), options)
            except (Failed, wire.Closed, wire.Silent, wire.ProtocolError, OSError) as met:
                wrong = met
            if not server.alive():
                wrong = Failed("the server has ended:\n" + server.said())
        print("%-4s %-6s %5.1f s  %s" % ("FAIL" if wrong else "ok", name, time.monotonic() - begun, told), flush=True)
        if wrong:
            failed += 1
            print("     %s: %s (seed %d)" % (type(wrong).__name__, wrong, options.seed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    servers.stop_on_signals()
    sys.exit(main())
