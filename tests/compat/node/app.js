// A small Express application whose sessions live in the server.   node app.js PORT SESSION_MS
'use strict';
const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

const [port, lifetime] = process.argv.slice(2).map(Number);

async function main() {
    const client = createClient({ socket: { host: '127.0.0.1', port } });
    client.on('error', (error) => console.error(error));
    await client.connect();
    const store = new RedisStore({ client, prefix: 'sess:' });

    const app = express();
    app.use(express.json());
    app.use(session({
        store,
        secret: 'a secret for the test alone',
        resave: false,
        saveUninitialized: false,
        rolling: true,
        cookie: { maxAge: lifetime },
    }));
    app.post('/login', (request, response) => {
        request.session.user = request.body.user;
        request.session.visits = 0;
        response.json({ user: request.body.user });
    });
    app.get('/me', (request, response) => {
        if (!request.session.user) return response.status(401).json({ error: 'not logged in' });
        request.session.visits++;
        response.json({ user: request.session.user, visits: request.session.visits });
    });
    app.post('/logout', (request, response) => {
        request.session.destroy(() => response.json({}));
    });
    app.get('/sessions', async (request, response) => {
        const all = await store.all();
        response.json({ count: await store.length(), users: all.map((one) => one.user).sort() });
    });
    const server = app.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
