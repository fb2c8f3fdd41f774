# SPDX-License-Identifier: Apache-2.0
"""SIGHUP and each key of the configuration: a change is in force, or the log says that it waits for a restart."""

import datetime
import json
import pathlib
import re
import socket
import ssl

import pytest
from client_scenarios import fresh_name
from support import tools
from support.acme_client import AcmeClient, HttpProver, Refused
from support.admin import Admin
from support.certificates import Authority, key_pem, lifetime, new_key, pem
from support.gateway import run_command, stepca_issuer
from support.ocsp_responder import RESPONDER, ResponderFiles
from support.ports import free_port
from support.provisioner_keys import ProvisionerKey
from support.status import TEMPLATE
from support.step_ca import PROVISIONER
from support.waiting import wait_until
from test_reload import VERDICT

OTHER = "acmegate-next"
TOKEN = "0123456789abcdef"


def reference():
    """{key: "at once" or "restart"}, as the program says."""
    _, output, _ = run_command(tools.acmegate(), "config", "reference")
    rows = [line.split(" | ") for line in output.splitlines() if line.startswith("| `")]
    return {row[0].removeprefix("| ").strip("`"): row[-2] for row in rows}


def written(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def name_of(key):
    """The path with the names of this test; a password is named once, whether it stands in the file or beside it."""
    names = {"issuers": "local" if key.split(".")[-1] in LOCAL_ONLY else "main", "profiles": "local", "endpoints": "acme"}
    first = key.split(".")[0]
    key = key.replace("*", names.get(first, "*"), 1)
    return key.removesuffix("_file") if key.endswith("_password_file") and first == "issuers" else key


LOCAL_ONLY = {
    "type", "directory", "key_password", "key_password_file", "permitted_names", "crl_url", "ocsp_url", "ca_issuers_url"
}  # fmt: skip


class Trial:
    """A gateway whose file changes key by key."""

    def __init__(self, ca, gateway, folder):
        self.ca = ca
        self.gateway = gateway
        self.folder = folder
        self.configuration = gateway.configuration
        self.seen = {}

    def set(self, path, value):
        *above, last = path.split(".")
        section = self.configuration
        for part in above:
            section = section.setdefault(part, {})
        section[last] = value

    def reload(self):
        """{path: word} of what the log says of this SIGHUP."""
        before = len(self.gateway.process.output())
        self.gateway.write_configuration()
        self.gateway.process.hang_up()
        words = wait_until(
            lambda: (text := self.gateway.process.output()[before:]) and VERDICT.search(text) and text, "the verdict", 60
        )
        assert "was taken in" in words, words
        told = dict(re.findall(r"configuration: (\S+) (is in force|was added|was removed|waits for a restart)", words))
        return {path: "restart" if word == "waits for a restart" else "at once" for path, word in told.items()}

    def change(self, changes):
        """Changes these keys, and expects the word of the reference for each, and no other line."""
        for key, value in changes.items():
            self.set(key.replace("*", (name_of(key).split(".") + [""])[1], 1), value)
        table = reference()
        assert self.reload() == {name_of(key): table[key] for key in changes}
        self.seen.update(changes)
        # What is as the running configuration by now is no change; what waits is told again.
        assert set(self.reload().values()) <= {"restart"}


@pytest.fixture
def trial(new_gateway, new_step_ca, tmp_path):
    keys = {PROVISIONER: ProvisionerKey(), OTHER: ProvisionerKey(), RESPONDER: ProvisionerKey()}
    keys[OTHER].password = "another one"
    ca = new_step_ca(provisioner_keys=keys, templates={RESPONDER: TEMPLATE})
    gateway = new_gateway(ca)
    gateway.configuration["issuers"]["local"] = {"type": "local", "directory": str(tmp_path / "local")}
    gateway.configuration["profiles"]["local"] = {"issuer": "local", "max_ttl": "24h"}
    gateway.configuration["endpoints"]["acme"]["eab"] = "optional"
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["default", "local"]
    gateway.start()
    return Trial(ca, gateway, tmp_path)


def at_the_top(trial):
    folder = trial.folder
    port = free_port()
    return {
        "base_url": "https://localhost:1",
        "alternate_names": ["localhost:2"],
        "listen": [f"127.0.0.1:{port}"],
        "trusted_proxies": ["192.0.2.1"],
        "pki_listen": [f"127.0.0.1:{port}"],
        "database": "postgresql://localhost:1/other",
        "database_password_file": written(folder / "database.password", "another"),
        "state_directory": str(folder / "other"),
        "gateway_id": "other",
        "secret_key_path": str(folder / "other.secret"),
        "loops": 1,
        "log.level": "debug",
        "log.access": True,
        "tls.issuer": "local",
        "admin.socket": str(folder / "admin.sock"),
        "admin.listen": [f"127.0.0.1:{port}"],
        "admin.token_file": written(folder / "token", TOKEN),
        "stepca_api.profile": "default",
        "validation.resolvers": ["127.0.0.1:1"],
        "validation.http_port": free_port(),
        "validation.tls_port": free_port(),
        "validation.allow_addresses": ["127.0.0.0/8"],
        "validation.retry_for": "1s",
        "validation.timeout": "4s",
        "validation.max_concurrent": 7,
        "orders.lifetime": "23h",
        "finalize.give_up_after": "14m",
        "finalize.hold_reply": "4s",
        "accounts.export_path": str(folder / "accounts"),
        "accounts.export_every": "2h",
        "retention.orders": "91d",
        "retention.certificates": "401d",
        "retention.events": "401d",
        "limits.max_identifiers": 1,
        "limits.max_connections": 999,
        "limits.max_waiting_writes": 1999,
        "limits.orders_per_account": "1001/1h",
        "limits.orders_per_name": "1001/1h",
        "limits.accounts_per_address": "1001/1h",
        "limits.changes_per_account": "1001/1h",
        "limits.refusals": "1001/1h",
    }


def of_profiles_and_endpoints(trial):
    return {
        "profiles.*.issuer": "main",
        "profiles.*.max_ttl": "1h",
        "profiles.*.key_types": ["P-256"],
        "profiles.*.names.allow": ["*.test"],
        "profiles.*.names.deny": ["no.test"],
        "profiles.*.description": "other",
        "endpoints.*.profiles": ["local", "default"],
        "endpoints.*.challenges": ["http-01", "dns-01", "dns-persist-01"],
        "endpoints.*.eab": "required",
        "endpoints.*.without_eab.names.allow": ["*.test"],
        "endpoints.*.without_eab.names.deny": ["no.test"],
        "endpoints.*.without_eab.profiles": ["default"],
        "endpoints.*.names.allow": ["*.test"],
        "endpoints.*.names.deny": ["denied.test"],
        "endpoints.*.names.underscores": ["*.svc.test"],
        "endpoints.*.trusted.names": ["trusted.test"],
        "endpoints.*.trusted.networks": ["192.0.2.0/24"],
        "endpoints.*.issuer_domain_names": ["ca.test"],
        "endpoints.*.terms_of_service": "https://terms.test/",
        "endpoints.*.website": "https://site.test/",
        "endpoints.*.authorization_lifetime": "1h",
        "endpoints.*.subdomains": True,
    }


def of_an_issuer(trial):
    """Another provisioner, and all that goes with it."""
    other = stepca_issuer(trial.ca, trial.folder / "next", "compact JWE", OTHER)
    root = trial.folder / "root.crt"
    root.write_bytes(trial.ca.root_path.read_bytes())
    responder = stepca_issuer(trial.ca, trial.folder / "ocsp", "compact JWE", RESPONDER)
    chain = trial.folder / "alternate.crt"
    chain.write_bytes(pem(trial.ca.issuing.certificate))
    return {
        "issuers.*.ca_url": trial.ca.url.replace("localhost", "127.0.0.1"),
        "issuers.*.provisioner_name": OTHER,
        "issuers.*.provisioner_key_path": other["provisioner_key_path"],
        "issuers.*.provisioner_password_file": other["provisioner_password_file"],
        "issuers.*.root_cert_path": str(root),
        "issuers.*.validity_days": 0.5,
        "issuers.*.alternate_chains": [str(chain)],
        "issuers.*.request_timeout": "29s",
        "issuers.*.max_concurrent": 15,
        "issuers.*.ocsp.provisioner_name": RESPONDER,
        "issuers.*.ocsp.provisioner_key_path": responder["provisioner_key_path"],
        "issuers.*.ocsp.provisioner_password_file": responder["provisioner_password_file"],
        "issuers.*.directory": str(trial.folder / "elsewhere"),
        "issuers.*.key_password_file": written(trial.folder / "local password", "secret"),
        "issuers.*.permitted_names": ["test"],
        "issuers.*.crl_url": "http://crl.test/",
        "issuers.*.ocsp_url": "http://ocsp.test/",
        "issuers.*.ca_issuers_url": "http://ca.test/",
    }


GROUPS = [at_the_top, of_profiles_and_endpoints, of_an_issuer]

# These have a test of their own below, since other keys must go for them.
ELSEWHERE = {
    "tls.cert", "tls.key", "tls.key_password_file", "issuers.*.type", "issuers.*.ocsp.certificate", "issuers.*.ocsp.key",
    "profiles.*.extended_key_usages", "endpoints.*.caa_identities", "log.format",
    "issuers.*.provisioner_password", "issuers.*.ocsp.provisioner_password", "issuers.*.key_password",
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_O7_each_key_is_in_force_or_waits_for_a_restart(trial, group):
    trial.change(group(trial))


def test_O7_keys_that_others_must_go_for(trial):
    trial.change({"profiles.*.extended_key_usages": ["serverAuth"], "endpoints.*.caa_identities": ["ca.test"]})
    files = ResponderFiles(trial.ca, trial.folder)
    files.write()
    trial.change({f"issuers.*.ocsp.{name}": path for name, path in files.configuration.items()})
    main = trial.configuration["issuers"]["main"]
    password = pathlib.Path(main.pop("provisioner_password_file"))
    main["provisioner_password"] = password.read_text().strip()
    assert trial.reload() == {}, "the same password in another place is no change"


def test_O7_the_form_of_the_log_changes_at_once(trial):
    before = len(trial.gateway.process.output())
    trial.set("log.format", "json")
    trial.gateway.write_configuration()
    trial.gateway.process.hang_up()
    words = "configuration: log.format is in force"
    told = wait_until(lambda: [one for one in trial.gateway.process.output()[before:].splitlines() if words in one], words)
    assert words in json.loads(told[0]).values(), told


def test_O7_another_type_is_another_issuer(trial):
    trial.configuration["issuers"]["local"] = dict(trial.configuration["issuers"]["main"])
    told = trial.reload()
    assert told["issuers.local.type"] == "restart" and set(told.values()) == {"restart"}


def test_O7_no_key_is_forgotten(trial):
    """A new key of the table needs a row above."""
    tried = set().union(*(group(trial) for group in GROUPS))
    assert set(reference()) == tried | ELSEWHERE and not tried & ELSEWHERE


def test_O7_sections_come_and_go_at_once(trial, responder):
    """A new issuer signs for a new profile of a new endpoint. A removed profile ends its orders, a removed endpoint is not
    there. The removed issuer waits: it may have to revoke."""
    prover = HttpProver(responder(trial.gateway))
    old = trial.gateway.client()
    name = fresh_name()
    ready = old.ready_order([name], prover, profile="local")
    trial.configuration["endpoints"]["second"] = {"profiles": ["gold"], "challenges": ["http-01"], "eab": "optional"}
    trial.configuration["profiles"]["gold"] = {"issuer": "third", "max_ttl": "1h"}
    trial.configuration["issuers"]["third"] = {"type": "local", "directory": str(trial.folder / "third")}
    del trial.configuration["profiles"]["local"], trial.configuration["issuers"]["local"]
    trial.configuration["endpoints"]["acme"]["profiles"] = ["default"]
    at_once = {"endpoints.second", "profiles.gold", "issuers.third", "profiles.local", "endpoints.acme.profiles"}
    assert trial.reload() == {**dict.fromkeys(at_once, "at once"), "issuers.local": "restart"}
    client = trial.gateway.client(endpoint="second")
    chain = client.issue([fresh_name()], prover)
    assert lifetime(chain[0]) <= datetime.timedelta(hours=1, minutes=2)
    assert ":invalidProfile" in old.finalize(ready, [name]).json()["type"]
    newest = trial.gateway.query("SELECT issuer FROM v_certificates ORDER BY id DESC LIMIT 1")
    assert newest[0]["issuer"] == "third"
    del trial.configuration["endpoints"]["second"], trial.configuration["profiles"]["gold"]
    assert trial.reload() == {
        "endpoints.second": "at once", "profiles.gold": "at once", "issuers.local": "restart",
    }  # fmt: skip
    with pytest.raises(Refused) as refused:
        client.order([fresh_name()])
    assert "404" in repr(refused.value.reply) or "No such resource" in repr(refused.value.reply)
    assert old.issue([fresh_name()], prover)


def test_O7_a_new_name_of_the_server_is_served_and_certified(trial):
    """base_url and alternate_names change at once, and the server's own certificate follows."""
    trial.change({"alternate_names": [f"acme2.localhost:{trial.gateway.port}"]})

    def names():
        with socket.create_connection(("127.0.0.1", trial.gateway.port), 5) as plain:
            context = ssl.create_default_context(cafile=str(trial.gateway.root_path))
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                return {value for _, value in secure.getpeercert()["subjectAltName"]}

    assert wait_until(lambda: "acme2.localhost" in (found := names()) and found, "the new certificate") == {
        "localhost", "acme2.localhost",
    }  # fmt: skip


def refusal(client, names):
    with pytest.raises(Refused) as refused:
        client.order(names)
    return repr(refused.value.reply)


def test_O7_what_is_said_to_be_in_force_is(trial, responder):
    prover = HttpProver(responder(trial.gateway))
    client = trial.gateway.client()
    name = fresh_name()
    assert lifetime(client.issue([name], prover)[0]) > datetime.timedelta(hours=2)
    trial.change(
        {
            "profiles.*.description": "other",
            "endpoints.*.names.deny": [name],
            "endpoints.*.terms_of_service": "https://terms.test/",
            "limits.max_identifiers": 1,
            "limits.orders_per_account": "2/1h",
        }
    )
    trial.set("profiles.default.max_ttl", "1h")
    assert trial.reload() == {"profiles.default.max_ttl": "at once"}
    assert ":rejectedIdentifier" in refusal(client, [name])
    assert "may name 1 identifiers" in refusal(client, [fresh_name(), fresh_name()])
    assert lifetime(client.issue([fresh_name()], prover)[0]) <= datetime.timedelta(hours=1, minutes=2)
    client.order([fresh_name()])
    assert ":rateLimited" in refusal(client, [fresh_name()])
    fresh = AcmeClient(trial.gateway.directory(), trial.gateway.root_path)
    assert fresh.directory["meta"]["termsOfService"] == "https://terms.test/"


def test_O7_held_replies_and_the_export_of_accounts_follow(trial):
    """The challenges meet a server that is silent: they are invalid after a while, which a held reply waits for."""
    client = trial.gateway.client()
    silent = socket.create_server(("127.0.0.1", trial.gateway.http_port))

    def answer():
        order = client.order([fresh_name()]).json()
        authorization = client.post(order["authorizations"][0]).json()
        challenge = next(one for one in authorization["challenges"] if one["type"] == "http-01")
        return client.post(challenge["url"], {}).json()["status"]

    trial.set("finalize.hold_reply", "50s")
    assert trial.reload() == {"finalize.hold_reply": "at once"}
    assert answer() == "invalid"
    first, second = trial.folder / "first.accounts", trial.folder / "second.accounts"
    trial.set("finalize.hold_reply", "0s")
    trial.set("accounts.export_path", str(first))
    assert trial.reload() == {"finalize.hold_reply": "at once", "accounts.export_path": "at once"}
    assert answer() == "processing"
    wait_until(first.exists, "the export")
    trial.set("accounts.export_path", str(second))
    assert trial.reload() == {"accounts.export_path": "at once"}
    wait_until(second.exists, "the export to another file")
    trial.set("validation.max_concurrent", 1)
    assert trial.reload() == {"validation.max_concurrent": "at once"}
    trial.set("finalize.hold_reply", "50s")
    trial.reload()
    assert answer() == "invalid"
    silent.close()


def test_O7_other_name_servers_are_asked_at_once(trial, responder):
    prover = HttpProver(responder(trial.gateway))
    client = trial.gateway.client()
    good = trial.configuration["validation"]["resolvers"]
    silent = f"127.0.0.1:{free_port()}"
    trial.set("validation.retry_for", "0s")
    trial.set("validation.resolvers", [silent])
    assert trial.reload() == {"validation.retry_for": "at once", "validation.resolvers": "at once"}
    (failed,) = client.prove(client.order([fresh_name()]).json(), prover)
    assert failed["status"] == "invalid" and silent in json.dumps(failed)
    warning = f"validation.resolvers: {silent} "
    wait_until(lambda: warning in trial.gateway.process.output(), "the warning, as at a start")
    trial.set("validation.resolvers", good)
    assert trial.reload() == {"validation.resolvers": "at once"}
    assert client.issue([fresh_name()], prover)


def test_O7_the_token_of_the_admin_api_changes_at_once_and_never_to_none(trial, new_gateway):
    gateway = new_gateway(trial.ca)
    port = free_port()
    token = written(trial.folder / "token", TOKEN)
    gateway.configuration["admin"] = {"listen": [f"127.0.0.1:{port}"], "token_file": token}
    gateway.start()
    other = Trial(trial.ca, gateway, trial.folder)
    written(trial.folder / "token", TOKEN[::-1])
    assert other.reload() == {"admin.token_file": "at once"}

    def status(word):
        return Admin.on_tcp(port, gateway.root_path, word).raw("GET", "/api/v1/issuers").status

    assert [status(word) for word in (TOKEN, TOKEN[::-1], None)] == [401, 200, 401]
    del gateway.configuration["admin"]
    gateway.write_configuration()
    gateway.process.hang_up()
    wait_until(lambda: "conflict with changes that wait for a restart" in gateway.process.output(), "the refusal")
    assert [status(word) for word in (TOKEN[::-1], "", None)] == [200, 401, 401]


def test_O7_own_certificate_files_change_at_once(trial, new_gateway, tmp_path):
    authority = Authority("files")
    (tmp_path / "root.crt").write_bytes(pem(authority.certificate))

    def write(name):
        key = new_key()
        certificate = authority.issue(key.public_key(), ["localhost"], datetime.timedelta(days=3))
        (tmp_path / f"{name}.crt").write_bytes(pem(certificate))
        (tmp_path / f"{name}.key").write_bytes(key_pem(key))
        return {"cert": str(tmp_path / f"{name}.crt"), "key": str(tmp_path / f"{name}.key")}

    gateway = new_gateway(trial.ca)
    gateway.root_path = tmp_path / "root.crt"
    gateway.configuration["tls"] = write("first")
    gateway.start()
    other = Trial(trial.ca, gateway, tmp_path)
    gateway.configuration["tls"] = {**write("second"), "key_password_file": written(tmp_path / "phrase", "unused")}
    assert other.reload() == dict.fromkeys(["tls.cert", "tls.key", "tls.key_password_file"], "at once")
    gateway.configuration["tls"] = {"issuer": "main"}
    gateway.write_configuration()
    gateway.process.hang_up()
    wait_until(lambda: "conflict with changes that wait for a restart" in gateway.process.output(), "the refusal")
    assert gateway.serves()
