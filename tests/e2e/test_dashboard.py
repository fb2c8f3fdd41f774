# SPDX-License-Identifier: Apache-2.0
"""docs/grafana-dashboard.json and the alert rules of docs/operations.md against what a server shows: names and labels."""

import json
import re

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.admin import Admin, short_folder
from support.http_responder import HttpResponder
from support.metrics import DOCUMENTATION, scrape

DASHBOARD = json.loads((tools.ROOT / "docs/grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], one["expr"], one["legendFormat"]) for panel in PANELS for one in panel["targets"]]
SCRAPERS = {"job", "instance"}  # labels that Prometheus adds
METRIC = re.compile(r"\b((?:acmegate|process)_\w+?)(?:_(bucket|count|sum))?(?:\{([^}]*)\}|(?![\w{]))")


@pytest.fixture(scope="module")
def shown(new_module_gateway, step_ca):
    """{metric: its labels} of a server that has issued: {"acmegate_ca_up": {"issuer"}}; without samples: no labels."""
    with short_folder() as folder:
        gateway = new_module_gateway(step_ca)
        gateway.configuration["admin"] = {"socket": str(folder / "admin.sock")}
        gateway.start()
        with HttpResponder(gateway.http_port) as responder:
            gateway.client().issue([fresh_name()], HttpProver(responder))
        one = scrape(Admin.on_socket(folder / "admin.sock"))
        gateway.stop()
    labels = {name: set() for name in one.names()}
    for name, found in one.samples:
        family = re.sub(r"_(bucket|count|sum)$", "", name) if name not in labels else name
        labels[family] |= {label for label, _ in found} - {"le"}
    return labels


def told_labels(name):
    """The labels that docs/operations.md tells of a metric."""
    (cell,) = re.findall(rf"^\| `{name}` \| ([^|]*)\|", DOCUMENTATION.read_text(), re.MULTILINE)
    return set(re.findall(r"`(\w+)`", cell))


def used(expression):
    """(metric, kind of a histogram's part, {label: value or pattern}) of each selector."""
    for name, part, inside in METRIC.findall(expression):
        yield name, part, dict(re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', inside))


def check(expression, legend, shown):
    """Names, labels in selectors, labels in `by` and in the legend: each is one of the metric."""
    metrics = list(used(expression))
    assert metrics
    for name, part, selector in metrics:
        assert name in shown, name
        labels = told_labels(name)
        assert shown[name] <= labels, f"{name} shows labels that docs/operations.md does not tell"
        grouped = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.findall(r"\w+", group)}
        wanted = set(selector) | grouped | set(re.findall(r"\{\{(\w+)\}\}", legend))
        assert wanted - labels - SCRAPERS - ({"le"} if part == "bucket" else set()) == set(), name


@pytest.mark.parametrize(("title", "expression", "legend"), TARGETS, ids=[f"{t}-{n}" for n, (t, *_) in enumerate(TARGETS)])
def test_each_panel_asks_for_what_there_is(shown, title, expression, legend):
    check(expression, legend, shown)


def alerts():
    (rules,) = re.findall(r"```yaml\n(groups:.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    for alert in re.split(r"^      - alert: ", rules, flags=re.MULTILINE)[1:]:
        name, _, rest = alert.partition("\n")
        (expression,) = re.findall(r"^        expr: (.*?)(?=^        \w|\Z)", rest, re.DOTALL | re.MULTILINE)
        yield pytest.param(expression, " ".join(re.findall(r"\$labels\.(\w+)", rest)), id=name)


@pytest.mark.parametrize(("expression", "labels"), alerts())
def test_each_alert_asks_for_what_there_is(shown, expression, labels):
    check(expression, " ".join(f"{{{{{label}}}}}" for label in labels.split()), shown)


def test_fixed_values_of_labels_are_values(shown):
    """`state="down"` and the like: docs/operations.md tells the values of such a label."""
    for _, expression, _ in TARGETS:
        for name, _, selector in used(expression):
            row = re.findall(rf"^\| `{name}` \|.*$", DOCUMENTATION.read_text(), re.MULTILINE)[0]
            fixed = {value for label, value in selector.items() if label not in SCRAPERS}
            assert [value for value in fixed if f"`{value}`" not in row] == []


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) and DASHBOARD["uid"] == "acmegate"
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "job", "instance"}
    assert all(one["datasource"]["uid"] == "${datasource}" for panel in PANELS for one in [panel, *panel["targets"]])
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_every_metric_worth_an_alert_is_on_it(shown):
    """Those that are shown nowhere are of no use on it: the old names, and what tells of the process alone."""
    left_out = {
        "acmegate_ca_circuit", "acmegate_native_calls_total", "acmegate_issuer_objects", "acmegate_accounts_created_total",
        "acmegate_ca_attempts_unknown", "acmegate_ca_failing_since_timestamp_seconds", "acmegate_crl_this_update_timestamp_seconds",
        "acmegate_ca_last_success_timestamp_seconds", "acmegate_ca_last_failure_timestamp_seconds",
        "acmegate_committer_batch_operations", "acmegate_database_round_trips_total",
    }  # fmt: skip
    asked = {name for _, expression, _ in TARGETS for name, _, _ in used(expression)}
    assert {name for name in shown if name.startswith("acmegate_")} - asked == left_out
