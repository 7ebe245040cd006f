#!/usr/bin/env python3
"""Values around and beyond the size from which they are read straight into place and answered by reference: cut
anywhere, pipelined with small requests, given up half way, kept waiting by CLIENT PAUSE, overwritten and appended to by
some clients while others read them.

    tests/stress/large_values.py --server "build/release/coatcheckd --port {port} --threads 4" [--seed N]
"""
import argparse
import random
import shlex
import socket
import subprocess
import sys
import threading
import time

SIZES = [0, 1, 10, 1000, 65535, 65536, 65537, 100_000, 300_000, 1_000_003]


def request(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        parts.append(b"$%d\r\n" % len(word) + word + b"\r\n")
    return b"".join(parts)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        self.socket.sendall(request(*words))

    def reply(self):
        line = self.file.readline()
        if line[:1] == b"$":
            length = int(line[1:])
            if length < 0:
                return None
            data = self.file.read(length + 2)
            assert data[-2:] == b"\r\n", "a bulk without its end"
            return data[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        assert line[:1] in b"+-:" and line.endswith(b"\r\n"), f"no reply: {line!r}"
        return line[:-2]

    def ask(self, *words):
        self.send(*words)
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


def pipelines(port, dice, rounds):
    """Random requests, sent in random pieces, must be answered as they were asked."""
    for _ in range(rounds):
        client = Client(port)
        stream, expected = [], []
        for _ in range(dice.randint(1, 12)):
            size = dice.choice(SIZES)
            value = bytes([dice.randrange(256)]) * size
            key = b"large:%d" % dice.randrange(5)
            kind = dice.randrange(8)
            if kind < 2:
                stream += [request(b"SET", key, value), request(b"GET", key)]
                expected += [b"+OK", value]
            elif kind == 2:
                stream += [request(b"SET", key, value, b"EX", b"100"), request(b"GETRANGE", key, b"-3", b"-1")]
                expected += [b"+OK", value[-3:]]
            elif kind == 3:
                stream.append(request(b"ECHO", value))
                expected.append(value)
            elif kind == 4:
                stream += [request(b"MSET", b"large:a", b"1", key, value), request(b"STRLEN", key)]
                expected += [b"+OK", b":%d" % size]
            elif kind == 5:
                small = [word for number in range(dice.randint(1, 20)) for word in (b"other:%d" % number, b"small")]
                stream += [request(b"MSET", b"large:b", value, key, value + b"!", *small)]
                stream += [request(b"GET", name) for name in (key, b"other:0", b"large:b")]
                expected += [b"+OK", value + b"!", b"small", value]
            elif kind == 6:
                stream += [request(b"MULTI"), request(b"SET", key, value, b"PX", b"100000"), request(b"STRLEN", key), request(b"EXEC")]
                expected += [b"+OK", b"+QUEUED", b"+QUEUED", [b"+OK", b":%d" % size]]
            else:
                stream += [request(b"SET", key, b"x"), request(b"APPEND", key, value), request(b"GET", key)]
                expected += [b"+OK", b":%d" % (size + 1), b"x" + value]
            if dice.random() < 0.3:
                stream.append(b"PING\r\n")
                expected.append(b"+PONG")
        whole = b"".join(stream)

        def send():
            at = 0
            while at < len(whole):
                step = dice.choice([1, 7, 1000, 5000, 70_000, 200_000, 10_000_000])
                client.socket.sendall(whole[at:at + step])
                at += step
                if dice.random() < 0.1:
                    time.sleep(0.001)

        sender = threading.Thread(target=send)
        sender.start()
        for number, want in enumerate(expected):
            got = client.reply()
            assert got == want, f"reply {number}: {got!r:.60} of {len(got or b'')} bytes, not {want!r:.60} of {len(want)}"
        sender.join()
        client.close()


def given_up(port):
    """A client that goes away in the middle of a large word leaves nothing behind."""
    for size in (70_000, 5_000_000):
        client = Client(port)
        client.socket.sendall(b"*3\r\n$3\r\nSET\r\n$7\r\nhalfway\r\n$%d\r\n" % size + b"x" * (size // 2))
        time.sleep(0.05)
        client.close()
        whole = request(b"SET", b"halfway", b"x" * size, b"EX", b"100")
        for missing in (1, 5, 10, 16, 18, 20, size // 2):
            client = Client(port)
            client.socket.sendall(whole[:-missing])
            time.sleep(0.02)
            client.close()
    client = Client(port)
    assert client.ask(b"EXISTS", b"halfway") == b":0"
    client.close()


def paused(port):
    """A large word that has come while all clients have to wait is not lost."""
    client, other = Client(port), Client(port)
    assert other.ask(b"CLIENT", b"PAUSE", b"300") == b"+OK"
    began = time.monotonic()
    client.socket.sendall(request(b"SET", b"paused", b"y" * 200_000) + request(b"STRLEN", b"paused"))
    assert client.reply() == b"+OK" and client.reply() == b":200000"
    assert time.monotonic() - began > 0.2, "the pause did not hold"
    assert other.ask(b"CLIENT", b"PAUSE", b"300") == b"+OK"
    client.socket.sendall(request(b"SET", b"paused", b"z" * 200_001, b"EX", b"100") + request(b"STRLEN", b"paused"))
    assert client.reply() == b"+OK" and client.reply() == b":200001" and int(client.ask(b"TTL", b"paused")[1:]) > 90
    client.close()
    other.close()


def waiting(port):
    """A large word that has come behind a command that waits is not lost, and what comes after it neither."""
    for tail in ((), (b"EX", b"100"), (b"EX", b"100", b"GET")):
        client, other = Client(port), Client(port)
        stream = request(b"BLPOP", b"nothing", b"10") + request(b"SET", b"waiting", b"w" * 3_000_000, *tail)
        stream += request(b"STRLEN", b"waiting")
        cut = len(stream) - 50
        client.socket.sendall(stream[:cut])
        time.sleep(0.05)
        client.socket.sendall(stream[cut:])
        time.sleep(0.05)
        assert other.ask(b"LPUSH", b"nothing", b"came") == b":1"
        assert client.reply() == [b"nothing", b"came"]
        assert client.reply() in (b"+OK", b"w" * 3_000_000) and client.reply() == b":3000000"
        client.close()
        other.close()


def is_closed(client, wait_s):
    """Has the server closed it, after `wait_s` at the latest?"""
    client.socket.settimeout(wait_s)
    try:
        return client.socket.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def unended(port):
    """What has come of a request whose end is missing is its client's: shown, bounded and evicted as other input is."""
    many = 20 * 1_000_003
    shapes = {"a large word and what follows it": request(b"SET", b"unended", b"u" * many, b"EX", b"100"),
              "a large word behind a large one": request(b"MSET", b"a", b"u" * 100_000, b"b", b"u" * many),
              "small words, then a large one": request(b"SET", *[b"v" * 1000] * (many // 1000), b"u" * 70_000, b"EX")}
    other = Client(port)

    def holds(client_id, field, want):
        """The field of CLIENT LIST, as soon as `want` says that it is there."""
        for _ in range(200):
            line = other.ask(b"CLIENT", b"LIST", b"ID", client_id)
            figure = int(line.split(b" %s=" % field)[1].split()[0])
            if want(figure):
                break
            time.sleep(0.02)
        return figure

    for shape, stream in shapes.items():
        client = Client(port)
        client_id = client.ask(b"CLIENT", b"ID")[1:]
        client.socket.sendall(stream[:-3])
        shown = holds(client_id, b"qbuf", lambda figure: figure >= len(stream) * 9 // 10)
        assert shown >= len(stream) * 9 // 10, f"{shape}: {len(stream)} bytes have come, and {shown} are shown"
        weighs = holds(client_id, b"tot-mem", lambda figure: True)
        assert shown < weighs < 2 * many, f"{shape}: shown {shown}, it weighs {weighs}"
        client.socket.sendall(stream[-3:])
        client.reply()
        shown = holds(client_id, b"qbuf", lambda figure: figure == 0)
        assert shown == 0, f"{shape}: after its end {shown} bytes are shown"
        client.close()

    before = other.ask(b"CONFIG", b"GET", b"client-query-buffer-limit")[1]
    assert other.ask(b"CONFIG", b"SET", b"client-query-buffer-limit", b"%d" % (many // 2)) == b"+OK"
    for shape, stream in shapes.items():
        client = Client(port)
        try:
            client.socket.sendall(stream[:-3])
        except ConnectionError:
            pass
        assert is_closed(client, 10), f"{shape}: it may send more than client-query-buffer-limit"
        client.close()
    client = Client(port)
    within = many // 2 - 1000
    client.socket.sendall(b"*5\r\n$3\r\nSET\r\n$7\r\nunended\r\n$%d\r\n" % within + b"u" * within + b"\r\n$2\r\nEX\r\n$2000\r\n")
    assert not is_closed(client, 0.5), "it was closed below client-query-buffer-limit"
    client.socket.sendall(b"1" * 1500)
    assert is_closed(client, 10), "behind a large word it may send more than client-query-buffer-limit"
    client.close()
    assert other.ask(b"CONFIG", b"SET", b"client-query-buffer-limit", before) == b"+OK"

    assert other.ask(b"CONFIG", b"SET", b"maxmemory-clients", b"%d" % (5 * many // 2)) == b"+OK"
    for shape, stream in shapes.items():
        clients = [Client(port) for _ in range(4)]
        for client in clients:
            try:
                client.socket.sendall(stream[:-3])
            except ConnectionError:
                pass
        time.sleep(0.5)
        gone = sum(is_closed(client, 0.1) for client in clients)
        assert gone >= 2, f"{shape}: of 4 clients that hold {many} bytes each, {gone} were evicted"
        for client in clients:
            client.close()
    assert other.ask(b"CONFIG", b"SET", b"maxmemory-clients", b"0") == b"+OK"
    other.close()


def contended(port, seconds):
    """What is read while others overwrite it is one of the values, whole."""
    end = time.monotonic() + seconds
    failures = []

    def write(letter):
        client = Client(port)
        dice = random.Random(letter)
        while time.monotonic() < end:
            value = bytes([letter]) * dice.choice([70_000, 100_000, 500_000])
            client.ask(b"SET", b"contended", value)
            if dice.random() < 0.3:
                client.ask(b"APPEND", b"contended", bytes([letter]) * 1000)
            if dice.random() < 0.1:
                client.ask(b"DEL", b"contended")
        client.close()

    def read():
        client = Client(port)
        while time.monotonic() < end:
            value = client.ask(b"GET", b"contended")
            # An APPEND may have come upon another's value, then its bytes stand at the end; or upon no value.
            if value and len(value) >= 70_000 and value[:70_000].count(value[:1]) != 70_000:
                failures.append(len(value))
        client.close()

    threads = [threading.Thread(target=write, args=(letter,)) for letter in b"abc"]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, f"{len(failures)} replies were made of two values"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="build/release/coatcheckd --port {port} --threads 4")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(shlex.split(options.server.format(port=port)), stdout=subprocess.DEVNULL)
    print(f"seed {options.seed}")
    try:
        for _ in range(200):
            try:
                Client(port).close()
                break
            except OSError:
                time.sleep(0.05)
        tests = [("pipelines", lambda: pipelines(port, random.Random(options.seed), options.rounds)),
                 ("given up", lambda: given_up(port)), ("paused", lambda: paused(port)), ("waiting", lambda: waiting(port)),
                 ("unended", lambda: unended(port)),
                 ("contended", lambda: contended(port, 3))]
        failed = 0
        for name, test in tests:
            try:
                test()
                print(f"ok    {name}")
            except (AssertionError, OSError) as error:
                failed += 1
                print(f"FAIL  {name}: {error}")
        server.terminate()
        if server.wait(20) != 0:
            failed += 1
            print(f"FAIL  the server ended with {server.returncode}")
        print(f"{len(tests) - failed} passed, {failed} failed")
        return failed != 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
