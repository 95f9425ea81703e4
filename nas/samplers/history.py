"""What a study's trials, and those of earlier studies, tell: nothing else is remembered between proposals.

Attributes that are read from a trial (set them with `trial.set_user_attr` or in `create_trial`):

    fidelity        in (0, 1]: the share of a full training that the result comes from; 1 when absent. Results at
                    a lower fidelity than the highest inform the model and never count as results.
    partial_values  what a PRUNED trial had reached, at its `fidelity`: a number, or a list as long as the study's
                    directions (costs in it are ignored). Studies with several objectives cannot `report`.
    folds           the results of the folds that a value is the mean of, as many in each trial: how they scatter says
                    how much the mean is worth. Read where one objective has to be learned.

A PRUNED trial of a single-objective study needs neither: its last reported value is taken, at the share of the
longest report of the study that it reached. Trials with the same parameters are repeated trainings of one point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from nas.common.errors import UserError
from nas.samplers.grid import ABSENT, Floats, Grid, Rows

FIDELITY = "fidelity"
PARTIAL = "partial_values"
FOLDS = "folds"
CLAIM = "front:claim"  # system attribute: the choices given to a running trial, by name, as it has yet to ask


@dataclass(frozen=True)
class Objectives:
    """Which of a study's values is which known cost, and which has to be learned.

    signs: +1 for a value to maximise, -1 to minimise. known: for each value the number of its cost, or None.
    """

    signs: tuple[int, ...]
    known: tuple[int | None, ...]

    @property
    def learned(self) -> tuple[int, ...]:
        """The places of the values that a training is needed for."""
        return tuple(place for place, cost in enumerate(self.known) if cost is None)

    @property
    def costs(self) -> tuple[tuple[int, int], ...]:
        """(place among the values, number of the cost) of the known ones."""
        return tuple((place, cost) for place, cost in enumerate(self.known) if cost is not None)


@dataclass(frozen=True)
class PriorResult:
    """A result of an earlier study, as prior knowledge: the values of the objectives that have to be learned.

    `values` has one entry for each of them, in the study's order and with its directions (a single number will
    do for one). `source` tells different earlier studies apart.
    """

    params: Mapping[str, Any]
    values: float | Sequence[float]
    fidelity: float = 1.0
    source: str = "prior"


@dataclass(frozen=True)
class History:
    """n results, prior ones first, and what else is known of, in the grid's rows.

    values [n, learned objectives] are signed so that higher is better; noise [n] is the standard error of a
    value that its folds tell, 0 where there are none; source is 0 for the study itself; counts [n]
    marks results that may stand on the front: the study's own, of its highest fidelity, to the end.
    pending [p]: points that are running or queued. brief [b]: points of the study with lesser results only.
    failed [f]: points whose every training failed. tried [t]: every point that was ever proposed.
    unseen: earlier trials that are running and whose point is not known yet.
    """

    rows: Rows
    values: Floats
    fidelity: Floats
    noise: Floats
    source: NDArray[np.intp]
    counts: NDArray[np.bool_]
    pending: Rows
    brief: Rows
    failed: Rows
    tried: Rows
    unseen: int

    @property
    def highest(self) -> float:
        """The highest fidelity of the study's own results; 1 while there are none."""
        return float(self.fidelity[self.source == 0].max(initial=0.0)) or 1.0


