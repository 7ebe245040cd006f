#!/usr/bin/env python3
"""Everything that a server on a network meets sooner or later.

  tests/stress/bad_input.py [--server COMMAND] [--giants yes|no|auto] [--sanitized] [NAME ...]

One server meets all of it, case after case. After each it must answer as before; at the end, emptied,
its memory must be back near where it began. --giants (keys and values of 512 MB) is done when the
machine has the memory to spare, unless told. --sanitized leaves the bounds on memory out and gives
ten times the time, since sanitizers need plenty of both.
"""

import argparse
import resource
import sys
import time

import common
from badness import clients, giants, requests
from common import Failed, ask, expect, servers, wire

CASES = {**requests.CASES, **clients.CASES}
OPTIONS = [("maxclients", "12000"), ("client-output-buffer-limit", "normal %d 0 0" % clients.OUTPUT_LIMIT)]
NEAR_START_BYTES = 48 << 20


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_server_argument(parser)
    parser.add_argument("--giants", choices=("yes", "no", "auto"), default="auto")
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join([*CASES, *giants.CASES]))
    return parser.parse_args()


def chosen(options):
    every = {**CASES, **giants.CASES}
    if options.names:
        unknown = [name for name in options.names if name not in every]
        if unknown:
            sys.exit("no such case: %s" % ", ".join(unknown))
        return {name: every[name] for name in options.names}
    spare = common.available_bytes()
    if options.giants == "yes" or (options.giants == "auto" and spare >= giants.NEEDED_BYTES):
        return every
    if options.giants == "auto":
        print("left out: %s: %.1f GB of memory are to spare, they need %.1f" % (
            ", ".join(giants.CASES), spare / 1e9, giants.NEEDED_BYTES / 1e9))
    return CASES


def still_well(server):
    expect(server.alive(), "the server ended:\n%s", server.said())
    expect(ask(server, "PING") == ("status", b"PONG"), "the server does not answer as before")
    expect(ask(server, "SET", "after", "x") == ("status", b"OK"), "the server does not store as before")
    expect(ask(server, "GET", "after") == ("bulk", b"x"), "the server does not find as before")


def run_case(name, case, server):
    begun, wrong = time.monotonic(), None
    try:
        case(server)
        still_well(server)
    except (Failed, OSError, wire.Closed, wire.Silent, wire.ProtocolError) as failure:
        wrong = "%s: %s" % (type(failure).__name__, failure)
        if not server.alive():
            wrong += "\nthe server ended with %d:\n%s" % (server.process.returncode, server.said())
    print("%s %-32s %5.1f s" % ("failed" if wrong else "passed", name, time.monotonic() - begun))
    if wrong:
        print("    " + wrong.strip().replace("\n", "\n    "))
    sys.stdout.flush()
    return wrong is None


def memory_back(before):
    """The case that comes last: emptied, the server is nearly as small as it was."""
    def case(server):
        ask(server, "FLUSHALL")
        wanted = before + NEAR_START_BYTES
        now = common.settled_rss(server, wanted)
        expect(now <= wanted, "%d MB when it began, %d MB now", before >> 20, now >> 20)
    return case


def main():
    options = parse_args()
    servers.stop_on_signals()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.sanitized:
        common.rss_bytes = requests.rss_bytes = clients.rss_bytes = lambda server: 0
        clients.patience = 10.0
    cases = chosen(options)
    failed = 0
    server = servers.Server(options.server, OPTIONS)
    ask(server, "PING")
    if not options.names:
        cases = {**cases, "memory is back": memory_back(common.rss_bytes(server))}
    for name, case in cases.items():
        failed += not run_case(name, case, server)
        if not server.alive():
            server.stop()
            server = servers.Server(options.server, OPTIONS)
    server.stop()
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.StartError as failure:
        print(failure)
        sys.exit(1)
