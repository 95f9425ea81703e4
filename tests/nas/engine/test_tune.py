"""nas.engine.tune: what becomes of a job however it ends; by hand, and once for real with Ray."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, Literal

import pytest

from nas.data.dataset import Dataset, load
from nas.engine import tune as engine
from nas.engine.jobs import Job, Result, Stopped
from nas.engine.tune import run_jobs, train_job
from nas.train.trainer import Fidelity, Outcome, Progress, Recipe, TrainingFailed
from tests.nas.search.small import outcome

ARCH = "stem8-ir8-ir8_t2_s2-head8_f16"
JOB = Job(ARCH, Fidelity(0.1, 0.2), Recipe(), 0)
HALF = Progress(0.5, 0.25, 2.0, 0.5)


class Script:
    """A source of given jobs; what became of them by key."""

    def __init__(self, *jobs: Job | Literal["wait"]) -> None:
        self.jobs = list(jobs)
        self.given = 0
        self.progress: list[tuple[str, float]] = []
        self.results: dict[str, Result | None] = {}

    def next(self) -> tuple[str, Job] | Literal["wait"] | None:
        if not self.jobs:
            return None
        job = self.jobs.pop(0)
        if job == "wait":
            return "wait"
        self.given += 1
        return f"job{self.given}", job

    def progressed(self, key: str, progress: Progress) -> None:
        self.progress.append((key, progress.share))

    def finished(self, key: str, result: Result | None) -> None:
        assert key not in self.results
        self.results[key] = result


def message(kind: str, value: Any) -> str:
    return json.dumps([kind, value])


def dispatcher(source: Any, concurrency: int = 2, deadline: float | None = None) -> Any:
    return engine._Dispatcher(source, engine._End(deadline), concurrency)


# The dispatcher by hand ----------------------------------------------------------------------------------


def test_no_more_jobs_are_taken_than_run_at_a_time() -> None:
    source = Script(JOB, JOB, JOB)
    between = dispatcher(source, concurrency=2)
    assert between.suggest("a") and between.suggest("b")
    assert between.suggest("c") is None and not between.exhausted and source.given == 2
    between.received("a", message("outcome", asdict(outcome(0.5))))
    assert between.suggest("c") and source.given == 3
    between.received("b", message("failed", "no"))
    assert between.suggest("d") is None and between.exhausted


def test_a_job_goes_out_and_its_result_comes_back_as_they_were() -> None:
    source = Script(JOB)
    between = dispatcher(source)
    assert Job(**between.suggest("a")["job"]) == JOB
    between.received("a", message("progress", asdict(HALF)))
    between.received("a", message("outcome", asdict(outcome(0.5))))
    between.ended("a", error=False)
    assert source.progress == [("job1", 0.5)] and source.results == {"job1": outcome(0.5)}


def test_waiting_is_not_the_end() -> None:
    between = dispatcher(Script("wait", JOB))
    assert between.suggest("a") is None and not between.exhausted
    assert between.suggest("a") is not None


@pytest.mark.parametrize("error", [False, True])
def test_a_worker_that_dies_without_a_word_fails_its_job(error: bool) -> None:
    source = Script(JOB)
    between = dispatcher(source)
    between.suggest("a")
    between.ended("a", error=error)
    assert source.results == {"job1": "the worker process died"}


def test_a_job_that_a_scheduler_ends_keeps_what_it_reported() -> None:
    source = Script(JOB)
    between = dispatcher(source)
    between.suggest("a")
    between.received("a", message("progress", asdict(HALF)))
    between.received("a", message("progress", asdict(HALF)))  # Tune says it twice
    between.ended("a", error=False)
    assert source.results == {"job1": Stopped((HALF,))} and source.progress == [("job1", 0.5)]


def test_what_is_late_is_cut_off() -> None:
    source = Script(JOB, JOB)
    between = dispatcher(source, deadline=time.monotonic() + 0.05)
    assert between.suggest("a") and between.suggest("b")
    time.sleep(0.06)
    assert between.exhausted and between.suggest("c") is None
    between.received("a", message("progress", asdict(HALF)))
    between.ended("a", error=True)
    between.close()
    assert source.results == {"job1": None, "job2": None}


def test_a_late_result_is_a_result() -> None:
    source = Script(JOB)
    between = dispatcher(source, deadline=time.monotonic() + 0.05)
    between.suggest("a")
    time.sleep(0.06)
    between.received("a", message("outcome", asdict(outcome(0.5))))
    between.ended("a", error=False)
    between.close()
    assert source.results == {"job1": outcome(0.5)}


def test_reports_of_a_job_that_has_ended_are_ignored() -> None:
    source = Script(JOB)
    between = dispatcher(source)
    between.suggest("a")
    between.received("a", message("failed", "no"))
    between.received("a", message("progress", asdict(HALF)))
    between.received("a", message("outcome", asdict(outcome(0.5))))
    between.ended("unknown", error=True)
    assert source.results == {"job1": "no"}


@pytest.mark.parametrize("method", ["next", "progressed", "finished"])
def test_the_first_error_of_the_source_ends_the_run(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Script(JOB, JOB)
    between = dispatcher(source)
    if method != "next":
        between.suggest("a")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left")

    monkeypatch.setattr(source, method, fail)
    if method == "next":
        assert between.suggest("a") is None
    between.received("a", message("progress", asdict(HALF)))
    between.received("a", message("outcome", asdict(outcome(0.5))))
    assert between.exhausted
    assert isinstance(between._end.error, OSError)
    assert between.suggest("b") is None


def test_the_first_interrupt_is_in_order_and_the_second_at_once() -> None:
    end, before = engine._End(None), signal.getsignal(signal.SIGINT)
    with end.on_interrupt():
        assert not end.early
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert end.ending == "interrupted" and end.early
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
    assert signal.getsignal(signal.SIGINT) == before


def test_outside_of_the_main_thread_signals_are_left_alone() -> None:
    done = []

    def run() -> None:
        with engine._End(None).on_interrupt():
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done


@pytest.mark.parametrize(
    "gpus,concurrency,share", [(1, 1, 1.0), (1, 4, 0.25), (8, 3, 1.0), (2, 3, 0.5), (2, 4, 0.5), (8, 1, 1.0)]
)
def test_jobs_share_the_gpus_so_that_all_of_them_run(gpus: int, concurrency: int, share: float) -> None:
    assert engine._gpu_share(gpus, concurrency) == share
    assert gpus * int(1 / share) >= concurrency


# The worker's side ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", notify=lambda message: None)


def test_a_job_is_trained_the_same_twice(digits: Dataset) -> None:
    reports: list[Progress] = []
    first = train_job(JOB, digits, "cpu", reports.append)
    second = train_job(JOB, digits, "cpu")
    assert first.accuracy == second.accuracy and first.loss == second.loss
    assert [r.accuracy for r in reports] == [p.accuracy for p in first.curve]
    assert train_job(replace(JOB, seed=1), digits, "cpu").loss != first.loss


def test_a_job_that_diverges_says_so(digits: Dataset) -> None:
    with pytest.raises(TrainingFailed):
        train_job(replace(JOB, fidelity=Fidelity(1.0), recipe=Recipe(lr=1e6)), digits, "cpu")


# For real ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """One Ray for the tests of this module; `run_jobs` uses it and leaves it alone."""
    import ray

    os.environ.update(engine._QUIET)
    ray.init(
        num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
    )
    yield ray
    ray.shutdown()


class Killing(Script):
    """Kills the worker at the first reports of some jobs, so many times each."""

    def __init__(self, times: dict[str, int], *jobs: Job) -> None:
        super().__init__(*jobs)
        self.times = times

    def progressed(self, key: str, progress: Progress) -> None:
        super().progressed(key, progress)
        if self.times.get(key, 0):
            import psutil  # type: ignore[import-untyped]  # Ray brings its own, once it is imported

            self.times[key] -= 1
            for process in psutil.Process().children(recursive=True):
                if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::ImplicitFunc"):
                    process.kill()  # Tune's name for a function that it runs


@pytest.mark.slow
def test_jobs_run_with_ray_and_one_that_diverges_fails_alone(ray: Any, digits: Dataset) -> None:
    good, bad = JOB, replace(JOB, fidelity=Fidelity(1.0), recipe=Recipe(lr=1e6))
    unreadable = replace(JOB, arch="stem8-nonsense")
    source = Script(good, bad, unreadable, good)
    assert run_jobs(source, digits, concurrency=1, device="cpu") == "done"
    assert len(source.results) == 4
    first, diverged, odd, last = (source.results[f"job{n}"] for n in (1, 2, 3, 4))
    assert isinstance(first, Outcome) and isinstance(last, Outcome) and first.accuracy == last.accuracy
    assert isinstance(diverged, str) and diverged.startswith("TrainingFailed: ")
    assert isinstance(odd, str) and "nonsense" in odd
    assert [share for key, share in source.progress if key == "job1"] == [0.5]
    assert ray.is_initialized()


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_job_tried_once_more(ray: Any, digits: Dataset) -> None:
    longer = replace(JOB, fidelity=Fidelity(1.0))
    source = Killing({"job1": 1, "job2": 9}, longer, longer, JOB)
    assert run_jobs(source, digits, concurrency=1, device="cpu") == "done"
    assert isinstance(source.results["job1"], Outcome)
    assert source.results["job2"] == "the worker process died"
    assert isinstance(source.results["job3"], Outcome)


@pytest.mark.slow
def test_the_deadline_is_kept_and_what_runs_is_cut_off(ray: Any, digits: Dataset) -> None:
    endless = replace(JOB, fidelity=Fidelity(1000.0))
    source, began = Script(endless, endless), time.monotonic()
    assert run_jobs(source, digits, concurrency=1, device="cpu", deadline=began + 8) == "late"
    assert time.monotonic() - began < 20
    assert source.results == {"job1": None}


class Full(Script):
    """Whose disk is full when a result comes."""

    def finished(self, key: str, result: Result | None) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.slow
def test_an_error_of_the_source_ends_the_run_and_is_raised(ray: Any, digits: Dataset) -> None:
    source = Full(*[JOB] * 50)
    with pytest.raises(OSError, match="No space"):
        run_jobs(source, digits, concurrency=1, device="cpu")
    assert source.given <= 2
