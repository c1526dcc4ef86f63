import shlex
import signal
import sys
from pathlib import Path

import grpc
import pytest
from otto_logs import Level, Source, WorkerStatus
from otto_logs._commands.gateway import default_url, task_address

from tests.support.commands import Ended, otto_logs, start_otto_logs
from tests.support.forked_process import KILL
from tests.support.ingest_peer import IngestPeer, Script
from tests.support.waiting import time_limit, until


def sh(script: str) -> list[str]:
    return ["--", "sh", "-c", script]


async def run_without_gateway(*arguments: str, script: str, directory: Path) -> Ended:
    """``otto-logs run`` of a script that ends with 5 once it was said that the gateway is away."""
    said = directory / "said"
    script = f"{script}; until grep -q 'is away' {said}; do sleep 0.05; done; exit 5"
    with said.open("wb") as stderr:
        process = await start_otto_logs("run", "--gateway", "127.0.0.1:1", *arguments, *sh(script), stderr=stderr)
    stdout, _ = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, stdout, said.read_text())


def last_status(peer: IngestPeer) -> tuple[int, str, dict[str, str]]:
    report = peer.stored("worker_status")[-1].worker_status
    return report.status, report.reason, dict(report.metadata)


async def test_a_command_is_a_worker(peer: IngestPeer) -> None:
    """Its output is shown and sent, its end is the worker's."""
    ended = await otto_logs(
        "run", "--gateway", peer.address, "--task", "t", "--worker", "w", *sh("echo one; echo two >&2; printf three")
    )

    assert (ended.code, ended.stdout) == (0, b"one\nthree")
    assert ended.stderr == "otto-logs: task t · http://127.0.0.1:4000/?task=t\ntwo\n"
    lines = {line.message: line.source for request in peer.stored("lines") for line in request.lines.lines}
    assert lines == {b"one": Source.STDOUT, b"two": Source.STDERR, b"three": Source.STDOUT}
    assert [request.worker_status.status for request in peer.stored("worker_status")] == [
        WorkerStatus.RUNNING,
        WorkerStatus.COMPLETED,
    ]
    assert {request.lines.worker_id for request in peer.stored("lines")} == {"w"}
    assert peer.half_closed == 1


async def test_reports_say_what_runs_where_and_when(peer: IngestPeer) -> None:
    """The first names command, directory and labels, of CI systems too; the last also how and when it ended."""
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "shop/web", "GITHUB_REF_NAME": "main"}
    ended = await otto_logs(
        "run", "--gateway", peer.address, "--label", "branch=mine", "--label", "os=linux", *sh("exit 3"), environment=ci
    )
    first, last = (dict(request.worker_status.metadata) for request in peer.stored("worker_status"))

    assert ended.code == 3
    assert first["command"] == "sh -c 'exit 3'"
    assert {key: value for key, value in first.items() if key.startswith("label.")} == {
        "label.ci": "github",
        "label.repo": "shop/web",
        "label.branch": "mine",
        "label.os": "linux",
    }
    assert last == first | {"exitCode": "3", "endedAt": last["endedAt"]}
    assert first["startedAt"] <= last["endedAt"]


async def test_a_label_has_a_name_and_a_value(peer: IngestPeer) -> None:
    """Anything else is refused before the command runs."""
    ended = await otto_logs("run", "--gateway", peer.address, "--label", "os", *sh("echo ran"))

    assert (ended.code, ended.stdout) == (2, b"")
    assert "give name=value" in ended.stderr


