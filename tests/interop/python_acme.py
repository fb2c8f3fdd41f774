# SPDX-License-Identifier: Apache-2.0
"""What a program on python `acme` does, in one run: register, issue, renewal information, renew by profile, an address,
deactivate an authorization, revoke. Prints a line of JSON for each step. Run with the Python that certbot's environment has:

    python_acme.py DIRECTORY HTTP-PORT PROFILE KID MAC NAME…      (KID and MAC may be empty; REQUESTS_CA_BUNDLE names the root)
"""

import http.server
import ipaddress
import json
import sys
import threading

import josepy
from acme import challenges, client, crypto_util, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ANSWERS = {}


class Responder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ANSWERS.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def report(step, **result):
    print(json.dumps({"step": step, "result": result}), flush=True)


def new_key_pem():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def issue(acme, key, step, profile=None, **names):
    order = acme.new_order(crypto_util.make_csr(new_key_pem(), **names), profile=profile)
    for authorization in order.authorizations:
        for challenge in authorization.body.challenges:
            if isinstance(challenge.chall, challenges.HTTP01):
                response, validation = challenge.response_and_validation(key)
                ANSWERS[challenge.chall.path] = validation
                acme.answer_challenge(challenge, response)
    done = acme.poll_and_finalize(order)
    chain = x509.load_pem_x509_certificates(done.fullchain_pem.encode())
    alternative = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lifetime = (chain[0].not_valid_after_utc - chain[0].not_valid_before_utc).total_seconds()
    report(step, serial=f"{chain[0].serial_number:x}", names=[str(one.value) for one in alternative], chain=len(chain), lifetime=lifetime)
    return done, chain[0]


def main(directory, port, profile, kid, mac, *names):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Responder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    network = client.ClientNetwork(key, user_agent="interop python-acme")
    found = client.ClientV2.get_directory(directory, network)
    acme = client.ClientV2(found, network)
    binding = messages.ExternalAccountBinding.from_data(key.public_key(), kid, mac, found) if kid else None
    acme.new_account(
        messages.NewRegistration.from_data(email="ops@e2e.internal", terms_of_service_agreed=True, external_account_binding=binding)
    )
    report("register")
    order, leaf = issue(acme, key, "issue", domains=names)
    when, _ = acme.renewal_time(order.fullchain_pem.encode())
    report("renewal information", inside=leaf.not_valid_before_utc < when < leaf.not_valid_after_utc)
    issue(acme, key, "profile", profile=profile, domains=names)
    issue(acme, key, "address", ipaddrs=[ipaddress.ip_address("127.0.0.1")])
    given_up = acme.deactivate_authorization(order.authorizations[0])
    report("deactivate", status=given_up.body.status.name)
    acme.revoke(leaf, 4)
    report("revoke")


main(*sys.argv[1:])
