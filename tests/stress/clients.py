#!/usr/bin/env python3
"""What concerns many clients at once: CLIENT PAUSE, REPLY and KILL, MONITOR, passwords, idle clients.

  tests/stress/clients.py [--server COMMAND] [--seed N] [--sanitized] [NAME ...]

Every case starts its own server, with four workers unless --server says otherwise, so that the clients
of a case sit on different ones. --sanitized leaves the bounds on memory out and gives more time.
"""

import argparse
import sys
import time

import common
from crowd import connections, monitors, passwords, pauses, sliced, watching
from common import Failed

COMMAND = common.COATCHECK + " --unixsocket {socket} --threads 4 --enable-debug-command yes"
CASES = {**pauses.CASES, **connections.CASES, **monitors.CASES, **watching.CASES, **passwords.CASES,
         **sliced.CASES}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="COMMAND", default=COMMAND,
                        help="how the server is started; {port} and {dir} are filled in")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + ", ".join(CASES))
    return parser.parse_args()


def main():
    options = parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        sys.exit("no such case: %s" % ", ".join(unknown))
    failed = 0
    for name in options.names or CASES:
        begun, wrong = time.monotonic(), None
        try:
            CASES[name](options.server, options)
        except (Failed, common.wire.Closed, common.wire.Silent, common.wire.ProtocolError, OSError) as met:
            wrong = met
        print("%-4s %-52s %5.1f s" % ("FAIL" if wrong else "ok", name, time.monotonic() - begun))
        if wrong:
            failed += 1
            print("     %s: %s (seed %d)" % (type(wrong).__name__, wrong, options.seed))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    common.servers.stop_on_signals()
    sys.exit(main())
