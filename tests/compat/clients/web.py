"""Web frameworks and languages beside Python and Node: Django, Flask, PHP behind its own web server, Ruby."""

import http.cookiejar
import json
import os
import socket
import subprocess
import time
import urllib.request

from .check import HERE, Failed, expect, expect_equal, program, run

SESSION_S = 60


def script(check, language, name, timeout_s=60):
    said = run([program(language), HERE / name, check.port], timeout_s=timeout_s)
    expect(r"^all is well$", said, name)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Browser:
    """Keeps its cookies, as browsers do."""

    def __init__(self, address):
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def ask(self, path):
        with self.opener.open(self.address + path, timeout=10) as answer:
            return json.load(answer)


def wait_until_open(port, process):
    limit = time.monotonic() + 10
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failed("php's web server does not listen at port %d" % port)


def php_sessions(check):
    """Sessions of a site that php's own web server runs; they outlive it, since they live in the server under test."""
    ann, bob = None, None
    for life in range(2):
        port = free_port()
        words = [program("php"), "-d", "session.save_handler=redis", "-d", "session.save_path=tcp://127.0.0.1:" + check.port,
                 "-d", "session.gc_maxlifetime=%d" % SESSION_S, "-d", "display_errors=stderr", "-S", "127.0.0.1:%d" % port,
                 HERE / "php" / "site.php"]
        process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "PHP_CLI_SERVER_WORKERS": "2"}, start_new_session=True)
        try:
            wait_until_open(port, process)
            address = "http://127.0.0.1:%d" % port
            if life == 0:
                ann, bob = Browser(address), Browser(address)
                before = ann.ask("/me")["id"]
                if ann.ask("/login?user=ann")["id"] == before:
                    raise Failed("logging in made no new session")
                bob.ask("/login?user=bob")
            ann.address = bob.address = address
            for visits in range(3 * life + 1, 3 * life + 4):
                expect_equal({"user": "ann", "visits": visits, "cart": {"coat": 2.5}}, ann.ask("/me")["session"], "a session")
            expect_equal(life + 1, bob.ask("/me")["session"]["visits"], "another session")
        finally:
            os.killpg(process.pid, 15)
            process.wait(10)
        key = "PHPREDIS_SESSION:" + ann_id(ann)
        left = check.ask("TTL", key)
        if not SESSION_S - 10 < left <= SESSION_S:
            raise Failed("%s has %d seconds left of %d" % (key, left, SESSION_S))


def ann_id(browser):
    jar = next(one.cookiejar for one in browser.opener.handlers if hasattr(one, "cookiejar"))
    return next(cookie.value for cookie in jar)


CLIENTS = {
    "php-redis": lambda check: script(check, "php", "php/client.php"),
    "php-sessions": php_sessions,
    "ruby-redis": lambda check: script(check, "ruby", "client.rb"),
}
