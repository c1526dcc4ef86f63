"""``python -m otto_logs``."""

from otto_logs._commands import main

if __name__ == "__main__":
    main()
