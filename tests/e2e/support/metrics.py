# SPDX-License-Identifier: Apache-2.0
"""What GET /metrics of the admin API says, read by Prometheus' own parser."""

import re

from prometheus_client.parser import text_string_to_metric_families

from .tools import ROOT
from .waiting import wait_until

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DOCUMENTATION = ROOT / "docs/operations.md"

# Counters that move by themselves: the server asks its CA, and commits what is its own business.
OWN_BUSINESS = ("committer_", "database_round_trips", "process_", "ca_call_duration_seconds_count", "http_request")


class Scrape:
    """One answer."""

    def __init__(self, reply):
        assert reply.headers["Content-Type"] == CONTENT_TYPE
        self.text = reply.body.decode()
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = {}
        for family in self.families:
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} is there twice"
                self.samples[key] = sample.value

    def __call__(self, name, **labels):
        """The one sample of these labels; None where it is not shown."""
        return self.samples.get((name, frozenset(labels.items())))

    def names(self):
        """What is declared, with samples or without."""
        return re.findall(r"^# TYPE (\S+) \S+$", self.text, re.MULTILINE)

    def since(self, before):
        """The counters that are not what they were: {(name, label values…): difference}. Durations are left out."""
        changed = {}
        for (name, labels), value in self.samples.items():
            difference = value - before.samples.get((name, labels), 0)
            if name.endswith(("_total", "_count")) and difference:
                changed[(name.removeprefix("acmegate_"), *(value for _, value in sorted(labels)))] = difference
        return changed


def scrape(admin):
    """As soon as there is one: the admin API answers before the server has wholly started."""
    return Scrape(wait_until(lambda: (reply := admin.raw("GET", "/metrics")).status == 200 and reply, "the metrics"))


def wait_for(admin, condition, what, seconds=30):
    """The scrape for which `condition(scrape)` holds."""

    def holds():
        one = scrape(admin)
        return one if condition(one) else None

    return wait_until(holds, what, seconds)


def moved(before, after):
    """What moved of that which clients move."""
    return {key: n for key, n in after.since(before).items() if not key[0].startswith(OWN_BUSINESS)}


def wait_for_moved(admin, before, expected, of=lambda changed: changed, seconds=30):
    """A scrape that was begun when exactly `expected` had moved; `of` chooses what is compared.

    A job counts its work just after its COMMIT, so others may see the rows earlier. A scrape reads its gauges first and
    its counters last."""

    def difference(after):
        return of(moved(before, after))

    try:
        wait_for(admin, lambda one: difference(one) == expected, "the counters", seconds)
    except TimeoutError:
        pass  # the assertion shows what moved
    after = scrape(admin)
    assert difference(after) == expected, f"moved: {difference(after)}, expected: {expected}"
    return after


def documented():
    """The names in the tables of the documentation."""
    text = DOCUMENTATION.read_text()
    return re.findall(r"^\| `((?:acmegate|process)_\w+)", text, re.MULTILINE)


def in_rules():
    """The names that the documentation's alert rules speak of, as they are declared."""
    text = DOCUMENTATION.read_text()
    (rules,) = re.findall(r"```yaml\n(groups:.*?)```", text, re.DOTALL)
    found = set(re.findall(r"\b(?:acmegate|process)_\w+", rules))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}
