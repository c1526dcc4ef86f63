"""An old application on its own database: ``python -m … DATABASE ROWS JOBS [PAUSE]`` inserts and reads back.

It knows nothing of the gateway: the ``sqlite3`` module with its defaults (5 s timeout), one transaction a row, and the
polling query after every tenth. Prints ``errors N``.
"""

import sqlite3
import sys
import time

__all__: list[str] = []


def main() -> None:
    database, rows, jobs, *rest = sys.argv[1:]
    pause = float(rest[0]) if rest else 0.0
    connection = sqlite3.connect(database)
    print("started", flush=True)
    errors = 0
    for number in range(int(rows)):
        job = f"old-{number % int(jobs)}"
        try:
            with connection:
                connection.execute(
                    "INSERT INTO job_logs (job_id, log_message, created_at) VALUES (?, ?, datetime('now'))",
                    (job, f"row {number} 한국어"),
                )
            if number % 10 == 0:
                connection.execute("SELECT * FROM job_logs WHERE job_id = ? ORDER BY id ASC", (job,)).fetchall()
        except sqlite3.OperationalError as error:
            errors += 1
            print(error, flush=True)
        if pause:
            time.sleep(pause)
    print(f"errors {errors}", flush=True)


if __name__ == "__main__":
    main()
