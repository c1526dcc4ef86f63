"""The list of components."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_list_of_components_loads_nothing_of_what_they_need() -> None:
    """Commands that ask only whether components can run start without SQLAlchemy, Starlette and gRPC."""
    text = "import sys, gateway.components; print(sorted({'sqlalchemy', 'starlette', 'grpc'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
