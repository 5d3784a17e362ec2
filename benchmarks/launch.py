"""Run one command and write what it took to a file: ``python launch.py FILE COMMAND...``.

A process of its own, because on Linux a child's peak memory is at least that of the process which started it. This
one imports next to nothing.
"""

import json
import os
import sys
import time

file, *command = sys.argv[1:]
started, clock = time.time(), time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ), 0)
spent = {
    "started": started,
    "wall_s": time.perf_counter() - clock,
    "cpu_s": usage.ru_utime + usage.ru_stime,
    "peak_mb": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
}
with open(file, "w", encoding="utf-8") as out:  # noqa: PTH123 - pathlib would cost memory and time
    json.dump(spent, out)
sys.exit(os.waitstatus_to_exitcode(status))
