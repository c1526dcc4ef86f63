"""The chart, rendered by Helm's own SDK: the same as the overlays, valid for Kubernetes, strict about its values."""

from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.support.manifests import CHART, chart, overlay

SEVERAL: dict[str, Any] = yaml.safe_load((CHART / "several.yaml").read_text())
ADDED_BY_HELM = {
    *("app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"),
    *("checksum/settings", "imagePullPolicy"),
}


def without_what_helm_adds(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_what_helm_adds(each) for key, each in value.items() if key not in ADDED_BY_HELM}
        return {key: each for key, each in kept.items() if (key, each) != ("annotations", {})}
    return [without_what_helm_adds(each) for each in value] if isinstance(value, list) else value


def by_name(resources: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(each["kind"], each["metadata"]["name"]): without_what_helm_adds(each) for each in resources}


@pytest.mark.parametrize(("name", "values"), [("single", {}), ("several", SEVERAL)])
def test_chart_and_overlay_are_the_same(name: str, values: dict[str, Any]) -> None:
    """Field by field, but for Helm's labels."""
    assert by_name(chart(values)[0]) == by_name(list(overlay(name)))


@pytest.mark.parametrize("version", ["1.27", "1.37"])
def test_everything_is_valid_for_kubernetes(version: str) -> None:
    """By the schemas of the oldest and the newest version, with no field that they do not know."""
    everything = [*overlay("single"), *overlay("several"), *chart({})[0], *chart(SEVERAL, release="other")[0]]
    assert len(everything) == 30
    for each in everything:
        kubernetes_validate.validate(each, version, strict=True)


def test_two_releases_do_not_take_each_others_pods() -> None:
    """Every selector has the release in it, and names what the release itself has."""
    resources, _ = chart({**SEVERAL, "serviceMonitor": {"enabled": True}}, release="second")
    for each in resources:
        assert each["metadata"]["name"].startswith("second"), each
        selector = each["spec"].get("selector") or each["spec"].get("podSelector") if "spec" in each else None
        if selector:
            assert selector.get("matchLabels", selector)["app.kubernetes.io/instance"] == "second"
    pod = next(each for each in resources if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    names = {each["metadata"]["name"] for each in resources}
    assert {pod["serviceAccountName"], pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]} <= names


@pytest.mark.parametrize(
    "values",
    [
        {"topology": "many"},
        {"replica": 3},
        {"settings": {"log_format": "json"}},
        {"settings": {"JWT_SECRET": "in a ConfigMap"}},
        {"persistence": {"size": "20 gigabytes"}},
        {"ingress": {"host": "https://logs.example.com"}},
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    """Misspelt names too: they would do nothing."""
    with pytest.raises(helm_python.HelmError, match="otto-gateway:\n- at '"):
        chart(values)


def test_helm_finds_nothing_wrong() -> None:
    """``helm lint --strict`` has no warning, and the notes name the Secret that pods wait for."""
    found = helm_python.lint(CHART, strict=True)
    assert [message for message in found["messages"] if message["severity"] > 1] == []
    assert "create secret generic its-secret" in chart({"existingSecret": "its-secret"})[1]
    assert "DATABASE_URL" in chart(SEVERAL)[1]
