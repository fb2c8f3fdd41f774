# SPDX-License-Identifier: Apache-2.0
"""A call that waits for something while the test goes on."""

import threading


class Background:
    """Runs `function` in a thread of its own; what it returns or raises is kept."""

    def __init__(self, function, *arguments):
        self.result = None
        self.error = None
        self._thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        self._thread.start()

    def _run(self, function, arguments):
        try:
            self.result = function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def end(self, seconds=60):
        """Waits for it; what it returned."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "still waiting"
        if self.error:
            raise self.error
        return self.result

    def end_anyhow(self, seconds=60):
        """Waits for it, however it ended: its other side may have been killed."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "still waiting"
