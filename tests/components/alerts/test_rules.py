"""Rules and targets: what is accepted, and what is said of the rest."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from components.alerts.book import read_document, read_targets
from components.alerts.commands import rules
from components.alerts.rules import Condition, Group, RuleError, rules_from

RULE = {"name": "oom", "filter": {"keywords": ["OutOfMemory"]}}


def test_defaults_are_for_what_a_rule_leaves_out() -> None:
    """Also the targets, which must be known; one is notified once, however often it is named."""
    document = {
        "defaults": {"notify": ["team"], "cooldown": "1h"},
        "rules": [RULE, {**RULE, "name": "b", "notify": []}],
    }
    first, second = rules_from(document, {"team"})
    assert (first.notify, first.cooldown, second.notify) == (("team",), 3600.0, ())
    assert (first.condition, first.group, first.covers("anything")) == (Condition.LINE, Group.TASK, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Big"}, "`name` is 1 to 100 lower-case"),
        ({"when": "sometimes"}, "`when` is 'sometimes': write one of line, count, failed"),
        ({"filter": {}}, "every line of every task would match"),
        ({"filter": {"levels": ["LOUD"]}}, "LOUD"),
        ({"when": "failed"}, "`filter` has no meaning with `when: failed`"),
        ({"when": "count", "count": 3}, "`within` is missing"),
        ({"when": "count", "within": "5m"}, "`count` is 2 to 1000"),
        ({"count": 3}, "`count` goes with `when: count`"),
        ({"within": "5m"}, "`within` has no meaning"),
        ({"cooldown": "soon"}, "'soon' is no duration: write 90s, 15m, 2h or 7d"),
        ({"notify": ["nobody"]}, "`notify` names 'nobody': there are mail, team"),
        ({"group": "worker"}, "`group` is 'worker': write one of task, rule"),
        ({"tasks": []}, "`tasks` is a pattern"),
        ({"labels": {"": "x"}}, "`labels` are up to 20"),
        ({"when": "stage_failed", "filter": {}, "labels": ["a"]}, "pipelines have none"),
        ({"digest": "daily"}, "'daily' is no duration"),
        ({"colour": "red"}, "colour"),
        ({"notifications_per_hour": "many"}, "notifications_per_hour"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(change: dict[str, Any], said: str) -> None:
    """With the name of the rule and what would be right."""
    with pytest.raises(RuleError) as raised:
        rules_from({"rules": [{**RULE, **change}]}, ("team", "mail"))
    assert said in str(raised.value)
    assert str(raised.value).startswith("rule ")
    assert raised.value.field in {*change, "filter", "within", "count", ""}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "write a list under `rules:`"),
        ({"rules": [RULE, RULE]}, "there is another rule of this name"),
        ({"rules": [RULE] * 10_001}, "10,001 rules are more than 10,000"),
        ({"rules": [], "rulez": []}, "'rulez' is unknown"),
        ({"rules": ["oom"]}, "rule 1"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(document: object, said: str) -> None:
    """Before any rule is used."""
    with pytest.raises(RuleError, match=said):
        rules_from(document, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: {team: {webhook: ftp://x}}", "webhook is an address that begins with https://"),
        ("targets: {team: {}}", "write one of webhook, alertmanager and apprise_env"),
        (
            "targets: {team: {webhook: https://x, secret_env: NO_SUCH}}",
            "environment variable NO_SUCH, which is not set",
        ),
        ("targets: {Team: {webhook: https://x}}", "a name is 1 to 100"),
        ("targets: {team: {webhook: https://x, colour: red}}", "colour"),
        ("rules: []", "write a mapping under `targets:`"),
        ("targets: [", "line 1"),
    ],
)
def test_what_is_wrong_with_targets_is_said(tmp_path: Path, text: str, said: str) -> None:
    """With the file, and the target."""
    path = tmp_path / "targets.yaml"
    path.write_text(text)
    with pytest.raises(RuleError, match=said) as raised:
        read_targets(path)
    assert str(path) in str(raised.value)


def test_a_target_shows_no_address(tmp_path: Path) -> None:
    """Apprise's addresses have passwords in them."""
    path = tmp_path / "targets.yaml"
    path.write_text("targets: {team: {webhook: 'https://hook.example/secret'}}")
    assert "secret" not in repr(read_targets(path))


def test_no_yaml_makes_objects(tmp_path: Path) -> None:
    """It is data."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules: !!python/object/apply:os.system ['true']")
    with pytest.raises(RuleError):
        read_document(path)


def test_a_file_is_checked_before_a_gateway_reads_it(tmp_path: Path) -> None:
    """``otto-gateway rules check`` lists the rules, or says what is wrong."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [{name: oom, filter: {keywords: [OutOfMemory]}, tasks: 'build-*'}]")
    good = CliRunner().invoke(rules, ["check", str(path)])
    assert (good.exit_code, good.output) == (0, "oom: line in build-*; notifies nobody\n1 rules, 0 targets\n")
    path.write_text("rules: [{name: oom}]")
    bad = CliRunner().invoke(rules, ["check", str(path)])
    assert (bad.exit_code, "every line of every task would match" in bad.output) == (1, True)
