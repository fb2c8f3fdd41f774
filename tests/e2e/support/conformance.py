# SPDX-License-Identifier: Apache-2.0
"""What an ACME server must do, check by check: RFC 8555, 8737, 8738, 9444, 9773, the drafts that are in use, and what clients
in the wild need. Tests carry the number: `@pytest.mark.check(20)`. `tests/run conformance` prints the list with its state."""

CHECKS = {
    1: "HTTPS only; problem documents with type, detail, status; subproblems for several names",
    2: "a nonce with every POST reply; newNonce by HEAD 200, GET 204, not stored",
    3: "Link to the directory on everything else",
    4: "bodies are application/jose+json, else 415",
    5: "405 with Allow, 404, 413",
    6: "directory and newNonce by POST-as-GET; CORS",
    7: "internal trouble is 5xx with Retry-After, says nothing of the inside and leaves nothing half done",
    8: "Retry-After on what is polled",
    9: "URLs from the configured names, never from an unknown Host",
    10: "flattened JWS only, no member twice, nothing behind it",
    11: "ES256, ES384, ES512, RS256, EdDSA; others are told which",
    12: "weak and broken keys are badPublicKey",
    13: "jwk or kid as the resource wants it; no crit",
    14: "unknown kids of any host are accountDoesNotExist; accounts belong to one endpoint",
    15: "the signature is checked before the nonce is spent",
    16: "bad nonces are badNonce with a fresh one, and cost no row",
    17: "url is there and the request's",
    18: "POST-as-GET has no payload; other payloads are objects",
    19: "base64url to the letter; JSON of bounded depth and size",
    20: "one account a key, concurrently too; onlyReturnExisting; deactivated ones refused",
    21: "terms of service must be agreed to where there are any",
    22: "contacts: mailto, one address, no headers",
    23: "account updates and deactivation",
    24: "the orders list, in pages, of its own account",
    25: "external account binding",
    26: "key change; the old key is dead at once",
    27: "newOrder, and identifiers that are none",
    28: "DNS names to the letter",
    29: "IP addresses in their canonical form",
    30: "policies refuse with a subproblem a name; unknown profiles",
    31: "notBefore and notAfter are kept or refused, never ignored",
    32: "replaces",
    33: "what is another's and what is not there have one answer, 404: nobody learns which ids exist",
    34: "wildcards by DNS challenges only",
    35: "authorizations: expires, deactivation, reuse",
    36: "challenges: Link up, and as they are once decided",
    37: "pre-authorization, and proofs for the names below",
    38: "a failed challenge says what was tried; what may pass is tried again first",
    39: "http-01: redirects, every address, white space at the end",
    40: "dns-01, dns-account-01, dns-persist-01",
    41: "tls-alpn-01",
    42: "no validation connects where it must not",
    43: "finalize signs once, and ends",
    44: "CSRs that do not fit are badCSR",
    45: "what the CA refuses reaches the order in words; what may pass is tried again",
    46: "the certificate: PEM, leaf first, no root, for its account only",
    47: "renewal information",
    48: "revocation: by account, by control of the names, by key; confirmed by the CA",
    49: "rate limits: 429, Retry-After, a link to help",
}


def _numbers(item):
    return [number for mark in item.iter_markers("check") for number in mark.args]


class Conformance:
    """A pytest plugin: counts outcomes by check and prints the list. With xdist, workers run the tests and their reports
    carry the numbers to the process that prints."""

    def __init__(self):
        self.outcomes = {number: [] for number in CHECKS}

    def pytest_collection_modifyitems(self, config, items):
        kept = [item for item in items if _numbers(item)]
        for item in kept:
            item.user_properties += [("check", number) for number in _numbers(item)]
        config.hook.pytest_deselected(items=[item for item in items if not _numbers(item)])
        items[:] = kept

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            for name, number in report.user_properties:
                if name == "check":
                    self.outcomes[number].append(report.outcome)

    def state(self, number):
        outcomes = self.outcomes[number]
        bad = [outcome for outcome in outcomes if outcome != "passed"]
        if not outcomes:
            return "NO TEST"
        return f"{len(bad)} of {len(outcomes)} NOT PASSED" if bad else f"{len(outcomes)} passed"

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("conformance")
        for number, what in CHECKS.items():
            terminalreporter.write_line(f"{number:3}  {self.state(number):>20}  {what}")

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workerinput"):
            return  # of xdist: it has seen some of the tests only
        if any(not outcomes for outcomes in self.outcomes.values()) and session.exitstatus == 0:
            session.exitstatus = 1
