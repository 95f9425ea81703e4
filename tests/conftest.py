"""What holds for every test: one thread, a cache folder of the session's own, the same examples each time.

The environment is set when this file is read, before a test module can import what reads it.
"""

import atexit
import functools
import os
import shutil
import sqlite3
import tempfile
from typing import Any

import pytest
from alembic.util import pyfiles
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event

os.environ["OMP_NUM_THREADS"] = "1"  # torch and numpy read it as they are imported

_CACHE = tempfile.mkdtemp(prefix="nas-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)  # runs behind the cost table's own saving
os.environ["NAS_CACHE_DIR"] = _CACHE

# Optuna asks alembic for the schema's history at every storage it opens, a seventh of a second each: read it once.
pyfiles.load_module_py = functools.cache(pyfiles.load_module_py)


def pytest_configure(config: pytest.Config) -> None:
    """Before the test modules are read: how thorough they are to be."""
    everyday = config.getoption("markexpr") == "not slow"
    os.environ["NAS_TESTS_EVERYDAY"] = str(int(everyday))
    settings.load_profile("everyday" if everyday else "tests")


@event.listens_for(Engine, "connect")
def _forget(connection: Any, record: object) -> None:
    """A study of a test need not outlive a power cut: no waiting for the disk at each commit."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


settings.register_profile(
    "tests",
    deadline=None,  # the first call pays for imports
    derandomize=True,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("everyday", parent=settings.get_profile("tests"), max_examples=35)
