"""One job trained here and now: on the split of its data, or on each of its folds, one after the other."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

from nas.data.dataset import Dataset
from nas.engine.jobs import REPORTS, Job
from nas.train.outcome import Outcome, Progress


def train_job(
    job: Job, data: Dataset, device: str = "auto", report: Callable[[Progress], None] | None = None
) -> Outcome:
    """Build and train a job here and now, on one CPU thread. Raises what `nas.train.train` raises."""
    import torch

    torch.set_num_threads(1)
    if not job.folds:
        return _trained(job, data, device, report)
    done: list[Outcome] = []

    def reported(progress: Progress) -> None:
        if report is not None:
            report(_within(job.folds, done, progress))

    for number in range(job.folds):
        done.append(_trained(job, data.fold(number, job.folds, job.seed), device, reported))
    return together(done)


def _trained(job: Job, data: Dataset, device: str, report: Callable[[Progress], None] | None) -> Outcome:
    from nas.networks.building import build
    from nas.networks.references import parse
    from nas.train.trainer import evaluate, seed_everything, train

    seed_everything(job.seed)
    model = build(parse(job.arch), len(data.classes), job.fidelity.resolution, data.channels)
    outcome = train(
        model,
        data,
        job.fidelity,
        job.recipe,
        seed=job.seed,
        device=device,
        reports=REPORTS,
        report=report,
        metric=job.metric,
    )
    if not job.test:
        return outcome
    return replace(outcome, test=evaluate(model, data.test(), data, device, metric=job.metric))


def together(outcomes: list[Outcome]) -> Outcome:
    """The mean of a network's folds as one outcome; seconds, images and steps are their sums."""
    tests = [one.test for one in outcomes if one.test is not None]
    points = (
        _within(len(outcomes), outcomes[:number], progress)
        for number, one in enumerate(outcomes)
        for progress in one.curve
    )
    return Outcome(
        accuracy=statistics.fmean(one.accuracy for one in outcomes),
        loss=statistics.fmean(one.loss for one in outcomes),
        seconds=sum(one.seconds for one in outcomes),
        images=sum(one.images for one in outcomes),
        steps=sum(one.steps for one in outcomes),
        curve=tuple(points),
        test=statistics.fmean(tests) if tests else None,
        measuring=sum(one.measuring for one in outcomes),
        folds=tuple(one.accuracy for one in outcomes),
    )


def _within(folds: int, done: list[Outcome], progress: Progress) -> Progress:
    """A report of one fold as one of all: its share of the whole, and the mean accuracy and loss until then."""
    earlier = sum(one.seconds for one in done)
    return Progress(
        share=(len(done) + progress.share) / folds,
        accuracy=statistics.fmean([*(one.accuracy for one in done), progress.accuracy]),
        loss=statistics.fmean([*(one.loss for one in done), progress.loss]),
        seconds=earlier + progress.seconds,
    )
