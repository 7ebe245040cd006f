"""python3-redis over TLS with a certificate of its own.   python_tls.py PORT TLS_PORT FOLDER"""

import os
import sys

import redis

tls_port, folder = int(sys.argv[2]), sys.argv[3]


def connect(name="client", **more):
    files = {"ssl_certfile": os.path.join(folder, name + ".crt"), "ssl_keyfile": os.path.join(folder, name + ".key")} if name else {}
    return redis.Redis(port=tls_port, ssl=True, ssl_ca_certs=os.path.join(folder, "ca.crt"), socket_timeout=20, **files, **more)


def turned_away(**how):
    try:
        connect(**how).ping()
    except (redis.ConnectionError, OSError):
        return True
    return False


client = connect()
assert client.ping()
assert client.acl_whoami() in ("client", b"client")
assert client.set("coat", b"\x00\xff warm", ex=100) and client.get("coat") == b"\x00\xff warm"
large = os.urandom(3_000_000)
assert client.set("large", large) and client.get("large") == large
with client.pipeline(transaction=True) as pipe:
    for n in range(5000):
        pipe.set("key:%d" % n, n)
        pipe.incr("key:%d" % n)
    answers = pipe.execute()
assert answers[1::2] == [n + 1 for n in range(5000)]
messages = client.pubsub()
messages.subscribe("news")
assert messages.get_message(timeout=10)["type"] == "subscribe"
assert connect().publish("news", large[:100_000]) == 1
assert messages.get_message(timeout=10)["data"] == large[:100_000]
assert client.blpop(["nothing"], timeout=1) is None
assert client.rpush("queue", "one") == 1 and client.blpop(["queue"], timeout=5) == (b"queue", b"one")
assert turned_away(name=None) and turned_away(name="stranger")
assert len(set(client.scan_iter("key:*", count=500))) == 5000
print("all is well")
