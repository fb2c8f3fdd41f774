# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of the tests.

    def test_one(postgresql):               # a server that the tests of a worker share
        uri = postgresql.new_database()     # for "database" in a configuration; dropped after the test
        postgresql.query("SELECT …", uri)   # the rows as dictionaries

    def test_two(new_postgresql):           # new_postgresql(fsync="on"): a server of this test alone
        server = new_postgresql()
        standby = server.standby()
        server.kill()                       # or stop("immediate"), and start() again
        standby.promote()

It runs as the tests' own user, or as `postgres` when that is root: PostgreSQL does not start as root. All of a cluster is
in a folder of its own below the system's folder for temporary files: `postgres` may not enter the tests' folders, and a
socket's path has 107 octets at most. The folder and the servers in it end with the test process, however that ends.
"""

import contextlib
import csv
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

from . import tools
from .certificates import Authority, key_pem, new_key, pem
from .ports import free_port
from .processes import Process
from .waiting import wait_until

OWNER = "acmegate"  # of the databases: a role like any other
PASSWORD = "a password of the tests"

# Databases sort as people do, so that a test notices a statement or a column that leaves the order to the database.
_INITDB = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync")

_SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "wal_keep_size": "64MB",  # a standby that was away catches up
    "ssl": "on",
}

# Whoever may enter the folder of the socket may connect.
_ACCESS = """
local all         all               trust
local replication all               trust
host  all         all  127.0.0.1/32 scram-sha-256
"""

# Waits until standard input ends: the tests let go of it, or they have ended. A server removes its file when it ends.
_GUARD = r"""
read -r _
for file in "$1"/*/postmaster.pid; do
    read -r pid <"$file" || continue
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF " $1/" && kill -QUIT "$pid" || continue
    tries=200
    while [ -e "$file" ] && [ $tries -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
done
rm -rf -- "$1"
"""


def _programs():
    """The folder of the newest server's programs."""
    found = list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        tools.unavailable("PostgreSQL is not installed")
    return max(found, key=lambda path: int(path.parts[-3])).parent


def _as_owner():
    """The beginning of a command that runs as the server's user."""
    if os.geteuid() != 0:
        return []
    return [tools.program("setpriv"), "--reuid=postgres", "--regid=postgres", "--init-groups"]


def environment():
    """The tests' own, without what would tell PostgreSQL's programs where to connect."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**ours, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _run(command, **members):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=environment(), cwd="/", **members
    )
    assert done.returncode == 0, f"{pathlib.Path(command[0]).name} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return done.stdout


def psql(uri, text, *arguments, seconds=60):
    """What the shell prints, as an operator's would. The first error ends it, and fails the test."""
    command = [_programs() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments, uri]
    return _run(command, input=text, timeout=seconds)


def open_shell(uri):
    """psql, which waits for commands: its pipes are of octets and have no buffer."""
    command = [_programs() / "psql", "-X", "-q", "-A", "-t", uri]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment(), cwd="/")


def child_processes(parent):
    """The ids of a process's children."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def _has_ended(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def database_name(uri):
    """The name of the database in it."""
    return urllib.parse.urlsplit(uri).path.lstrip("/")


class Folder:
    """Of the servers of one cluster: their data, their sockets, the certificate. close() ends what still runs in it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="acmegate-postgresql-"))
        command = ["sh", "-c", _GUARD, "sh", self.path]
        # In a session of its own: what a terminal sends to the tests does not reach it.
        self._guard = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        self.root = self.path / "root.pem"
        authority, key = Authority("PostgreSQL of the tests"), new_key()
        certificate = authority.issue(key.public_key(), ["localhost", "127.0.0.1"])
        self.root.write_bytes(pem(authority.certificate))
        self.certificate = self._write("server.pem", pem(certificate))
        self.key = self._write("server.key", key_pem(key))
        self.access = self._write("access", _ACCESS.encode())
        self._give(self.path)

    def _give(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")

    def _write(self, name, octets):
        path = self.path / name
        path.touch(mode=0o600)
        path.write_bytes(octets)
        self._give(path)
        return path

    def close(self):
        self._guard.stdin.close()
        self._guard.wait(60)


class PostgreSQL:
    """A server with a database cluster of its own, not started yet. Its words go to a file in `logs`. `settings` are of
    postgresql.conf; those of self.settings that change take effect at the next start."""

    def __init__(self, logs, folder=None, **settings):
        self._programs = _programs()
        self.folder = folder or Folder()
        self._owns_folder = folder is None
        self._logs = logs
        self.port = free_port()
        self.data = self.folder.path / f"data-{self.port}"
        self.settings = {**_SETTINGS, **settings}
        self.process = None
        self._standbys = []
        self._numbers = itertools.count(1)
        self._made = []  # names of databases

    # ---- running ----

    def make(self):
        """Makes the cluster, and the role that owns databases."""
        _run([*_as_owner(), self._programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", *_INITDB])
        self.start()
        self.sql(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
        return self

    def start(self, seconds=60):
        """Until it takes connections."""
        given = {
            "port": self.port,
            "unix_socket_directories": self.folder.path,
            "hba_file": self.folder.access,
            "ssl_cert_file": self.folder.certificate,
            "ssl_key_file": self.folder.key,
            **self.settings,
        }
        options = itertools.chain(*(("-c", f"{name}={value}") for name, value in given.items()))
        command = [*_as_owner(), self._programs / "postgres", "-D", self.data, *options]
        self.process = Process("postgres", command, self.log, environment())
        self.process.wait_ready(self._is_ready, seconds)
        return self

    def _is_ready(self):
        """The last line of the file is the server's state. One of an earlier server has another id."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return lines[0] == str(self.process.pid) and len(lines) > 7 and lines[7].strip() in ("ready", "standby")

    def stop(self, mode="fast"):
        """"fast" ends the sessions and writes all that is open, "immediate" is as a crash, but with no process left."""
        if self.process and self.process.running():
            self.process.signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
            self.process.wait_end(60)

    def kill(self):
        """SIGKILL of the postmaster. Its children end by themselves when they notice it; none is left at the end."""
        children = child_processes(self.process.pid)
        self.process.kill()
        wait_until(lambda: all(map(_has_ended, children)), "the children of a killed postmaster to end")

    def standby(self, synchronous=False):
        """A second server that follows this one, started; each commit here waits for a synchronous one."""
        other = PostgreSQL(self._logs, self.folder, **self.settings)
        source = f"host={self.folder.path} port={self.port} user=postgres application_name=standby"
        command = [*_as_owner(), self._programs / "pg_basebackup", "-D", other.data, "-d", source]
        _run([*command, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"], timeout=120)
        self._standbys.append(other.start())
        streams = "SELECT pid FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: self.query(streams), "the standby to follow")
        if synchronous:
            self.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            self.sql("SELECT pg_reload_conf()")
            waits = "SELECT pid FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_until(lambda: self.query(waits), "the standby to be a synchronous one")
        return other

    def promote(self):
        """Has a standby become a primary, whether or not the other still runs."""
        assert self.query("SELECT pg_promote() AS done") == [{"done": True}]

    def close(self):
        """Ends it and its standbys for good."""
        for server in (*self._standbys, self):
            server.stop("immediate")
        if self._owns_folder:
            self.folder.close()

    # ---- databases ----

    def new_database(self, over="socket", **parameters):
        """The URI of an empty database, as uri()."""
        name = self._create()
        self._made.append(name)
        return self.uri(name, over, **parameters)

    def create_database(self):
        """The URI of an empty database that stays until drop_database(). acmegate's messages show it as it is."""
        return self.uri(self._create())

    def _create(self):
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} OWNER {OWNER}")
        return name

    def drop_database(self, uri):
        """Who is still connected loses the connection."""
        self._drop(database_name(uri))

    def _drop(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def uri(self, database, over="socket", others=(), **parameters):
        """How OWNER connects to it: over a Unix socket, or with a password over "tcp" or "tls" (verify-full). `others` are
        more servers to try; `parameters` are more of libpq's."""
        ports = ",".join(str(server.port) for server in (self, *others))
        if over == "socket":
            user, place = OWNER, {"host": ",".join([str(self.folder.path)] * (1 + len(others))), "port": ports}
        else:
            user = f"{OWNER}:{urllib.parse.quote(PASSWORD)}"
            place = {"host": ",".join(["localhost"] * (1 + len(others))), "port": ports}
            place["hostaddr"] = re.sub("localhost", "127.0.0.1", place["host"])
            place["sslmode"] = "disable"
        if over == "tls":
            place.update(sslmode="verify-full", sslrootcert=str(self.folder.root))
        words = urllib.parse.urlencode({**place, **parameters}, quote_via=urllib.parse.quote, safe="/,")
        return f"postgresql://{user}@/{database}?{words}"

    @contextlib.contextmanager
    def databases(self):
        """What new_database() makes inside is dropped at the end. Who is still connected then loses the connection."""
        before = len(self._made)
        yield self
        for name in self._made[before:]:
            self._drop(name)
        del self._made[before:]

    # ---- looking and doing ----

    def _superuser(self, database):
        name = database_name(database) if "://" in database else database
        return f"postgresql://postgres@/{name}?host={self.folder.path}&port={self.port}"

    def sql(self, text, database="postgres"):
        """Runs statements as the superuser, in a database named by its name or URI; the rows, as lists of text."""
        return list(csv.reader(io.StringIO(psql(self._superuser(database), text, "--csv", "-t"))))

    def query(self, text, database="postgres"):
        """The rows of one query as dictionaries."""
        statement = f"SELECT coalesce(json_agg(found), '[]') FROM ({text.strip().rstrip(';')}) AS found"
        return json.loads(psql(self._superuser(database), statement, "-A", "-t"))

    def terminate_backends(self, database=None):
        """Ends the clients' sessions, of all databases or of one; how many."""
        condition = f"AND datname = '{database_name(database)}'" if database else ""
        rows = self.query(
            "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity"
            f" WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() {condition}"
        )
        return sum(row["ended"] for row in rows)

    @property
    def log(self):
        return self._logs / f"postgresql-{self.port}.log"