def read(
    grid: Grid,
    objectives: Objectives,
    trials: Sequence[FrozenTrial],
    prior: Sequence[PriorResult | FrozenTrial],
    current: int,
) -> History:
    """The history before trial number `current` is proposed. Raises UserError for attributes out of range."""
    longest = max((t.last_step + 1 for t in trials if t.last_step is not None), default=1)
    records = [record for known in prior if (record := _as_record(known, objectives)) is not None]
    sources = {name: 1 + n for n, name in enumerate(dict.fromkeys(record.source for record in records))}
    known = (_of_record(grid, objectives, record, sources[record.source]) for record in records)
    results = [result for result in known if result is not None]
    pending, failed, tried, unseen = [], [], [], 0
    for trial in trials:
        if trial.number == current:
            continue
        row = _row(grid, trial)
        if row is None:
            unseen += trial.state == TrialState.RUNNING and trial.number < current
            continue
        tried.append(row)
        if not trial.state.is_finished():
            pending.append(row)
        elif any(c > 0 for c in trial.constraints.values()):
            continue  # it may never have been trained: its values can be a filler
        elif (seen := _seen(trial, objectives, longest)) is None:
            failed += [row] if trial.state != TrialState.PRUNED else []
        else:
            folds = tuple(trial.user_attrs.get(FOLDS, ()))
            results.append(_Result(row, *seen, 0, trial.state == TrialState.COMPLETE, folds))
    source = np.array([r.source for r in results], dtype=np.intp)
    fidelity = np.array([r.fidelity for r in results], dtype=float)
    counts = np.array([r.complete for r in results], dtype=bool) & (source == 0)
    counts &= fidelity >= fidelity[source == 0].max(initial=0.0)
    rows, waiting = grid.rows([r.row for r in results]), grid.rows(pending)
    lesser = rows[(source == 0) & ~counts]
    return History(
        rows,
        np.array([r.values for r in results], dtype=float).reshape(len(results), len(objectives.learned)),
        fidelity,
        standard_errors([r.folds for r in results]) * (len(objectives.learned) == 1),
        source,
        counts,
        waiting,
        _without(lesser, np.concatenate([rows[counts], waiting])),
        _without(grid.rows(failed), np.concatenate([rows[source == 0], waiting])),
        grid.rows(tried),
        unseen,
    )


@dataclass(frozen=True)
class _Result:
    row: Rows
    values: Floats
    fidelity: float
    source: int
    complete: bool
    folds: tuple[float, ...] = ()


def standard_errors(folds: Sequence[Sequence[float]]) -> Floats:
    """The standard error [n] of each result that is a mean of folds; 0 of one that is not.

    What a fold does to every network (its images are hard, or easy) is no noise of their comparison, and is taken out
    where several results have as many folds. Few folds tell little of one result's scatter: each has half its weight
    from the scatter that all share.
    """
    errors = np.zeros(len(folds))
    for count in {len(values) for values in folds if len(values) > 1}:
        mine = np.array([number for number, values in enumerate(folds) if len(values) == count])
        table = np.array([folds[number] for number in mine], dtype=float)
        table -= table.mean(axis=1, keepdims=True)
        free = float(count - 1)
        if len(mine) > 1:
            table -= table.mean(axis=0)
            free *= 1 - 1 / len(mine)
        own = (table**2).sum(axis=1) / free
        errors[mine] = np.sqrt((own + own.mean()) / 2 / count)
    return errors


def _of_record(grid: Grid, objectives: Objectives, record: PriorResult, source: int) -> _Result | None:
    """A prior result; None where it lies outside the space."""
    row = grid.row(record.params)
    values = np.atleast_1d(np.asarray(record.values, dtype=float))
    if len(values) != len(objectives.learned):
        raise UserError(
            f"prior record with values {record.values!r}: expected {len(objectives.learned)}, one for each "
            "objective that is not a known cost"
        )
    if row is None or not np.isfinite(values).all():
        return None
    share = _share(record.fidelity, "prior record")
    return _Result(row, values * _signs(objectives), share, source, complete=False)


def _as_record(known: PriorResult | FrozenTrial, objectives: Objectives) -> PriorResult | None:
    """A prior result as a record; None for a trial that has none. A trial's values are the study's objectives."""
    if isinstance(known, PriorResult):
        return known
    seen = _seen(known, objectives, longest=(known.last_step or 0) + 1)
    return seen and PriorResult(known.params, tuple(seen[0] * _signs(objectives)), seen[1])


def _without(rows: Rows, others: Rows) -> Rows:
    """The distinct rows that are none of the others."""
    once = distinct(rows)
    known = {row.tobytes() for row in others}
    return np.asarray(once[np.array([row.tobytes() not in known for row in once], dtype=bool)])


def _row(grid: Grid, trial: FrozenTrial) -> Rows | None:
    """The point of a trial, or the one that it is going to have; None where that is not known."""
    if trial.state.is_finished():
        return grid.row(trial.params)
    attributes = trial.system_attrs
    choices = attributes.get(CLAIM, {})
    claimed = {a.name: a.values[choices[a.name]] for a in grid.axes if a.name in choices}
    return grid.row({**claimed, **attributes.get("fixed_params", {}), **trial.params})


def _signs(objectives: Objectives) -> Floats:
    return np.array([objectives.signs[place] for place in objectives.learned], dtype=float)


