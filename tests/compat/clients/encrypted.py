"""Clients over TLS, with certificates of their own: redis-cli, redis-benchmark, python3-redis, ioredis and node-redis; and stunnel in
front of one that speaks no TLS."""

import os
import signal
import subprocess
import time

from runner import servers, tls

from . import libraries, node
from .check import Failed, expect, expect_equal, program, run

LINES = 200_000


def path(check, name):
    return os.path.join(check.server.dir, name)


def certified(check):
    """From here on the server asks for certificates, and takes their names for users."""
    tls.sign_client(check.server.dir, "client")
    tls.sign_client(check.server.dir, "stranger", of_another=True)
    check.ask("CONFIG", "SET", "tls-auth-clients", "yes", "tls-auth-clients-user", "CN")
    check.ask("ACL", "SETUSER", "client", "on", "+@all", "~*", "&*")


def words(check, name="client"):
    return ["-p", check.server.tls_port, "--tls", "--cacert", path(check, "ca.crt"), "--cert", path(check, name + ".crt"),
            "--key", path(check, name + ".key")]


def redis_cli(check):
    certified(check)
    cli = [program("redis-cli"), *words(check)]
    expect_equal("OK\n", run([*cli, "SET", "coat", "warm"]), "SET")
    expect_equal("warm\n", run([*cli, "-3", "GET", "coat"]), "GET")
    expect_equal("client\n", run([*cli, "ACL", "WHOAMI"]), "ACL WHOAMI")
    lines = b"".join(b"SET line:%d value-of-%d\r\n" % (n, n) for n in range(LINES))
    expect(r"^errors: 0, replies: %d$" % LINES, run([*cli, "--pipe"], feed=lines, timeout_s=60), "--pipe")
    expect_equal(LINES + 1, len(run([*cli, "--scan"]).split()), "keys that --scan found")
    said = run([program("redis-cli"), *words(check, "stranger"), "PING"], may_fail=True)
    if "PONG" in said:
        raise Failed("another authority's certificate was let in")


def redis_benchmark(check):
    certified(check)
    said = run([program("redis-benchmark"), *words(check), "-n", 20000, "-P", 4, "-t", "ping,set,get,incr,mset", "-q"], timeout_s=90)
    for test in ("PING_MBULK", "SET", "GET", "INCR", "MSET"):
        expect(r"%s.*: [\d.]+ requests per second" % test, said, test)


def python(check):
    certified(check)
    libraries.python(check, "python_tls.py", check.server.tls_port, check.server.dir)


def script(check):
    certified(check)
    node.install()
    said = run([program("node"), "tls.js", check.server.tls_port, check.server.dir], cwd=node.INSTALLED, timeout_s=60)
    expect(r"^all is well$", said, "tls.js")


def stunnel(check):
    """redis-cli without TLS talks to stunnel, which talks TLS to the server."""
    certified(check)
    port = servers.free_port()
    with open(path(check, "stunnel.conf"), "w", encoding="ascii") as file:
        file.write("foreground = yes\npid =\n[coat]\nclient = yes\naccept = 127.0.0.1:%d\nconnect = 127.0.0.1:%d\nverifyChain = yes\n"
                   "CAfile = %s\ncert = %s\nkey = %s\n" % (port, check.server.tls_port, path(check, "ca.crt"), path(check, "client.crt"),
                                                           path(check, "client.key")))
    os.chmod(path(check, "client.key"), 0o600)
    process = subprocess.Popen([program("stunnel4"), path(check, "stunnel.conf")], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=servers.die_with_parent)
    try:
        limit = time.monotonic() + 20
        while "PONG" not in run([program("redis-cli"), "-p", port, "PING"], may_fail=True):
            if time.monotonic() > limit or process.poll() is not None:
                process.kill()
                raise Failed("stunnel does not come up: %s" % process.stderr.read().decode("utf-8", "replace"))
            time.sleep(0.05)
        expect_equal("client\n", run([program("redis-cli"), "-p", port, "ACL", "WHOAMI"]), "ACL WHOAMI through stunnel")
        lines = b"".join(b"SET line:%d value-of-%d\r\n" % (n, n) for n in range(LINES // 4))
        said = run([program("redis-cli"), "-p", port, "--pipe"], feed=lines, timeout_s=60)
        expect(r"^errors: 0, replies: %d$" % (LINES // 4), said, "--pipe through stunnel")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


CLIENTS = {
    "redis-cli-tls": redis_cli,
    "redis-benchmark-tls": redis_benchmark,
    "python3-redis-tls": python,
    "node-tls": script,
    "stunnel": stunnel,
}
