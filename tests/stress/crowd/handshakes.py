"""A storm of handshakes: those who come, say their first words and leave, or stay and say no more, beside those who work."""

import socket
import time

import common
from common import expect
from .encrypted import Client, Crowd, count, hello, raw, reset


def working(server, files, name, until):
    """A command every now and then: how long each took."""
    client, waits = Client(server, files.context(), timeout_s=60.0), []
    while not waits or time.monotonic() < until():
        begun = time.monotonic()
        expect(client.ask("INCR", name) == ("int", len(waits) + 1), "a counter in the storm")
        waits.append(time.monotonic() - begun)
        time.sleep(0.05)
    client.close()
    return waits


def storming(server, first_words, until, most_held):
    """Comes, says its first words, and leaves, or stays and says no more, as often as the machine lets it."""
    held, left = [], 0
    while time.monotonic() < until:
        sock = raw(server)
        sock.sendall(first_words)
        if left % 3 == 2:
            sock.recv(1)                        # the server has done its part, and waits
        if len(held) < most_held and left >= len(held):
            held.append(sock)
            continue
        (reset if left % 2 else socket.socket.close)(sock)
        left += 1
    return left, held


def share(waits, of):
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * of))]


def storm(server, files, seconds, many):
    """Nobody who works starves, and what never ends is closed: the connections that are to be."""
    client = hello(server, files)
    first_words = client.pending_out()
    client.close()
    crowd, ends_at = Crowd(), [float("inf")]
    failed = count(server, "tls_failed_handshakes")
    for n in range(many):
        crowd.add("working", working, server, files, b"storm:%d" % n, lambda: ends_at[0])
    ready = time.monotonic() + 120
    while count(server, "connected_clients", "clients") < many:
        expect(time.monotonic() < ready and not crowd.trouble, "%d clients are not connected: %s", many, crowd.trouble)
        time.sleep(0.05)
    time.sleep(0.3)
    begun = time.monotonic()
    attackers = Crowd()
    for _ in range(2):
        attackers.add("storming", storming, server, first_words, begun + seconds, 100)
    attackers.join()
    ends_at[0] = time.monotonic()
    crowd.join()
    left = sum(left for left, _ in attackers.results["storming"])
    held = [sock for _, some in attackers.results["storming"] for sock in some]
    waits = [wait for each in crowd.results["working"] for wait in each]
    # As many as a machine can do take time from everybody. Who is starved waits for as long as the storm lasts.
    expect(share(waits, 0.5) < seconds / 2, "half of the waits in the storm were above %.2f s", share(waits, 0.5))
    expect(left > 0 and count(server, "tls_failed_handshakes") > failed, "tls_failed_handshakes does not count who leaves")
    print("%d handshakes left and %d held in %.1f s beside %d clients, whose waits were %.1f ms at p50, %.1f at p99, %.1f at most; "
          "%d failed" % (left, len(held), seconds, many, share(waits, 0.5) * 1e3, share(waits, 0.99) * 1e3, max(waits) * 1e3,
                         count(server, "tls_failed_handshakes") - failed))
    return held


def all_are_closed(held, most_s):
    for sock in held:
        sock.settimeout(most_s)
        try:
            while sock.recv(65536):
                pass
        except TimeoutError:
            raise common.Failed("a handshake of the storm is not closed") from None
        except OSError:
            pass
        sock.close()
