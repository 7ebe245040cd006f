// Listeners as people write them on redis and on ioredis, whose connections the server closes: they come back and hear
// on.   node listeners.js PORT
'use strict';
const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { createClient } = require('redis');
const Redis = require('ioredis');

const port = Number(process.argv[2]);
const TIMES = 4;

async function until(holds, what) {
    const limit = Date.now() + 15000;
    while (!(await holds())) {
        assert.ok(Date.now() < limit, what);
        await sleep(5);
    }
}

// Publishes through `boss` and waits until each list of what was heard ends with it.
async function say(boss, channel, words, heard) {
    assert.equal(await boss.publish(channel, words), heard.length);
    await until(() => heard.every((one) => one.at(-1) === words), `${words} is not heard`);
}

async function listeners(boss) {
    return (await boss.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').filter((line) => line);
}

// Kills the listeners' connection again and again; all that they listen to has to be there again each time. One that was
// killed may be counted for a moment yet: another one has to be there.
async function comeBack(boss, listening, heard) {
    for (let n = 0; n < TIMES; n++) {
        const [killed] = (await listeners(boss))[0].split(' ');
        const isBack = (line) => !line.startsWith(`${killed} `) && / sub=[1-9].* psub=[1-9]/.test(line);
        assert.equal(await boss.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
        await until(async () => (await listeners(boss)).some(isBack) && (await listening()) === heard.length,
            'the listener does not come back');
        await say(boss, 'news:coats', `round ${n}`, heard);
    }
}

async function nodeRedis(boss, resp) {
    const client = createClient({ RESP: resp, socket: { host: '127.0.0.1', port, reconnectStrategy: 20 } });
    const byName = [], byPattern = [], bytes = [], shard = [];
    client.on('error', () => {});
    await client.connect();
    await client.subscribe(['news:coats', 'other'], (words, channel) => byName.push(channel === 'other' ? '' : words));
    await client.pSubscribe('news:*', (words) => byPattern.push(words));
    await client.subscribe('bytes', (message) => bytes.push(message), true);
    await client.sSubscribe('cloakroom', (words) => shard.push(words));
    const heard = [byName, byPattern];
    await say(boss, 'news:coats', 'wärm', heard);
    const raw = Buffer.from([0, 255, 13, 10]);
    assert.equal(await boss.publish('bytes', raw), 1);
    await until(() => bytes.length === 1, 'bytes are not heard');
    assert.deepEqual(bytes[0], raw);
    if (resp === 3) assert.equal(await client.incr('commands in between'), 1);
    const listening = async () => (await boss.pubsub('NUMPAT')) + (await boss.pubsub('NUMSUB', 'news:coats'))[1];
    await comeBack(boss, listening, heard);
    await until(async () => (await boss.call('SPUBLISH', 'cloakroom', 'x')) === 1, 'the shard channel is not back');
    await until(() => shard.includes('x'), 'the shard channel is not heard');
    const order = Array.from({ length: 2000 }, (_, n) => String(n));
    byName.length = byPattern.length = 0;
    await Promise.all(order.map((n) => boss.publish('news:coats', n)));
    await until(() => byPattern.length >= order.length && byName.length >= order.length, 'some are not heard');
    assert.deepEqual([byName, byPattern], [order, order]);
    await client.pUnsubscribe('news:*');
    await client.unsubscribe();
    await client.sUnsubscribe();
    assert.equal(await client.get('nothing'), null);
    await client.close();
}

async function ioredis(boss) {
    const client = new Redis({ port, retryStrategy: () => 20 });
    const byName = [], byPattern = [];
    client.on('error', () => {});
    client.on('message', (channel, words) => byName.push(words));
    client.on('pmessage', (pattern, channel, words) => byPattern.push(words));
    assert.equal(await client.subscribe('news:coats', 'other'), 2);
    assert.equal(await client.psubscribe('news:*', 'nothing?'), 4);
    const heard = [byName, byPattern];
    await say(boss, 'news:coats', 'wärm', heard);
    await assert.rejects(client.get('x'), /subscriber mode/);
    const listening = async () => (await boss.pubsub('NUMPAT')) - 1 + (await boss.pubsub('NUMSUB', 'news:coats'))[1];
    await comeBack(boss, listening, heard);
    assert.equal(await client.unsubscribe('news:coats', 'other'), 2);
    assert.equal(await client.punsubscribe('news:*', 'nothing?'), 0);
    assert.equal(await client.get('x'), null);
    await client.quit();
}

async function main() {
    const boss = new Redis({ port });
    await boss.flushall();
    await nodeRedis(boss, 2);
    await nodeRedis(boss, 3);
    await ioredis(boss);
    assert.deepEqual(await boss.pubsub('CHANNELS'), []);
    await boss.quit();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
