"""Training jobs run by Ray Tune: it executes and nothing else. What to run next, and what became of it, is
asked of and told to a `Source`; nothing that matters lies in Ray's folders.
"""

import json
import logging
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from nas.common.errors import UserError, briefly
from nas.data.dataset import Dataset
from nas.engine.jobs import REPORTS, Ending, Job, Result, Source, Stopped
from nas.engine.training import train_job
from nas.engine.watching import watched
from nas.train.trainer import Outcome, Progress

T = TypeVar("T")

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's word, read as it is imported, for: the node's address is the loopback's, and its servers listen there alone."""
_OBJECT_STORE = 128 * 2**20  # bytes; the images are mapped from disk, not passed through it
_START_ATTEMPTS = 3
_TUNED: dict[str, Any] = {
    "num_samples": -1,
    "reuse_actors": True,
    "trial_name_creator": lambda trial: f"job_{trial.trial_id}",
    "trial_dirname_creator": lambda trial: trial.trial_id,
}


def run_jobs(
    source: Source,
    data: Dataset,
    *,
    concurrency: int,
    deadline: float | None = None,
    allowed: Callable[[], None] = lambda: None,
    device: str = "auto",
    scheduler: str = "none",
) -> Ending:
    """Train what the source gives, `concurrency` jobs at a time, until it has no more.

    scheduler "asha" lets Ray's ASHA stop jobs that report worse than most at the same share of the schedule.
    Ends early at `deadline` (of time.monotonic) or at Ctrl-C, and says so; jobs under way are then finished
    with None. An error raised by the source, or by `allowed` before a job, ends the run and is raised here.
    """
    _quieten()
    from ray import tune

    gpus, end = _gpus(device), _End(deadline)
    dispatcher = _Dispatcher(source, end, concurrency, allowed)
    with (
        end.on_interrupt(),
        _ray(concurrency, gpus),
        end.on_interrupt(),  # again: Ray takes SIGTERM for itself when it starts
        TemporaryDirectory(prefix="nas-ray-") as scratch,
        watched(dispatcher.under_way),
    ):
        resources = {"cpu": 1.0, **({"gpu": _gpu_share(gpus, concurrency)} if gpus else {})}
        job = tune.with_parameters(partial(_train_job, device=device), data=data)
        tune.Tuner(
            tune.with_resources(job, resources),
            tune_config=tune.TuneConfig(
                search_alg=_make_searcher(dispatcher),
                scheduler=_asha() if scheduler == "asha" else None,
                **_TUNED,
            ),
            run_config=tune.RunConfig(
                name="run",
                storage_path=scratch,
                verbose=0,
                stop=_make_stopper(end),
                failure_config=tune.FailureConfig(max_failures=1),
            ),
        ).fit()
        dispatcher.close()
    if end.error is not None:
        raise end.error
    return end.ending


def _quieten() -> None:
    os.environ.update(_QUIET)
    if not os.environ.get("RAY_ADDRESS"):
        os.environ.update(_ALONE)
    warnings.filterwarnings("ignore", module="ray")
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)


def _asha() -> Any:
    """Ray's ASHA, which stops the worse half of what has reported as often."""
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(metric="accuracy", mode="max", max_t=REPORTS, grace_period=1, reduction_factor=2)


# The worker's side ---------------------------------------------------------------------------------------


def _train_job(config: dict[str, Any], data: Dataset, device: str) -> None:
    """Train one job in a worker on one thread; everything is reported as JSON in one field."""
    from ray import tune

    from nas.kernels.allocator import keep_memory

    keep_memory()

    def report(kind: str, value: dict[str, Any] | str) -> None:
        accuracy = value["accuracy"] if isinstance(value, dict) else 0.0  # for a scheduler
        tune.report({"message": json.dumps([kind, value]), "accuracy": accuracy})

    def progressed(progress: Progress) -> None:
        if progress.share < 1:  # the last one is within the outcome
            report("progress", asdict(progress))

    try:
        outcome = train_job(Job(**config["job"]), data, device, progressed)
        report("outcome", asdict(outcome))
    except Exception as error:  # any fault of one candidate ends that candidate only
        report("failed", briefly(f"{type(error).__name__}: {error}", 500))


# The driver's side ---------------------------------------------------------------------------------------


