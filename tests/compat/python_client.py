#!/usr/bin/env python3
"""A Python program as people write them on python3-redis.   python_client.py PORT SOCKET"""

import asyncio
import datetime
import sys
import time

import redis
import redis.asyncio


def raises(kind, text, call, *args):
    try:
        call(*args)
    except kind as wrong:
        assert text in str(wrong), wrong
        return
    raise AssertionError("%s was expected" % kind.__name__)


def strings(client):
    assert client.ping()
    assert client.set("coat", "warm") and client.get("coat") == b"warm"
    assert client.set("coat", "x", nx=True) is None and client.set("hat", "x", xx=True) is None
    assert client.set("coat", "new", get=True) == b"warm"
    assert client.setex("short", 100, b"\x00\xff\r\n") and client.get("short") == b"\x00\xff\r\n"
    assert client.getex("short", px=50_000) and 49_000 < client.pttl("short") <= 50_000
    assert client.getdel("short") is not None and client.get("short") is None
    assert client.mset({"a": 1, "b": 2.5, "c": "ü"}) and client.mget("a", "b", "c", "d") == [
        b"1", b"2.5", "ü".encode(), None]
    assert client.msetnx({"a": 9, "e": 9}) is False and client.exists("a", "b", "e", "a") == 3
    assert client.incr("n", 5) == 5 and client.decr("n") == 4 and client.incrbyfloat("n", 0.5) == 4.5
    assert client.append("coat", "er") == 5 and client.strlen("coat") == 5
    assert client.setrange("coat", 7, "!") == 8 and client.getrange("coat", 0, -2) == b"newer\x00\x00"
    raises(redis.ResponseError, "value is not an integer", client.incr, "coat")
    raises(redis.ResponseError, "wrong number of arguments", client.execute_command, "GET")
    raises(redis.ResponseError, "unknown command", client.execute_command, "NOSUCHCOMMAND")


def keys(client):
    client.flushdb()
    client.mset({"key:%d" % n: n for n in range(5000)})
    assert client.dbsize() == 5000 and len(set(client.scan_iter("key:*", count=100))) == 5000
    assert sorted(client.keys("key:499?")) == [b"key:%d" % n for n in range(4990, 5000)]
    assert client.expire("key:1", 100) and 98 < client.ttl("key:1") <= 100 and client.persist("key:1")
    soon = datetime.datetime.now() + datetime.timedelta(hours=1)
    assert client.expireat("key:1", soon) and 3590 < client.ttl("key:1") <= 3601
    assert client.ttl("key:2") == -1 and client.ttl("nothing") == -2
    assert client.pexpire("key:2", 40) and client.exists("key:2") and not time.sleep(0.06)
    assert client.get("key:2") is None
    assert client.rename("key:3", "renamed") and client.get("renamed") == b"3"
    assert client.type("renamed") == b"string" and client.delete("renamed", "key:4", "nothing") == 2
    assert client.unlink("key:5") == 1 and client.touch("key:6", "nothing") == 1
    assert client.copy("key:6", "copied") and client.randomkey() is not None
    assert client.object("encoding", "key:6") == b"int" and client.memory_usage("key:6") > 0


def pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for n in range(10_000):
            pipe.set("p:%d" % n, n)
            pipe.get("p:%d" % n)
        answers = pipe.execute()
    assert answers == [answer for n in range(10_000) for answer in (True, b"%d" % n)]
    with client.pipeline(transaction=False) as pipe:
        pipe.set("word", "x").incr("word").get("word")
        first, second, third = pipe.execute(raise_on_error=False)
    assert first is True and isinstance(second, redis.ResponseError) and third == b"x"


def server(client, port):
    info = client.info()
    assert info["redis_version"].count(".") == 2 and info["tcp_port"] == port
    assert info["db0"]["keys"] > 0 and info["used_memory"] > 0 and info["connected_clients"] >= 1
    assert client.config_get("maxclients")["maxclients"].isdigit()
    assert client.client_setname("tester") and client.client_getname() in ("tester", b"tester")
    assert any(one["name"] == "tester" for one in client.client_list())
    assert client.client_id() > 0 and client.echo("there") == b"there"
    assert abs(client.time()[0] - time.time()) < 5
    assert client.command_count() > 50 and "get" in client.command()
    assert isinstance(client.slowlog_get(), list)


async def asynchronous(port):
    client = redis.asyncio.Redis(port=port, decode_responses=True)
    assert await client.set("async", "yes", ex=100) and await client.get("async") == "yes"
    counts = await asyncio.gather(*(client.incr("together") for _ in range(200)))
    assert sorted(counts) == list(range(1, 201))
    await client.close()


def main():
    port, socket = int(sys.argv[1]), sys.argv[2]
    client = redis.Redis(port=port, socket_timeout=10)
    strings(client)
    keys(client)
    pipelines(client)
    server(client, port)
    text = redis.Redis(port=port, db=2, decode_responses=True)
    assert text.set("coat", "ärmel") and text.get("coat") == "ärmel" and text.dbsize() == 1
    local = redis.Redis(unix_socket_path=socket)
    assert local.set("over", "the socket") and client.get("over") == b"the socket"
    asyncio.run(asynchronous(port))
    print("all is well")


main()
