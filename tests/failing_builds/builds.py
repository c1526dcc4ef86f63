"""Ten builds that fail, each with a real tool, and what a reader would point at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["BUILDS", "Build"]

_REPOSITORY: Final = Path(__file__).parents[2]
_JS: Final = _REPOSITORY / "clients/js/node_modules/.bin"
_PYTHON: Final = _REPOSITORY / ".venv/bin/python"


@dataclass(frozen=True, slots=True)
class Build:
    """A build that fails.

    Attributes:
        program: what the machine needs for it.
        command: for a shell, in a directory with ``files``.
        first_error: a part of the first line that is an error; empty: there is none.
        cause: a part of a line of what made it fail.
    """

    name: str
    program: str
    command: str
    first_error: str
    cause: str
    files: Mapping[str, str] = field(default_factory=dict)


_TEST_PY: Final = """import logging

def test_passes():
    pass

def test_total():
    print("computing")
    assert sum([1, 2]) == 4
"""
_TEST_JS: Final = """import { expect, test } from "vitest";
test("passes", () => expect(1).toBe(1));
test("adds", () => { expect(1 + 1).toBe(3); });
"""
_TEST_GO: Final = """package a
import "testing"
func TestPass(t *testing.T) {}
func TestAdd(t *testing.T) { if 1+1 != 3 { t.Errorf("Add(1, 1) = %d, want 3", 1+1) } }
"""
_CRASH_C: Final = """#include <stdio.h>
#include <stdlib.h>
int main(void) { puts("starting"); fflush(stdout); int *p = NULL; *p = 1; return 0; }
"""
_POM: Final = """<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>a</artifactId>
<version>1</version>
<dependencies>
<dependency><groupId>no.such</groupId><artifactId>thing</artifactId><version>1</version></dependency>
</dependencies>
</project>
"""
_DOCKER: Final = """
printf '#1 [internal] load build definition from Dockerfile\\n#1 DONE 0.0s\\n\\n'
printf '#2 [1/3] FROM python:3.11\\n#2 CACHED\\n\\n'
printf '#3 [2/3] RUN pip install -r requirements.txt\\n'
printf 'no-such-package-of-ours==1\\n' > requirements.txt
PYTHON -m pip install --no-input --disable-pip-version-check --no-index -r requirements.txt 2>&1 | sed 's/^/#3 0.913 /'
printf '#3 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1\\n'
printf 'ERROR: failed to solve: process "/bin/sh -c pip install" did not complete successfully: exit code: 1\\n' >&2
exit 1
"""

BUILDS: Final = (
    Build(
        *("pytest, coloured", str(_PYTHON), f"{_PYTHON} -m pytest --color=yes -p no:cacheprovider test_shop.py"),
        *("test_total", "assert 3 == 4"),
        {"test_shop.py": _TEST_PY, "pytest.ini": "[pytest]\n"},
    ),
    Build(
        *("vitest", str(_JS / "vitest"), f"{_JS}/vitest run --root . a.test.mjs"),
        *("a.test.mjs", "expected 2 to be 3"),
        {"a.test.mjs": _TEST_JS},
    ),
    Build(
        *("go test", "go", "GOCACHE=$PWD/cache GOFLAGS=-mod=mod go test -v ./..."),
        *("--- FAIL: TestAdd", "Add(1, 1) = 2, want 3"),
        {"go.mod": "module a\n\ngo 1.19\n", "a_test.go": _TEST_GO},
    ),
    Build(
        *("cargo", "cargo", "cargo build --offline"),
        *("mismatched types", "mismatched types"),
        {
            "Cargo.toml": '[package]\nname = "a"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/main.rs": 'fn main() { let x: i32 = "one"; println!("{}", x); }\n',
        },
    ),
    Build(
        *("gcc by make", "gcc", "make -k"),
        *("a.c:1:", "undeclared"),
        {"Makefile": "all: a.o\na.o: a.c\n\tgcc -c a.c\n", "a.c": "int main(void) { return undeclared; }\n"},
    ),
    Build(
        *("tsc", str(_JS / "tsc"), f"{_JS}/tsc --noEmit --ignoreConfig a.ts"),
        *("error TS2322", "error TS2322"),
        {"a.ts": 'const count: number = "one";\nexport { count };\n'},
    ),
    Build(
        *("Maven", "mvn", "mvn -B -o -q compile"),
        *("no.such:thing", "no.such:thing"),
        {"pom.xml": _POM},
    ),
    Build(
        *("npm install", "npm", "npm install --offline --no-audit --no-fund"),
        *("npm error", "ENOTCACHED"),
        {"package.json": '{"name": "a", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}}\n'},
    ),
    Build(
        *("docker-like", str(_PYTHON), _DOCKER.replace("PYTHON", str(_PYTHON))),
        *("no-such-package-of-ours", "no-such-package-of-ours"),
    ),
    Build(
        *("crash with a core", "gcc", "gcc -O0 -o crash crash.c && ulimit -c unlimited && ./crash"),
        *("", "killed by SIGSEGV"),
        {"crash.c": _CRASH_C},
    ),
)
