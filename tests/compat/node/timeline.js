// Timelines and a queue of jobs on the ioredis package.   node timeline.js PORT SOCKET
'use strict';
const assert = require('node:assert/strict');
const Redis = require('ioredis');

const port = Number(process.argv[2]);
const USERS = 40, POSTS = 600, KEPT = 100, WORKERS = 4, JOBS = 500;

let state = 4711;
function below(n) {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
}

// Each post is a hash and goes to the timelines of all who follow its author, in one transaction.
async function timelines(client) {
    const followers = [];
    const wanted = Array.from({ length: USERS }, () => []);
    for (let user = 0; user < USERS; user++) {
        followers.push([...new Set(Array.from({ length: 10 }, () => below(USERS)))]);
        await client.sadd(`followers:${user}`, ...followers[user]);
    }
    for (let n = 0; n < POSTS; n++) {
        const author = below(USERS);
        const id = await client.incr('posts');
        const readers = await client.smembers(`followers:${author}`);
        assert.deepEqual(readers.map(Number).sort((a, b) => a - b), [...followers[author]].sort((a, b) => a - b));
        const multi = client.multi().hset(`post:${id}`, 'author', author, 'text', `post ${id} from user ${author}`);
        for (const reader of readers) {
            multi.lpush(`timeline:${reader}`, id).ltrim(`timeline:${reader}`, 0, KEPT - 1);
            wanted[reader].unshift(String(id));
        }
        const answers = await multi.exec();
        assert.ok(answers.every(([error]) => error === null));
    }
    for (let user = 0; user < USERS; user++) {
        const page = await client.lrange(`timeline:${user}`, 0, 19);
        assert.deepEqual(page, wanted[user].slice(0, 20));
        assert.equal(await client.llen(`timeline:${user}`), Math.min(KEPT, wanted[user].length));
        const posts = await client.pipeline(page.map((id) => ['hgetall', `post:${id}`])).exec();
        posts.forEach(([error, post], i) => {
            assert.equal(error, null);
            assert.equal(post.text, `post ${page[i]} from user ${post.author}`);
        });
    }
    const shared = await client.sinter('followers:0', 'followers:1');
    assert.deepEqual(shared.map(Number).sort(), followers[0].filter((one) => followers[1].includes(one)).sort());
}

// Readers wait; a job stays in the list of those in work until it is done.
async function work(done) {
    const client = new Redis({ port });
    for (;;) {
        const job = await client.blmove('jobs', 'working', 'RIGHT', 'LEFT', 5);
        if (job === null || job === 'end') break;
        done.push(job);
        assert.equal(await client.lrem('working', 1, job), 1);
    }
    client.disconnect();
}

async function queue(client) {
    const done = [];
    const workers = Array.from({ length: WORKERS }, () => work(done));
    for (let n = 0; n < JOBS; n++) await client.lpush('jobs', `job:${n}`);
    await client.lpush('jobs', ...Array(WORKERS).fill('end'));
    await Promise.all(workers);
    assert.deepEqual(done.sort(), Array.from({ length: JOBS }, (_, n) => `job:${n}`).sort());
    assert.deepEqual(await client.lrange('working', 0, -1), Array(WORKERS).fill('end'));
}

async function main() {
    const client = new Redis({ port });
    await client.flushall();
    await timelines(client);
    await queue(client);
    await client.quit();
    console.log('all is well');
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
