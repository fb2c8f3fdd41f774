# SPDX-License-Identifier: Apache-2.0
"""`acmegate init` makes a configuration that serves: by options, at a terminal, and with a local CA. Each mistake has its
words, and leaves nothing behind."""

import os
import pwd
import stat
import subprocess

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.ca_faults import answer, clock_off, text
from support.databases import SQLite
from support.gateway import Gateway, environment, run_command
from support.ports import free_port
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER
from support.terminal import Terminal

PASSWORD = ProvisionerKey.password
ACME = {"type": "ACME", "name": "acme"}


class Written(Gateway):
    """A gateway with the file that `init` wrote, as it is. The rest of the world is given to it by the environment."""

    def __init__(self, folder, name_server):
        super().__init__(folder, {}, folder / "etc/root_ca.crt", name_server)
        self.store = SQLite(folder / "state")
        self.variables = {
            "ACMEGATE_VALIDATION_RESOLVERS": name_server.address,
            "ACMEGATE_VALIDATION_HTTP_PORT": str(self.http_port),
            "ACMEGATE_VALIDATION_ALLOW_ADDRESSES": "127.0.0.0/8,::1/128",
        }

    @property
    def config_path(self):
        return self.folder / "etc/acmegate.json"

    def write_configuration(self):
        pass

    def server_options(self):
        return {
            "base-url": f"https://localhost:{self.port}",
            "listen": f"127.0.0.1:{self.port}",
            "state": self.folder / "state",
            "names": "*.test, *.internal",
            "config": self.config_path,
        }

    def ca_options(self, ca):
        password = self.folder / "given.password"
        password.write_text(PASSWORD + "\n")
        return {"ca-url": ca.url, "fingerprint": ca.fingerprint, "password-file": password}

    def init(self, *flags, **options):
        """The command by its options; None leaves one out."""
        words = [word for name, value in options.items() if value is not None for word in (f"--{name}", value)]
        return run_command(tools.acmegate(), "init", *flags, *words)

    def terminal(self, *words):
        return Terminal([tools.acmegate(), "init", "--config", self.config_path, *words], environment())

    def assert_nothing_is_there(self):
        assert not (self.folder / "etc").exists() and not (self.folder / "state").exists()

    def assert_issues(self, responder):
        """Starts, and a client gets a certificate."""
        self.start()
        chain = self.client().issue([fresh_name()], HttpProver(responder(self)))
        assert chain


@pytest.fixture
def written(tmp_path, name_server):
    gateway = Written(tmp_path / "written", name_server)
    yield gateway
    gateway.stop()


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def has_service_user():
    """Root gives the files to the service, on a host that has the package."""
    return os.getuid() == 0 and any(user.pw_name == "acmegate" for user in pwd.getpwall())


# ---- that it works ----


@pytest.mark.parametrize("version", tools.STEP_CA_VERSIONS)
def test_by_options_against_each_step_ca(written, step_cas, responder, version):
    ca = step_cas(version)
    status, output, errors = written.init(**written.ca_options(ca), **written.server_options())
    assert status == 0 and errors == "", output + errors
    assert f"wrote {written.config_path}" in output and "FAIL" not in output and "a one-time token is accepted" in output
    assert f"Next: acmegate serve -c {written.config_path}\n" in output
    assert f"https://localhost:{written.port}/acme/acme/directory, and trust {written.root_path}" in output
    etc = written.folder / "etc"
    modes = {path.name: mode(path) for path in etc.iterdir()}
    assert modes == {
        "acmegate.json": "0o640" if has_service_user() else "0o600",
        "provisioner.key": "0o600",
        "provisioner.password": "0o600",
        "root_ca.crt": "0o644",
    }
    assert mode(written.folder / "state") == "0o700"
    written.assert_issues(responder)


def test_a_root_file_a_key_file_and_an_account_key(written, new_step_ca, tmp_path):
    """A key that is not encrypted needs no password."""
    ca = new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(), "other": ProvisionerKey("P-384")})
    key = tmp_path / "other.jwk"
    key.write_text(ca.keys["other"].text("JWK"))
    options = {"ca-url": ca.url + "/", "root": ca.root_path, "provisioner": "other", "provisioner-key": key, "eab": "required"}
    status, output, errors = written.init(**options, **written.server_options())
    assert status == 0, output + errors
    assert not (written.folder / "etc/provisioner.password").exists()
    text = written.config_path.read_text()
    assert '"eab": "required"' in text and '"provisioner_name": "other"' in text and "provisioner_password" not in text