class _End:
    """Why and when a run is to end before its source has no more jobs."""

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self.interrupted = False
        self.error: Exception | None = None

    @property
    def early(self) -> bool:
        return self.ending != "done" or self.error is not None

    @property
    def ending(self) -> Ending:
        if self.interrupted:
            return "interrupted"
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return "late" if late else "done"

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """The first Ctrl-C ends the run in order, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(signum: int, frame: Any) -> None:
            self.interrupted = True
            signal.signal(signum, signal.default_int_handler)

        before = {
            number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Dispatcher:
    """Between Tune's searcher, which counts trials, and a source, which counts jobs."""

    def __init__(
        self, source: Source, end: _End, concurrency: int, allowed: Callable[[], None] = lambda: None
    ) -> None:
        self._source = source
        self._allowed = allowed
        self._end = end
        self._concurrency = concurrency
        self._keys: dict[str, str] = {}  # of Tune's trials that are under way
        self._curves: dict[str, list[Progress]] = {}
        self._empty = False

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job's configuration, None for "not now". `exhausted` says that there are no more."""
        if self.exhausted or len(self._keys) >= self._concurrency:
            return None
        self._guarded(self._allowed)
        found = self._guarded(self._source.next)
        if found is None or found == "wait":
            self._empty = found is None
            return None
        self._keys[trial_id], job = found
        self._curves[trial_id] = []
        return {"job": dict(vars(job))}

    def under_way(self) -> int:
        """Jobs that were given and have not ended."""
        return len(self._keys)

    @property
    def exhausted(self) -> bool:
        return self._empty or self._end.early

    def received(self, trial_id: str, message: str) -> None:
        """A report of a worker."""
        kind, value = json.loads(message)
        key = self._keys.get(trial_id)
        if key is None:
            return
        if kind == "progress":
            progress = Progress(**value)
            if progress in self._curves[trial_id]:
                return  # Tune hands over the last report of a stopped trial once more
            self._curves[trial_id].append(progress)
            self._guarded(partial(self._source.progressed, key, progress))
            return
        result: Result = value
        if kind == "outcome":
            value["curve"] = tuple(Progress(**point) for point in value["curve"])
            value["folds"] = tuple(value["folds"])
            result = Outcome(**value)
        self._finish(trial_id, result)

    def ended(self, trial_id: str, error: bool) -> None:
        """Tune is through with a trial; without a result it was cut off, stopped, or its worker died."""
        result: Result | None = None
        if not self._end.early:
            curve = tuple(self._curves.get(trial_id, ()))
            result = "the worker process died" if error or not curve else Stopped(curve)
        self._finish(trial_id, result)

    def close(self) -> None:
        """Whatever is still under way was cut off."""
        for trial_id in list(self._keys):
            self._finish(trial_id, None)

    def _finish(self, trial_id: str, result: Result | None) -> None:
        key = self._keys.pop(trial_id, None)
        self._curves.pop(trial_id, None)
        if key is not None:
            self._guarded(partial(self._source.finished, key, result))

    def _guarded(self, call: Callable[[], T]) -> T | None:
        """Tune swallows or wraps what is raised within it; keep the first error and end the run."""
        if self._end.error is not None:
            return None
        try:
            return call()
        except Exception as error:
            self._end.error = error
            return None


def _make_searcher(dispatcher: _Dispatcher) -> Any:
    """Tune's view of a dispatcher; defined here because Ray is imported only where it is used."""
    from ray.tune.search import Searcher

    class _Searcher(_Unpickled, Searcher):
        def suggest(self, trial_id: str) -> Any:
            config = self.wrapped.suggest(trial_id)
            return Searcher.FINISHED if config is None and self.wrapped.exhausted else config

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            if "message" in result:
                self.wrapped.received(trial_id, result["message"])

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            if result and "message" in result:  # the last report may come this way alone
                self.wrapped.received(trial_id, result["message"])
            self.wrapped.ended(trial_id, error)

        def save(self, checkpoint_path: str) -> None:
            Path(checkpoint_path).touch()  # the study is the memory; Tune insists on a file

        def restore(self, checkpoint_path: str) -> None:
            raise NotImplementedError("a search is resumed from its study")

    searcher = _Searcher()
    searcher.wrapped = dispatcher
    return searcher


def _make_stopper(end: _End) -> Any:
    """Tune's view of an end."""
    from ray.tune.stopper import NoopStopper

    class _Stopper(_Unpickled, NoopStopper):
        def stop_all(self) -> bool:
            return bool(self.wrapped.early)

    stopper = _Stopper()
    stopper.wrapped = end
    return stopper


class _Unpickled:
    """Holds what stays in the driver; Tune pickles its parts to restore them, which is never done here."""

    wrapped: Any

    def __getstate__(self) -> dict[str, Any]:
        return {}


@contextmanager
def _ray(concurrency: int, gpus: int) -> Iterator[None]:
    """A Ray instance of our own, or the cluster that $RAY_ADDRESS names, or the one already joined."""
    import ray

    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not os.environ.get("RAY_ADDRESS"):
        options |= {"num_cpus": concurrency, "num_gpus": gpus, "include_dashboard": False}
        options |= {"object_store_memory": _OBJECT_STORE, "_node_ip_address": "127.0.0.1"}
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            with _undisturbed():
                ray.init(**options)
            break
        except Exception as error:  # its daemons have 15 s to start, too little on a busy machine
            ray.shutdown()
            if attempt == _START_ATTEMPTS:
                raise UserError(
                    f"Ray could not be started in {attempt} attempts ({briefly(error)}); "
                    "the machine may be too busy, or have too little memory: try again"
                ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back a Ctrl-C until the block has ended, from what is started in it for good.

    It goes to every process of a terminal, and a daemon that it ends while Ray starts is waited for without end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gpu_share(gpus: int, concurrency: int) -> float:
    """Of one device for each job: a whole one where there are enough, else the same share on each."""
    return 1 / math.ceil(concurrency / gpus)


def _gpus(device: str) -> int:
    """The CUDA devices that a run may use; none where it is told to stay on the CPU."""
    import torch

    return 0 if device == "cpu" else torch.cuda.device_count()
