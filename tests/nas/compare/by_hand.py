"""Runs what a source gives here and now, one training after the other: the engine without Ray."""

from collections.abc import Callable
from typing import Any

from nas.data.dataset import Dataset
from nas.engine.jobs import Ending, Source
from nas.engine.tune import train_job
from nas.train.trainer import TrainingFailed

Engine = Callable[..., Ending]


class Crash(RuntimeError):
    """The driver dies."""


def engine(crash_after: int | None = None, interrupt_after: int | None = None) -> Engine:
    """In place of `run_jobs`; ends as told after so many trainings, with one more under way."""

    def run(source: Source, data: Dataset, **options: Any) -> Ending:
        done = 0
        while isinstance(found := source.next(), tuple):
            key, job = found
            if done == crash_after:
                raise Crash
            if done == interrupt_after:
                source.finished(key, None)
                return "interrupted"
            try:
                source.finished(
                    key, train_job(job, data, "cpu", lambda p, key=key: source.progressed(key, p))
                )
            except TrainingFailed as failure:
                source.finished(key, f"TrainingFailed: {failure}")
            done += 1
        return "done"

    return run
