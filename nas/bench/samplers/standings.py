"""From the outcomes of a tournament to what is printed and drawn: regret curves with quartiles, a line a sampler."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from nas.bench.samplers.playing import Scenario
from nas.bench.samplers.scores import SHARES, Interval, at_length, evaluations_to, interval
from nas.bench.samplers.tables import Benchmark, Floats
from nas.bench.samplers.tournament import PlayJob, PlayOutcome, load

LOOKED_AT = (25, 50, 100, 200, 400)
"""Numbers of evaluations at which the regret is printed."""


@dataclass(frozen=True)
class Score:
    """One sampler on one table in one scenario: regrets [seeds, evaluations], in per cent or in the value's unit."""

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


def standings(outcomes: Mapping[PlayJob, PlayOutcome]) -> list[Score]:
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
    return [
        _standing(load(table), scenario, sampler, _best(table, scenario, outcomes), longest[sampler], plays)
        for (table, scenario, sampler), plays in sorted(groups.items(), key=lambda g: order.index(g[0][:2]))
    ]


def _best(table: str, scenario: Scenario, outcomes: Mapping[PlayJob, PlayOutcome]) -> float:
    """What a play can reach; of a table too large to go through, the best that any did."""
    truth = load(table).truth
    if scenario.capped:
        return truth.best_under_cap
    reached = [
        outcome.progress[-1]
        for job, outcome in outcomes.items()
        if job.table == table and not job.scenario.capped
    ]
    return truth.most if truth.whole else max(map(float, reached))


def _standing(
    table: Benchmark,
    scenario: Scenario,
    sampler: str,
    best: float,
    length: int,
    plays: list[tuple[Floats, PlayOutcome]],
) -> Score:
    worst = float(table.truth.reference[0]) if scenario.capped else 0.0
    missing = np.array([best - at_length(progress, length) for progress, _ in plays])
    shares = 100.0 * missing / (best - worst) if best > worst else np.zeros_like(missing)
    reached = {share: interval(evaluations_to(share, list(shares))) for share in SHARES}
    repeats = sum(outcome.repeats for _, outcome in plays)
    return Score(table, scenario, sampler, missing if scenario.capped else shares, reached, repeats)


def beside_random(standing: Score, others: list[Score]) -> float | None:
    """Its last median regret less that of random search, in units of random's interquartile range; None without one.

    At most 1 is what is asked of a sampler on any table. Compared after as many evaluations as both have.
    """
    same = (standing.table.name, standing.scenario)
    for other in others:
        if (other.table.name, other.scenario) == same and other.sampler == "random":
            last = min(standing.regrets.shape[1], other.regrets.shape[1]) - 1
            low, middle, high = other.quartiles()[:, last]
            gap = float(standing.quartiles()[1, last] - middle)
            return gap / float(high - low) if high > low else (0.0 if gap <= 1e-9 else np.inf)
    return None


def summary(found: list[Score]) -> pd.DataFrame:
    """A row for each: regret at LOOKED_AT, evaluations to each share with a bootstrap interval, repeats."""
    rows = []
    for s in found:
        quartiles = s.quartiles()
        row: dict[str, object] = {
            "table": s.table.name,
            "scenario": s.scenario.name,
            "sampler": s.sampler,
            "seeds": len(s.regrets),
            "unit": s.unit,
        }
        for number in LOOKED_AT:
            row[f"regret_{number}"] = quartiles[1, number - 1] if number <= quartiles.shape[1] else None
        for share, reached in s.reached.items():
            name = f"to_{100 * share:.0f}"
            row |= {name: reached.median, f"{name}_low": reached.low, f"{name}_high": reached.high}
        rows.append(row | {"repeats": s.repeats, "beside_random": beside_random(s, found)})
    return pd.DataFrame(rows)


def curves(found: list[Score]) -> pd.DataFrame:
    """A row for each evaluation: the quartiles of the regret."""
    parts = []
    for s in found:
        low, middle, high = s.quartiles()
        parts.append(
            pd.DataFrame(
                {
                    "table": s.table.name,
                    "scenario": s.scenario.name,
                    "sampler": s.sampler,
                    "unit": s.unit,
                    "evaluation": np.arange(1, len(middle) + 1),
                    "low": low,
                    "median": middle,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