@pytest.mark.parametrize(
    ("gateway", "environment", "url"),
    [
        ("logs.example.com:9090", {}, "http://logs.example.com:4000"),
        ("https://logs.example.com:443", {"OTTO_GATEWAY": "127.0.0.1:9090"}, "http://logs.example.com:4000"),
        ("[2001:db8::7]:9090", {"HTTP_PORT": "80"}, "http://[2001:db8::7]:80"),
        ("logs.example.com:9090", {"OTTO_URL": "https://pages.example.com/"}, "https://pages.example.com"),
    ],
)
def test_the_link_names_the_host_that_takes_lines(
    gateway: str, environment: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of ``--gateway`` before that of the environment; where the pages are said to be, they are there."""
    for name in ("OTTO_URL", "OTTO_GATEWAY", "HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert task_address(default_url(gateway), "build 7") == f"{url}/?task=build+7"


async def test_a_task_is_made_up_and_told(peer: IngestPeer) -> None:
    """Without --task a new one is used, and printed with the page that shows it; the command sees it."""
    environment = {"OTTO_GATEWAY": peer.address, "OTTO_URL": "https://logs.example"}
    ended = await otto_logs("run", *sh("echo $OTTO_TASK_ID"), environment=environment)

    task = ended.stdout.decode().strip()
    assert task.startswith("run-")
    assert ended.stderr == f"otto-logs: task {task} · https://logs.example/?task={task}\n"
    assert peer.lines(task) == [task]


@pytest.mark.parametrize(
    ("script", "code", "reason"), [("exit 3", 3, "exit code 3"), ("kill -9 $$", 137, "killed by SIGKILL")]
)
async def test_the_exit_code_is_the_commands_own(peer: IngestPeer, script: str, code: int, reason: str) -> None:
    """And it is the worker's end: FAILED, with the reason."""
    ended = await otto_logs("run", "--gateway", peer.address, *sh(script))

    assert ended.code == code
    status, said, metadata = last_status(peer)
    assert (status, said, metadata["exitCode"]) == (WorkerStatus.FAILED, reason, str(code))


@pytest.mark.parametrize(("command", "code"), [("/no/such/program", 127), ("/etc/passwd", 126)])
async def test_a_command_that_cannot_start_is_a_failure(peer: IngestPeer, command: str, code: int) -> None:
    """One sentence here and in the log, and the shell's exit codes."""
    ended = await otto_logs("run", "--gateway", peer.address, "--", command)

    assert ended.code == code
    assert f"cannot run '{command}'" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert peer.lines()[-1].startswith("otto-logs: cannot run")
    assert last_status(peer)[0] == WorkerStatus.FAILED


async def test_quiet_shows_nothing_of_the_command(peer: IngestPeer) -> None:
    """The output is sent and not shown."""
    ended = await otto_logs("run", "--quiet", "--gateway", peer.address, *sh("echo one"))

    assert ended.stdout == b""
    assert peer.lines() == ["one"]


async def test_a_large_output_arrives_whole(peer: IngestPeer) -> None:
    """50,000 lines, as they were, whatever the pipes make of them."""
    code = "import sys\nfor i in range(50_000): sys.stdout.write(f'line {i}\\n')"
    ended = await otto_logs("run", "--quiet", "--gateway", peer.address, "--", sys.executable, "-c", code)

    assert ended.code == 0
    assert peer.lines() == [f"line {index}" for index in range(50_000)]


async def test_levels_are_guessed_or_given(peer: IngestPeer) -> None:
    """By the words in a line, unless the command line says otherwise."""
    await otto_logs("run", "--gateway", peer.address, *sh("echo ERROR: broken"))
    await otto_logs("run", "--gateway", peer.address, "--level", "debug", *sh("echo ERROR: broken"))

    assert [request.lines.lines[0].level for request in peer.stored("lines")] == [Level.ERROR, Level.DEBUG]


async def test_a_gateway_that_is_away_breaks_nothing(tmp_path: Path) -> None:
    """The command runs, its output is shown, its exit code is kept; what was not delivered is said."""
    ended = await run_without_gateway("--close-timeout", "0.1", script="echo one", directory=tmp_path)

    assert (ended.code, ended.stdout) == (5, b"one\n")
    assert "127.0.0.1:1 is away (connection refused)" in ended.stderr
    assert "has not acknowledged 1 line" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_gateway_that_refuses_breaks_nothing(peer: IngestPeer) -> None:
    """Without a good token nothing is sent, which is said once; the command continues."""
    peer.scripts.append(Script(refuse=(grpc.StatusCode.UNAUTHENTICATED, "no good token")))
    script = "for i in 1 2 3; do echo $i; sleep 0.05; done; exit 6"
    ended = await otto_logs("run", "--gateway", peer.address, *sh(script))

    assert (ended.code, ended.stdout) == (6, b"1\n2\n3\n")
    assert ended.stderr.count("no good token") == 1
    assert "nothing more is sent" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_command_outlives_a_full_spool() -> None:
    """With the gateway away, more output than the spool takes does not stop the command."""
    code = "import sys\nfor i in range(3000): sys.stdout.write('x' * 1000 + '\\n')"
    ended = await otto_logs(
        *("run", "--quiet", "--gateway", "127.0.0.1:1", "--spool-size", "1", "--close-timeout", "0"),
        *("--", sys.executable, "-c", code),
    )

    assert ended.code == 0
    assert "because the spool was full" in ended.stderr


async def test_without_a_gateway_the_output_is_kept_on_disk(peer: IngestPeer, tmp_path: Path) -> None:
    """The command runs as ever; how many lines are where, and what delivers them, is said; and so it does."""
    spool = tmp_path / "spool"
    ended = await run_without_gateway(
        *("--spool", str(spool), "--task", "t", "--close-timeout", "0.1"),
        script="echo one; echo two",
        directory=tmp_path,
    )

    assert (ended.code, ended.stdout) == (5, b"one\ntwo\n")
    assert f"has not acknowledged 2 lines within 0.1 s (connection refused); they are kept in {spool}" in ended.stderr
    assert f"otto-logs flush --spool {spool}" in ended.stderr
    await otto_logs("flush", "--gateway", peer.address, "--spool", str(spool))
    assert peer.lines("t") == ["one", "two"]
    assert last_status(peer)[1] == "exit code 5"


async def test_without_a_gateway_and_a_directory_the_loss_is_said() -> None:
    """With what would have kept the lines."""
    ended = await otto_logs("run", "--gateway", "127.0.0.1:1", "--close-timeout", "0", *sh("echo one"))

    assert ended.code == 0
    assert "in memory alone, and are lost; --spool DIR would keep them" in ended.stderr


async def test_a_directory_that_cannot_be_used_breaks_nothing(peer: IngestPeer, tmp_path: Path) -> None:
    """The command runs, and its lines wait in memory."""
    (tmp_path / "file").touch()
    ended = await otto_logs(
        "run", "--gateway", peer.address, "--spool", str(tmp_path / "file" / "spool"), *sh("echo one; exit 2")
    )

    assert (ended.code, ended.stdout) == (2, b"one\n")
    assert "--spool cannot be used, and lines wait in memory" in ended.stderr
    assert peer.lines() == ["one"]


async def test_what_a_killed_run_has_read_is_delivered_by_the_next(peer: IngestPeer, tmp_path: Path) -> None:
    """SIGKILL of ``otto-logs run`` itself costs nothing that is in the spool."""
    arguments = ("run", "--spool", str(tmp_path), "--task", "t", "--gateway")
    script = "echo one; end=wo; echo t$end; exec sleep 60"  # the spool has the command as well
    process = await start_otto_logs(*arguments, "127.0.0.1:1", *sh(script))
    await until(lambda: b"two" in b"".join(map(Path.read_bytes, tmp_path.glob("*/*.segment"))), "it is in the spool")
    process.send_signal(KILL)
    await process.communicate()
    await otto_logs(*arguments, peer.address, *sh("echo three"))

    assert peer.lines("t") == ["one", "two", "three"]


async def test_signals_are_forwarded(peer: IngestPeer) -> None:
    """The command decides what a SIGTERM means, and its last words are delivered."""
    script = "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = await start_otto_logs("run", "--gateway", peer.address, *sh(script))
    await peer.until(lambda: "ready" in peer.lines())
    process.send_signal(signal.SIGTERM)
    stdout, _ = await process.communicate()

    assert (process.returncode, stdout) == (9, b"ready\nbye\n")
    assert peer.lines() == ["ready", "bye"]
    assert last_status(peer)[1] == "exit code 9"


async def test_a_signal_that_kills_the_command_is_its_end(peer: IngestPeer) -> None:
    """As a shell tells it: 128 and the number."""
    process = await start_otto_logs("run", "--gateway", peer.address, "--", "sh", "-c", "echo ready; exec sleep 60")
    await peer.until(lambda: "ready" in peer.lines())
    process.send_signal(signal.SIGINT)
    await process.communicate()

    assert process.returncode == 130
    assert last_status(peer)[1] == "killed by SIGINT"


async def test_a_second_interrupt_ends_the_wait_for_the_gateway(peer: IngestPeer) -> None:
    """Once the command has ended, nobody has to wait for a gateway that acknowledges nothing."""
    peer.scripts.append(Script(withhold=True))
    process = await start_otto_logs("run", "--gateway", peer.address, "--close-timeout", "60", *sh("echo x; exit 4"))
    await peer.until(lambda: len(peer.requests) == 3)
    process.send_signal(signal.SIGINT)
    _, stderr = await process.communicate()

    assert process.returncode == 4
    assert b"interrupted; 1 line not delivered" in stderr


async def test_what_is_left_in_the_background_does_not_hold_up_the_end(peer: IngestPeer) -> None:
    """A grandchild that keeps the pipes open is not waited for."""
    ended = await otto_logs("run", "--gateway", peer.address, *sh("sleep 20 & echo done"))

    assert (ended.code, ended.stdout) == (0, b"done\n")


async def test_a_closed_output_reaches_the_command(peer: IngestPeer) -> None:
    """Where whoever read our output is gone, the command is told by SIGPIPE, as without us."""
    process = await start_otto_logs("run", "--gateway", peer.address, "--level", "info", "--", "yes")
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way
    async with time_limit("the command has ended"):
        await process.wait()

    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
async def test_the_exit_code_is_the_commands_own_without_our_streams(peer: IngestPeer, closed: str) -> None:
    """Where the caller has closed stdin, stdout or stderr, the command runs and is sent as ever."""
    command = f"{shlex.quote(sys.executable)} -m otto_logs run --gateway {peer.address} -- sh -c 'echo one; exit 3'"
    process = await start_otto_logs(
        program=("-c", f"import os; os.execlp('sh', 'sh', '-c', {f'{command} {closed}'!r})")
    )
    _, stderr = await process.communicate()

    assert (process.returncode, b"Traceback" in stderr) == (3, False)
    assert peer.lines() == ["one"]


async def test_stages_are_reported(peer: IngestPeer) -> None:
    """A command may be a stage of a pipeline: running, then completed or failed."""
    await otto_logs("run", "--gateway", peer.address, "--pipeline", "p", "--stage", "s", *sh("exit 2"))

    first, last = (request.stage_progress for request in peer.stored("stage_progress"))
    assert (first.status, first.progress_percentage, last.status) == (2, 0, 4)
    assert (last.error_message, last.progress_percentage) == ("exit code 2", 100)
    assert last.completed_unix_nano >= last.started_unix_nano == first.started_unix_nano


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run"], "Missing argument 'COMMAND...'"),
        (["run", "--tsak", "t", "true"], "No such option"),
        (["run", "--task", "a\tb", "true"], "task must not contain control characters"),
        (["run", "--pipeline", "p", "true"], "--pipeline and --stage belong together"),
        (["run", "--gateway", "a/b", "true"], "must look like host:port"),
        (["run", "--ca", "/no/such/file", "true"], "does not exist"),
    ],
)
async def test_wrong_usage_is_answered_in_one_sentence(arguments: list[str], text: str) -> None:
    """With exit code 2, and without a traceback."""
    ended = await otto_logs(*arguments)

    assert ended.code == 2
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_command_may_have_a_terminal(peer: IngestPeer) -> None:
    """Both of its outputs are one, their lines have no carriage return, and the sources stay apart."""
    script = "test -t 1 && test -t 2 && echo colours; echo errors >&2; stty size <&1; exit 4"
    ended = await otto_logs("run", "--gateway", peer.address, "--tty", *sh(script), environment={"COLUMNS": "100"})

    assert ended.code == 4
    (said, size) = ended.stdout.split(b"\n")[:2]
    assert (said, size.split()[1]) == (b"colours", b"100")
    lines = {line.message: line.source for request in peer.stored("lines") for line in request.lines.lines}
    assert lines == {b"colours": Source.STDOUT, size: Source.STDOUT, b"errors": Source.STDERR}


@pytest.mark.parametrize(
    ("environment", "seen"), [({}, b"1\n"), ({"NO_COLOR": "1"}, b"\n"), ({"FORCE_COLOR": "3"}, b"3\n")]
)
async def test_commands_are_asked_for_colours(peer: IngestPeer, environment: dict[str, str], seen: bytes) -> None:
    """Unless somebody has said something about them."""
    ended = await otto_logs("run", "--gateway", peer.address, *sh("echo $FORCE_COLOR"), environment=environment)
    assert ended.stdout == seen


async def test_a_wait_at_the_end_is_announced(tmp_path: Path) -> None:
    """Before it begins, with its length; so is the page of the gateway that was named."""
    ended = await otto_logs("run", "--gateway", "127.0.0.9:1", "--task", "t", "--close-timeout", "1.5", *sh("echo x"))
    assert "task t · http://127.0.0.9:4000/?task=t" in ended.stderr
    assert "waiting up to 2 s for the gateway to have everything (1 line)" in ended.stderr