def test_a_local_ca(written, responder):
    status, output, errors = written.init("--local", **written.server_options())
    assert status == 0 and errors == "", output + errors
    written.root_path = written.folder / "state/ca/root_ca.crt"
    assert f"and trust {written.root_path}" in output
    assert {path.name for path in (written.folder / "etc").iterdir()} == {"acmegate.json"}
    written.assert_issues(responder)


def test_at_a_terminal_with_every_answer_corrected_once(written, new_step_ca, responder):
    ca = new_step_ca(provisioner_keys={"first": ProvisionerKey(), PROVISIONER: ProvisionerKey()})
    terminal = written.terminal()
    terminal.answer("URL of the step-ca", f"localhost:{ca.port}")
    terminal.expect(f"did you mean {ca.url}?")
    terminal.answer("URL of the step-ca", ca.url)
    terminal.answer("fingerprint of its root", "abc")
    terminal.expect("'abc' has 3 hexadecimal digits; a fingerprint has 64")
    terminal.answer("fingerprint of its root", "0" * 64)
    terminal.expect("has no root with the fingerprint 0000")
    terminal.answer(f"[{ca.url}]: ", "")
    terminal.answer("fingerprint of its root", ":".join(ca.fingerprint.upper()[i : i + 2] for i in range(0, 64, 2)))
    terminal.expect(f"  1  first\n  2  {PROVISIONER}\n")
    terminal.answer(f"[{PROVISIONER}]: ", "3")
    terminal.expect("the CA has no provisioner named 3")
    terminal.answer(f"[{PROVISIONER}]: ", "")
    terminal.expect(f"Password of the key of {PROVISIONER}: ")
    assert not terminal.echoes()
    terminal.answer("", "guessed")
    terminal.expect(f"the password does not open the key of {PROVISIONER}")
    terminal.answer(f"Password of the key of {PROVISIONER}: ", PASSWORD)
    terminal.answer("URL of this server", f"http://localhost:{written.port}")
    terminal.expect("must begin with https://")
    assert terminal.echoes()
    terminal.answer("URL of this server", f"https://localhost:{written.port}")
    terminal.answer(f":{written.port}]: ", "localhost")
    terminal.expect("listen")
    terminal.answer("Addresses to listen on", f"127.0.0.1:{written.port}")
    terminal.answer("[/var/lib/acmegate]: ", "state")
    terminal.expect("must be an absolute path")
    terminal.answer("[/var/lib/acmegate]: ", written.folder / "state")
    terminal.answer("Names to issue for", "")
    terminal.expect("An answer is needed.")
    terminal.answer("Names to issue for", "*.test,*.internal")
    terminal.answer("[off]: ", "maybe")
    terminal.expect('must be "off", "optional" or "required"')
    terminal.answer("[off]: ", "")
    assert terminal.end() == 0, terminal.shown
    assert PASSWORD not in terminal.shown and "guessed" not in terminal.shown
    assert "Next: acmegate serve" in terminal.shown
    written.assert_issues(responder)


def test_an_interrupted_password_leaves_a_terminal_that_echoes(written, step_ca):
    terminal = written.terminal("--ca-url", step_ca.url, "--fingerprint", step_ca.fingerprint, "--provisioner", PROVISIONER)
    terminal.expect("Password of the key")
    assert not terminal.echoes()
    terminal.signal()
    assert terminal.end() == -2
    assert terminal.echoed_at_the_end
    written.assert_nothing_is_there()


# ---- mistakes ----


def unreachable(_, options):
    options["ca-url"] = f"https://localhost:{free_port()}"
    return ["cannot connect to https://localhost:", "does the CA run?"]


def without_https(ca, options):
    options["ca-url"] = f"http://localhost:{ca.port}"
    return ["--ca-url: ", "must begin with https://", f"did you mean {ca.url}?"]


def wrong_fingerprint(_, options):
    options["fingerprint"] = "12" * 32
    return ["has no root with the fingerprint 1212", "step certificate fingerprint"]


def fingerprint_of_the_intermediate(ca, options):
    certificate = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", ca.folder / "intermediate_ca.crt"],
        capture_output=True,
        text=True,
        check=True,
    )
    options["fingerprint"] = certificate.stdout.strip()
    return ["has no root with the fingerprint", "not an intermediate's"]


