"""Node clients, from npm: redis, ioredis, keyv and cache-manager, an Express application whose sessions live in the
server, and socket.io, whose nodes hear each other through it. bee-queue is not among them: it works by scripts.

Versions and checksums stand in node/package-lock.json; they are installed below build/, and again only
when that file or node itself has changed.
"""

import hashlib
import shutil

from .check import BUILD, HERE, expect, program, run

SOURCES = HERE / "node"
INSTALLED = BUILD / "node"
INSTALL_S = 120.0


def install():
    node_version = run([program("node"), "--version"]).strip()
    lock = (SOURCES / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock + node_version.encode()).hexdigest()
    stamp = INSTALLED / "installed"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():
        shutil.copy(source, INSTALLED / source.name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    run([program("npm"), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=INSTALLED,
        timeout_s=INSTALL_S)
    stamp.write_text(wanted)


def script(check, name, timeout_s):
    install()
    said = run([program("node"), name, check.port, check.socket], cwd=INSTALLED, timeout_s=timeout_s)
    expect(r"^all is well$", said, name)


CLIENTS = {
    "node-redis": lambda check: script(check, "redis.js", 30),
    "node-redis-caching": lambda check: script(check, "caching.js", 40),
    "ioredis": lambda check: script(check, "ioredis.js", 30),
    "ioredis-leaderboard": lambda check: script(check, "leaderboard.js", 60),
    "ioredis-timeline": lambda check: script(check, "timeline.js", 40),
    "keyv": lambda check: script(check, "keyv.js", 30),
    "node-listeners": lambda check: script(check, "listeners.js", 40),
    "socket.io": lambda check: script(check, "socketio.js", 40),
    "express-session": lambda check: script(check, "express.js", 40),
}
