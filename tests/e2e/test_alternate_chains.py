# SPDX-License-Identifier: Apache-2.0
"""Other chains for the same certificate (RFC 8555 §7.4.2), as when a root is rotated."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import Authority, names_of, pem, read_chain
from support.clients import Certbot


@pytest.fixture
def other_root():
    return Authority("the root to come")


@pytest.fixture
def gateway(step_ca, new_gateway, other_root, tmp_path):
    gateway = new_gateway(step_ca)
    cross = step_ca.issuing.signed_by(other_root)
    unrelated = Authority("unrelated", other_root, 0)
    for name, chain in (("unrelated.pem", [unrelated.certificate]), ("cross.pem", [cross])):
        (tmp_path / name).write_bytes(b"".join(map(pem, chain)))
    paths = [str(tmp_path / name) for name in ("unrelated.pem", "cross.pem")]
    gateway.configuration["issuers"]["main"]["alternate_chains"] = paths
    return gateway.start()


def alternates(reply):
    return [link.split(">")[0].lstrip("<") for link in reply.headers.get_all("Link") if link.endswith('rel="alternate"')]


@pytest.mark.check(46)
def test_only_chains_that_fit_are_offered(gateway, responder, other_root):
    client, name = gateway.client(), fresh_name()
    leaf = client.issue([name], HttpProver(responder(gateway)))[0]
    (row,) = gateway.query("SELECT id FROM certificates")
    url = client.directory["newOrder"].replace("new-order", f"certificate/{row['id']}")
    own = client.post(url)
    (other_url,) = alternates(own)
    other = client.post(other_url)
    assert alternates(other) == [url]
    chain = read_chain(other.body)
    assert chain[0] == leaf == read_chain(own.body)[0]
    assert [one.issuer for one in chain[1:]] == [other_root.certificate.subject]
    for wrong in ("1", "3", "0", "x", "2/1"):
        reply = client.post(f"{url}/{wrong}")
        assert (reply.status, reply.problem) == (404, "malformed")
    stranger = gateway.client().post(other_url)
    assert (stranger.status, stranger.problem) == (404, "malformed")


def test_certbot_takes_the_chain_that_it_prefers(gateway, tmp_path, name_server, other_root):
    client, name = Certbot(gateway, tmp_path / "certbot", name_server), fresh_name()
    client.call(
        *("certonly", "--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", gateway.http_port),
        *("--agree-tos", "--register-unsafely-without-email", "--preferred-chain", "the root to come", "-d", name),
    )
    chain = client.chain(name)
    assert names_of(chain[0]) == [name] and chain[1].issuer == other_root.certificate.subject


def test_without_any_there_is_no_link(current_site, responder):
    client = current_site.gateway.client()
    client.issue([fresh_name()], HttpProver(responder(current_site.gateway)))
    (row,) = current_site.gateway.query("SELECT max(id) AS id FROM certificates")
    assert alternates(client.post(client.directory["newOrder"].replace("new-order", f"certificate/{row['id']}"))) == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_none(step_ca, new_gateway, tmp_path, content):
    path = tmp_path / "chain.pem"
    if content:
        path.write_text(content)
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["main"]["alternate_chains"] = [str(path)]
    with pytest.raises(RuntimeError) as refused:
        gateway.start()
    assert str(path) in str(refused.value)
