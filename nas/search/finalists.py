"""The latency of a search: its table, found or made before the first training, and its finalists, timed at the end.

A table is kept in the run's folder, so that the run can be resumed when another has been made meanwhile.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from nas.common.errors import UserError
from nas.console.progress import progress_line
from nas.latency import fingerprint
from nas.latency.conditions import Conditions
from nas.latency.table.building import Here, Measurer, obtain
from nas.latency.table.file import find, find_for, own_path
from nas.latency.table.table import Table
from nas.search.record import Kind, Record
from nas.search.results import Results, results
from nas.search.settings import Settings, space_of
from search_spaces import Arch

KEPT = "latency.json"
"""The run's own copy of its table, in its folder."""


def with_table(
    settings: Settings, named: str | None, notify: Callable[[str], None], until: float | None = None
) -> Table:
    """The table of a new run: the file or import that is named, else this machine's, made now where there is none.

    until: when to stop making it (`time.monotonic`). What was timed is kept, and the next call goes on. Raises
    UserError where a table does not fit the run, where none can be made here, and where the time is up.
    """
    resolution, classes, channels = settings.costed
    if named is not None:
        return find_for(named, *settings.costed)
    conditions = Conditions(resolution=resolution, classes=classes, channels=channels)
    space = space_of(settings)
    if not own_path(fingerprint(conditions), space).is_file():
        notify(
            f"this machine has no latency table of space {space.name} yet; it is made first, in some minutes, and "
            "kept"
        )
    with progress_line() as show:
        began = time.monotonic()

        def progress(done: int, total: int) -> None:
            show(done, total)
            if until is not None and done < total and time.monotonic() > until:
                took = (time.monotonic() - began) / 60
                raise UserError(
                    f"--minutes ended after {took:.1f} minutes in which the latency table of this machine was made; "
                    f"{done} of its {total} parts and networks are timed and kept, the same command goes on with them, "
                    "and python -m nas.latency table does without a bound"
                )

        try:
            return obtain(Here(conditions), space, progress)
        except KeyboardInterrupt:
            notify("what was timed of the latency table is kept: the same command goes on with it")
            raise


def is_here(table: Table) -> bool:
    """Whether a table's milliseconds are those of this machine."""
    try:
        return fingerprint(table.fingerprint.conditions) == table.fingerprint
    except UserError:
        return False  # its backend is not here


def reopened(settings: Settings, folder: Path, named: str | None) -> Table | None:
    """The table of a run that goes on: its own copy, or the one named. None where the run has no latency.

    Raises UserError where neither is the one that it was begun with.
    """
    if settings.latency is None:
        if named is not None:
            raise UserError("--latency-table: the run was begun without one; start a new run")
        return None
    own = folder / KEPT
    if named is None and not own.is_file():
        raise UserError(
            f"{folder} has lost its latency table ({settings.latency}); give it with --latency-table"
        )
    table = find(named or str(own))
    settings.latency.check(table)
    return table


def time_finalists(
    record: Record, table: Table, notify: Callable[[str], None], measurer: Measurer | None = None
) -> None:
    """Time the networks of the fronts, and the baselines, whole; write down what they took.

    A network that is slower than predicted may leave the front to another, which is then timed as well.
    Milliseconds are at the speed that the machine had when the table was made, so that both compare. Not
    done, and said so, where the table is of another device.
    """
    identity = record.settings.latency
    if identity is None or not (measurer or is_here(table)):
        if identity is not None:
            notify(
                f"latencies are predicted for {identity.fingerprint}, which is not this machine: "
                "the finalists are not timed again"
            )
        return
    measurer = measurer or Here(table.fingerprint.conditions)
    try:
        while waiting := _untimed(results(record)):
            _time(record, table, measurer, waiting)
    except UserError as error:  # the machine became too busy: what was trained is kept all the same
        notify(f"the finalists could not be timed: {error}; --resume does it")


def _untimed(found: Results) -> list[tuple[Kind, int, str]]:
    """The finalists that were not timed yet: kind, number and arch."""
    finished = found.baselines[found.baselines["state"] == "COMPLETE"]
    tables: Sequence[tuple[Kind, pd.DataFrame]] = (
        ("search", found.front),
        ("baselines", finished),
        ("control", found.control_front),
    )
    return [
        (kind, int(row["trial"]), str(row["arch"]))
        for kind, table in tables
        for _, row in table[table["measured_ms"].isna()].iterrows()
    ]


def _time(record: Record, table: Table, measurer: Measurer, waiting: Sequence[tuple[Kind, int, str]]) -> None:
    reference = table.timings.reference_ms
    measured = measurer.networks([Arch.parse(arch) for _, _, arch in waiting])
    for (kind, number, _), found in zip(waiting, measured, strict=True):
        ms = found.ratio * reference
        times = {
            "ms": ms,
            "low": min(found.low / found.ms, 1.0) * ms,
            "high": max(found.high / found.ms, 1.0) * ms,
            "ratio": found.ratio,
            "session_ms": found.ms,
            "clock": found.clock,
            "clean": found.clean,
        }
        record.measure(number, times, kind=kind)
