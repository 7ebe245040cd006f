<?php
// A PHP program as people write them on the extension redis.   php client.php PORT
function expect($wanted, $got, string $what): void
{
    if ($wanted !== $got) {
        fwrite(STDERR, "$what: expected " . var_export($wanted, true) . ', got ' . var_export($got, true) . "\n");
        exit(1);
    }
}

$redis = new Redis();
$redis->connect('127.0.0.1', (int)$argv[1]);
$redis->flushAll();
expect(true, $redis->set('coat', "w\u{e4}rm", ['nx', 'ex' => 100]), 'SET NX EX');
expect(false, $redis->set('coat', 'x', ['nx']), 'SET NX');
expect("w\u{e4}rm", $redis->get('coat'), 'GET');
expect(false, $redis->get('nothing'), 'GET of nothing');
expect(['1', false], ($redis->mSet(['a' => 1]) ? $redis->mGet(['a', 'none']) : null), 'MGET');

$redis->hMSet('user', ['name' => 'ann', 'visits' => 1]);
expect(3, $redis->hIncrBy('user', 'visits', 2), 'HINCRBY');
expect(['name' => 'ann', 'visits' => '3'], $redis->hGetAll('user'), 'HGETALL');
expect(3, $redis->rPush('list', 'a', 'b', 'c'), 'RPUSH');
expect(['b', 'c'], $redis->lRange('list', 1, -1), 'LRANGE');
expect(['list', 'a'], $redis->blPop(['none', 'list'], 1), 'BLPOP');
expect(3, $redis->sAdd('set', 'x', 'y', 'z'), 'SADD');
expect(true, $redis->sIsMember('set', 'y'), 'SISMEMBER');
expect(2, $redis->zAdd('board', 10, 'ann', 20, 'bob'), 'ZADD');
expect(['bob' => 20.0, 'ann' => 10.0], $redis->zRevRange('board', 0, -1, true), 'ZREVRANGE');

expect([true, 2, ['name' => 'ann', 'visits' => '3']],
       $redis->multi()->set('t', 1)->incr('t')->hGetAll('user')->exec(), 'MULTI');
$other = new Redis();
$other->connect('127.0.0.1', (int)$argv[1]);
$redis->watch('t');
$other->incr('t');
expect(false, $redis->multi()->set('t', 'lost')->exec(), 'EXEC after a change');
expect('3', $redis->get('t'), 'what was watched');

$pipeline = $redis->multi(Redis::PIPELINE);
for ($n = 0; $n < 2000; $n++) $pipeline->set("key:$n", $n)->get("key:$n");
$answers = $pipeline->exec();
expect(4000, count($answers), 'a pipeline');
expect('1999', $answers[3999], 'its last answer');
$seen = 0;
$redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
for ($at = null; $keys = $redis->scan($at, 'key:*', 300);) $seen += count($keys);
expect(true, $seen >= 2000, 'SCAN');

$redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
$redis->set('object', ['list' => [1, 2.5, null]]);
expect(['list' => [1, 2.5, null]], $redis->get('object'), 'an array');
echo "all is well\n";
