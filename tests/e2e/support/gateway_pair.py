# SPDX-License-Identifier: Apache-2.0
"""Two gateways on one PostgreSQL database, and clients that speak to either of them, as behind a load balancer."""

from client_scenarios import fresh_name

from .acme_client import AcmeClient
from .databases import PostgreSQL
from .ports import free_port

TRUSTED = "trusted.internal"  # names below it need no proof


def trusted_name():
    """It needs no proof."""
    return f"{fresh_name().split('.')[0]}.{TRUSTED}"


class EitherClient(AcmeClient):
    """Speaks to one gateway of a pair at a time. Its URLs begin with the base URL of both."""

    def __init__(self, pair, gateway, key=None):
        self._pair, self._gateway = pair, gateway
        super().__init__(f"{pair.base_url}/acme/acme/directory", gateway.root_path, key)

    def at(self, gateway):
        """From now on it speaks to this one, with nonces from there."""
        self._gateway = gateway
        self._nonces.clear()
        return self

    def raw(self, method, url, body=None, headers=None):
        there = url.replace(self._pair.base_url, f"https://localhost:{self._gateway.port}")
        return super().raw(method, there, body, {"Host": self._pair.host, **(headers or {})})

    def ready(self):
        """The status of /ready."""
        return self.raw("GET", f"{self._pair.base_url}/ready").status


class GatewayPair:
    """`server` is a support.postgresql.PostgreSQL, `made` are two gateways that have not started yet. Their configurations
    may be changed until start()."""

    def __init__(self, made, server, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.one, self.two = made
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        self.base_url = f"https://{self.host}"
        self.store = PostgreSQL(folder, server)
        self.secret = folder / "secret.key"
        for name, gateway in (("one", self.one), ("two", self.two)):
            self._join(gateway, name)

    def _join(self, gateway, name):
        gateway.store, gateway.name = self.store, name
        gateway.configuration |= {
            "base_url": self.base_url,
            "database": self.store.place,
            "state_directory": str(gateway.folder),
            "secret_key_path": str(self.secret),
            "gateway_id": name,
        }
        gateway.configuration["validation"] |= {"http_port": self.one.http_port, "timeout": "30s"}
        gateway.configuration["finalize"] = {"hold_reply": "1s"}
        gateway.configuration["endpoints"]["acme"]["trusted"] = {"names": [f"*.{TRUSTED}"]}

    @property
    def both(self):
        return self.one, self.two

    def other(self, gateway):
        return self.two if gateway is self.one else self.one

    def start(self):
        """Starts each one that does not run."""
        for gateway in self.both:
            if not (gateway.process and gateway.process.running()):
                gateway.start()
        return self

    def client(self, gateway, key=None):
        """A registered account, that of `key` where it is given."""
        return EitherClient(self, gateway, key).register()

    def query(self, sql, *parameters):
        return self.one.query(sql, *parameters)
