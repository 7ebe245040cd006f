"""What the stress programs share: the server under test, and a look at its memory."""

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


def add_server_argument(parser):
    parser.add_argument("--server", metavar="COMMAND", default=COATCHECK,
                        help="how the server is started; {port} and {dir} are filled in")


def dice(seed):
    return random.Random(seed)
