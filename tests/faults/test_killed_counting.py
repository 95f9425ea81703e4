"""A process that is killed while it counts the costs of a space has not counted for nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COUNT = """
import sys
from pathlib import Path
import numpy as np
from nas.networks.cost import CostTable
from search_spaces import spaces

if __name__ == "__main__":
    rng, space = np.random.default_rng(0), spaces.get()
    table = CostTable(Path(sys.argv[1]))
    missing = table.missing([space.sample(rng) for _ in range(300)], 224, 1000)
    print(len(missing), flush=True)
    table.fill(missing, 1, lambda done, total: print(done, flush=True))
    print("done", flush=True)
"""


def _killed(script: Path, table: Path, seconds: float) -> int:
    """Count, and be killed so long after the first was counted; how many were missing at the start."""
    process = subprocess.Popen(
        [sys.executable, script, table], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    missing = int(process.stdout.readline())
    if missing:
        process.stdout.readline()
        time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return missing


@pytest.mark.slow
def test_what_was_counted_before_a_kill_is_counted_for_good(tmp_path: Path) -> None:
    script, table = tmp_path / "count.py", tmp_path / "costs.json"
    script.write_text(COUNT)
    first = _killed(script, table, 2.0)
    kept = len(json.loads(table.read_text()))
    assert kept > 0
    assert _killed(script, table, 0.0) == first - kept
    assert not list(tmp_path.glob("*.tmp")) or json.loads(table.read_text())
