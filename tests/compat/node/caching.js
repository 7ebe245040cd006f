// Client-side caching on the redis package: a client, a pool of them, and what others change.   node caching.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const { createClient, createClientPool, BasicClientSideCache, BasicPooledClientSideCache } = require('redis');

const socket = { host: '127.0.0.1', port: Number(process.argv[2]) };
const KEYS = 30, ROUNDS = 40;

async function open(options) {
    const client = createClient({ socket, ...options });
    client.on('error', (error) => console.error(error));
    await client.connect();
    return client;
}

// Until it is so; a stale value would stay for ever.
async function eventually(holds) {
    for (let tries = 0; tries < 1000; tries++) {
        if (await holds()) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail(`never: ${holds}`);
}

async function one(writer) {
    const cache = new BasicClientSideCache({ maxEntries: 1000 });
    const client = await open({ RESP: 3, clientSideCache: cache });
    await writer.set('coat', 'brown');
    assert.equal(await client.get('coat'), 'brown');
    assert.equal(await client.get('coat'), 'brown');
    assert.equal(cache.stats().hitCount, 1);
    assert.equal(cache.stats().missCount, 1);
    await writer.set('coat', 'green');
    await eventually(async () => (await client.get('coat')) === 'green');
    await client.set('coat', 'red');
    await eventually(async () => (await client.get('coat')) === 'red');
    await writer.flushAll();
    await eventually(async () => (await client.get('coat')) === null);
    await writer.hSet('hat', { size: '58' });
    assert.equal((await client.hGetAll('hat')).size, '58');
    await writer.hSet('hat', { size: '60' });
    await eventually(async () => (await client.hGetAll('hat')).size === '60');
    await writer.set('short', 'x', { expiration: { type: 'PX', value: 50 } });
    await client.get('short');
    await eventually(async () => (await client.get('short')) === null);
    await client.close();
}

// All read and write at random; when they stop, what the caches say is what the server has.
async function crowd(writer) {
    const caches = [], clients = [];
    for (let i = 0; i < 6; i++) {
        caches.push(new BasicClientSideCache({ maxEntries: 1000 }));
        clients.push(await open({ RESP: 3, clientSideCache: caches[i] }));
    }
    for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(clients.flatMap((client, i) => [
            ...Array.from({ length: KEYS }, (_, k) => client.get(`key:${k}`)),
            client.set(`key:${(round * 7 + i * 5) % KEYS}`, `${round}.${i}`),
            writer.incr(`key:n${round % 3}`),
            ...Array.from({ length: 3 }, (_, k) => client.get(`key:n${k}`)),
        ]));
    }
    for (const key of [...Array.from({ length: KEYS }, (_, k) => `key:${k}`), 'key:n0', 'key:n1', 'key:n2']) {
        const value = await writer.get(key);
        for (const client of clients) await eventually(async () => (await client.get(key)) === value);
    }
    const hits = caches.reduce((sum, cache) => sum + cache.stats().hitCount, 0);
    assert.ok(hits > KEYS, `${hits} hits`);
    await Promise.all(clients.map((client) => client.close()));
}

async function pool(writer) {
    const cache = new BasicPooledClientSideCache({ maxEntries: 1000 });
    const clients = createClientPool({ socket, RESP: 3 }, { clientSideCache: cache, minimum: 4, maximum: 8 });
    clients.on('error', (error) => console.error(error));
    await clients.connect();
    for (let round = 0; round < 50; round++) {
        const value = String(round);
        await writer.set('pooled', value);
        await eventually(async () => (await clients.get('pooled')) === value);
        await Promise.all(Array.from({ length: 20 }, () => clients.get('pooled')));
    }
    assert.ok(cache.stats().hitCount > 0);
    await clients.close();
}

async function main() {
    const writer = await open({});
    await writer.flushAll();
    await one(writer);
    await crowd(writer);
    await pool(writer);
    await writer.close();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
