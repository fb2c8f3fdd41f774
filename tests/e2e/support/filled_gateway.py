# SPDX-License-Identifier: Apache-2.0
"""A gateway whose life has put rows into every table: keys, orders of each outcome, revocations, imports, refusals."""

import contextlib
import datetime

from client_scenarios import fresh_name

from .acme_client import AcmeClient, DnsProver, HttpProver
from .admin import Admin, short_folder
from .ca_faults import answer, cut_at
from .ca_proxy import CaProxy
from .certificates import new_csr, new_key, pem
from .eab import add_key, binding
from .http_responder import HttpResponder
from .ports import free_port
from .waiting import wait_until

FAR_AWAY = datetime.datetime(9999, 12, 31, 23, 59, 59)


@contextlib.contextmanager
def filled_gateway(new_gateway, ca, name_server, folder):
    """It has stopped: nothing changes the database any more."""
    with CaProxy(ca, folder / "ca-proxy") as proxy, short_folder() as sockets:
        gateway = new_gateway(ca, url=proxy.url, form="JWK")
        gateway.configuration["endpoints"]["acme"] |= {"eab": "optional", "names": {"deny": ["secret.internal"]}}
        gateway.configuration["admin"] = {"socket": str(sockets / "admin")}
        gateway.configuration["pki_listen"] = [f"127.0.0.1:{free_port()}"]
        gateway.start()
        client = _accounts(gateway)
        with HttpResponder(gateway.http_port) as responder:
            by_http = HttpProver(responder)
            _orders(client, by_http, DnsProver(name_server))
            _import(gateway, ca, client, by_http, folder)
            _operator(gateway, Admin.on_socket(sockets / "admin"), proxy)
            _revocations(gateway, client, proxy, by_http)
            _faults(gateway, client, proxy, by_http, folder)
        wait_until(lambda: gateway.query("SELECT 1 AS found FROM revocation_lists"), "the CA's list in the database")
        gateway.stop()
        _let_time_pass(gateway)
        yield gateway


def _accounts(gateway):
    """One of each kind; that with an external key goes on."""
    ended = gateway.client()
    ended.post(ended.account, {"status": "deactivated"})
    AcmeClient(gateway.directory(), gateway.root_path).register(contact=["mailto:someone@example.org"])
    kid, mac_key = add_key(gateway, "--comment", "for the tests", "--uses", "1")
    add_key(gateway, "--kid", "ended")
    assert gateway.run("eab", "revoke", "acme", "ended")[0] == 0
    client = AcmeClient(gateway.directory(), gateway.root_path, user_agent="tests/2 (ß, \"quoted\", comma)")
    return client.register(externalAccountBinding=binding(client, kid, mac_key))


def _orders(client, by_http, by_dns):
    names = sorted((fresh_name(), fresh_name()), reverse=True)
    client.issue(names, by_http)
    client.issue(names, by_http)  # renews the one before
    client.issue([f"*.{fresh_name()}"], by_dns)
    client.order([fresh_name(), f"*.{fresh_name()}"])
    client.ready_order([fresh_name()], by_http)


def _revocations(gateway, client, proxy, by_http):
    revoked, waiting = (client.issue([fresh_name()], by_http)[0] for _ in range(2))
    assert client.revoke(revoked, 4).status == 200
    proxy.replace["revoke"] = answer(503, message="later")
    client.revoke(waiting, 1)
    failed = "SELECT 1 AS found FROM events WHERE kind = 'revocation.failed'"
    wait_until(lambda: gateway.query(failed), "a revocation to fail")


def _faults(gateway, client, proxy, by_http, folder):
    """Of clients, and of a CA that refuses for good, and then loses each answer to the end."""
    identifiers = [{"type": "dns", "value": "secret.internal"}]
    assert client.post(client.directory["newOrder"], {"identifiers": identifiers}).status == 403
    unproven = client.order([fresh_name()])
    (url,) = unproven.json()["authorizations"]
    assert client.post(client.challenge(client.get(url), "http-01")["url"], {}).status == 200
    assert client.wait_while(url, "pending")["status"] == "invalid"
    proxy.replace["sign"] = answer(403, message="not today")
    _finalize(client, by_http)
    del proxy.replace["sign"]
    proxy.rewrite["sign"] = cut_at(0)
    _finalize(client, by_http)
    lost = "SELECT 1 AS found FROM v_orders WHERE possible_orphans > 0"
    wait_until(lambda: gateway.query(lost), "an answer to be lost")
    csr = folder / "lost.csr"
    csr.write_bytes(pem(new_csr(new_key(), [fresh_name()])))
    assert gateway.run("sign", csr, "--profile", "default")[0] != 0


def _finalize(client, by_http):
    name = fresh_name()
    assert client.finalize(client.ready_order([name], by_http), [name]).status == 200


def _operator(gateway, admin, proxy):
    done = gateway.run("cert", "renew-early", "issuer", "main", "--within", "2h", "--explanation", "https://why.internal")
    assert done[0] == 0, done
    reply = admin.put({**gateway.configuration["issuers"]["main"], "ca_url": f"https://127.0.0.1:{proxy.port}"})
    assert reply.status == 200, reply


def _import(gateway, ca, client, by_http, folder):
    """Of names that still come the old way, that went back to it, and that are no longer in use."""
    given = folder / "given"
    given.mkdir()
    back, day = fresh_name(), datetime.timedelta(days=1)
    client.issue([back], by_http)
    lives = [
        (fresh_name(), {}),
        (fresh_name(), {"valid_for": FAR_AWAY - datetime.datetime.utcnow()}),
        (back, {"valid_for": 2 * day}),
        (back, {"valid_for": 3 * day}),
        (fresh_name(), {"valid_from": -2 * day, "valid_for": -day}),
    ]
    for number, (name, life) in enumerate(lives):
        certificate = ca.issuing.issue(new_key().public_key(), [name], **life)
        (given / f"{number}.pem").write_bytes(pem(certificate))
    done = gateway.run("import", given)
    assert done[0] == 0, done


def _let_time_pass(gateway):
    """What has not been finished ends, and one certificate lasts longer than times can be written."""
    gateway.execute("UPDATE orders SET expires_at = created_at - 5 WHERE status = 'ready'")
    gateway.execute("UPDATE authorizations SET expires_at = created_at - 5 WHERE status = 'pending'")
    newest = "(SELECT max(not_after) FROM certificates)"
    gateway.execute(f"UPDATE certificates SET not_after = 253402300800 WHERE not_after = {newest}")
