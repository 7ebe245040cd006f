// keyv and cache-manager, with @keyv/redis below.   node keyv.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { default: Keyv } = require('keyv');
const { default: KeyvRedis } = require('@keyv/redis');
const { createCache } = require('cache-manager');

const url = `redis://127.0.0.1:${process.argv[2]}`;

async function plain() {
    const store = new KeyvRedis(url);
    const keyv = new Keyv({ store, namespace: 'app' });
    keyv.on('error', (error) => assert.fail(error));
    assert.equal(await keyv.get('nothing'), undefined);
    await keyv.set('coat', { colour: 'grün', sizes: [1, 2.5] });
    assert.deepEqual(await keyv.get('coat'), { colour: 'grün', sizes: [1, 2.5] });
    await keyv.set('brief', 'x', 100);
    assert.equal(await keyv.get('brief'), 'x');
    await sleep(150);
    assert.equal(await keyv.get('brief'), undefined);
    await keyv.setMany(Array.from({ length: 500 }, (_, n) => ({ key: `many:${n}`, value: n })));
    assert.deepEqual(await keyv.get(['many:0', 'none', 'many:499']), [0, undefined, 499]);
    assert.equal(await keyv.has('many:7'), true);
    assert.equal(await keyv.delete('many:7'), true);
    assert.equal(await keyv.has('many:7'), false);
    let seen = 0;
    for await (const [key] of keyv.iterator('app')) seen += key.startsWith('many:');
    assert.equal(seen, 499);

    const other = new Keyv({ store: new KeyvRedis(url), namespace: 'other' });
    await other.set('coat', 'mine');
    await keyv.clear();
    assert.equal(await keyv.get('coat'), undefined);
    assert.equal(await other.get('coat'), 'mine');
    await keyv.disconnect();
    await other.disconnect();
}

async function managed() {
    const cache = createCache({ stores: [new Keyv({ store: new KeyvRedis(url), namespace: 'managed' })], ttl: 60000 });
    let made = 0;
    const make = () => cache.wrap('page', async () => `page ${++made}`, 200);

    assert.deepEqual(await Promise.all([make(), make(), make()]), ['page 1', 'page 1', 'page 1']);
    assert.equal(await make(), 'page 1');
    await sleep(300);
    assert.equal(await make(), 'page 2');
    await cache.mset([{ key: 'a', value: 1 }, { key: 'b', value: { two: 2 } }]);
    assert.deepEqual(await cache.mget(['a', 'b', 'none']), [1, { two: 2 }, undefined]);
    await cache.mdel(['a']);
    assert.equal(await cache.get('a'), undefined);
    const left = (await cache.ttl('b')) - Date.now();
    assert.ok(left > 50000 && left <= 60000, String(left));
    await cache.clear();
    assert.equal(await cache.get('b'), undefined);
    await cache.disconnect();
}

async function main() {
    await plain();
    await managed();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
