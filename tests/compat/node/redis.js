// A Node program as people write them on the redis package.   node redis.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const { createClient, RESP_TYPES } = require('redis');

const [port, socket] = process.argv.slice(2);

async function open(options) {
    const client = createClient({ socket: { host: '127.0.0.1', port: Number(port) }, ...options });
    client.failures = [];
    client.on('error', (error) => {
        console.error(error);
        client.failures.push(error);
    });
    await client.connect();
    return client;
}

async function strings(client) {
    assert.equal(await client.ping(), 'PONG');
    assert.equal(await client.set('coat', 'wärm'), 'OK');
    assert.equal(await client.get('coat'), 'wärm');
    assert.equal(await client.get('nothing'), null);
    assert.equal(await client.set('coat', 'x', { condition: 'NX' }), null);
    assert.equal(await client.set('coat', 'x', { GET: true }), 'wärm');
    assert.equal(await client.set('short', 'x', { expiration: { type: 'EX', value: 100 } }), 'OK');
    assert.ok((await client.ttl('short')) > 98);
    assert.ok((await client.pTTL('short')) > 98000);
    assert.equal(await client.mSet({ a: '1', b: '2' }), 'OK');
    assert.deepEqual(await client.mGet(['a', 'none', 'b']), ['1', null, '2']);
    assert.equal(await client.incrBy('n', 41), 41);
    assert.equal(await client.incr('n'), 42);
    assert.equal(await client.del(['a', 'b', 'none']), 2);
    assert.equal(await client.getDel('short'), 'x');
    await assert.rejects(client.incr('coat'), /ERR value is not an integer or out of range/);
    await assert.rejects(client.sendCommand(['NOSUCHCOMMAND']), /ERR unknown command/);
}

async function binary(client) {
    const bytes = Buffer.from([0, 255, 13, 10, 36, 42]);
    const raw = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    await raw.set(bytes, bytes);
    assert.deepEqual(await raw.get(bytes), bytes);
    const big = Buffer.alloc(5 << 20, 'coat');
    await raw.set('big', big);
    assert.ok(big.equals(await raw.get('big')));
}

async function many(client) {
    const numbers = Array.from({ length: 10000 }, (_, n) => n);
    await Promise.all(numbers.map((n) => client.set(`key:${n}`, String(n))));
    const values = await Promise.all(numbers.map((n) => client.get(`key:${n}`)));
    assert.deepEqual(values, numbers.map(String));
    const seen = new Set();
    for await (const keys of client.scanIterator({ MATCH: 'key:*', COUNT: 500 })) {
        for (const key of [].concat(keys)) seen.add(key);
    }
    assert.equal(seen.size, 10000);
}

async function server(client) {
    assert.match(await client.info(), /redis_version:\d+\.\d+\.\d+/);
    assert.ok((await client.dbSize()) >= 10000);
    const config = await client.configGet('maxclients');
    assert.match(config.maxclients, /^\d+$/);
    assert.ok((await client.clientId()) > 0);
}

// A connection that the server closes must be made anew, and what was asked meanwhile answered.
async function reconnect(client, other) {
    const id = await client.clientId();
    const again = new Promise((resolve) => client.once('ready', resolve));
    assert.equal(Number(await other.sendCommand(['CLIENT', 'KILL', 'ID', String(id)])), 1);
    await again;
    assert.equal(await client.get('coat'), 'x');
    assert.notEqual(await client.clientId(), id);
    client.failures.length = 0;
}

async function main() {
    for (const RESP of [2, 3]) {
        const client = await open({ RESP });
        await client.flushAll();
        await strings(client);
        await binary(client);
        await many(client);
        await server(client);
        const other = await open({ RESP, database: 3, name: 'other' });
        assert.equal(await other.dbSize(), 0);
        assert.equal(await other.clientGetName(), 'other');
        await reconnect(client, other);
        assert.deepEqual(client.failures, []);
        await other.close();
        await client.close();
    }
    const local = await open({ socket: { path: socket, tls: false } });
    assert.equal(await local.get('coat'), 'x');
    await local.close();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
