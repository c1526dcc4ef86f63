"""What the pages say of sources and platforms, run as it stands there; ``python -m tests.sources`` makes the table."""

from pathlib import Path

import pytest

from tests.sources.recipes import recipes
from tests.sources.runs import EXIT_CODE, LINES, run_otel, run_recipe, run_rotel, run_shell, running_place
from tests.support.gateway_log import trouble

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sources")]


async def test_every_documented_source_and_recipe_arrives(tmp_path: Path) -> None:
    """Whole, in the task and of the worker that the page says; and a recipe's exit code is that of the build."""
    async with running_place(tmp_path) as place:
        assert [(await run_shell(place, number))[0] for number in range(2)] == [0, 0]
        for entries in (await run_otel(place, "http"), await run_otel(place, "grpc"), await run_rotel(place)):
            assert [entry["message"] for entry in entries] == [f"line {number}" for number in range(LINES)]
        for recipe in recipes():
            code, entries = await run_recipe(place, recipe)
            assert (code, [entry["message"] for entry in entries]) == (EXIT_CODE, ["compiling", "test has failed"])
            assert {entry["workerId"] for entry in entries} == {recipe.worker}
        assert trouble(place.gateway.log()) == []