def _seen(trial: FrozenTrial, objectives: Objectives, longest: int) -> tuple[Floats, float] | None:
    """The learned objectives' values and their fidelity; None for a trial that tells nothing."""
    fidelity, values = trial.user_attrs.get(FIDELITY, 1.0), trial.values
    if trial.state == TrialState.PRUNED:
        values = trial.user_attrs.get(PARTIAL, values)
        if FIDELITY not in trial.user_attrs and trial.last_step is not None:
            fidelity = (trial.last_step + 1) / longest
    if values is None or trial.state == TrialState.FAIL:
        return None
    known = np.atleast_1d(np.array(values, dtype=float))
    if len(known) == len(objectives.signs):
        known = known[list(objectives.learned)]
    elif len(known) != len(objectives.learned):
        raise UserError(
            f"trial {trial.number}: {PARTIAL} {values!r}: expected {len(objectives.signs)} values, as the study has"
        )
    share = _share(fidelity, f"trial {trial.number}")
    return (known * _signs(objectives), share) if np.isfinite(known).all() else None


def _share(fidelity: float, what: str) -> float:
    if not 0 < fidelity <= 1:
        raise UserError(f"{what}: {FIDELITY} {fidelity!r}, expected a share in (0, 1]")
    return float(fidelity)


def tried_rows(grid: Grid, trials: Sequence[FrozenTrial]) -> Rows:
    """The points of all trials whose point is known, repeats included."""
    return grid.rows([row for trial in trials if (row := _row(grid, trial)) is not None])


def is_tried(rows: Rows, tried: Rows) -> NDArray[np.bool_]:
    """Which points [n] give the same trial as one that was tried: equal in every dimension that it asked for."""
    patterns: dict[bytes, list[Rows]] = {}
    for asked, row in zip(tried != ABSENT, tried, strict=True):
        patterns.setdefault(asked.tobytes(), []).append(row)
    result = np.zeros(len(rows), dtype=bool)
    for pattern, alike in patterns.items():
        axes = np.flatnonzero(np.frombuffer(pattern, dtype=bool))
        known = {row.tobytes() for row in np.array(alike)[:, axes]}
        result |= np.fromiter((row.tobytes() in known for row in rows[:, axes]), dtype=bool, count=len(rows))
    return result


def distinct(rows: Rows) -> Rows:
    """The points, each once, in their order."""
    first = {row.tobytes(): number for number, row in reversed(list(enumerate(rows)))}
    return rows[sorted(first.values())]


def detect(signs: Sequence[int], values: Floats, costs: Floats) -> Objectives:
    """Which of a study's values are known costs, and which have to be learned.

    values [n, objectives] of finished trials, costs [n, k] of their points. A value is a known cost when it agrees
    with it in every trial, to six digits; or when it is the same multiple of the same power of at least four
    different costs: in another unit, or as frames a second are 1000 / milliseconds. Of two values that qualify, the
    one to minimise is it. The sign of a value that falls as its cost rises is the other one. Before any result those
    to minimise are taken to be the costs, in their order.
    """
    free, towards = list(range(costs.shape[1])), list(signs)
    if not len(values):
        return Objectives(tuple(signs), tuple(free.pop(0) if sign < 0 and free else None for sign in signs))
    known: list[int | None] = [None] * len(signs)
    for place in sorted(range(len(signs)), key=lambda p: signs[p]):
        for cost in free:
            if power := _power(values[:, place], costs[:, cost]):
                known[place], towards[place] = cost, signs[place] if power > 0 else -signs[place]
                free.remove(cost)
                break
    return Objectives(tuple(towards), tuple(known))


def _power(values: Floats, costs: Floats) -> float:
    """The power of the costs that the values are a multiple of; 0 where they are none."""
    if np.allclose(values, costs, rtol=1e-6, atol=0.0):
        return 1.0
    if len(np.unique(costs)) < 4 or not (
        np.isfinite(values).all() and (costs > 0).all() and (values > 0).all()
    ):
        return 0.0
    power, scale = np.polyfit(np.log(costs), np.log(values), 1)
    fits = abs(power) > 1e-3 and np.allclose(
        power * np.log(costs) + scale, np.log(values), rtol=0.0, atol=1e-6
    )
    return float(power) if fits else 0.0
