#!/usr/bin/env python3
"""Proves that the runner of conversations sees what is wrong: run it by itself, it needs no server."""

import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from runner import notation, play, script, wire  # noqa: E402


def agrees(expected, raw, variables=None):
    return notation.matches(notation.read(expected), wire.parse(raw)[0], {} if variables is None else variables)


class Notation(unittest.TestCase):
    def test_each_type_is_told_from_its_neighbours(self):
        replies = {"+OK": b"+OK\r\n", "-OK": b"-OK\r\n", ":1": b":1\r\n", '"1"': b"$1\r\n1\r\n", "(nil)": b"$-1\r\n",
                   "(nil-array)": b"*-1\r\n", "(null)": b"_\r\n", "[:1]": b"*1\r\n:1\r\n", "#{:1}": b"~1\r\n:1\r\n",
                   ">[:1]": b">1\r\n:1\r\n", "{:1 : :2}": b"%1\r\n:1\r\n:2\r\n", ",1": b",1\r\n", "#t": b"#t\r\n",
                   "#f": b"#f\r\n", "(1": b"(1\r\n", '="txt:1"': b"=5\r\ntxt:1\r\n", '!"OK"': b"!2\r\nOK\r\n", "[]": b"*0\r\n",
                   '""': b"$0\r\n\r\n"}
        for expected in replies:
            for other, raw in replies.items():
                self.assertEqual(agrees(expected, raw), expected == other, (expected, raw))
            self.assertTrue(agrees(notation.show(wire.parse(replies[expected])[0]), replies[expected]))

    def test_stars_stand_for_anything_only_where_they_may(self):
        self.assertTrue(agrees("-ERR unknown*", b"-ERR unknown command\r\n"))
        self.assertFalse(agrees('-"ERR unknown*"', b"-ERR unknown command\r\n"))
        self.assertFalse(agrees('"a*"', b"$2\r\nab\r\n"))
        self.assertTrue(agrees('~"a*"', b"$2\r\nab\r\n"))
        self.assertFalse(agrees('~"a*c"', b"$2\r\nab\r\n"))
        self.assertFalse(agrees('~"a.b"', b"$3\r\naxb\r\n"))

    def test_integers_near_and_in_range(self):
        self.assertTrue(agrees(":100 ~1", b":99\r\n"))
        self.assertFalse(agrees(":100 ~1", b":98\r\n"))
        self.assertTrue(agrees(":0..9", b":9\r\n"))
        self.assertFalse(agrees(":0..9", b":10\r\n"))
        self.assertFalse(agrees(":_", b"$1\r\n1\r\n"))

    def test_order_and_open_ends(self):
        ab, ba = b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*2\r\n$1\r\nb\r\n$1\r\na\r\n"
        self.assertFalse(agrees('["a" "b"]', ba))
        self.assertTrue(agrees('[* "a" "b"]', ba))
        self.assertFalse(agrees('[* "a" "a"]', ab))
        self.assertFalse(agrees('["a"]', ab))
        self.assertTrue(agrees('["a" ...]', ab))
        self.assertFalse(agrees('["b" ...]', ab))
        self.assertTrue(agrees('[* "b" ...]', ab))
        self.assertTrue(agrees('[* _ "a"]', ab))

    def test_captures_are_filled_in(self):
        variables = {}
        self.assertTrue(agrees('~"id=$<id> *"', b"$9\r\nid=17 x=1\r\n", variables))
        self.assertEqual(notation.fill_in(b"KILL ${id} ${id+1} ${ab*3}", variables), b"KILL 17 18 ababab")
        with self.assertRaises(notation.NotationError):
            notation.fill_in(b"${unknown}", variables)


class Script(unittest.TestCase):
    def talk(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".talk") as file:
            file.write(text)
            file.flush()
            return script.read_file(file.name)

    def test_what_cannot_be_read_is_refused_with_its_line(self):
        for body in ("a> PING", "a< +PONG", "a> PING  a< (nul)", "a PING", 'a> "half  a< +OK', "redis< +OK",
                     "a> PING  b< +PONG", "a> GET k  a< (nil)\n  redis< +OK", "wait long"):
            with self.assertRaises(script.ScriptError, msg=body) as caught:
                self.talk('talk "t"\n  %s\n' % body)
            self.assertRegex(str(caught.exception), r"\.talk:\d+: ")

    def test_a_server_that_answers_otherwise_is_found_out(self):
        cases = {
            "a> PING  a< +PONG": 0, "a> PING  a< +PING": 1, "a> PING  a< +PONG\n  a closed": 1,
            "a>> \"x\"\n  a<< \"+PONG\\r\\n\"": 0, "a>> \"x\"\n  a<< \"-PONG\\r\\n\"": 1, "a>> \"x\"": 1,
            "a>> \"x\"\n  a quiet 50ms": 1, "3 times a> PING  a< +PONG": 0, "3 times a> PING  a< +NO": 1,
        }
        for body, failed in cases.items():
            tally = play.Tally()
            with Answering(b"+PONG\r\n") as target:
                player = play.Player(target, "coatcheck", tally)
                player.empty = lambda: None
                player.timeout_s = 0.3
                player.play(self.talk('talk "t"\n  %s\n' % body)[0])
                player.close()
            self.assertEqual(min(tally.failed, 1), failed, (body, [str(f) for f in tally.failures]))


class Answering:
    """A server that gives the same answer to whatever comes, once for each array or run of bytes."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()
        return ("tcp",) + self.listener.getsockname()

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            while data := client.recv(65536):
                client.sendall(self.answer * max(1, data.count(b"*1\r\n")))


if __name__ == "__main__":
    unittest.main()
