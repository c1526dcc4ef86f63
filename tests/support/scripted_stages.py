"""The stages of pipelines, as the journal keeps them; a test can hold its answers back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.scripted_history import EPOCH

__all__ = ["EPOCH", "ScriptedStages", "Stage"]


@dataclass(frozen=True)
class Stage:
    """One transition."""

    pipeline_id: str
    stage_id: str
    number: int
    document: bytes = b"{}"


@dataclass
class ScriptedStages:
    """``gate`` holds back answers that were already worked out; ``asked`` is set by the first question."""

    epoch: str = EPOCH
    transitions: list[Stage] = field(default_factory=list)
    error: Exception | None = None
    reads: int = 0

    def __post_init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    def store(self, pipeline_id: str, stage_id: str, document: bytes = b'{"status":"RUNNING"}') -> Stage:
        number = 1 + sum(stage.pipeline_id == pipeline_id for stage in self.transitions)
        self.transitions.append(Stage(pipeline_id, stage_id, number, document))
        return self.transitions[-1]

    async def stages(self, pipeline_id: str) -> Sequence[Stage]:
        self.reads += 1
        latest = {stage.stage_id: stage for stage in self.transitions if stage.pipeline_id == pipeline_id}
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return sorted(latest.values(), key=lambda stage: stage.number)
