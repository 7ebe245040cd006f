// A game's leaderboard on the ioredis package.   node leaderboard.js PORT [PLAYERS]
// Every answer is held against a plain sorted array.
'use strict';
const assert = require('node:assert/strict');
const Redis = require('ioredis');

const port = process.argv[2];
const players = Number(process.argv[3]) || 50000;  // a socket's path stands here when tests/compat/run calls
const BATCH = 10000;
const KEY = 'board';

let state = 12345;
function below(n) {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
}
const name = (number) => `player:${String(number).padStart(8, '0')}`;

// The same board as a map, sorted when it is asked. Equal scores stand in the order of their names, turned round.
class Model {
    constructor() {
        this.scores = new Map();
        this.order = null;
    }
    put(player, score) {
        this.scores.set(player, score);
        this.order = null;
    }
    bestFirst() {
        if (!this.order) {
            this.order = [...this.scores].sort(([one, a], [two, b]) => b - a || (one < two ? 1 : -1));
            this.places = new Map(this.order.map(([player], at) => [player, at]));
        }
        return this.order;
    }
    rank(player) {
        this.bestFirst();
        return this.places.get(player);
    }
}

async function all(pipeline) {
    return (await pipeline.exec()).map(([error, value]) => {
        assert.equal(error, null);
        return value;
    });
}

// One ZADD a score, as they come in from a game, ten thousand in a pipeline.
async function fill(client, model) {
    const begun = performance.now();
    for (let first = 0; first < players; first += BATCH) {
        const pipeline = client.pipeline();
        for (let n = first; n < Math.min(players, first + BATCH); n++) {
            const score = below(players * 2);
            model.put(name(n), score);
            pipeline.zadd(KEY, score, name(n));
        }
        assert.ok((await all(pipeline)).every((added) => added === 1));
    }
    const seconds = (performance.now() - begun) / 1000;
    console.log(`${players} scores in ${seconds.toFixed(1)} s, ${Math.round(players / seconds)} a second`);
    assert.equal(await client.zcard(KEY), players);
}

async function read(client, model) {
    const order = model.bestFirst();
    assert.deepEqual(await client.zrevrange(KEY, 0, 9, 'WITHSCORES'), order.slice(0, 10).flatMap(([player, score]) => [player, String(score)]));
    for (let i = 0; i < 200; i++) {
        const player = name(below(players));
        assert.equal(await client.zrevrank(KEY, player), model.rank(player));
        assert.equal(await client.zscore(KEY, player), String(model.scores.get(player)));
        const first = below(players - 50);
        assert.deepEqual(await client.zrevrange(KEY, first, first + 49), order.slice(first, first + 50).map(([one]) => one));
    }
    assert.equal(await client.zrevrank(KEY, 'nobody'), null);
}

// The two above and the two below with their ranks, in one answer of one moment; equal scores share a rank.
async function around(client, model) {
    const order = model.bestFirst();
    const asked = [order[0][0], order[order.length - 1][0], ...Array.from({ length: 100 }, () => name(below(players)))];
    for (const player of asked) {
        const at = model.rank(player);
        const first = Math.max(0, at - 2);
        assert.deepEqual(
            await client.call('ZAROUND', KEY, player, 2, 'REV', 'WITHSCORES'),
            order.slice(first, at + 3).map(([one, score], i) => [first + i, one, String(score)])
        );
        const better = order.findIndex(([, score]) => score === model.scores.get(player));
        assert.equal(await client.call('ZREVRANK', KEY, player, 'TIES'), better);
    }
    assert.equal(await client.call('ZAROUND', KEY, 'nobody', 2), null);
}

async function play(client, model) {
    const pipeline = client.pipeline();
    const expected = [];
    for (let i = 0; i < 5000; i++) {
        const player = name(below(players));
        const points = [1, 5, 10, players, 0.5, -3][below(6)];
        model.put(player, model.scores.get(player) + points);
        expected.push(String(model.scores.get(player)));
        pipeline.zincrby(KEY, points, player);
    }
    assert.deepEqual(await all(pipeline), expected);
}

async function merged(client) {
    const days = [new Map(), new Map()];
    const names = ['monday', 'tuesday'];
    for (const [i, day] of days.entries()) {
        for (let n = 0; n < 2000; n++) day.set(name(below(3000)), below(1000));
        await client.zadd(names[i], ...[...day].flatMap(([player, score]) => [score, player]));
    }
    const both = new Map(days[0]);
    for (const [player, score] of days[1]) both.set(player, (both.get(player) ?? 0) + score);
    assert.equal(await client.zunionstore('both', 2, ...names), both.size);
    const flat = await client.zrange('both', 0, -1, 'WITHSCORES');
    const got = new Map(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], Number(flat[2 * i + 1])]));
    assert.deepEqual(new Map([...got].sort()), new Map([...both].sort()));
}

async function daily(client) {
    await client.pipeline().zadd('today', 3, 'ann', 5, 'bob').pexpire('today', 400).exec();
    assert.deepEqual(await client.zrevrange('today', 0, -1), ['bob', 'ann']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await client.zrevrange('today', 0, -1), []);
    assert.equal(await client.zrevrank('today', 'ann'), null);
}

async function hasAround(client) {
    try {
        await client.call('ZAROUND', 'nothing', 'nobody', 1);
        return true;
    } catch (error) {
        assert.match(error.message, /unknown command/);
        return false;
    }
}

async function main() {
    const client = new Redis({ port });
    const model = new Model();
    await client.del(KEY, 'monday', 'tuesday', 'both', 'today');
    await fill(client, model);
    const told = await hasAround(client);
    for (let i = 0; i < 2; i++) {
        await read(client, model);
        if (told) await around(client, model);
        await play(client, model);
    }
    await merged(client);
    await daily(client);
    await client.quit();
    console.log(told ? 'all is well' : 'all is well without ZAROUND and TIES, which this server does not have');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
