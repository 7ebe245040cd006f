"""Messages: processor time for each message delivered to 1, 100 and 1,000 listeners, and bytes for a subscription."""

import select
import socket
import time

from . import contestants
from .report import figure, median, ratio, say, turns

LISTENERS = (1, 100, 1000)
DEPTHS = (1, 16)                # messages that a publisher has under way
PAYLOAD = 64
FRAME = b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$%d\r\n%s\r\n" % (PAYLOAD, b"x" * PAYLOAD)
SUBSCRIBERS, CHANNELS, QUICK_SUBSCRIBERS = 5000, 10, 500


class Crowd:
    """Listeners that read and forget, on one epoll, and one publisher."""

    def __init__(self, server, listeners):
        self.poll, self.sockets, self.got = select.epoll(), {}, 0
        for _ in range(listeners):
            one = socket.create_connection((server.host, server.port))
            one.sendall(b"SUBSCRIBE ch\r\n")
            one.recv(100)
            one.setblocking(False)
            self.sockets[one.fileno()] = one
            self.poll.register(one, select.EPOLLIN)
        self.publisher = socket.create_connection((server.host, server.port))
        self.publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frame = len(FRAME)
        self.request = b"*3\r\n$7\r\nPUBLISH\r\n$2\r\nch\r\n$%d\r\n%s\r\n" % (PAYLOAD, b"x" * PAYLOAD)
        self.reply = len(b":%d\r\n" % listeners)

    def publish(self, depth):
        """One round: all of it answered and read."""
        self.publisher.sendall(self.request * depth)
        wanted = depth * self.frame * len(self.sockets)
        while wanted > 0:
            for fd, _ in self.poll.poll(10):
                wanted -= len(self.sockets[fd].recv(1 << 16))
        answers = depth * self.reply
        while answers > 0:
            answers -= len(self.publisher.recv(1 << 16))

    def close(self):
        for one in self.sockets.values():
            one.close()
        self.publisher.close()
        self.poll.close()


def cost(server, listeners, depth, seconds):
    """Microseconds of the server's processors for each delivery."""
    crowd = Crowd(server, listeners)
    crowd.publish(depth)
    rounds, before, end = 0, server.cpu_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        crowd.publish(depth)
        rounds += 1
    took = (server.cpu_seconds() - before) * 1e6
    crowd.close()
    return took / (rounds * depth * listeners)


def weight(server, subscribers, own):
    """Bytes that the allocator holds for each subscription of clients that do nothing."""
    sockets = [socket.create_connection((server.host, server.port)) for _ in range(subscribers)]
    time.sleep(1)
    before = int(server.info("used_memory", "memory"))
    for i, one in enumerate(sockets):
        one.sendall(b"SUBSCRIBE %s\r\n" % b" ".join(b"channel:%d:%012d" % (n, i * own) for n in range(CHANNELS)))
    for one in sockets:
        one.recv(1 << 16)
    time.sleep(1)
    held = int(server.info("used_memory", "memory")) - before
    for one in sockets:
        one.close()
    time.sleep(1)
    return held / (subscribers * CHANNELS)


def run(running_of, settings, report):
    subscribers = QUICK_SUBSCRIBERS if settings.quick else SUBSCRIBERS
    rows = []
    with running_of(1) as running:
        names = [server.name for server in running]
        for listeners in LISTENERS:
            floor = contestants.Floor(r":%d\r\n" % listeners, FRAME.decode().replace("\r\n", r"\r\n"))
            for depth in DEPTHS:
                costs = {name: [] for name in names + ["floor"]}
                for _ in range(settings.rounds):
                    for server in running + [floor]:
                        say("pubsub: %d listeners, %d at once, %s" % (listeners, depth, server.name))
                        costs[server.name].append(cost(server, listeners, depth, settings.seconds))
                medians = [median(costs[name]) for name in names + ["floor"]]
                report.keep("pubsub", {"listeners": listeners, "depth": depth, "us": costs})
                row = [format(listeners, ","), str(depth)] + [figure(one) for one in medians]
                rows.append(row + ([ratio(medians[0], medians[1])] if len(names) > 1 else []))
            floor.stop()
        held = []
        for kind, own in ("channels of all", 0), ("channels of their own", 1):
            bytes_ = [weight(server, subscribers, own) for server in running]
            report.keep("pubsub_bytes", {"kind": kind, "bytes": dict(zip(names, bytes_))})
            held.append([kind] + [figure(one) for one in bytes_])
    report.heading("Messages of %d bytes: server CPU for each delivery in µs, 1 worker" % PAYLOAD)
    columns = ["listeners", "published at once"] + names + ["floor"]
    report.table(columns + (["ratio"] if len(names) > 1 else []), rows, text_columns=2)
    report.text("A publisher waits until all listeners have read what it published. Medians of %s. The floor reads, "
                "answers and sends, and does nothing else." % turns(settings.rounds))
    report.heading("Bytes a subscription: %s idle clients with %d each" % (format(subscribers, ","), CHANNELS))
    report.table(["subscriptions to"] + names, held)
