"""redis-cli in all its moods, and redis-benchmark."""

import re

from .check import Failed, Terminal, expect, expect_equal, program, run

# The tests of redis-benchmark whose commands the server has. Empty: its whole default set.
BENCHMARK_TESTS = "ping,set,get,incr,mset"
PIPE_LINES = 1_000_000


def cli(check, *words, **settings):
    return run([program("redis-cli"), "-p", check.port, *words], **settings)


def interactive(check):
    terminal = Terminal([program("redis-cli"), "-p", check.port], {"REDISCLI_HISTFILE": "/dev/null"})
    prompt = r"127\.0\.0\.1:%s(?:\[(\d+)\])?> $" % check.port
    try:
        terminal.wait_for(prompt)
        for typed, answered in (
                ('SET coat "long and \\x41 warm"', r"OK\r"),
                ("GET coat", r'"long and A warm"\r'),
                ("GET nothing", r"\(nil\)\r"),
                ("INCR visits", r"\(integer\) 1\r"),
                ("MGET coat nothing", r'1\) "long and A warm"\s+2\) \(nil\)\r'),
                ("INCR coat", r"\(error\) ERR value is not an integer or out of range\r"),
                ("GET", r"\(error\) ERR wrong number of arguments for 'get' command\r"),
                ("NOSUCHCOMMAND here", r"\(error\) ERR unknown command 'NOSUCHCOMMAND', with args beginning "
                                       r"with: 'here'"),
                ("STRL\t coat", r"\(integer\) 15\r"),
                ("HELP GET", r"summary: \w+[^\r]*\r\s+since: 1\.0\.0\r\s+group: string\r"),
                ("TTL coat", r"\(integer\) -1\r"),
                ("3 INCRBY visits 5", r"\(integer\) 6\r\s+\(integer\) 11\r\s+\(integer\) 16\r"),
                ("SELECT 3", r"OK\r"),
                ("DBSIZE", r"\(integer\) 0\r"),
                ("HELLO 3", r'\d+# "proto" => \(integer\) 3\r'),
                ("GET nothing", r"\(nil\)\r"),
                ("PING", r"PONG\r")):
            terminal.type(typed + "\r")
            terminal.wait_for(answered)
            database = terminal.wait_for(prompt).group(1)   # what is typed before the prompt is lost
        expect_equal("3", database, "database in the prompt")
        terminal.type("QUIT\r")
        expect_equal(0, terminal.close(), "exit status of redis-cli")
    except Failed:
        terminal.kill()
        raise


def one_command(check):
    expect_equal("OK\n", cli(check, "SET", "coat", "warm"), "SET")
    expect_equal("OK\n", cli(check, "-x", "SET", "binary", feed=b"\x00\xff\r\nend"), "-x SET")
    expect_equal('"\\x00\\xff\\r\\nend"\n', cli(check, "--no-raw", "GET", "binary"), "--no-raw GET")
    expect_equal('"warm",NULL\n', cli(check, "--csv", "MGET", "coat", "nothing"), "--csv MGET")
    expect_equal('["warm",null]\n', cli(check, "--json", "MGET", "coat", "nothing"), "--json MGET")
    expect_equal("warm\n", cli(check, "-3", "GET", "coat"), "-3 GET")
    expect_equal("\n", cli(check, "-n", "5", "GET", "coat"), "-n 5 GET")
    expect_equal("1\n2\n3\n", cli(check, "-r", "3", "INCR", "n"), "-r 3 INCR")
    expect_equal("warm\n", run([program("redis-cli"), "-s", check.socket, "GET", "coat"]), "-s SOCKET GET")
    expect("^ERR wrong number of arguments", cli(check, "-e", "GET", may_fail=True), "-e GET")
    fed = cli(check, feed=b"SET from 'standard input'\nGET from\nSTRLEN from\n")
    expect_equal("OK\nstandard input\n14\n", fed, "commands on standard input")


