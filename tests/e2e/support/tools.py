# SPDX-License-Identifier: Apache-2.0
"""Finding what a test needs. What is missing is a loud skip, and a failure where CI=true."""

import fcntl
import functools
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
STEP_CA_VERSIONS = ("0.30.2", "0.19.0")


def unavailable(reason):
    """Skips the test with `reason`; fails it where everything is expected to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"cannot run here: {reason}")
    pytest.skip(reason)


def scratch():
    """Where a run's own files go."""
    folder = ROOT / "build/e2e"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def program(name):
    """The path of an installed program."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return path or unavailable(f"{name} is not installed")


def acmegate():
    """The gateway under test: the sanitized build unless ACMEGATE names another."""
    path = pathlib.Path(os.environ.get("ACMEGATE", ROOT / "build/dev/acmegate"))
    if not path.exists():
        pytest.fail(f"{path} has not been built: run tests/run, or cmake --preset dev && cmake --build --preset dev")
    return str(path)


@functools.lru_cache(maxsize=None)
def release():
    """The program as it is installed, built when it is not. Test processes side by side build it once."""
    with open(scratch() / "release.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for step in (["--preset", "release"], ["--build", "--preset", "release"]):
            done = subprocess.run(["cmake", *step], cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-4000:]
    return str(ROOT / "build/release/acmegate")


@functools.lru_cache(maxsize=None)
def _build(name):
    done = subprocess.run([ROOT / "tests/e2e/tools/build", name], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None, done.stderr.strip()


def built(name):
    """The path of a program that tests/e2e/tools/build makes, made when it is not there yet."""
    path, words = _build(name)
    return path or unavailable(f"{name} cannot be had here: {words[-300:]}")


@functools.lru_cache(maxsize=None)
def preload_library(name, *flags):
    """The path of a library for LD_PRELOAD, compiled from support/NAME.c. Test processes side by side share it."""
    if not shutil.which("cc"):
        unavailable(f"there is no C compiler for {name}")
    source, library = pathlib.Path(__file__).with_name(f"{name}.c"), scratch() / f"{name}.so"
    own = library.with_suffix(f".{os.getpid()}")
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", *flags, "-o", own, source], check=True)
    own.replace(library)  # at once: nobody loads half of it
    return library


def step_ca(version):
    """The path of a step-ca of that version."""
    return built("step-ca" if version == STEP_CA_VERSIONS[0] else "step-ca-0.19")
