# A Ruby program as people write them on the gem redis.   ruby client.rb PORT
require 'redis'

def expect(wanted, got, what)
  abort "#{what}: expected #{wanted.inspect}, got #{got.inspect}" unless wanted == got
end

redis = Redis.new(host: '127.0.0.1', port: ARGV[0].to_i)
redis.flushall
expect true, redis.set('coat', 'warm', ex: 100, nx: true), 'SET NX'
expect false, redis.set('coat', 'x', nx: true), 'SET NX of what is there'
expect ['warm', nil], redis.mget('coat', 'nothing'), 'MGET'
expect 42, redis.incrby('n', 42), 'INCRBY'
begin
  redis.incr('coat')
  abort 'INCR of a word was expected to fail'
rescue Redis::CommandError => wrong
  expect true, wrong.message.include?('not an integer'), 'its error'
end

redis.mapped_hmset('user', 'name' => 'ann', 'visits' => 1)
expect 3, redis.hincrby('user', 'visits', 2), 'HINCRBY'
expect({ 'name' => 'ann', 'visits' => '3' }, redis.hgetall('user'), 'HGETALL')
redis.rpush('list', %w[a b c])
expect %w[b c], redis.lrange('list', 1, -1), 'LRANGE'
expect 'c', redis.lmove('list', 'other', 'RIGHT', 'LEFT'), 'LMOVE'
redis.sadd('set', %w[x y z])
expect %w[x y z], redis.smembers('set').sort, 'SMEMBERS'
redis.zadd('board', [[10, 'ann'], [20.5, 'bob']])
expect [['bob', 20.5], ['ann', 10.0]], redis.zrevrange('board', 0, -1, with_scores: true), 'ZREVRANGE'
expect 2000, redis.pipelined { |pipe| 2000.times { |n| pipe.set("key:#{n}", n) } }.size, 'a pipeline'
expect 2000, redis.scan_each(match: 'key:*', count: 300).to_a.uniq.size, 'SCAN'

expect ['OK', 2, 'warm'], redis.multi { |multi| multi.set('t', 1); multi.incr('t'); multi.get('coat') }, 'MULTI'
other = Redis.new(host: '127.0.0.1', port: ARGV[0].to_i)
lost = redis.watch('t') do
  other.incr('t')
  redis.multi { |multi| multi.set('t', 'lost') }
end
expect nil, lost, 'EXEC after a change'
expect '3', redis.get('t'), 'what was watched'

waiting = Thread.new { Redis.new(host: '127.0.0.1', port: ARGV[0].to_i).blpop('queue', timeout: 10) }
sleep 0.1
redis.rpush('queue', 'job')
expect %w[queue job], waiting.value, 'BLPOP'

heard = []
listener = Thread.new do
  Redis.new(host: '127.0.0.1', port: ARGV[0].to_i).subscribe('news') do |on|
    on.message { |_, message| heard << message; Thread.current.exit if message == 'end' }
  end
end
sleep 0.02 until redis.publish('news', 'first') == 1
redis.publish('news', 'end')
listener.join(10)
expect %w[first end], heard, 'messages'
puts 'all is well'
