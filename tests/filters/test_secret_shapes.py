"""What has the shape of a secret; the tokens below are made up. They are put together here, so that no scanner of
repositories takes this file for a leak.
"""

from pathlib import Path

import pytest

from filters.secret_shapes import PRIVATE_KEY, RULES, OpenKeys, ShapeRules

CORPUS = Path(__file__).parent / "corpus"
A40, A36, HEX32 = "aB3" * 13 + "x", "aB3" * 12, "0123456789abcdef" * 2
SECRETS = {
    "age-key": "AGE-SECRET-KEY-1" + "Q" * 58,
    "anthropic-key": "sk-ant-api03-" + "a" * 93,
    "atlassian-token": "ATATT3" + "x" * 186,
    "authorization": "dXNlcjpwYXNzd29yZA==",
    "aws-access-key": "AKIA" + "ABCDEFGH23456777",
    "aws-secret-key": A40,
    "azure-sas": "a" * 43 + "%3D",
    "azure-storage-key": "a" * 86 + "==",
    "databricks-token": "dapi" + HEX32,
    "digitalocean-token": "dop_v1_" + HEX32 * 2,
    "docker-token": "dckr_pat_" + "a" * 27,
    "gcp-api-key": "AIza" + "a" * 35,
    "gcp-oauth-secret": "GOCSPX-" + "a" * 28,
    "gcp-oauth-token": "ya29." + "a" * 40,
    "github-fine-grained-token": "github_pat_" + "a" * 82,
    "github-token": "ghp_" + A36,
    "gitlab-token": "glpat-" + "a" * 20,
    "grafana-token": "glsa_" + "a" * 41,
    "huggingface-token": "hf_" + "a" * 34,
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiJhIn0xx.c2lnbmF0dXJl",
    "mailgun-key": "key-" + HEX32,
    "npm-auth": "abcdefghij0123456789",
    "npm-token": "npm_" + A36,
    "openai-key": "sk-proj-" + "a" * 20 + "T3BlbkFJ" + "b" * 20,
    "pulumi-token": "pul-" + HEX32 + "01234567",
    "pypi-token": "pypi-AgE" + "a" * 60,
    "rubygems-key": "rubygems_" + HEX32 + HEX32[:16],
    "sendgrid-key": "SG." + "a" * 22 + "." + "b" * 43,
    "sentry-token": "sntrys_" + "a" * 60,
    "shopify-token": "shpat_" + HEX32,
    "slack-app-token": "xapp-1-" + "A1B2-123-abcdef",
    "slack-token": "xoxb-" + "123456789012-abcdefghij",
    "slack-webhook": "T000/B000/" + "X" * 34,
    "stripe-key": "sk_live_" + "a" * 24,
    "stripe-webhook-secret": "whsec_" + "a" * 32,
    "telegram-token": "123456789:AA" + "a" * 33,
    "terraform-token": "a" * 14 + ".atlasv1." + "b" * 67,
    "twilio-key": "SK" + HEX32,
    "url-password": "p4ss",
    "vault-token": "hvs." + "a" * 24,
}
AROUND = {
    "authorization": "> Authorization: Basic {}",
    "aws-secret-key": 'AWS_SECRET_ACCESS_KEY="{}"',
    "azure-sas": "https://x.blob.core.windows.net/c?sv=1&sig={}",
    "azure-storage-key": "AccountName=x;AccountKey={};",
    "npm-auth": "//registry.example/:_authToken={}",
    "slack-webhook": "https://hooks.slack.com/services/{}",
    "url-password": "git clone https://ci:{}@git.example.org/x.git",
}


@pytest.fixture(scope="module")
def rules() -> ShapeRules:
    return ShapeRules()


@pytest.mark.parametrize("rule", RULES)
def test_a_secret_of_each_shape_is_found(rules: ShapeRules, rule: str) -> None:
    """It is masked alone, and counted under its rule."""
    around = AROUND.get(rule, "token {} found")
    line = rules.mask(["x", around.format(SECRETS[rule])], OpenKeys(), lambda _: 0)[1]
    assert (line.text, line.found) == (around.format("***"), {rule: 1})


def test_false_positives_in_the_logs_of_builds_are_counted(
    rules: ShapeRules, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hundred logs of real programs have no secret, and none is found."""
    found, lines = [], 0
    for path in sorted(CORPUS.glob("*.log")):
        texts = [line[3:] for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        lines += len(texts)
        found += [(path.stem, texts[index], line.found) for index, line in rules.mask(texts, OpenKeys(), str).items()]
    with capsys.disabled():
        print(f"\n{len(RULES) + 1} shapes in {lines} lines of builds without secrets: {len(found)} found {found}")
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "https://user@example.org:8080/a@b",
        "git+ssh://git@github.com/a/b.git#v1:2",
        "https://ci:$TOKEN@example.org and https://ci:***@example.org",
        "authorization: none",
        "sha512-" + "a" * 86 + "==",
        "key-value",
        "commit " + HEX32,
    ],
)
def test_what_only_looks_similar_stays(rules: ShapeRules, text: str) -> None:
    """Addresses without a password, variables, hashes."""
    assert not rules.found_in(text)


def test_a_private_key_is_masked_up_to_its_end(rules: ShapeRules) -> None:
    """Over batches, each stream by itself; the lines that mark it stay."""
    keys = OpenKeys()
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEvQIBADANBg",
        "",
        "kqhkiG9w0=",
        "-----END RSA PRIVATE KEY-----",
        "x",
    ]
    shown = []
    for line in lines:
        for stream in ("out", "err"):
            text = line if stream == "out" else f"warning: {line}" if line == "x" else "MIIEvQIBADANBg"
            masked = rules.mask([text], keys, lambda _, stream=stream: stream)
            if stream == "out":
                shown.append(masked[0].text if masked else text)
            else:
                assert not masked
    assert shown == [lines[0], "***", "", "***", lines[4], "x"]
    assert not keys


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"key": "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----\\n"}', None),
        ("-----BEGIN CERTIFICATE-----", ""),
        ("-----BEGIN PUBLIC KEY-----", ""),
    ],
)
def test_a_private_key_on_one_line_ends_there(rules: ShapeRules, text: str, masked: str | None) -> None:
    """As JSON has it; what is public stays."""
    keys = OpenKeys()
    line = rules.mask([text], keys, lambda _: 0).get(0)
    if masked is None:
        assert line is not None
        assert line.text == '{"key": "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\\n"}'
        assert line.found == {PRIVATE_KEY: 1}
    else:
        assert line is None
    assert not keys


def test_a_beginning_without_a_key_masks_nothing_else(rules: ShapeRules) -> None:
    """What cannot be a line of a key ends it."""
    keys = OpenKeys()
    rules.mask(["-----BEGIN PRIVATE KEY-----"], keys, lambda _: 0)
    assert not rules.mask(["compiling… main.c: done!"], keys, lambda _: 0)
    assert not keys
