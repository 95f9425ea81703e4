"""The answer in a sentence, and what else the page says of a run."""

import math
from functools import partial

import pandas as pd

from nas.common.quantities import COLUMNS
from nas.runs.studies import INTERRUPTED
from nas.search.picture import bound_words, quantity
from nas.search.results import Results
from nas.search.verdict import BETTER, NO_WORSE, WORSE, Beside, Verdict, areas, compared, losses
from nas.train.metrics import ACCURACY, METRICS

_REASONS = 3


def answer(run: Results, said: Verdict) -> str:
    """Which network to take and what that is worth; or why there is none yet."""
    bounds = " and ".join(
        bound_words(one, quantity(run.settings, one.quantity)) for one in run.settings.limits
    )
    under = f"{bounds[0].upper()}{bounds[1:]}: " if bounds else ""
    if said.recommended is None:
        return under + _nothing(run)
    row = run.front[run.front["trial"] == said.recommended].iloc[0]
    cost = COLUMNS[run.settings.objective]
    low, high = row["accuracy_low"], row["accuracy_high"]
    spread = "" if math.isnan(low) else f" (95 %: {100 * low:.1f} to {100 * high:.1f})"
    named = "" if run.settings.metric == ACCURACY else f" {METRICS[run.settings.metric]}"
    told = f"take trial {row['trial']}: {100 * row['accuracy']:.1f} %{named}{spread} at {cost.show(row[cost.column])}"
    mine = [one for one in said.besides if one.trial == said.recommended]
    worth = f", {_worth(min(mine, key=partial(_rank, run)), cost.phrase)}" if mine else ""
    sure = "" if said.confirmed else "; not confirmed: selected by the one training that it had"
    sure = "; its place on the front is not decided" if row["place"] == "undecided" else sure
    return f"{under}{told}{worth}{sure}."


def _rank(run: Results, one: Beside) -> tuple[bool, float]:
    """What is said of a network: where it lost; else how it stands to the best hand-designed one within the budget."""
    accuracies = run.confirmed.set_index("name")["accuracy"]
    return one.verdict != WORSE, -float(accuracies.get(one.name, 0.0))


def _worth(one: Beside, phrase: str) -> str:
    word = {BETTER: "better than", NO_WORSE: "no worse than", WORSE: "worse than"}.get(
        one.verdict, "not distinguishable from"
    )
    return f"{word} {one.name} at {one.cost:.2f} of its {phrase}"


def _nothing(run: Results) -> str:
    """Why no network can be named."""
    states = run.trials["state"].value_counts()
    if not len(run.trials):
        return "nothing has run yet."
    if states.get("RUNNING", 0):
        return "nothing has finished yet; the search is under way, or was interrupted."
    if states.get("FAIL", 0) == len(run.trials):
        return f"every trial failed ({len(run.trials)}); the reasons stand below."
    return "no trial finished within the budget."


def state(run: Results) -> list[str]:
    """Why trials failed, the commonest reasons first; and how long statistics took."""
    lines = list(run.measuring)
    failed = run.trials[(run.trials["state"] == "FAIL") & (run.trials["reason"] != INTERRUPTED)]
    reasons: pd.Series = failed["reason"].value_counts()
    lines += [f"failed {count} times: {reason}" for reason, count in reasons.head(_REASONS).items()]
    return lines


def beside(run: Results, said: Verdict) -> list[str]:
    """Both fronts' areas, where the search lost, and the network to take beside the hand-designed, a sentence each."""
    mine = [compared(run, one) for one in said.besides if one.trial == said.recommended]
    area = said.area is not None and not math.isnan(said.area.difference[1])
    return [*([areas(run.settings, said.area)] if said.area and area else []), *losses(run, said), *mine]


def others(run: Results, said: Verdict) -> list[str]:
    """The rest of the front beside the hand-designed networks, and how the verdicts were corrected."""
    lines = [compared(run, one) for one in said.besides if one.trial != said.recommended]
    if len(said.besides) > 1:
        lines.append(
            f"95 % intervals are each by itself; verdicts are corrected for these {len(said.besides)} comparisons."
        )
    return lines
