// Uses app.js as browsers would: log in, come back, come back after a restart, be forgotten.
//   node express.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');

const port = process.argv[2];
let running = null;

async function start(lifetimeMs) {
    running = spawn(process.execPath, ['app.js', port, String(lifetimeMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const address = await new Promise((resolve, reject) => {
        running.stdout.on('data', (data) => {
            const found = /listening (\d+)/.exec(data);
            if (found) resolve(`http://127.0.0.1:${found[1]}`);
        });
        running.once('exit', (code) => reject(new Error(`the application ended with ${code}`)));
    });
    return address;
}

async function stop() {
    if (!running) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
    running = null;
}

class Browser {
    constructor() {
        this.cookie = null;
    }

    async ask(address, method, path, body) {
        const response = await fetch(address + path, {
            method,
            headers: { 'content-type': 'application/json', ...(this.cookie && { cookie: this.cookie }) },
            body: body && JSON.stringify(body),
        });
        const set = response.headers.get('set-cookie');
        if (set) this.cookie = set.split(';')[0];
        return [response.status, await response.json()];
    }
}

async function main() {
    let address = await start(60000);
    const ann = new Browser();
    const bob = new Browser();
    assert.deepEqual(await ann.ask(address, 'GET', '/me'), [401, { error: 'not logged in' }]);
    assert.deepEqual(await ann.ask(address, 'POST', '/login', { user: 'ann' }), [200, { user: 'ann' }]);
    assert.deepEqual(await bob.ask(address, 'POST', '/login', { user: 'bob' }), [200, { user: 'bob' }]);
    assert.deepEqual(await ann.ask(address, 'GET', '/me'), [200, { user: 'ann', visits: 1 }]);
    assert.deepEqual(await ann.ask(address, 'GET', '/me'), [200, { user: 'ann', visits: 2 }]);
    assert.deepEqual(await bob.ask(address, 'GET', '/me'), [200, { user: 'bob', visits: 1 }]);
    assert.deepEqual((await bob.ask(address, 'GET', '/sessions'))[1], { count: 2, users: ['ann', 'bob'] });

    await stop();
    address = await start(60000);
    assert.deepEqual(await ann.ask(address, 'GET', '/me'), [200, { user: 'ann', visits: 3 }]);
    assert.deepEqual(await bob.ask(address, 'POST', '/logout'), [200, {}]);
    assert.deepEqual(await bob.ask(address, 'GET', '/me'), [401, { error: 'not logged in' }]);
    assert.deepEqual((await ann.ask(address, 'GET', '/sessions'))[1], { count: 1, users: ['ann'] });

    const crowd = Array.from({ length: 200 }, () => new Browser());
    await Promise.all(crowd.map((one, i) => one.ask(address, 'POST', '/login', { user: `user${i}` })));
    const answers = await Promise.all(crowd.map((one) => one.ask(address, 'GET', '/me')));
    answers.forEach((answer, i) => assert.deepEqual(answer, [200, { user: `user${i}`, visits: 1 }]));
    assert.equal((await ann.ask(address, 'GET', '/sessions'))[1].count, 201);

    // Sessions of two seconds: kept alive by visits, forgotten without them.
    await stop();
    address = await start(2000);
    const eve = new Browser();
    await eve.ask(address, 'POST', '/login', { user: 'eve' });
    for (let visits = 1; visits <= 3; visits++) {
        await sleep(1000);
        assert.deepEqual(await eve.ask(address, 'GET', '/me'), [200, { user: 'eve', visits }]);
    }
    await sleep(2600);
    assert.deepEqual(await eve.ask(address, 'GET', '/me'), [401, { error: 'not logged in' }]);
    assert.equal((await ann.ask(address, 'GET', '/sessions'))[1].count, 201);
    console.log('all is well');
}

main().then(stop, async (error) => {
    console.error(error);
    await stop();
    process.exit(1);
});
