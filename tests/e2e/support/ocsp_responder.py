# SPDX-License-Identifier: Apache-2.0
"""Who signs OCSP responses: a second provisioner of the CA, or files."""

import datetime

from cryptography.x509.oid import ExtendedKeyUsageOID

from .certificates import key_pem, new_key, pem
from .gateway import stepca_issuer

RESPONDER = "acmegate-ocsp"  # the provisioner


def with_responder(ca, gateway, folder, form="JWK"):
    second = stepca_issuer(ca, folder / "ocsp", form, RESPONDER)
    names = ("provisioner_name", "provisioner_key_path", "provisioner_password_file")
    gateway.configuration["issuers"]["main"]["ocsp"] = {name: second[name] for name in names if name in second}
    return gateway


class ResponderFiles:
    def __init__(self, ca, folder):
        self.ca = ca
        self.certificate_path = folder / "responder.crt"
        self.key_path = folder / "responder.key"

    @property
    def configuration(self):
        return {"certificate": str(self.certificate_path), "key": str(self.key_path)}

    def write(self, authority=None, usage=ExtendedKeyUsageOID.OCSP_SIGNING, kind="P-256", seconds=3600):
        key = new_key(kind)
        authority = authority or self.ca.issuing
        made = authority.issue(key.public_key(), ["ocsp"], datetime.timedelta(seconds=seconds), usage)
        self.key_path.write_bytes(key_pem(key))
        self.certificate_path.write_bytes(pem(made) + pem(authority.certificate))
        return made
