"""What holds for every test: one thread, a cache folder of the session's own, the same examples each time.

The environment is set when this file is read, before a test module can import what reads it.
"""

import atexit
import functools
import os
import shutil
import tempfile

from alembic.util import pyfiles
from hypothesis import HealthCheck, settings

os.environ["OMP_NUM_THREADS"] = "1"  # torch and numpy read it as they are imported

_CACHE = tempfile.mkdtemp(prefix="nas-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)  # runs behind the cost table's own saving
os.environ["NAS_CACHE_DIR"] = _CACHE

# Optuna asks alembic for the schema's history at every storage it opens, a seventh of a second each: read it once.
pyfiles.load_module_py = functools.cache(pyfiles.load_module_py)

settings.register_profile(
    "tests",
    deadline=None,  # the first call pays for imports
    derandomize=True,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")
