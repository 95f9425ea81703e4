"""How a running search looks: what a trial scored and costs, and how good the front is."""

import numpy as np
from rich.console import Console

from nas.common.fronts import front_mask
from nas.common.quantities import LATENCY, MACS, PARAMS
from nas.common.stats import images_half
from nas.engine.jobs import Event, Stopped
from nas.engine.live import Live
from nas.search.budget import worst_violation
from nas.search.campaign import Trial
from nas.search.results import Results, ended, front_of, reference, relative_hypervolume
from nas.train.metrics import ACCURACY, METRICS
from nas.train.trainer import Outcome


class SearchDisplay(Live[Trial]):
    """Counts and best figures of a search; only its own trials count, and only those of its highest fidelity lead."""

    noun = "trials"

    def __init__(
        self, console: Console, found: Results, classes: int, *, trials: int | None, deadline: float | None
    ) -> None:
        self._settings = found.settings
        self._reference, self._images = reference(found.settings, classes), found.images
        objective = found.settings.objective
        selected = front_of(found.trials, found.settings)  # as those that are still to come will be
        self._points = list(zip(selected["accuracy"], selected[objective], strict=True))
        super().__init__(console, over=int(ended(found.trials).sum()), total=trials, deadline=deadline)

    def counts(self, event: Event[Trial]) -> bool:
        """Baselines and a control run beside."""
        return event.job.kind == "search" and super().counts(event)

    def said(self, event: Event[Trial]) -> str:
        """With what the network costs."""
        job, said = event.job, super().said(event)
        if not isinstance(event.result, Outcome | Stopped):
            return said
        said += f", {job.cost.macs / 1e6:.1f} M {MACS.phrase}, {job.cost.params / 1e6:.2f} M {PARAMS.phrase}"
        for cost in self._settings.costs[2:]:
            said += f", {cost.show(getattr(job.cost, cost.column))} {cost.phrase}"
        if job.cost.latency is not None:
            said += f", {job.cost.latency_ms:.2f} {LATENCY.unit} predicted"
        within = worst_violation(self._settings.limits, job.cost) <= 0
        if isinstance(event.result, Outcome) and job.kind == "search" and within and not job.brief:
            self._points.append((event.result.accuracy, getattr(job.cost, self._settings.objective)))
        return said

    def figures(self) -> list[str]:
        """The best accuracy, the size of the front, and the area that it dominates."""
        if not self._points:
            return []
        value, cost = np.array(self._points, dtype=float).T
        metric = self._settings.metric
        named = "" if metric == ACCURACY else f" {METRICS[metric]}"
        parts = [
            f"best{named} {value.max():.2%}{self._spread(value.max())}",
            f"front {int(front_mask(value, cost).sum())}",
        ]
        if self._reference is not None:
            parts.append(f"hypervolume {relative_hypervolume(value, cost, self._reference):.4f}")
        return parts

    def _spread(self, accuracy: float) -> str:
        """By how much the images alone, being no more than they are, leave an accuracy open."""
        if not self._images or self._settings.metric != ACCURACY:
            return ""
        return f" +- {100 * images_half(accuracy, self._images):.1f}"
