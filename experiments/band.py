"""What can tell networks of one cost apart: `python -m experiments.rank_fidelity --band 90-110MFLOPs --data cifar10`.

Over a wide range of costs, cost alone ranks networks, and any training seems to. A search has to prove itself inside a
band of equal cost. Networks of the default space are drawn there, without those whose depth is extreme, trained for
`thorough` with three seeds, whose mean is the reference, and briefly in the ways that a search could: what each way of
spending the time of one `standard` training says about the reference, and how much of what the reference itself would
say of its own repetition.

Each way is played twice with other seeds, and its coefficients are means over both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import typer

from experiments.agreement import RESAMPLES, Floats, agreement, kendall
from experiments.rows import read, run, trained
from nas.common.csv_text import table_csv
from nas.common.errors import UserError
from nas.common.files import write_text
from nas.data.dataset import Dataset
from nas.networks.cost import cost
from nas.samplers.front import FrontSampler
from nas.search.budget import Budget
from nas.search.proposer import distributions
from nas.train.fidelity import epochs_of
from nas.train.recipe import Recipe
from search_spaces import Arch, Space
from search_spaces.stages import Dimension, Value

REFERENCE, STANDARD, AVERAGED, HALF = "thorough", "standard", "standard, weights averaged", "half of standard"
PLAN = (  # way, seed, what matters most first
    *((REFERENCE, 100), (STANDARD, 0), (REFERENCE, 101), (STANDARD, 1), (REFERENCE, 102)),
    *((HALF, 0), (HALF, 1), (AVERAGED, 0), (HALF, 2), (HALF, 3), (AVERAGED, 1)),
)
CHECKS = 10
EMA = 0.99
"""The share that an average of the weights keeps at a step: of the last hundred of `standard`'s 470."""
WIDEST = 1.5
_DRAWN, _MIDDLE, _RIDGE = 400, (0.1, 0.9), 1.0


@dataclass(frozen=True)
class BandTask:
    """One training of the study."""

    arch: str
    way: str
    seed: int


@dataclass(frozen=True)
class BandRow:
    """A training that was done.

    macs, params at 224x224 and 1000 classes. blocks: of the trunk. accuracy: validation, in [0, 1], as the accuracies
    of the checks at equal shares of the schedule; losses: mean training loss of the tenth before each. Both are
    separated by spaces. core_seconds: of the training with its evaluations, one thread.
    """

    arch: str
    way: str
    seed: int
    macs: int
    params: int
    blocks: int
    epochs: float
    images: int
    accuracy: float
    checks: str
    losses: str
    core_seconds: float
    data: str

    @property
    def task(self) -> BandTask:
        """What was asked for."""
        return BandTask(self.arch, self.way, self.seed)

    @property
    def curve(self) -> tuple[Floats, Floats]:
        """Accuracies [10] and losses [10] of the checks."""
        checks, losses = (np.array(text.split(), dtype=float) for text in (self.checks, self.losses))
        return checks, losses


def of_size(space: Space, level: float, chance: np.random.Generator) -> Arch:
    """An arch whose widths, depths and expansions are about so far up, from 0 to 1; the rest is uniform."""

    def choose(dimension: Dimension) -> Value:
        most = len(dimension.choices) - 1
        sized = dimension.option in ("width", "depth", "expansion")
        return dimension.choices[int(chance.binomial(most, level) if sized else chance.integers(most + 1))]

    return space.arch(space.draw(choose))


def draw(space: Space, band: Budget, count: int, seed: int) -> list[Arch]:
    """So many archs of a space within a band of one cost, of middling depth among those drawn there.

    Raises UserError where the band is none, or wider than half of its lower end, or holds too few.
    """
    if not 0 < band.least < band.limit <= WIDEST * band.least:
        raise UserError(
            f"--band {band.text}: expected a window within half of its lower end, as 90-110MFLOPs"
        )
    if not hasattr(cost(of_size(space, 0.5, np.random.default_rng(0))), band.quantity):
        raise UserError(f"--band {band.text}: expected multiply-adds, parameters or bytes, as 90-110MFLOPs")
    chance = np.random.default_rng(seed)
    drawn = dict.fromkeys(of_size(space, chance.random(), chance) for _ in range(_DRAWN * count))
    within = [arch for arch in drawn if band.least <= getattr(cost(arch), band.quantity) <= band.limit]
    if within:
        low, high = np.quantile([len(arch.blocks) for arch in within], _MIDDLE)
        within = [arch for arch in within if low <= len(arch.blocks) <= high]
    if len(within) < count:
        raise UserError(
            f"--band {band.text}: {count} networks asked for, {len(within)} of middling depth found"
        )
    return [within[int(place)] for place in sorted(chance.choice(len(within), count, replace=False))]


