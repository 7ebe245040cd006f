"""Messages: processor time for each message delivered to 1, 100 and 1,000 listeners, by one publisher and by many, and bytes
for a subscription."""

import select
import socket
import time

from . import contestants
from .report import figure, median, ratio, say, turns

# Listeners, publishers, messages that each of those has under way, and their bytes.
SHAPES = [(1, 1, 1, 64), (1, 1, 16, 64), (1, 50, 1, 64), (1, 50, 16, 64), (1, 1, 16, 1024),
          (100, 1, 1, 64), (100, 1, 16, 64), (100, 50, 1, 64), (100, 50, 16, 64), (100, 1, 1, 1024), (100, 1, 16, 1024),
          (1000, 1, 1, 64), (1000, 1, 16, 64), (1000, 50, 1, 64), (1000, 50, 16, 64), (1000, 1, 1, 1024)]
SUBSCRIBERS, CHANNELS, QUICK_SUBSCRIBERS = 5000, 10, 500


def frame_of(payload):
    return b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$%d\r\n%s\r\n" % (payload, b"x" * payload)


class Crowd:
    """Listeners that read and forget, on one epoll, and publishers."""

    def __init__(self, server, listeners, publishers, payload):
        self.poll, self.sockets, self.got = select.epoll(), {}, 0
        for _ in range(listeners):
            one = socket.create_connection((server.host, server.port))
            one.sendall(b"SUBSCRIBE ch\r\n")
            one.recv(100)
            one.setblocking(False)
            self.sockets[one.fileno()] = one
            self.poll.register(one, select.EPOLLIN)
        self.publishers = [socket.create_connection((server.host, server.port)) for _ in range(publishers)]
        for one in self.publishers:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frame = len(frame_of(payload))
        self.request = b"*3\r\n$7\r\nPUBLISH\r\n$2\r\nch\r\n$%d\r\n%s\r\n" % (payload, b"x" * payload)
        self.reply = len(b":%d\r\n" % listeners)

    def publish(self, depth):
        """One round: all of it answered and read."""
        for one in self.publishers:
            one.sendall(self.request * depth)
        wanted = depth * self.frame * len(self.sockets) * len(self.publishers)
        while wanted > 0:
            for fd, _ in self.poll.poll(10):
                wanted -= len(self.sockets[fd].recv(1 << 16))
        for one in self.publishers:
            answers = depth * self.reply
            while answers > 0:
                answers -= len(one.recv(1 << 16))

    def close(self):
        for one in [*self.sockets.values(), *self.publishers]:
            one.close()
        self.poll.close()


def sends(server):
    """What it has sent so far, in calls; None where nobody counts them."""
    found = server.info("total_writes_processed", "stats") if server.name != "floor" else None
    return int(found) if found else None


def cost(server, shape, seconds):
    """For each delivery: microseconds of the server's processors, and its calls to send."""
    listeners, publishers, depth, payload = shape
    crowd = Crowd(server, listeners, publishers, payload)
    crowd.publish(depth)
    rounds, sent, before, end = 0, sends(server), server.cpu_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        crowd.publish(depth)
        rounds += 1
    took = (server.cpu_seconds() - before) * 1e6
    now = sends(server)
    crowd.close()
    deliveries = rounds * depth * listeners * publishers
    return took / deliveries, (now - sent) / deliveries if now is not None else None


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
        for shape in SHAPES:
            listeners, publishers, depth, payload = shape
            floor = contestants.Floor(r":%d\r\n" % listeners, frame_of(payload).decode().replace("\r\n", r"\r\n"))
            found = {name: [] for name in names + ["floor"]}
            for _ in range(settings.rounds):
                for server in running + [floor]:
                    say("pubsub: %d listeners, %d publishers, %d at once, %d bytes, %s" % (shape + (server.name,)))
                    found[server.name].append(cost(server, shape, settings.seconds))
            floor.stop()
            medians = [median([us for us, _ in found[name]]) for name in names + ["floor"]]
            report.keep("pubsub", {"shape": shape, "us_and_sends": found})
            rows.append([format(listeners, ","), str(publishers), str(depth), format(payload, ",")] + [figure(one) for one in medians]
                        + ([ratio(medians[0], medians[1]), ratio(medians[-1], medians[1])] if len(names) > 1 else [])
                        + [figure(median([count for _, count in found[name]])) for name in names])
        held = []
        for kind, own in ("channels of all", 0), ("channels of their own", 1):
            bytes_ = [weight(server, subscribers, own) for server in running]
            report.keep("pubsub_bytes", {"kind": kind, "bytes": dict(zip(names, bytes_))})
            held.append([kind] + [figure(one) for one in bytes_])
    report.heading("Messages: server CPU for each delivery in µs, 1 worker")
    columns = ["listeners", "publishers", "published at once", "bytes"] + names + ["floor"]
    report.table(columns + (["ratio", "floor's ratio"] if len(names) > 1 else []) + ["sends a delivery, " + name for name in names],
                 rows, text_columns=1)
    report.text("Publishers wait until all listeners have read what they published. Medians of %s. The floor reads, "
                "answers and sends, and does nothing else. Sends: of replies to the publishers too." % turns(settings.rounds))
    report.heading("Bytes a subscription: %s idle clients with %d each" % (format(subscribers, ","), CHANNELS))
    report.table(["subscriptions to"] + names, held)
