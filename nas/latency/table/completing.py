"""From what was timed to a table: parts that were not are fitted, and the sum is calibrated and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nas.common.errors import UserError
from nas.latency.table.calibration import Calibration, Errors, calibrated, errors
from nas.latency.table.entries import keys_of, parse_key
from nas.latency.table.features import Floats
from nas.latency.table.table import Table, Timings, Whole, rows_of
from nas.networks.cost import Key, key_name
from search_spaces import Arch


def completed(timings: Timings, space_parts: Sequence[Key] = ()) -> Table:
    """The table of timings. `space_parts` that were not timed are fitted now, others when they are met.

    Raises UserError where there is too little to do so.
    """
    if not timings.parts or all(whole.role != "calibration" for whole in timings.networks):
        lacking = "network to calibrate on" if timings.parts else "timed part"
        raise UserError(f"the latency table of {timings.fingerprint} has no {lacking}; make it anew")
    conditions = timings.fingerprint.conditions
    of_networks = (key for w in timings.networks for key in keys_of(Arch.parse(w.arch), conditions))
    needed = {key_name(key): key for key in (*space_parts, *of_networks)}
    missing = {name: key for name, key in needed.items() if name not in timings.parts}
    fitted, error = _fitted(timings, missing) if missing else ({}, None)
    return Table(timings, fitted, error, *_calibrated(timings, {**fitted, **timings.parts}))


def _fitted(timings: Timings, missing: Mapping[str, Key]) -> tuple[dict[str, float], float | None]:
    """The ratio of each missing part, and the error of such a fit."""
    from nas.latency.table.fitting import FEWEST, Fit, fit_error

    if len(timings.parts) < FEWEST:
        raise UserError(f"{len(missing)} parts are missing and only {len(timings.parts)} were timed")
    timed = {parse_key(name): ratio for name, ratio in timings.parts.items()}
    predicted, _ = Fit(timed)(list(missing.values()))
    return dict(zip(missing, predicted.tolist(), strict=True)), fit_error(timed)


def _calibrated(timings: Timings, known: Mapping[str, float]) -> tuple[Calibration, Errors | None]:
    """The calibration, and its errors on the networks that took no part in it."""
    chosen, out = (
        [whole for whole in timings.networks if whole.role == role] for role in ("calibration", "held out")
    )
    calibration = calibrated(rows_of(chosen, known, timings.fingerprint), _ratios(chosen))
    if not out:
        return calibration, None
    predicted = np.array([calibration(row) for row in rows_of(out, known, timings.fingerprint)])
    # How far off it is with other networks is known from those left out one by one and from these: the
    # larger one is believed.
    off = float(np.sqrt(np.mean((predicted / _ratios(out) - 1) ** 2)))
    calibration = replace(calibration, deviation=max(calibration.deviation, off))
    return calibration, errors(predicted, _ratios(out))


def _ratios(wholes: Sequence[Whole]) -> Floats:
    return np.array([whole.ratio for whole in wholes])