def sha1_fingerprint(_, options):
    options["fingerprint"] = "12" * 20
    return ["--fingerprint: ", "is a SHA-1; the fingerprint is a SHA-256"]


def root_file_that_is_an_intermediate(ca, options):
    options.update({"fingerprint": None, "root": ca.folder / "intermediate_ca.crt"})
    return ["--root: ", "no root"]


def root_file_of_another_ca(_, options):
    root = options["state"].parent / "other.crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=other -out"
    subprocess.run([*command.split(), root], check=True, capture_output=True)
    options.update({"fingerprint": None, "root": root})
    return ["the root does not vouch for its certificate", "is it the root of this CA?"]


def both_kinds_of_trust(ca, options):
    options["root"] = ca.root_path
    return ["--fingerprint and --root exclude each other"]


def unknown_provisioner(_, options):
    options["provisioner"] = "nobody"
    return ["--provisioner: the CA has no provisioner named nobody; it has: " + PROVISIONER]


def wrong_password(_, options):
    options["password-file"].write_text("guessed\n")
    return ["--password-file: ", "the password does not open the key of " + PROVISIONER]


def empty_password_file(_, options):
    options["password-file"].write_text("\n")
    return ["--password-file: ", "contains no password"]


def missing_password(_, options):
    options["password-file"] = None
    return ["missing: --password-file"]


def other_key(_, options):
    key = options["state"].parent / "other.key"
    key.write_text(ProvisionerKey().text("JWK"))
    options["provisioner-key"] = key
    return ["--provisioner-key: ", f"not the key that the CA knows for {PROVISIONER}"]


def missing_options(_, options):
    for name in ("ca-url", "fingerprint", "base-url", "names"):
        options[name] = None
    return ["missing: --ca-url, --fingerprint or --root, --base-url, --names"]


def folder_that_cannot_be_written(_, options):
    options["state"] = "/proc/acmegate/state"
    return ["--state: the folder /proc/acmegate/state cannot be made: No such file or directory"]


def config_folder_that_cannot_be_written(_, options):
    options["config"] = "/proc/acmegate/etc/acmegate.json"
    return ["the folder /proc/acmegate/etc cannot be made", "name another folder, or run this as root"]


def base_url_without_https(_, options):
    options["base-url"] = "acme.internal"
    return ["--base-url: base_url: must begin with https://"]


def names_that_are_none(_, options):
    options["names"] = "*.internal,not a name"
    return ["--names: ", "not a name"]


MISTAKES = [
    unreachable,
    without_https,
    wrong_fingerprint,
    fingerprint_of_the_intermediate,
    sha1_fingerprint,
    root_file_that_is_an_intermediate,
    root_file_of_another_ca,
    both_kinds_of_trust,
    unknown_provisioner,
    wrong_password,
    empty_password_file,
    missing_password,
    other_key,
    missing_options,
    folder_that_cannot_be_written,
    config_folder_that_cannot_be_written,
    base_url_without_https,
    names_that_are_none,
]


def assert_refused(written, words, options):
    status, output, errors = written.init(**options)
    assert status in (1, 2) and output.strip() == "", output + errors
    for word in words:
        assert word in errors, (word, errors)
    written.assert_nothing_is_there()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_has_its_words_and_leaves_nothing(written, step_ca, mistake):
    options = {**written.ca_options(step_ca), **written.server_options()}
    assert_refused(written, mistake(step_ca, options), options)


CA_MISTAKES = {
    "no JWK provisioner": (
        {"authority": {"provisioners": [ACME]}},
        {},
        ["the CA has no JWK provisioner", "it has: acme (ACME)", "step ca provisioner add acmegate --type JWK --create"],
    ),
    "a provisioner of another type": (
        {"acme": (0, "127.0.0.1:53")},
        {"provisioner": "acme"},
        ["--provisioner: the provisioner acme is of type ACME, and acmegate needs one of type JWK", PROVISIONER],
    ),
    "several provisioners and none named": (
        {"provisioner_keys": {"a": ProvisionerKey(), "b": ProvisionerKey()}},
        {},
        ["missing: --provisioner (one of: a, b)"],
    ),
}