def perform(task: BandTask, data: Dataset) -> BandRow:
    """Do one training, on one thread of this process."""
    arch = Arch.parse(task.arch)
    epochs, _ = epochs_of(REFERENCE if task.way == REFERENCE else STANDARD, len(data.train()))
    epochs = epochs / 2 if task.way == HALF else epochs
    recipe = replace(Recipe(), ema=EMA) if task.way == AVERAGED else Recipe()
    outcome, core_seconds = trained(arch, data, epochs, recipe, task.seed, reports=CHECKS)
    priced = cost(arch)
    return BandRow(
        **asdict(task),
        macs=priced.macs,
        params=priced.params,
        blocks=len(arch.blocks),
        epochs=epochs,
        images=outcome.images,
        accuracy=outcome.accuracy,
        checks=" ".join(f"{check.accuracy:.4f}" for check in outcome.curve),
        losses=" ".join(f"{check.loss:.4f}" for check in outcome.curve),
        core_seconds=core_seconds,
        data=data.fingerprint,
    )


def study(
    archs: Sequence[Arch], space: Space, data: Dataset, path: Path, workers: int, trials: Path | None
) -> None:
    """Train what is missing of the study in `path` and write summary.csv beside it."""
    tasks = [BandTask(str(arch), way, seed) for way, seed in PLAN for arch in archs]
    left = len(set(tasks) - {row.task for row in read(path, BandRow)})
    typer.echo(f"{left} of {len(tasks)} trainings to do on {data.name}, {workers} at a time")
    for row in run(tasks, data, path, workers, BandRow, perform):
        typer.echo(f"{row.way}, seed {row.seed}: {row.accuracy:.4f} in {row.core_seconds:.0f} s  {row.arch}")
    found = summarise(read(path, BandRow), space, trials)
    write_text(path.with_name("summary.csv"), table_csv(found, "%.4g"))
    typer.echo(found.to_string(index=False, float_format="%.3f"))


# What the rows say -----------------------------------------------------------------------------------------


def scores(
    rows: Sequence[BandRow], space: Space, trials: Path | None
) -> tuple[pd.DataFrame, dict[str, list[pd.Series]]]:
    """The reference's accuracies (archs by seeds), and what each way says of every arch, once or twice.

    Archs whose reference is not complete are left out, and so are ways that lack one of the others. Higher is better.
    """
    table = pd.DataFrame([{**asdict(row), "row": row} for row in rows])
    seeds = table[table["way"] == REFERENCE].pivot_table(index="arch", columns="seed", values="accuracy")
    seeds = seeds.dropna()
    one = table.drop_duplicates("arch").set_index("arch").loc[seeds.index]
    ways: dict[str, list[pd.Series]] = {
        "multiply-adds": [one["macs"]],
        "parameters": [one["params"]],
        "number of blocks": [one["blocks"]],
    }

    def told(way: str, seed: int) -> pd.Series:
        mine = table[(table["way"] == way) & (table["seed"] == seed)].set_index("arch")["row"]
        return mine.reindex(seeds.index)

    for seed in (0, 1):
        brief = told(STANDARD, seed)
        if not brief.isna().any():
            _add(ways, "accuracy at the end", brief.map(lambda row: row.accuracy))
            _add(ways, "mean of the last three checks", brief.map(lambda row: row.curve[0][-3:].mean()))
            _add(ways, "training losses of the last half", brief.map(lambda row: -row.curve[1][5:].sum()))
            features = np.array([np.concatenate(row.curve) for row in brief])
            _add(ways, "the curve, by ridge regression on the others", left_out(features, seeds.mean(axis=1)))
            _add(ways, "the model's belief", believed(space, brief.map(lambda row: row.accuracy), trials))
        for name, way, used in (
            ("average of the weights", AVERAGED, (seed,)),
            ("half as long, two seeds", HALF, (2 * seed, 2 * seed + 1)),
        ):
            each = [told(way, number) for number in used]
            if not any(values.isna().any() for values in each):
                _add(ways, name, sum(values.map(lambda row: row.accuracy) for values in each))  # type: ignore[arg-type]
    if len(ways.get("accuracy at the end", [])) == 2:
        ways["two trainings, at twice the time"] = [sum(ways["accuracy at the end"])]  # type: ignore[list-item]
    return seeds, ways


