"""TLS for the programs that talk to a server: certificates made with openssl(1), and a socket that hides nothing.

Python's own SSLSocket cannot shut one direction, nor send half a record. Here every step is ours: what is encrypted,
which of those bytes go out, and when.
"""

import os
import socket
import ssl
import subprocess

SERVER_OPTIONS = ("--tls-port {tls_port} --tls-cert-file {dir}/server.crt --tls-key-file {dir}/server.key "
                  "--tls-ca-cert-file {dir}/ca.crt --tls-auth-clients no")


def openssl(*words, feed=None):
    subprocess.run(["openssl", *words], input=feed, check=True, capture_output=True)


class Authority:
    """One that signs certificates; its own is NAME.crt in the folder."""

    def __init__(self, folder, name="ca", made=False):
        self.folder, self.name, self.serial = folder, name, len(os.listdir(folder))
        if made:
            return
        openssl("req", "-x509", *self.new_key(name), "-out", self.path(name + ".crt"), "-days", "30",
                "-subj", "/CN=%s of a test" % name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_key(self, name, kind="ec"):
        how = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        return [*how, "-nodes", "-keyout", self.path(name + ".key")]

    def sign(self, name, common_name, days=30, kind="ec"):
        """NAME.key and NAME.crt, good for this machine. Days below zero: good until yesterday."""
        self.serial += 1
        request = self.path(name + ".csr")
        openssl("req", *self.new_key(name, kind), "-out", request, "-subj", "/CN=" + common_name)
        extensions = self.path(name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", request, "-CA", self.path(self.name + ".crt"),
                "-CAkey", self.path(self.name + ".key"), "-set_serial", str(self.serial + os.getpid() * 1000),
                "-days", str(days), "-extfile", extensions, "-out", self.path(name + ".crt"))


def make_certificates(folder):
    """What SERVER_OPTIONS names."""
    Authority(folder).sign("server", "localhost")


def sign_client(folder, name, of_another=False):
    """A client's certificate beside them, its name in it; or one that somebody else has signed."""
    authority = Authority(folder, "another") if of_another else Authority(folder, made=True)
    authority.sign(name, name)


def client_context(authority=None, certificate=None, lowest=None, highest=None):
    """Without an authority any server will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    if certificate:
        context.load_cert_chain(certificate + ".crt", certificate + ".key")
    if lowest:
        context.minimum_version = lowest
    if highest:
        context.maximum_version = highest
    return context


class Socket:
    """A client's end. Bytes that are encrypted and not yet sent can be taken with pending_out()."""

    def __init__(self, address, context=None, timeout_s=10.0, session=None, shake=True):
        self.raw = socket.create_connection(address, timeout_s)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived, self.leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = (context or client_context()).wrap_bio(self.arrived, self.leaving, session=session)
        if not shake:
            return
        try:
            self.do_handshake()
        except BaseException:
            self.raw.close()
            raise

    def settimeout(self, timeout_s):
        self.raw.settimeout(timeout_s)

    def pending_out(self):
        return self.leaving.read()

    def flush(self):
        data = self.pending_out()
        if data:
            self.raw.sendall(data)

    def fetch(self):
        """More encrypted bytes from the socket."""
        data = self.raw.recv(1 << 18)
        if data:
            self.arrived.write(data)
        else:
            self.arrived.write_eof()

    def do_handshake(self):
        while True:
            try:
                self.object.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
                self.fetch()

    def sendall(self, data):
        for start in range(0, len(data), 1 << 20):
            self.object.write(data[start:start + (1 << 20)])
            self.flush()

    def recv(self, size):
        while True:
            try:
                return self.object.read(size)
            except ssl.SSLWantReadError:
                self.flush()
                self.fetch()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def shutdown(self, how):
        self.raw.shutdown(how)

    def close(self):
        self.raw.close()
