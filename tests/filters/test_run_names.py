"""Names of runs."""

import pytest

from filters.run_names import run_name


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("build-7", "build-12", True),
        ("nightly-20260131T0400Z", "nightly-20260201T0400Z", True),
        ("ci/3f2a9c1/test", "ci/88d01aa4/test", True),
        ("job-7b1c3a52-0c1f-4a57-9c8f-5a2b6c7d8e9f", "job-00000000-0c1f-4a57-9c8f-5a2b6c7d8e9f", True),
        ("build-x7k2p", "build-q9s8d", True),
        ("build-7", "deploy-7", False),
        ("py311-tests", "py312-tests", False),
        ("release", "release", True),
    ],
)
def test_runs_have_the_same_name_if_their_ids_differ_in_what_counts_runs(one: str, other: str, is_same: bool) -> None:
    """Numbers, times, hashes and random suffixes do; other words do not."""
    assert (run_name(one, {}) == run_name(other, {})) == is_same


def test_labels_name_a_run_better_than_its_id() -> None:
    """The label `name`, or else what the CI system says; a single label of it says too little."""
    ci = {"repo": "shop", "workflow": "test", "job": "unit", "build": "7"}
    assert run_name("a", ci) == run_name("b", ci | {"build": "8"})
    assert run_name("a", ci) != run_name("a", ci | {"job": "lint"})
    assert run_name("a", {"name": "x"}) == run_name("b", {"name": "x"} | ci)
    assert run_name("build-1", {"repo": "shop"}) == run_name("build-2", {})
