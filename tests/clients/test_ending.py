"""How the commands end: at once, whatever gRPC's threads are doing."""

import gc
import threading

import grpc
from otto_logs import ProducerLimits, SyncLogProducer

from tests.support.commands import start_otto_logs
from tests.support.ports import free_port
from tests.support.waiting import WAIT_SECONDS_MAX

ENDS_AT_ONCE = """
import threading, time
from otto_logs import _commands

lock = threading.Lock()

class Waiting:
    def __del__(self):
        lock.acquire()

def die_with_the_lock():
    with lock:
        while True:
            time.sleep(0.001)

@_commands.otto_logs.command(name="circle")
def circle():
    threading.Thread(target=die_with_the_lock, daemon=True).start()
    waiting = Waiting()
    waiting.itself = waiting
    print("said")

_commands.main()
"""
"""What a call in a circle is to the interpreter's end: a finalizer that waits for a lock of a thread that is gone."""


async def test_a_command_ends_without_taking_the_interpreter_down() -> None:
    """What is left in circles is not looked at, and what was said is said."""
    process = await start_otto_logs("circle", program=("-c", ENDS_AT_ONCE))
    stdout, stderr = await process.communicate()

    assert (process.returncode, stdout, stderr) == (0, b"said\n", b"")


async def test_a_command_that_breaks_says_so() -> None:
    """With a traceback and exit code 1, as the interpreter would."""
    broken = ENDS_AT_ONCE.replace('print("said")', "1 / 0")
    process = await start_otto_logs("circle", program=("-c", broken))
    _, stderr = await process.communicate()

    assert process.returncode == 1
    assert stderr.endswith(b"ZeroDivisionError: division by zero\n")


def _calls() -> int:
    """How many calls there are that have failed, or may yet."""
    return sum(issubclass(type(each), grpc.RpcError) for each in gc.get_objects())


def test_a_failed_call_is_no_circle() -> None:
    """It is gone with its connection, while gRPC's threads still live, and not when the interpreter ends."""
    problems = threading.Semaphore(0)
    limits = ProducerLimits(backoff_seconds=0.01, backoff_seconds_max=0.01)
    gc.collect()
    gc.disable()
    before = _calls()
    try:
        producer = SyncLogProducer(
            f"127.0.0.1:{free_port()}", limits=limits, close_at_exit=False, on_problem=lambda _: problems.release()
        )
        for _ in range(3):
            assert problems.acquire(timeout=WAIT_SECONDS_MAX), "an attempt fails"
        producer.close(0)
        assert _calls() == before
    finally:
        gc.enable()