@pytest.mark.parametrize("case", CA_MISTAKES)
def test_a_ca_that_does_not_fit_is_told(written, new_step_ca, case):
    members, options, words = CA_MISTAKES[case]
    ca = new_step_ca(**members)
    assert_refused(written, words, {**written.ca_options(ca), **written.server_options(), **options})


def test_a_name_that_is_not_among_the_dns_names_of_the_ca(written, new_step_ca):
    ca = new_step_ca(settings={"dnsNames": ["localhost"]})
    options = {**written.ca_options(ca), **written.server_options(), "ca-url": f"https://127.0.0.1:{ca.port}"}
    assert_refused(written, ["its certificate does not name 127.0.0.1", "use a name of `dnsNames`"], options)


def test_a_web_server_that_is_no_step_ca(written, ca_proxy):
    ca_proxy.replace["root"] = text(404, "<html>not found</html>")
    options = {**written.ca_options(ca_proxy.ca), **written.server_options(), "ca-url": ca_proxy.url}
    assert_refused(written, ["answers 404 when it is asked for its root", "is the URL that of a step-ca?"], options)


def test_an_answer_with_another_root_is_not_believed(written, ca_proxy, new_step_ca):
    other = new_step_ca().root_path.read_text()
    ca_proxy.replace["root"] = answer(200, ca=other)
    options = {**written.ca_options(ca_proxy.ca), **written.server_options(), "ca-url": ca_proxy.url}
    assert_refused(written, ["answers with something else than the root", "it is not trusted"], options)


def test_a_provisioner_whose_key_the_ca_does_not_publish(written, new_step_ca, tmp_path):
    key = ProvisionerKey()
    made = {"type": "JWK", "name": PROVISIONER, "key": key.public()}
    ca = new_step_ca(authority={"provisioners": [made]})
    options = {**written.ca_options(ca), **written.server_options()}
    assert_refused(written, ["missing: --provisioner-key (the CA does not publish the key of acmegate"], options)
    path = tmp_path / "acmegate.key"
    path.write_text(key.text("flattened JWE"))
    status, output, errors = written.init(**options, **{"provisioner-key": path})
    assert status == 0, output + errors
    assert (written.folder / "etc/provisioner.key").read_text() == key.text("flattened JWE")


@pytest.mark.parametrize("ahead_s, words", [(3600, "the CA's clock is 3"), (-3600, "s behind ours")])
def test_a_clock_that_differs(written, ca_proxy, ahead_s, words):
    ca_proxy.rewrite["health"] = clock_off(ahead_s)
    options = {**written.ca_options(ca_proxy.ca), "ca-url": ca_proxy.url, **written.server_options()}
    assert_refused(written, [words, "the CA refuses tokens: set both by NTP"], options)


@pytest.mark.parametrize("name", ["acmegate.json", "root_ca.crt", "provisioner.key", "provisioner.password"])
def test_no_file_is_replaced(written, step_ca, name):
    etc = written.folder / "etc"
    etc.mkdir()
    (etc / name).write_text("mine")
    status, output, errors = written.init(**written.ca_options(step_ca), **written.server_options())
    assert status == 1 and f"{etc / name} exists already, and is not replaced" in errors, output + errors
    assert [path.name for path in etc.iterdir()] == [name] and (etc / name).read_text() == "mine"


def test_files_in_their_places_already_are_used_there(written, step_ca):
    etc = written.folder / "etc"
    etc.mkdir()
    (etc / "root_ca.crt").write_bytes(step_ca.root_path.read_bytes())
    (etc / "provisioner.password").write_text(PASSWORD)
    (etc / "provisioner.password").chmod(0o600)
    options = {"ca-url": step_ca.url, "root": etc / "root_ca.crt", "password-file": etc / "provisioner.password"}
    status, output, errors = written.init(**options, **written.server_options())
    assert status == 0, output + errors
    assert {path.name for path in etc.iterdir()} == {"acmegate.json", "root_ca.crt", "provisioner.key", "provisioner.password"}


def test_a_check_that_fails_keeps_the_whole_configuration(written, step_ca):
    """The port is taken: not a matter of the files."""
    options = {**written.server_options(), "listen": f"127.0.0.1:{step_ca.port}"}
    status, output, errors = written.init(**written.ca_options(step_ca), **options)
    assert status == 1 and "FAIL  listen: " in output, output + errors
    assert "is whole and stays, but a check failed" in errors and f"acmegate check -c {written.config_path}" in errors
    assert written.config_path.exists()
