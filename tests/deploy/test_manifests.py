"""What ``deploy/`` says of the gateway is so: settings, ports, paths, users, time limits."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.settings.model import Settings
from tests.support.manifests import overlay, workload

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = {name.upper() for name in Settings.model_fields}
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
UNIT = (DEPLOY / "systemd" / "otto-gateway.service").read_text()
SHUTDOWN_SECONDS_MAX = Settings.model_fields["shutdown_seconds_max"].default


@pytest.mark.parametrize("name", ["single", "several"])
def test_pods_are_confined_and_have_time_to_end(name: str) -> None:
    """Not root, a root file system that cannot be written, no capabilities, and more time than a shutdown takes."""
    pod = workload(name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(re.findall(r"--uid (\d+)", CONTAINERFILE)[0])
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN_SECONDS_MAX
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    claimed = {claim["metadata"]["name"] for claim in workload(name)["spec"].get("volumeClaimTemplates", ())}
    assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed


@pytest.mark.parametrize("name", ["single", "several"])
def test_services_policies_and_probes_name_the_ports_of_the_pods(name: str) -> None:
    """By names that the container has, and selectors that its labels match."""
    template = workload(name)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    defaults = {"http": Settings.model_fields["http_port"].default, "grpc": Settings.model_fields["grpc_port"].default}
    assert ports == defaults
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    for each in overlay(name):
        if each["kind"] == "Service":
            assert {port["targetPort"] for port in each["spec"]["ports"]} == ports.keys()
            assert each["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        if each["kind"] == "NetworkPolicy":
            assert {port["port"] for port in each["spec"]["ingress"][0]["ports"]} == ports.keys()
        if each["kind"] == "Ingress":
            (rule,) = each["spec"]["rules"]
            assert rule["http"]["paths"][0]["backend"]["service"]["port"]["name"] in ports


def test_every_setting_that_is_set_exists() -> None:
    """In the image, the manifests, the compose file and the unit."""
    used = set(re.findall(r"\b([A-Z][A-Z_]+)=\S", " ".join(re.findall(r"ENV (?:.*\\\n)*.*", CONTAINERFILE))))
    used -= {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR"}
    for name in ("single", "several"):
        (container,) = workload(name)["spec"]["template"]["spec"]["containers"]
        used |= {variable["name"] for variable in container["env"]}
        used |= {key for each in overlay(name) if each["kind"] == "ConfigMap" for key in each["data"]}
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    used |= compose["services"]["gateway"]["environment"].keys()
    used |= set(re.findall(r"([A-Z_]+)=", " ".join(re.findall(r"^Environment=(.*)", UNIT, re.MULTILINE))))
    assert used - SETTINGS == set()
    assert len(used) > 8


def test_the_compose_file_mounts_what_there_is() -> None:
    """Files beside it exist, volumes are declared, and the gateway is confined."""
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (DEPLOY / "compose" / source).exists(), volume
    gateway = compose["services"]["gateway"]
    assert (gateway["read_only"], gateway["cap_drop"]) == (True, ["ALL"])
    assert int(gateway["stop_grace_period"].removesuffix("s")) > SHUTDOWN_SECONDS_MAX
    scraped = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    assert scraped[0]["job_name"] == "otto-gateway"  # what rules and dashboard ask for


def test_the_unit_is_confined_and_waits_for_a_shutdown() -> None:
    """It runs as nobody else, can write its own folder alone, and is not started again with wrong settings."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT)
    service = parser["Service"]
    assert int(service["TimeoutStopSec"]) > SHUTDOWN_SECONDS_MAX
    assert service["RestartPreventExitStatus"] == "2"
    assert {service[name] for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome")} == {"yes"}
    assert (service["ProtectSystem"], service["StateDirectory"]) == ("strict", "otto")


def test_hadolint_finds_nothing_wrong() -> None:
    """Nor does ShellCheck, which it asks about commands."""
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), DEPLOY / "Containerfile"], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_image_runs_as_somebody_else_and_says_how_it_is() -> None:
    """No shell stands between signals and the gateway, and extras that it has are declared."""
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["otto-gateway"]' in CONTAINERFILE
    assert "/healthz/ready" in CONTAINERFILE
    pyproject = (DEPLOY.parent / "pyproject.toml").read_text()
    for extra in re.findall(r"'\.\[([\w,-]+)\]'", CONTAINERFILE)[0].split(","):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE), extra
