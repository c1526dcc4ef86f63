"""The programs and libraries that are not Python packages: what for, from which version on, and what brings them."""

from dataclasses import dataclass

__all__ = ["CHROMIUM", "GOALS", "NEEDS", "NODE", "NPM", "Need", "Version", "is_enough_node", "needs_of", "written"]

Version = tuple[int, ...]
"""``()`` where something is there and its version does not matter."""

GOALS = ("run", "check", "fast", "test")
"""What is to be done afterwards; each goal needs what the ones before it need."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that has to be on the machine.

    ``commands`` are tried in their order; the first that ends well and is new enough meets the need. ``library`` is
    a shared library that has to load instead. ``packages`` are Debian's names. ``goal`` is the first that needs it.
    """

    name: str
    why: str
    packages: tuple[str, ...]
    minimum: Version = ()
    commands: tuple[tuple[str, ...], ...] = ()
    library: str = ""
    goal: str = "test"

    def is_met(self, version: Version | None) -> bool:
        """Whether what was found will do; None: nothing was found."""
        return version is not None and version >= self.minimum

    def __str__(self) -> str:
        return f"{self.name} {written(self.minimum)} or newer" if self.minimum else self.name


# A page in the shell takes a quarter of the CPU that it takes in a whole browser, so the shell is looked for first.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Debian's server is not in PATH.
_POSTGRES = (*(f"/usr/lib/postgresql/{version}/bin/postgres" for version in range(14, 20)), "postgres")

CHROMIUM = Need(
    "Chromium",
    "tests open the pages in a browser",
    ("chromium-headless-shell",),
    (123,),  # the first with light-dark(), which the pages are styled with
    tuple((name, "--version") for name in _BROWSERS),
)

NEEDS = (
    CHROMIUM,
    Need("libatomic", "Playwright's driver is linked with it", ("libatomic1",), library="libatomic.so.1"),
    Need("curl", "a test reads streams over HTTP/2 with it", ("curl",), (7, 47), (("curl", "--version"),)),
    Need("gcc", "tests compile C, for its output and for a false clock", ("gcc",), (), (("gcc", "-dumpversion"),)),
    Need("g++", "it builds a driver of SQLite for Node.js", ("g++", "make"), (), (("g++", "-dumpversion"),)),
    Need(
        "Redis",
        "several gateways carry lines over it",
        ("redis-server",),
        (5,),
        (("redis-server", "--version"), ("valkey-server", "--version")),
    ),
    Need(
        "the C library's headers",
        "what gcc compiles includes them",
        ("libc6-dev",),
        (),
        (("gcc", "-E", "-include", "dlfcn.h", "-x", "c", "/dev/null"),),
    ),
    Need(
        "Go",
        "a test builds a client of gRPC in Go",
        ("golang-go",),
        (1, 19),
        (("go", "version"),),
    ),
    Need(
        "grpc-go",
        "Go's client is linked with it",
        ("golang-google-grpc-dev", "golang-google-protobuf-dev"),
        (),
        (("test", "-d", "/usr/share/gocode/src/google.golang.org/grpc"),),
    ),
    Need("nginx", "tests put it before the gateway", ("nginx",), (1, 18), (("nginx", "-v"),)),
    Need("HAProxy", "tests put it before the gateway", ("haproxy",), (2, 4), (("haproxy", "-v"),)),
    Need("h2load", "a test loads the gRPC port with it", ("nghttp2-client",), (1, 40), (("h2load", "--version"),)),
    Need("openssl", "a test makes a certificate", ("openssl",), (1, 1, 1), (("openssl", "version"),)),
    Need(
        "PostgreSQL",
        "tests run a server of their own, for several gateways on one log",
        ("postgresql",),
        (14,),
        tuple((name, "--version") for name in _POSTGRES),
    ),
    Need(
        "pgbouncer",
        "a test has a gateway connect through it, in transaction mode",
        ("pgbouncer",),
        (1, 18),  # Debian 12's; older ones were not tried
        (("pgbouncer", "--version"),),
    ),
    Need("Prometheus", "a test has it read the metrics", ("prometheus",), (2, 30), (("prometheus", "--version"),)),
    Need(
        "sqlite3",
        "tests read tables as other programs do",
        ("sqlite3",),
        (3, 33),  # the first with -json
        (("sqlite3", "-version"),),
        goal="fast",
    ),
)

NODE = Need("Node.js", "it builds the pages and runs the JavaScript tests", (), (20, 19), (("node", "--version"),))
NPM = Need("npm", "it gets the JavaScript packages", (), (8,), (("npm", "--version"),))


def needs_of(goal: str) -> list[Need]:
    """What has to be there for ``goal``."""
    return [need for need in NEEDS if GOALS.index(need.goal) <= GOALS.index(goal)]


def is_enough_node(version: Version | None) -> bool:
    """What Vite takes: 20.19 and later of 20, 22.12 and later."""
    return version is not None and (version >= (22, 12) or (20, 19) <= version < (21,))


def written(version: Version) -> str:
    """As it is shown."""
    return ".".join(map(str, version))