def _add(ways: dict[str, list[pd.Series]], name: str, values: pd.Series) -> None:
    ways.setdefault(name, []).append(values)


def left_out(features: Floats, wanted: pd.Series) -> pd.Series:
    """Each arch's value as the others' predict it from its features [archs, features], by ridge regression."""
    told = []
    for place in range(len(features)):
        others = np.delete(np.arange(len(features)), place)
        centre, scale = features[others].mean(axis=0), features[others].std(axis=0) + 1e-9
        x, y = (features[others] - centre) / scale, wanted.to_numpy()[others]
        weights = np.linalg.solve(x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (y - y.mean()))
        told.append(float((features[place] - centre) / scale @ weights + y.mean()))
    return pd.Series(told, index=wanted.index)


def believed(space: Space, values: pd.Series, trials: Path | None) -> pd.Series:
    """What a search's model makes of the archs' accuracies, given the trials of a search besides, where there are."""
    known = {str(arch): float(value) for arch, value in values.items()}
    if trials is not None:
        table = pd.read_csv(trials)
        table = table[(table["state"] == "COMPLETE") & ~table["arch"].isin(known)]
        known = {**dict(zip(table["arch"], table["accuracy"], strict=True)), **known}

    def priced(params: Mapping[str, Value]) -> dict[str, float]:
        each = cost(space.arch(params))
        return {"macs": float(each.macs), "params": float(each.params)}

    described = distributions(space)
    sampler = FrontSampler(described, priced, objectives=[None, "macs"], seed=0)
    made = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    numbers = {}
    for text, accuracy in known.items():
        arch = Arch.parse(text)
        if space.contains(arch):
            params = space.params(arch)
            own = {name: described[name] for name in params}
            result = [float(accuracy), float(cost(arch).macs)]
            numbers[text] = len(made.trials)
            made.add_trial(optuna.create_trial(params=params, distributions=own, values=result))
    told = sampler.believed(made)
    return pd.Series({arch: told[numbers[arch]] for arch in values.index})


def summarise(rows: Sequence[BandRow], space: Space, trials: Path | None = None) -> pd.DataFrame:
    """For each way to rank: its agreement with the reference, its share of the ceiling, its lead over one training.

    kendall, spearman with 95 % intervals, over the archs; ceiling: the agreement of one seed of the reference with the
    mean of the others, by Kendall's tau, and `of_ceiling` the share of it that is reached; lead: what tau is above that
    of the accuracy at the end, with the 95 % interval over the archs, paired. Empty below four archs.
    """
    seeds, ways = scores(rows, space, trials)
    if len(seeds) < 4:
        return pd.DataFrame()
    wanted = seeds.mean(axis=1).to_numpy()
    apart = [
        agreement(seeds[seed].to_numpy(), seeds.drop(columns=seed).mean(axis=1).to_numpy()) for seed in seeds
    ]
    ceiling = pd.DataFrame(apart).mean()
    lines = [{"ranked_by": "one seed of the reference by the others", **ceiling}]
    usual = ways.get("accuracy at the end")
    for name, each in ways.items():
        line: dict[str, object] = {"ranked_by": name}
        line |= dict(pd.DataFrame([agreement(values.to_numpy(float), wanted) for values in each]).mean())
        line["of_ceiling"] = float(line["kendall"]) / ceiling["kendall"]  # type: ignore[arg-type]
        if usual is not None and each is not usual:
            line |= _lead(each, usual, wanted)
        lines.append(line)
    return pd.DataFrame(lines)


def _lead(each: Sequence[pd.Series], usual: Sequence[pd.Series], wanted: Floats) -> dict[str, float]:
    """By how much tau exceeds the usual way's, over the same resampled archs."""
    drawn = np.random.default_rng(0).integers(len(wanted), size=(RESAMPLES, len(wanted)))
    every = np.vstack([np.arange(len(wanted)), drawn])

    def taus(ways: Sequence[pd.Series]) -> Floats:
        found: Floats = np.mean([kendall(one.to_numpy(float)[every], wanted[every]) for one in ways], axis=0)
        return found

    leads = taus(each) - taus(usual)
    known = leads[1:][np.isfinite(leads[1:])]  # where all are alike there is no order
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return {"lead": float(leads[0]), "lead_low": float(low), "lead_high": float(high)}
