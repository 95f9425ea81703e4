"""A comparison that is small enough to be driven by hand."""

from dataclasses import replace
from typing import Any

import optuna
from optuna.study import StudyDirection

from nas.compare.running import Rounds
from nas.compare.trainings import Setup, Trainings
from nas.engine.jobs import Job
from nas.train.trainer import Fidelity, Outcome
from tests.nas.search.small import outcome

A, B, C = "stem16-ir16-head32_f32", "stem8-ir8-head16", "stem8-ir16-head16"


def setup(**changes: Any) -> Setup:
    """Of three networks on digits, for a moment."""
    small = Setup(
        networks=(A, B, C),
        fidelity=Fidelity(0.1, 0.2),
        data="digits",
        data_name="digits",
        fingerprint="f00d",
        target_resolution=32,
        target_classes=10,
    )
    return replace(small, **changes)


def in_memory(given: Setup | None = None, seeds: int = 2) -> Trainings:
    """Trainings that no file is behind."""
    study = optuna.create_study(directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE])
    study.set_user_attr("settings", (given or setup()).to_json())
    study.set_user_attr("seeds", seeds)
    return Trainings(study)


def reached(job: Job) -> Outcome:
    """An outcome that follows from network and seed."""
    accuracy = 0.5 + 0.1 * (len(job.arch) % 3) + 0.01 * (job.seed % 7) * (1 + len(job.arch) % 2)
    result = outcome(accuracy)
    return replace(result, test=accuracy - 0.05) if job.test else result


def run(source: Rounds, most: int = 1000) -> list[tuple[str, int]]:
    """Up to so many trainings, one after the other; their networks and seeds."""
    done: list[tuple[str, int]] = []
    while len(done) < most and isinstance(found := source.next(), tuple):
        key, job = found
        source.finished(key, reached(job))
        done.append((job.arch, job.seed))
    return done
