"""What the stress programs share: their arguments, the server under test, its end, and a look at its memory."""

import argparse
import random
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "tests" / "talk"))
from runner import servers, wire  # noqa: E402

COATCHECK = str(HOME / "build" / "release" / "coatcheckd") + " --port {port} --bind 127.0.0.1 --dir {dir}"


class Failed(Exception):
    """The server did not do what it must; the message says what."""


# What may come of a server that is not well, to whoever talks with it.
WRONG = (Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError)


def expect(condition, text, *details):
    if not condition:
        raise Failed(text % details if details else text)


def connect(server, timeout_s=10.0):
    return wire.Connection(server.tcp, timeout_s)


def ask(server, *words):
    """One command over a connection of its own: the reply as (kind, value)."""
    connection = connect(server)
    try:
        return connection.ask(*words)
    finally:
        connection.close()


def knows(server, command):
    _, rows = ask(server, "COMMAND", "INFO", command)
    return bool(rows) and rows[0][1] is not None


def rss_bytes(server):
    status = Path("/proc/%d/status" % server.process.pid).read_text()
    return int(re.search(r"VmRSS:\s*(\d+)", status).group(1)) * 1024


def settled_rss(server, wanted_bytes, wait_s=15.0):
    """RSS once it is down to what is wanted, or what it is when the wait is over."""
    limit = time.monotonic() + wait_s
    while rss_bytes(server) > wanted_bytes and time.monotonic() < limit:
        time.sleep(0.25)
    return rss_bytes(server)


def available_bytes():
    found = re.search(r"MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text())
    return int(found.group(1)) * 1024


def add_server_argument(parser, command=COATCHECK):
    parser.add_argument("--server", metavar="COMMAND", default=command,
                        help="how the server is started; {port} and {dir} are filled in")


def new_parser(text, more_of_server=""):
    """For a program that `text` describes: it has --server and --seed."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_argument(parser, COATCHECK + more_of_server)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    return parser


def ends_well(server):
    """It has not ended by itself, and when it is told to it does so with status 0."""
    expect(server.alive(), "the server ended")
    server.end_process()
    expect(server.process.returncode == 0, "the server ended with %d", server.process.returncode)


def try_server(options, play, server_options=()):
    """play(server, options) with a server of its own, which must end well. It returns what was seen; this, what to exit with."""
    with servers.Server(options.server, server_options) as server:
        try:
            seen = play(server, options)
            ends_well(server)
        except WRONG as wrong:
            print("seed %d: %r\n%s" % (options.seed, wrong, server.said()))
            return 1
    print("seed %d: %s" % (options.seed, seen))
    return 0


def dice(seed):
    return random.Random(seed)
