"""The automation queue at work: schedules, stages, and the scheduler that passes tasks through them."""
