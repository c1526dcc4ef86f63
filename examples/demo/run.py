"""Starts a gateway and streams real builds of this repository into it, one task after the other: ``make run``.

The journal and the gateway's own log are in ``var/``. Ports and everything else are the gateway's settings
(``HTTP_PORT``, ``GRPC_PORT``, …). Ctrl-C ends the build, then the gateway.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event
from types import FrameType
from typing import BinaryIO

import jwt
from gateway_process import GatewayError, GatewayProcess
from otto_logs import OttoLogsError, StageStatus, SyncLogProducer, SyncWorker
from stages import ROOT, Stage, Step, stages

VAR = ROOT / "var"
BETWEEN_STAGES_SECONDS = 1.5
BETWEEN_BUILDS_SECONDS = 6.0
TOKEN_SECONDS = 30 * 86400
STOP_SECONDS = 15.0


class Build:
    """One task: a builder that announces the stages, and a worker for every command."""

    def __init__(
        self, number: int, producer: SyncLogProducer, gateway: str, stop: Event, output: Path, log: BinaryIO
    ) -> None:
        self.task_id = f"build-{number:04}"
        self._stages = stages(number, output)
        self._producer = producer
        self._gateway = gateway
        self._stop = stop
        self._log = log
        self._environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "OTTO_GATEWAY": gateway,
        }

    def run(self) -> bool:
        """Whether every stage succeeded."""
        with self._producer.worker(self.task_id, "builder") as builder:
            for stage in self._stages:
                self._producer.report_stage(self.task_id, stage.name, StageStatus.PENDING)
            for done, stage in enumerate(self._stages):
                builder.log(f"stage {done + 1} of {len(self._stages)}: {stage.name}")
                failed = self._run_stage(stage, builder)
                if self._stop.is_set():
                    raise InterruptedError("the demonstration was stopped")
                if failed:
                    raise ChildProcessError(f"stage {stage.name} has failed: {', '.join(failed)}")
                self._stop.wait(BETWEEN_STAGES_SECONDS)
            builder.log(f"{self.task_id} is done")
        return True

    def _run_stage(self, stage: Stage, builder: SyncWorker) -> list[str]:
        """Run the steps side by side; the workers that failed."""
        started = time.time_ns()
        running = {step.worker: self._start(step) for step in stage.steps}
        workers = list(running)
        failed: list[str] = []
        while running:
            percentage = 100 * (len(workers) - len(running)) // len(workers)
            self._producer.report_stage(
                self.task_id,
                stage.name,
                StageStatus.RUNNING,
                message=f"{len(running)} running",
                percentage=percentage,
                workers=workers,
                started_unix_nano=started,
            )
            worker = self._first_to_end(running)
            code = running.pop(worker).returncode
            if code:
                failed.append(worker)
                builder.log(f"{worker} ended with {code}", level="ERROR")
        self._producer.report_stage(
            self.task_id,
            stage.name,
            StageStatus.FAILED if failed else StageStatus.COMPLETED,
            percentage=100,
            workers=workers,
            started_unix_nano=started,
            completed_unix_nano=time.time_ns(),
            error=f"{', '.join(failed)} failed" if failed else "",
        )
        return failed

    def _start(self, step: Step) -> "subprocess.Popen[bytes]":
        here = Path(__file__).parent
        command = [sys.executable, "-m", "otto_logs", "run", "--quiet", "--task", self.task_id]
        command += ["--worker", step.worker, "--", sys.executable, str(here / "paced.py"), *step.command]
        return subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=step.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )

    def _first_to_end(self, running: "dict[str, subprocess.Popen[bytes]]") -> str:
        """Wait for any of them; once we are asked to stop, end them all."""
        while True:
            for worker, process in running.items():
                if process.poll() is not None:
                    return worker
            if self._stop.wait(0.1):
                _end_all(list(running.values()))


def _end_all(processes: "list[subprocess.Popen[bytes]]") -> None:
    for process in processes:
        os.killpg(process.pid, signal.SIGTERM)  # its own session, so nobody else's
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _next_number() -> int:
    """Builds are counted over all runs, because the journal keeps them all."""
    counter = VAR / "builds"
    number = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(number))
    return number


def _token() -> str | None:
    """A token, where the gateway wants one and its secret is known."""
    secret = os.environ.get("JWT_SECRET")
    if os.environ.get("OTTO_TOKEN") or not secret:
        return os.environ.get("OTTO_TOKEN")
    claims = {"sub": "demo", "exp": int(time.time()) + TOKEN_SECONDS, "scope": "logs:read logs:write"}
    return jwt.encode(claims, secret, algorithm="HS256")


def _stream_builds(gateway: GatewayProcess, stop: Event) -> None:
    address = f"127.0.0.1:{gateway.grpc_port}"
    with SyncLogProducer(address) as producer, (VAR / "builds.log").open("wb") as log:
        while not stop.is_set():
            if gateway.has_ended:
                raise GatewayError(gateway.last_words())
            output = Path(tempfile.mkdtemp(prefix="otto-demo-"))
            build = Build(_next_number(), producer, address, stop, output, log)
            print(f"  {build.task_id}  {gateway.url}?task={build.task_id}", flush=True)
            try:
                build.run()
            except (ChildProcessError, InterruptedError) as error:
                print(f"  {build.task_id}  {error}", flush=True)
            finally:
                shutil.rmtree(output, ignore_errors=True)
            stop.wait(BETWEEN_BUILDS_SECONDS)


def main() -> int:
    """The exit code: 0 when it was stopped, 1 when the gateway did not start or went away."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            print("\nstopping …", flush=True)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    gateway: GatewayProcess | None = None
    try:
        gateway = GatewayProcess(VAR)
        gateway.wait_healthy(stop)
        if stop.is_set():
            return 0
        token = _token()
        if token is not None:
            os.environ["OTTO_TOKEN"] = token
        print(f"\n  Watch it live: {gateway.url}\n", flush=True)
        print(f"  The gateway's own log is in {gateway.log}; Ctrl-C ends everything.\n", flush=True)
        _stream_builds(gateway, stop)
    except (GatewayError, OttoLogsError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    finally:
        if gateway is not None:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