def pipe(check):
    """A million plain lines, then the same commands as RESP."""
    lines = b"".join(b"SET line:%d value-of-%d\r\n" % (n, n) for n in range(PIPE_LINES))
    said = cli(check, "--pipe", feed=lines, timeout_s=60)
    expect(r"^errors: 0, replies: %d$" % PIPE_LINES, said, "--pipe of lines")
    expect_equal(PIPE_LINES, check.ask("DBSIZE"), "DBSIZE after --pipe")
    expect_equal(b"value-of-777777", check.ask("GET", "line:777777"), "a value after --pipe")

    requests = b"".join(b"*2\r\n$4\r\nINCR\r\n$%d\r\nn:%d\r\n" % (len(str(n % 1000)) + 2, n % 1000)
                        for n in range(PIPE_LINES // 5))
    said = cli(check, "--pipe", feed=requests + b"*1\r\n$4\r\nINCR\r\n", timeout_s=60, may_fail=True)
    expect(r"^errors: 1, replies: %d$" % (PIPE_LINES // 5 + 1), said, "--pipe of RESP with one error")
    expect_equal(str(PIPE_LINES // 5000).encode(), check.ask("GET", "n:999"), "a counter after --pipe")


def scan(check):
    check.fill(20_000)
    check.fill(3_000, "other:")
    found = cli(check, "--scan").split()
    expect_equal(23_000, len(set(found)), "keys that --scan found")
    found = cli(check, "--scan", "--pattern", "key:1*").split()
    expect_equal({"key:%d" % n for n in range(20_000) if str(n).startswith("1")}, set(found),
                 "keys that --scan --pattern found")


def stat(check):
    check.fill(1_234)
    terminal = Terminal([program("redis-cli"), "-p", check.port, "--stat", "-i", "0.2"])
    try:
        terminal.wait_for(r"keys\s+mem\s+clients\s+blocked\s+requests\s+connections")
        for _ in range(3):
            row = terminal.wait_for(r"(?m)^(\d+)\s+([\d.]+[BKMG])\s+(\d+)\s+(\d+)\s+(\d+) \(\+(\d+)\)\s+(\d+)")
            expect_equal("1234", row.group(1), "keys that --stat shows")
            if int(row.group(3)) < 1 or int(row.group(5)) < 1234:
                raise Failed("--stat shows %s clients and %s requests" % (row.group(3), row.group(5)))
    finally:
        terminal.kill()


def bigkeys(check):
    check.fill(5_000)
    check.ask("SET", "the-biggest", b"x" * 100_000)
    said = cli(check, "--bigkeys")
    expect(r"^Sampled 5001 keys in the keyspace!", said, "--bigkeys")
    expect(r"""^Biggest string found '"the-biggest"' has 100000 bytes""", said, "--bigkeys")
    expect(r"^5001 strings with \d+ bytes \(100\.00% of keys", said, "--bigkeys")


def memkeys(check):
    check.fill(5_000)
    check.ask("SET", "the-biggest", b"x" * 100_000)
    said = cli(check, "--memkeys")
    expect(r"^Sampled 5001 keys in the keyspace!", said, "--memkeys")
    size = int(expect(r"""^Biggest string found '"the-biggest"' has (\d+) bytes""", said, "--memkeys").group(1))
    if not 100_000 <= size <= 200_000:
        raise Failed("--memkeys says that 100,000 bytes take %d" % size)


def latency(check):
    low, high, mean, count = cli(check, "--latency", "--raw").split()
    if int(count) < 50 or not int(low) <= float(mean) <= int(high):
        raise Failed("--latency says: %s %s %s %s" % (low, high, mean, count))


def benchmark(check):
    chosen = ["-t", BENCHMARK_TESTS] if BENCHMARK_TESTS else []
    for depth in ("1", "16"):
        said = run([program("redis-benchmark"), "-p", check.port, "-n", "20000", "-c", "50", "-P", depth,
                    "-r", "10000", "-q", *chosen], timeout_s=60)
        done = re.findall(r"(\S[^\r\n]*): ([\d.]+) requests per second", said)
        wanted = BENCHMARK_TESTS.count(",") + 2 if chosen else 19      # its ping test is two
        expect_equal(wanted, len(done), "tests that redis-benchmark did")
        if re.search(r"WARN|[Ee]rror", said):
            raise Failed("redis-benchmark complains:\n" + said[:500])
    if BENCHMARK_TESTS and check.ask("DBSIZE") < 10_000:
        raise Failed("redis-benchmark's keys are not there")


CLIENTS = {
    "redis-cli-interactive": interactive,
    "redis-cli-one-command": one_command,
    "redis-cli-pipe": pipe,
    "redis-cli-scan": scan,
    "redis-cli-stat": stat,
    "redis-cli-bigkeys": bigkeys,
    "redis-cli-memkeys": memkeys,
    "redis-cli-latency": latency,
    "redis-benchmark": benchmark,
}
