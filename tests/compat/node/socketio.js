// Two nodes of a chat on socket.io, joined by @socket.io/redis-adapter: in rooms, to all, to the nodes themselves; and
// once more by shard channels.   node socketio.js PORT
'use strict';
const assert = require('node:assert/strict');
const { createServer } = require('node:http');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { Server } = require('socket.io');
const { io: connect } = require('socket.io-client');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const Redis = require('ioredis');

const port = Number(process.argv[2]);

async function until(holds, what) {
    const limit = Date.now() + 15000;
    while (!(await holds())) {
        assert.ok(Date.now() < limit, what);
        await sleep(5);
    }
}

async function openNode(adapter) {
    const [publisher, listener] = [0, 1].map(() => new Redis({ port, retryStrategy: () => 20 }));
    const http = createServer();
    const io = new Server(http, { adapter: adapter(publisher, listener) });
    io.on('connection', (socket) => {
        socket.on('enter', (room, done) => Promise.resolve(socket.join(room)).then(() => done()));
        socket.on('leave', (room, done) => Promise.resolve(socket.leave(room)).then(() => done()));
        socket.on('talk', (room, words) => io.to(room).emit('heard', words));
    });
    for (const one of [publisher, listener]) one.on('error', () => {});
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return { io, redis: [publisher, listener], url: `http://127.0.0.1:${http.address().port}` };
}

async function openGuest(node) {
    const socket = connect(node.url, { transports: ['websocket'], forceNew: true });
    const guest = { socket, heard: [], ask: (...words) => socket.emitWithAck(...words) };
    socket.on('heard', (words) => guest.heard.push(words));
    await once(socket, 'connect');
    return guest;
}

async function chat(adapter, boss) {
    const nodes = await Promise.all([openNode(adapter), openNode(adapter)]);
    const guests = await Promise.all([0, 0, 1, 1].map((n) => openGuest(nodes[n])));
    const [anna, ben, clara, dora] = guests;
    await Promise.all([anna, ben, clara].map((guest) => guest.ask('enter', 'wardrobe')));

    // In a room: those of both nodes hear it, whoever is not in it does not.
    await until(async () => (await nodes[0].io.in('wardrobe').fetchSockets()).length === 3, 'the room is not seen');
    for (let n = 0; n < 200; n++) clara.socket.emit('talk', 'wardrobe', n);
    await until(() => [anna, ben, clara].every((one) => one.heard.length >= 200), 'the room is not heard');
    for (const one of [anna, ben, clara]) assert.deepEqual(one.heard, Array.from({ length: 200 }, (_, n) => n));
    assert.deepEqual(dora.heard, []);

    // To all, to nodes, and a question to all guests of all nodes.
    nodes[1].io.emit('heard', { bytes: Buffer.from([0, 255, 13, 10]) });
    await until(() => guests.every((one) => one.heard.at(-1).bytes), 'not all have heard it');
    assert.deepEqual(anna.heard.at(-1).bytes, Buffer.from([0, 255, 13, 10]));
    nodes[1].io.on('how many', (answer) => answer(42));
    assert.deepEqual(await nodes[0].io.serverSideEmitWithAck('how many'), [42]);
    guests.forEach((one, n) => one.socket.on('name', (answer) => answer(n)));
    assert.deepEqual((await nodes[0].io.timeout(10000).emitWithAck('name')).sort(), [0, 1, 2, 3]);

    // Left by one, and moved about from the other node.
    await ben.ask('leave', 'wardrobe');
    nodes[0].io.in(dora.socket.id).socketsJoin('wardrobe');
    const members = async () => (await nodes[1].io.in('wardrobe').fetchSockets()).map((one) => one.id).sort();
    const wanted = [anna, clara, dora].map((one) => one.socket.id).sort();
    await until(async () => String(await members()) === String(wanted), 'the room is another');

    // The server closes what the nodes listen by: they come back, and hear each other again.
    const listening = Number(await boss.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    assert.equal(listening, 2);
    await until(async () => {
        nodes[0].io.to('wardrobe').emit('heard', 'again');
        nodes[1].io.to('wardrobe').emit('heard', 'again');
        await sleep(20);
        return [anna, clara, dora].every((one) => one.heard.filter((words) => words === 'again').length >= 2);
    }, 'the nodes do not hear each other again');

    for (const one of guests) one.socket.disconnect();
    for (const node of nodes) await node.io.close();
    for (const node of nodes) for (const one of node.redis) one.disconnect();
}

async function main() {
    const boss = new Redis({ port });
    await chat((publisher, listener) => createAdapter(publisher, listener), boss);
    await until(async () => (await boss.pubsub('NUMPAT')) === 0, 'somebody listens yet');
    for (const subscriptionMode of ['dynamic', 'static']) {
        await chat((publisher, listener) => createShardedAdapter(publisher, listener, { subscriptionMode }), boss);
    }
    await boss.quit();
    console.log('all is well');
    process.exit(0);
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
