"""Connections to a study's storage: which may be used, what their faults are called, and patience where they pass."""

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import optuna
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError

from nas.common.errors import UserError, briefly
from nas.console.commands import notify

T = TypeVar("T")
LOCKED = 120.0
"""Seconds to wait for a file that another process holds locked."""
PATIENCE = 90.0
"""Seconds in which a server that went away may come back."""
DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
"""Of databases whose answers are plain values; a storage that unpickles what a server sends would run its code."""
_MADE = ("already exists", "duplicate", "unique constraint")
_FIRSTS = 6
"""How often two processes may come in each other's way on an empty database."""


def redacted(url: str) -> str:
    """A storage URL without the password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.split("@")[-1]


def connect(url: str) -> optuna.storages.BaseStorage:
    """The storage at an address. Raises UserError for one that is none, or cannot be reached or used."""
    try:
        dialect = make_url(url).get_backend_name()
    except ArgumentError:
        dialect = ""
    if dialect not in DIALECTS:
        raise UserError(
            f"storage {redacted(url)!r} is no address of a database that can be used: expected sqlite:///FILE.db, "
            "mysql+pymysql://USER@HOST/NAME or postgresql+psycopg://USER@HOST/NAME"
        )
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if dialect == "sqlite":
        engine = {"connect_args": {"timeout": LOCKED}}
    with one_line_errors():
        for attempt in range(_FIRSTS):
            try:
                return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=engine))
            except (ValueError, ImportError, RuntimeError) as error:
                raise UserError(f"storage {redacted(url)!r} cannot be used: {error}") from None
            except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
                made = any(words in str(error.__cause__ or error).lower() for words in _MADE)
                if not made or attempt == _FIRSTS - 1:  # no other process was making the tables just now
                    raise
                time.sleep(random.uniform(0.1, 0.2) * 2**attempt)
    raise AssertionError


def patiently(work: Callable[[], T]) -> T:
    """Do what reads or writes a storage; again where its server went away, until `PATIENCE` is over.

    `work` may be done twice, because a write may have come to its end without an answer. Raises UserError, in one
    line, for every fault of the storage that does not pass.
    """
    began, pause = time.monotonic(), 0.25
    while True:
        try:
            with one_line_errors():
                return work()
        except UserError as error:
            over = time.monotonic() + pause > began + PATIENCE
            if not passes(error.__cause__):
                raise
            if over:
                raise UserError(
                    f"{error}; tried for {PATIENCE:.0f} s; what was finished before is kept, --resume goes on"
                ) from error
            if pause == 0.25:
                notify(f"{briefly(error)}; trying again for {PATIENCE:.0f} s")
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, 8.0)


def passes(error: BaseException | None) -> bool:
    """Whether an error says that a server cannot be reached now. A file that cannot be used stays so."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            return not isinstance(error.orig, sqlite3.Error)
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What a storage raises, one class a fault and many lines long, as a UserError of one line."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        lines = str(error.__cause__ or error).strip().splitlines()
        said = lines[0] if lines else type(error).__name__
        gone = " (its file is gone or cannot be written)" if "readonly database" in said else ""
        raise UserError(f"the storage cannot be used: {said}{gone}") from error
    except json.JSONDecodeError as error:
        raise UserError(f"the storage cannot be used: a record in it is no JSON ({error})") from error
