// ioredis and node-redis over TLS with a certificate of their own.   node tls.js TLS_PORT FOLDER
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const Redis = require('ioredis');
const { createClient } = require('redis');

const [port, folder] = process.argv.slice(2);
const file = (name) => fs.readFileSync(path.join(folder, name));
const tls = { ca: file('ca.crt'), cert: file('client.crt'), key: file('client.key') };

async function ioredis() {
    const client = new Redis({ host: '127.0.0.1', port, tls });
    assert.equal(await client.call('ACL', 'WHOAMI'), 'client');
    const large = crypto.randomBytes(3000000);
    assert.equal(await client.set('large', large), 'OK');
    assert.deepEqual(await client.getBuffer('large'), large);
    const pipeline = client.pipeline();
    for (let n = 0; n < 5000; n++) pipeline.set(`key:${n}`, n).incr(`key:${n}`);
    const answers = await pipeline.exec();
    answers.forEach(([error, value], i) => {
        assert.equal(error, null);
        assert.equal(value, i % 2 ? (i - 1) / 2 + 1 : 'OK');
    });
    const listener = new Redis({ host: '127.0.0.1', port, tls });
    const heard = new Promise((resolve) => listener.on('message', (channel, text) => resolve(text)));
    await listener.subscribe('news');
    await client.publish('news', 'warm');
    assert.equal(await heard, 'warm');
    listener.disconnect();
    await client.quit();

    const stranger = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0,
        tls: { ...tls, cert: file('stranger.crt'), key: file('stranger.key') } });
    stranger.on('error', () => {});
    await assert.rejects(stranger.connect().then(() => stranger.ping()));
    stranger.disconnect();
}

async function nodeRedis() {
    const client = createClient({ socket: { host: '127.0.0.1', port: Number(port), tls: true, ...tls } });
    client.on('error', (error) => { throw error; });
    await client.connect();
    assert.equal(await client.set('coat', 'wärm'), 'OK');
    assert.equal(await client.get('coat'), 'wärm');
    const all = await Promise.all(Array.from({ length: 5000 }, () => client.incr('count')));
    assert.deepEqual(all, Array.from({ length: 5000 }, (_, i) => i + 1));
    await client.close();
}

ioredis().then(nodeRedis).then(() => console.log('all is well'), (error) => {
    console.error(error);
    process.exit(1);
});
