# SPDX-License-Identifier: Apache-2.0
"""Waiting for an event by asking for it, never by sleeping for a guessed time."""

import time

POLL_SECONDS = 0.02


def wait_until(condition, what, seconds=20):
    """Asks `condition` until it answers something true, and returns that; TimeoutError names `what`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(POLL_SECONDS)
