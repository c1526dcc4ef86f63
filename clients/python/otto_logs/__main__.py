"""``python -m otto_logs``."""

from otto_logs._commands import main

main(prog_name="otto-logs")
