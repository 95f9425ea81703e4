"""From the outcomes of a tournament to what is printed and drawn: regret with quartiles, evaluations to a share."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from nas.bench.samplers.playing import Scenario
from nas.bench.samplers.tables import Benchmark, Floats
from nas.bench.samplers.tournament import PlayJob, PlayOutcome, load

SHARES = (0.90, 0.95, 0.99)
RESAMPLES = 2000
LABELS = ("table", "scenario", "sampler")
Interval = tuple[float, float, float]  # a median over seeds, and its 95 % bootstrap interval
LOOKED_AT = (25, 50, 100, 200, 400)  # numbers of evaluations at which the regret is printed


@dataclass(frozen=True)
class Score:
    """One sampler on one table in one scenario: regrets [seeds, evaluations], in per cent or in the value's unit.

    reached: by share, the evaluations that it took; infinite where it was not reached.
    """

    table: Benchmark
    scenario: Scenario
    sampler: str
    regrets: Floats
    reached: Mapping[float, Interval]
    repeats: int

    def quartiles(self) -> Floats:
        """Lower quartile, median and upper quartile over the seeds [3, evaluations]."""
        return np.asarray(np.quantile(self.regrets, (0.25, 0.5, 0.75), axis=0))

    @property
    def unit(self) -> str:
        """The unit of the regrets."""
        return "value" if self.scenario.capped else "% of hypervolume"

    def beside_random(self, others: "list[Score]") -> float | None:
        """Its last median regret less random search's, in units of random's interquartile range; None without one.

        At most 1 is what is asked of a sampler on any table. Compared after as many evaluations as both have.
        """
        played = (self.table.name, self.scenario, "random")
        for other in others:
            if (other.table.name, other.scenario, other.sampler) == played:
                last = min(self.regrets.shape[1], other.regrets.shape[1]) - 1
                low, middle, high = other.quartiles()[:, last]
                gap = float(self.quartiles()[1, last] - middle)
                return gap / float(high - low) if high > low else (0.0 if gap <= 1e-9 else np.inf)
        return None

    @property
    def labels(self) -> dict[str, str]:
        """The first columns of its rows in every table."""
        return dict(zip(LABELS, (self.table.name, self.scenario.name, self.sampler), strict=True))


def scores(outcomes: Mapping[PlayJob, PlayOutcome]) -> list[Score]:
    """One for each table, scenario and sampler, in the order in which they were first asked for.

    With noise there are two: of all points that were tried, and of those that look best as shown.
    """
    groups: dict[tuple[str, Scenario, str], list[tuple[Floats, PlayOutcome]]] = defaultdict(list)
    longest: dict[str, int] = defaultdict(int)
    for job, outcome in outcomes.items():
        groups[job.table, job.scenario, job.sampler].append((outcome.progress, outcome))
        if outcome.chosen is not None:
            shown = replace(job.scenario, name=f"{job.scenario.name}, as chosen")
            groups[job.table, shown, job.sampler].append((outcome.chosen, outcome))
        longest[job.sampler] = max(longest[job.sampler], job.evaluations)
    order = list(dict.fromkeys((table, scenario) for table, scenario, _ in groups))
    found = []
    for (table, scenario, sampler), plays in sorted(groups.items(), key=lambda g: order.index(g[0][:2])):
        best = _best(table, scenario, outcomes)
        worst = float(load(table).truth.reference[0]) if scenario.capped else 0.0
        missing = np.array([best - at_length(progress, longest[sampler]) for progress, _ in plays])
        shares = 100.0 * missing / (best - worst) if best > worst else np.zeros_like(missing)
        reached = {share: interval(evaluations_to(share, list(shares))) for share in SHARES}
        regrets, repeats = missing if scenario.capped else shares, sum(play.repeats for _, play in plays)
        found.append(Score(load(table), scenario, sampler, regrets, reached, repeats))
    return found


def _best(table: str, scenario: Scenario, outcomes: Mapping[PlayJob, PlayOutcome]) -> float:
    """What a play can reach; of a table too large to go through, the best that any did."""
    truth = load(table).truth
    if scenario.capped:
        return truth.best_under_cap
    if truth.whole:
        return truth.most
    plays = [found for job, found in outcomes.items() if job.table == table and not job.scenario.capped]
    return max(float(found.progress[-1]) for found in plays)


def at_length(curve: Floats, length: int) -> Floats:
    """A curve [length] that stays at its last point after a play has ended."""
    return np.concatenate([curve[:length], np.full(max(length - len(curve), 0), curve[-1])])


def evaluations_to(share: float, curves: list[Floats]) -> Floats:
    """The evaluations after which each play's regret in per cent is within 1 - share; infinite where it never is."""
    within = np.array(curves) <= 100.0 * (1.0 - share) + 1e-9
    return np.where(within.any(axis=1), within.argmax(axis=1) + 1.0, np.inf)


def interval(counts: Floats) -> Interval:
    """The median of a number per seed [n] and its 95 % bootstrap interval."""
    drawn = np.random.default_rng(0).choice(counts, size=(RESAMPLES, len(counts)))
    medians = np.sort(np.median(drawn, axis=1))
    ends = medians[[int(0.025 * RESAMPLES), int(0.975 * RESAMPLES) - 1]]
    return float(np.median(counts)), float(ends[0]), float(ends[1])


def summary(found: list[Score]) -> pd.DataFrame:
    """A row for each: regret at LOOKED_AT, evaluations to each share with a bootstrap interval, repeats."""
    rows = []
    for s in found:
        middle = s.quartiles()[1]
        row: dict[str, object] = {**s.labels, "seeds": len(s.regrets), "unit": s.unit}
        row |= {f"regret_{n}": middle[n - 1] if n <= len(middle) else None for n in LOOKED_AT}
        for share, reached in s.reached.items():
            name = f"to_{100 * share:.0f}"
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), reached, strict=True))
        rows.append(row | {"repeats": s.repeats, "beside_random": s.beside_random(found)})
    return pd.DataFrame(rows)


def curves(found: list[Score]) -> pd.DataFrame:
    """A row for each evaluation: the quartiles of the regret."""
    parts = []
    for s in found:
        columns = dict(zip(("low", "median", "high"), s.quartiles(), strict=True))
        numbers = np.arange(1, s.regrets.shape[1] + 1)
        parts.append(pd.DataFrame({**s.labels, "unit": s.unit, "evaluation": numbers, **columns}))
    return pd.concat(parts, ignore_index=True)
