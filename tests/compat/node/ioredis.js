// A Node program as people write them on the ioredis package.   node ioredis.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const Redis = require('ioredis');

const [port, socket] = process.argv.slice(2);

async function strings(client) {
    assert.equal(await client.ping(), 'PONG');
    assert.equal(await client.set('coat', 'wärm', 'EX', 100), 'OK');
    assert.equal(await client.get('coat'), 'wärm');
    assert.equal(await client.set('coat', 'x', 'NX'), null);
    assert.ok((await client.ttl('coat')) > 98);
    assert.deepEqual(await client.mset({ a: 1, b: 2 }), 'OK');
    assert.deepEqual(await client.mget('a', 'none', 'b'), ['1', null, '2']);
    assert.equal(await client.incrbyfloat('n', 0.5), '0.5');
    const bytes = Buffer.from([0, 255, 13, 10]);
    await client.set(bytes, bytes);
    assert.deepEqual(await client.getBuffer(bytes), bytes);
    await assert.rejects(client.incr('coat'), /ERR value is not an integer or out of range/);
    await assert.rejects(client.call('NOSUCHCOMMAND', 'x'), /ERR unknown command/);
}

async function pipelines(client) {
    const pipeline = client.pipeline();
    for (let n = 0; n < 10000; n++) pipeline.set(`key:${n}`, n).get(`key:${n}`);
    const answers = await pipeline.exec();
    assert.equal(answers.length, 20000);
    answers.forEach(([error, value], i) => {
        assert.equal(error, null);
        assert.equal(value, i % 2 ? String((i - 1) / 2) : 'OK');
    });
    const mixed = await client.pipeline().incr('coat').get('coat').exec();
    assert.match(mixed[0][0].message, /not an integer/);
    assert.equal(mixed[1][1], 'wärm');
}

async function scanning(client) {
    const seen = new Set();
    for await (const keys of client.scanStream({ match: 'key:*', count: 300 })) {
        keys.forEach((key) => seen.add(key));
    }
    assert.equal(seen.size, 10000);
}

async function automatic() {
    const client = new Redis({ port, enableAutoPipelining: true });
    const values = await Promise.all(Array.from({ length: 5000 }, (_, n) => client.get(`key:${n}`)));
    assert.deepEqual(values, Array.from({ length: 5000 }, (_, n) => String(n)));
    client.disconnect();
}

// A connection that the server closes must be made anew, and what was asked meanwhile answered.
async function reconnect(client) {
    const id = await client.client('ID');
    const other = new Redis({ port, db: 3, connectionName: 'other' });
    assert.equal(await other.dbsize(), 0);
    assert.equal(await other.client('GETNAME'), 'other');
    const again = new Promise((resolve) => client.once('ready', resolve));
    assert.equal(await other.client('KILL', 'ID', id), 1);
    await again;
    assert.equal(await client.get('coat'), 'wärm');
    assert.notEqual(await client.client('ID'), id);
    assert.equal(await other.quit(), 'OK');
}

async function main() {
    const client = new Redis({ port });
    await new Promise((resolve, reject) => client.once('ready', resolve).once('error', reject));
    assert.match(await client.info('server'), /redis_version:\d+\.\d+\.\d+/);
    await strings(client);
    await pipelines(client);
    await scanning(client);
    await automatic();
    await reconnect(client);
    const local = new Redis(socket);
    assert.equal(await local.get('coat'), 'wärm');
    await local.quit();
    assert.equal(await client.flushall(), 'OK');
    assert.equal(await client.dbsize(), 0);
    await client.quit();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
