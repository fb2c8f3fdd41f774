# SPDX-License-Identifier: Apache-2.0
"""A real step-ca with a root and an intermediate of its own, on a loopback port."""

import datetime
import json
import secrets
import ssl
import time
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from . import jose, tools
from .certificates import Authority, key_pem, new_csr, pem
from .ports import free_port
from .processes import Process
from .provisioner_keys import ProvisionerKey

PROVISIONER = "acmegate"


def new_root(name):
    return Authority(name, valid_for=datetime.timedelta(days=60))


class StepCA:
    """`provisioner_keys` maps a provisioner's name to its key; `claims` and `template` are those of all of them, `templates`
    maps a name to its own; `policy` is the authority's; `crl` is what ca.json says of lists; `valid_for` is how long the
    intermediates live. `root` is an Authority to stand under, beside another CA; `name` begins the intermediates' names.
    `authority` and `settings` go into ca.json's `authority` and into ca.json itself, where None takes
    a member out; `permitted` are the names that the intermediates' name constraints leave. `acme` gives the current version an ACME server of its own, at /acme/acme/directory: the port of
    http-01 and the resolver."""

    def __init__(
        self,
        folder,
        version=tools.STEP_CA_VERSIONS[0],
        provisioner_keys=None,
        claims=None,
        policy=None,
        intermediates=1,
        valid_for=datetime.timedelta(days=30),
        template=None,
        log_format="json",
        acme=None,
        templates=None,
        crl=None,
        root=None,
        name="acmegate test",
        authority=None,
        settings=None,
        permitted=None,
    ):
        self.folder = folder
        self.version = version
        self.keys = provisioner_keys or {PROVISIONER: ProvisionerKey()}
        self.claims = claims or {}
        self.policy = policy
        self.template = template
        self.log_format = log_format
        self.acme = acme
        self.templates = templates or {}
        self.crl = {"enabled": True, "generateOnRevoke": True} if crl is None else crl
        self.authority, self.settings = authority or {}, settings or {}
        self.port = free_port()
        self.process = None
        self.intermediates, self.valid_for, self.permitted = intermediates, valid_for, permitted
        self._make_authorities(name, root or new_root("acmegate test root"))
        folder.mkdir(parents=True)
        self._write_files()

    def _make_authorities(self, name, root):
        self.root = root
        self.listed_roots = [root]
        self._make_chain(name)

    def _make_chain(self, name):
        self.chain = []
        above = self.root
        for depth in range(self.intermediates, 0, -1):
            above = Authority(f"{name} intermediate {depth}", above, depth - 1, self.valid_for, self.permitted)
            self.chain.insert(0, above)

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def root_path(self):
        return self.folder / "root_ca.crt"

    @property
    def fingerprint(self):
        """The root's, as step's tools write it."""
        return self.root.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def issuing(self):
        """The authority that signs leaves."""
        return self.chain[0]

    @property
    def has_crl(self):
        return self.version != "0.19.0"

    def _write_files(self):
        self.root_path.write_bytes(pem(self.root.certificate))
        for i, root in enumerate(self.listed_roots):
            (self.folder / f"root-{i}.crt").write_bytes(pem(root.certificate))
        (self.folder / "intermediate_ca.crt").write_bytes(b"".join(pem(one.certificate) for one in self.chain))
        (self.folder / "intermediate_ca.key").write_bytes(key_pem(self.issuing.key))
        (self.folder / "password").write_text("\n")
        (self.folder / "ca.json").write_text(json.dumps(self._configuration(), indent=2))

    def _configuration(self):
        configuration = {
            "root": [str(self.folder / f"root-{i}.crt") for i in range(len(self.listed_roots))],
            "crt": str(self.folder / "intermediate_ca.crt"),
            "key": str(self.folder / "intermediate_ca.key"),
            "address": f"127.0.0.1:{self.port}",
            "dnsNames": ["localhost", "127.0.0.1"],
            "logger": {"format": self.log_format},
            "db": {"type": "badgerv2", "dataSource": str(self.folder / "db")},
            "authority": {"provisioners": [self._provisioner(name, key) for name, key in self.keys.items()]},
        }
        if self.acme:
            configuration["authority"]["provisioners"].append({"type": "ACME", "name": "acme", "claims": self.claims})
        if self.policy:
            configuration["authority"]["policy"] = self.policy
        if self.has_crl:
            configuration["crl"] = self.crl
        configuration["authority"].update(self.authority)
        configuration.update(self.settings)
        return {name: value for name, value in configuration.items() if value is not None}

    def _provisioner(self, name, key):
        made = {"type": "JWK", "name": name, "key": key.public(), "encryptedKey": key.compact(), "claims": self.claims}
        template = self.templates.get(name, self.template)
        if template:
            made["options"] = {"x509": {"template": template}}
        return made

    def start(self):
        program = tools.step_ca(self.version)
        command = [program, self.folder / "ca.json"]
        if self.acme:
            port, resolver = self.acme
            command[1:1] = ["--insecure", "--acme-http-port", port, "--resolver", resolver]
        if self.version == "0.19.0":
            command.append(self.folder / "password")
        self.process = Process(f"step-ca {self.version}", command, self.log)
        self.process.wait_ready(self._healthy)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def reconfigure(self, **authority):
        """Starts again with this in ca.json's `authority`, and what it knew before."""
        self.stop()
        self.authority = authority
        self._write_files()
        return self.start()

    @property
    def log(self):
        return self.folder / "step-ca.log"

    def directory(self):
        """Of its own ACME server."""
        return f"{self.url}/acme/acme/directory"

    def rotate_root(self, root=None):
        """Starts again with another root and intermediates under it, and what it knew before."""
        self.stop()
        self._make_authorities("acmegate next", root or new_root("acmegate next root"))
        self._write_files()
        return self.start()

    def change_roots(self, listed, signing=None):
        """Starts again and lists these roots; under `signing`, where it is given, with new intermediates."""
        self.stop()
        self.listed_roots = listed
        if signing:
            self.root = signing
            self._make_chain("acmegate next")
        self._write_files()
        return self.start()

    def _get(self, path, body=None):
        context = ssl.create_default_context(cafile=str(self.root_path))
        with urllib.request.urlopen(self.url + path, body, context=context, timeout=10) as reply:
            return reply.read()

    def _healthy(self):
        try:
            return json.loads(self._get("/health"))["status"] == "ok"
        except OSError:
            return False

    def token(self, route, subject, name=PROVISIONER, **claims):
        """A one-time token as step's own tools make them."""
        key, now = self.keys[name], int(time.time())
        made = {"iss": name, "sub": subject, "aud": f"{self.url}/1.0/{route}", "jti": secrets.token_hex(32)}
        made.update(iat=now, nbf=now, exp=now + 300)
        header = {"alg": jose.algorithm(key.key), "kid": key.key_id, "typ": "JWT"}
        return jose.compact(key.key, header, {**made, **claims})

    def renewal_token(self, key, header, certificate, **claims):
        """A renewal token for a certificate, with a header that holds its chain."""
        now = int(time.time())
        common_name = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        claims = {"iss": "step-ca-client/1.0", "sub": common_name, "aud": f"{self.url}/renew", **claims}
        return jose.compact(key, header, {"jti": secrets.token_hex(32), "iat": now, "nbf": now, "exp": now + 300, **claims})

    def sign_directly(self, key, name, token=None):
        """Past the gateway: a leaf by native /sign, with a token of its own where none is given."""
        request = pem(new_csr(key, [name])).decode()
        body = {"csr": request, "ott": token or self.token("sign", name, sans=[name])}
        reply = self._get("/1.0/sign", json.dumps(body).encode())
        return x509.load_pem_x509_certificate(json.loads(reply)["crt"].encode())

    def renew_directly(self, certificate, key):
        """Past the gateway: by mTLS with the certificate itself, as `step ca renew` does."""
        pair = self.folder / "renewing.pem"
        pair.write_bytes(pem(certificate) + pem(self.issuing.certificate) + key_pem(key))
        context = ssl.create_default_context(cafile=str(self.root_path))
        context.load_cert_chain(str(pair))
        request = urllib.request.Request(f"{self.url}/1.0/renew", method="POST")
        with urllib.request.urlopen(request, context=context, timeout=10) as reply:
            return x509.load_pem_x509_certificate(json.loads(reply.read())["crt"].encode())

    def revoke_directly(self, certificate, reason):
        """Past the gateway."""
        serial = str(certificate.serial_number)
        body = {"serial": serial, "ott": self.token("revoke", serial), "reasonCode": reason, "passive": True}
        self._get("/1.0/revoke", json.dumps(body).encode())

    def revoked(self):
        """The CRL's entries: serial number to reason name (None where no reason is given)."""
        crl = x509.load_der_x509_crl(self._get("/crl"))
        assert crl.is_signature_valid(self.issuing.key.public_key())
        return {entry.serial_number: _reason(entry) for entry in crl}


def _reason(entry):
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return None
