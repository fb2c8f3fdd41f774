# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of a real step-ca, trusted like the CA itself: it shows what the gateway sent, holds a call at a chosen
moment, and answers in the CA's place what no real one can be made to answer."""

import http.client
import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .certificates import key_pem, new_key, pem
from .ports import free_port


class Exchange:
    """One call: what was sent, and what is to be answered."""

    def __init__(self, method, path, body, headers):
        self.method = method
        self.path = path
        self.body = body
        self.headers = headers
        self.at = time.monotonic()
        self.status = None
        self.answer = None
        self.answer_headers = {}
        self.cut_at = None  # the connection is reset after so many octets of the answer's body; 0: before the headers

    def json(self):
        return json.loads(self.body)


class Hold:
    """Stops one call at one moment, until it is let go or dropped."""

    def __init__(self):
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.dropped = False

    def wait(self):
        """Until a call stands there."""
        assert self.reached.wait(30), "the gateway did not call"

    def let_go(self):
        self.go_on.set()

    def drop(self):
        """The call ends here: what is behind it does not see it, the gateway gets no answer."""
        self.dropped = True
        self.go_on.set()


class CaProxy:
    """`rewrite[path]` is called with each Exchange after the CA answered and may change status and answer;
    `replace[path]` is called instead of the CA. Paths are "sign", "revoke", "provisioners"…"""

    def __init__(self, ca, folder):
        self.ca = ca
        self.port = free_port()
        self.exchanges = []
        self.rewrite = {}
        self.replace = {}
        self._holds = {}
        self.folder = folder
        self.open = self.most = self.connections = 0
        self._lock = threading.Lock()
        self._live = set()
        folder.mkdir(parents=True, exist_ok=True)
        self._upstream = ssl.create_default_context(cafile=str(ca.root_path))
        self._server = self._thread = None
        self.identify()

    def identify(self, authority=None):
        """From the next connection on its certificate is this authority's; at first the CA's own."""
        chain = [] if authority else [one.certificate for one in self.ca.chain]
        key = new_key()
        certificate = (authority or self.ca.issuing).issue(key.public_key(), ["localhost", "127.0.0.1"])
        bundle = self.folder / "ca-proxy.pem"
        bundle.write_bytes(key_pem(key) + pem(certificate) + b"".join(map(pem, chain)))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(bundle)

    # ---- the line to it ----

    def restore(self):
        """Takes connections."""
        self._server = _QuietServer(("127.0.0.1", self.port), self._handler())
        plain = self._server.socket
        self._server.socket = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def cut(self):
        """Takes no connections any more, and ends those there are."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            live = list(self._live)
        for connection in live:
            reset(connection)

    def _count(self, connection, change):
        with self._lock:
            (self._live.add if change > 0 else self._live.discard)(connection)
            self.open += change
            self.connections += max(change, 0)
            self.most = max(self.most, self.open)

    # ---- calls ----

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def sent(self, path):
        """The exchanges of one route so far."""
        return [one for one in self.exchanges if _route(one.path) == path]

    def hold_request(self, path):
        """The next call of this route waits before the CA sees it."""
        return self._hold("request", path)

    def hold_answer(self, path):
        """The next call of this route is carried out by the CA; its answer waits."""
        return self._hold("answer", path)

    def _hold(self, moment, path):
        hold = self._holds[moment, path] = Hold()
        return hold

    def _stand(self, moment, exchange):
        """False when the call is to be dropped."""
        hold = self._holds.pop((moment, _route(exchange.path)), None)
        if hold is None:
            return True
        hold.reached.set()
        hold.go_on.wait(120)
        return not hold.dropped

    def _forward(self, exchange):
        upstream = http.client.HTTPSConnection("localhost", self.ca.port, timeout=60, context=self._upstream)
        try:
            carried = ("content-type", "accept", "authorization")
            kept = {name: value for name, value in exchange.headers.items() if name.lower() in carried}
            upstream.request(exchange.method, exchange.path, exchange.body or None, kept)
            reply = upstream.getresponse()
            exchange.status, exchange.answer = reply.status, reply.read()
        finally:
            upstream.close()

    def carry(self, exchange):
        """The call through all its moments; False when nothing is to be answered."""
        self.exchanges.append(exchange)
        route = _route(exchange.path)
        if not self._stand("request", exchange):
            return False
        if route in self.replace:
            self.replace[route](exchange)
        else:
            self._forward(exchange)
        if route in self.rewrite:
            self.rewrite[route](exchange)
        return self._stand("answer", exchange)

    def _handler(proxy):  # pylint: disable=no-self-argument
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def setup(self):
                super().setup()
                proxy._count(self.connection, 1)

            def finish(self):
                proxy._count(self.connection, -1)
                super().finish()

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:  # the gateway ended in the midst of it: no CA would act on that
                    self.close_connection = True
                    return
                exchange = Exchange(self.command, self.path, body, self.headers)
                if not proxy.carry(exchange):
                    self.close_connection = True
                    return
                if exchange.cut_at == 0:
                    reset(self.connection)
                    return
                self.send_response_only(exchange.status)
                headers = {"Date": self.date_time_string(), "Content-Type": "application/json", **exchange.answer_headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(exchange.answer)))
                self.end_headers()
                self.wfile.write(exchange.answer[: exchange.cut_at])
                if exchange.cut_at:
                    reset(self.connection)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        return Handler

    def __enter__(self):
        self.restore()
        return self

    def __exit__(self, *_):
        for hold in self._holds.values():
            hold.let_go()
        self.cut()


def reset(connection):
    """Ends a connection in the middle of things."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _route(path):
    return path.split("?")[0].removeprefix("/1.0").strip("/").split("/")[0]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Connections end in the middle of things here: that is what this proxy is for."""
