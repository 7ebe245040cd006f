"""New handshakes inside a connection over TLS 1.2, and new keys over TLS 1.3, which no module of Python can ask for: openssl s_client can."""

import subprocess
import threading
import time

import common
from common import expect
from .encrypted import Client, count

# A client may be ahead by 32 of them, and one for each second.
AHEAD, FAR_TOO_MANY = 32, 2000


class Talker:
    """An openssl s_client: a line that is a single K asks for new keys, an R for a new handshake."""

    def __init__(self, server, version):
        words = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.tls_port, version]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                                        preexec_fn=common.servers.die_with_parent)
        self.watchdog = threading.Timer(60, self.process.kill)
        self.watchdog.start()
        self.said = b""

    def say(self, line, answer):
        """False: it has ended before it said `answer`."""
        seen = len(self.said)
        try:
            self.process.stdin.write(line)
        except BrokenPipeError:
            return False
        while answer not in self.said[seen:]:
            more = self.process.stdout.read(65536)
            if not more:
                return False
            self.said += more
        return True

    def end(self, line=b""):
        """All that it has said. The server ends the connection: at the end of its input s_client would not wait for replies."""
        try:
            self.process.stdin.write(line + b"QUIT\r\n")
        except BrokenPipeError:
            pass
        self.said += self.process.stdout.read()
        self.watchdog.cancel()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        return self.said.replace(b"\r", b"")


def renegotiates(server):
    """TLS 1.2's new handshake inside the old one is refused; TLS 1.3's new keys are not."""
    for version, letter, word in (("-tls1_3", b"K", b"KEYUPDATE"), ("-tls1_2", b"R", b"RENEGOTIATING")):
        talker = Talker(server, version)
        talker.say(b"PING\r\n", b"+PONG")
        talker.say(letter + b"\n", word)
        time.sleep(0.2)             # s_client takes a letter only if it comes alone
        said = talker.end(b"ECHO after\r\n")
        goes_on = b"\nafter" in said.split(word)[-1]
        expect(word in said and goes_on == (letter == b"K"), "%s was answered otherwise than it should: %s", word.decode(), said[-500:])


def flood(server, files):
    """Many new keys end the connection; many who ask for new handshakes are all refused. Others do not notice."""
    other, floods = Client(server, files.context()), count(server, "tls_floods")
    talker, keys = Talker(server, "-tls1_3"), 0
    began = time.monotonic()
    talker.say(b"PING\r\n", b"+PONG")
    # After each the server is asked whether it has seen it: s_client would say hundreds before it hears of the end.
    while keys < FAR_TOO_MANY and talker.say(b"K\n", b"KEYUPDATE") and talker.say(b"PING\r\n", b"+PONG"):
        keys += 1
    talker.end()
    took = time.monotonic() - began
    expect(AHEAD <= keys <= AHEAD + took + 2, "%d new keys were given in %.1f s", keys, took)
    expect(count(server, "tls_floods") == floods + 1, "tls_floods does not count")
    talkers = [Talker(server, "-tls1_2") for _ in range(8)]
    for talker in talkers:
        talker.say(b"PING\r\n", b"+PONG")
    for talker in talkers:
        talker.say(b"R\n", b"RENEGOTIATING")
    for talker in talkers:
        expect(b"after" not in talker.end(b"ECHO after\r\n"), "a new handshake inside the old one was made")
    expect(other.ask("PING") == ("status", b"PONG"), "another client of TLS in the flood")
    other.close()
    print("%d new keys in %.1f s ended their connection" % (keys, took))
