#!/usr/bin/env python3
"""Django's channels over the publishing layer of channels_redis: two processes' worth of layers, groups across them,
and connections that the server closes.   channels_layer.py PORT"""

import asyncio
import sys
import time

import redis.asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer


async def until(holds, what):
    limit = time.monotonic() + 15
    while not await holds():
        assert time.monotonic() < limit, what
        await asyncio.sleep(0.01)


async def hear(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), 15)


async def groups(layers, boss):
    channels = [await layer.new_channel() for layer in layers for _ in range(3)]
    owner = {channel: layers[i // 3] for i, channel in enumerate(channels)}
    for channel in channels[1:]:
        await owner[channel].group_add("chat", channel)
    await until(lambda: listened(boss, "*group__chat", 2), "the group is not listened to by both")
    for n in range(100):
        await layers[n % 2].group_send("chat", {"type": "message", "n": n, "bytes": b"\x00\r\n\xff"})
    for channel in channels[1:]:
        got = [(await hear(owner[channel], channel))["n"] for _ in range(100)]
        # Two layers publish over connections of their own.
        assert [n for n in got if n % 2] == list(range(1, 100, 2)) and sorted(got) == list(range(100)), got
    await owner[channels[1]].group_discard("chat", channels[1])
    await layers[0].group_send("chat", {"type": "message", "n": 100})
    assert (await hear(owner[channels[2]], channels[2]))["n"] == 100
    assert (await hear(owner[channels[5]], channels[5]))["n"] == 100
    return channels, owner


async def listened(boss, pattern, count):
    names = await boss.pubsub_channels(pattern)
    return bool(names) and (await boss.pubsub_numsub(names[0]))[0][1] == count


async def singles(channels, owner, layers):
    """A message to one channel, sent from the other layer."""
    for channel in channels:
        other = layers[0] if owner[channel] is layers[1] else layers[1]
        await other.send(channel, {"type": "alone", "to": channel})
    for channel in channels:
        while (message := await hear(owner[channel], channel))["type"] != "alone":
            pass
        assert message["to"] == channel


async def hear_again(layer, channel):
    while (await layer.receive(channel))["type"] != "again":
        pass


async def comes_back(channels, owner, layers, boss):
    """What is published while a listener is away is lost; once it is back it hears on."""
    assert await boss.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == len(layers)
    waiting = {asyncio.create_task(hear_again(owner[channel], channel)) for channel in channels[2:]}
    limit = time.monotonic() + 15
    while waiting:
        assert time.monotonic() < limit, "the layers do not come back"
        await layers[1].group_send("chat", {"type": "again"})
        done, waiting = await asyncio.wait(waiting, timeout=0.1)
        for one in done:
            one.result()


async def main():
    port = int(sys.argv[1])
    boss = redis.asyncio.Redis(port=port, decode_responses=True)
    await boss.flushall()
    layers = [RedisPubSubChannelLayer(hosts=["redis://127.0.0.1:%d" % port]) for _ in range(2)]
    channels, owner = await groups(layers, boss)
    await singles(channels, owner, layers)
    await comes_back(channels, owner, layers, boss)
    for layer in layers:
        await layer.flush()
    await boss.close()
    print("all is well")


asyncio.run(main())
