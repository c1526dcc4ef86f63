"""What the steps of the model are drawn from."""

from hypothesis import strategies as st

from filters.position import Position
from sessions.limits import Limits
from sessions.subscription import FROM_START, After, Tail
from tests.support.journal_items import AT
from tests.support.line_list import FILTERS

TASKS, PRODUCERS = ("build", "test"), ("p", "q")
READERS_MAX = 6
NEVER = 1e12  # seconds: the hub's own timers stay out of it
LIMITS = Limits(
    buffer_lines=6,
    lagging_lines=5,
    window_bytes_per_task=900,
    window_bytes_total=1500,
    run_bytes_max=500,
    run_bytes_total=2000,
    stored_lines_max=4,
    heartbeat_seconds=NEVER,
    timeout_seconds=NEVER,
    tick_seconds=NEVER,
    tick_seconds_max=NEVER,
)

tasks, producers, filters = (
    st.sampled_from([*TASKS, TASKS[0]]),
    st.sampled_from(PRODUCERS),
    st.sampled_from([f for f, _ in FILTERS]),
)
index = st.integers(0, 20)
times = st.sampled_from([AT, "2026-01-02T00:00:00.000000000Z", "2026-01-03T00:00:00.000000000Z"])
starts = st.one_of(
    st.just(FROM_START),
    st.builds(Tail, st.integers(0, 8)),
    st.builds(After, st.builds(Position, st.integers(0, 30))),
    st.builds(After, st.builds(Position, st.integers(0, 9), st.just("ffffffff"))),
)
