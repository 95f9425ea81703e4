from __future__ import annotations

import subprocess
import sys

import pytest

from nas.kernels.allocator import is_glibc

KEPT = """
import sys
import numpy as np  # whose arrays are malloc's, as torch's tensors are, and which starts sooner
from pathlib import Path
from nas.kernels.allocator import keep_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

if sys.argv[1] == "keep":
    assert keep_memory()
np.ones(2**20, np.float32)
before = resident()
np.ones(2**24, np.float32)  # 64 MB, freed at once
print((resident() - before) * 4096)
"""


@pytest.mark.skipif(not is_glibc() or sys.platform != "linux", reason="not glibc")
@pytest.mark.parametrize(("how", "kept"), [("keep", True), ("return", False)])
def test_what_is_freed_is_kept(how: str, kept: bool) -> None:
    """In processes of their own: the setting cannot be undone."""
    done = subprocess.run([sys.executable, "-c", KEPT, how], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 2**25) == kept
