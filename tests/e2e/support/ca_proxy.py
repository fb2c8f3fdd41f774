"""A proxy in front of a real step-ca, trusted like the CA itself: it shows what the gateway sent, holds a call at a chosen
moment, and answers in the CA's place what no real one can be made to answer."""

import http.client
import json
import ssl
import threading
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
        self.status = None
        self.answer = None

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
        folder.mkdir(parents=True, exist_ok=True)
        key = new_key()
        certificate = ca.issuing.issue(key.public_key(), ["localhost", "127.0.0.1"])
        bundle = folder / "ca-proxy.pem"
        bundle.write_bytes(key_pem(key) + pem(certificate) + b"".join(pem(one.certificate) for one in ca.chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(bundle)
        self._upstream = ssl.create_default_context(cafile=str(ca.root_path))
        self._server = _QuietServer(("127.0.0.1", self.port), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

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

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                exchange = Exchange(self.command, self.path, body, self.headers)
                if not proxy.carry(exchange):
                    self.close_connection = True
                    return
                self.send_response(exchange.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(exchange.answer)))
                self.end_headers()
                self.wfile.write(exchange.answer)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        return Handler

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        for hold in self._holds.values():
            hold.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(status, **members):
    """For `replace`: always this status, and an object with it and `members`."""

    def fill(exchange):
        exchange.status, exchange.answer = status, json.dumps({"status": status, **members}).encode()

    return fill


def _route(path):
    return path.split("?")[0].removeprefix("/1.0").strip("/").split("/")[0]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Connections end in the middle of things here: that is what this proxy is for."""
