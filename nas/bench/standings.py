"""From the outcomes of a tournament to what is printed and drawn: regret curves with quartiles, a line a sampler."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nas.bench.playing import Scenario
from nas.bench.scores import SHARES, Interval, at_length, evaluations_to, interval
from nas.bench.tables import Floats, Table
from nas.bench.tournament import Job, Outcome, load

LOOKED_AT = (25, 50, 100, 200, 400)
"""Numbers of evaluations at which the regret is printed."""


@dataclass(frozen=True)
class Standing:
    """One sampler on one table in one scenario: regrets [seeds, evaluations], in per cent or in the value's unit."""

    table: Table
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


def standings(outcomes: Mapping[Job, Outcome]) -> list[Standing]:
    """One for each table, scenario and sampler, in the order in which they were first asked for."""
    groups: dict[tuple[str, Scenario, str], list[tuple[Job, Outcome]]] = defaultdict(list)
    most: dict[str, float] = {}
    for job, outcome in outcomes.items():
        groups[job.table, job.scenario, job.sampler].append((job, outcome))
        truth = load(job.table).truth
        best = truth.most if truth.whole or job.scenario.capped else float(outcome.progress[-1])
        most[job.table] = max(most.get(job.table, 0.0), best)
    return [
        _standing(load(table), scenario, sampler, most[table], plays)
        for (table, scenario, sampler), plays in groups.items()
    ]


def _standing(
    table: Table, scenario: Scenario, sampler: str, most: float, plays: list[tuple[Job, Outcome]]
) -> Standing:
    truth = table.truth
    worst, best = (truth.reference[0], truth.best_under_cap) if scenario.capped else (0.0, most)
    length = max(job.evaluations for job, _ in plays)
    missing = np.array([best - at_length(outcome.progress, length) for _, outcome in plays])
    shares = 100.0 * missing / (best - worst) if best > worst else np.zeros_like(missing)
    reached = {share: interval(evaluations_to(share, list(shares))) for share in SHARES}
    repeats = sum(outcome.repeats for _, outcome in plays)
    return Standing(table, scenario, sampler, missing if scenario.capped else shares, reached, repeats)


def beside_random(standing: Standing, others: list[Standing]) -> float | None:
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


def summary(found: list[Standing]) -> pd.DataFrame:
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


def curves(found: list[Standing]) -> pd.DataFrame:
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
