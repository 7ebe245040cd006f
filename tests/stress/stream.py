"""A connection that waits for nothing: what is said goes when the socket takes it, and what comes is kept until it is read."""

import select

from common import wire

READ_MOST = 1 << 18


class Stream:
    """What comes is handed to take(), which whoever reads replies defines."""

    def __init__(self, server, socket=None):
        self.socket = socket or wire.open_socket(server.tcp)
        self.socket.setblocking(False)
        self.unsent, self.closed = b"", False

    def fileno(self):
        return self.socket.fileno()

    def say(self, data):
        self.unsent += data
        self.push()

    def push(self):
        while self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
            except BlockingIOError:
                return
            except OSError:
                self.closed, self.unsent = True, b""

    def pull(self):
        try:
            data = self.socket.recv(READ_MOST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.take(data)
        else:
            self.closed = True

    def take(self, data):
        raise NotImplementedError

    def close(self):
        self.closed = True
        self.socket.close()


def pump(streams, wait_s):
    """Moves bytes wherever they can move; returns whether any did."""
    readable, writable, _ = select.select([s for s in streams if not s.closed],
                                          [s for s in streams if s.unsent and not s.closed], [], wait_s)
    for stream in writable:
        stream.push()
    for stream in readable:
        stream.pull()
    return bool(readable or writable)
