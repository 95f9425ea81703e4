"""Trainings in plain processes, each a row of a CSV file: what an experiment of its own keeps, and goes on from."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pandas as pd

from nas.common.errors import UserError
from nas.common.files import write_text
from nas.train.recipe import Fidelity, Recipe

if TYPE_CHECKING:
    from nas.data.dataset import Dataset
    from nas.train.outcome import Outcome
    from search_spaces import Arch


class Trained(Protocol):
    """A training that was done: a flat dataclass, which knows the fingerprint of its data and what was asked for."""

    @property
    def data(self) -> str:
        """Fingerprint of the data set."""

    @property
    def task(self) -> Any:
        """What was asked for; equal tasks are the same training."""


R = TypeVar("R", bound=Trained)
T = TypeVar("T")


def trained(
    arch: Arch, data: Dataset, epochs: float, recipe: Recipe, seed: int, *, reports: int, final: int = 2
) -> tuple[Outcome, float]:
    """Train an arch on one thread of this process: its outcome, and the processor's seconds.

    final: the height that its last map has at the least.
    """
    import torch

    from nas.networks.building import build
    from nas.train.trainer import seed_everything, train

    torch.set_num_threads(1)
    seed_everything(seed)
    model = build(arch, len(data.classes), data.resolution, final=final)
    began = time.process_time()
    fidelity = Fidelity(epochs, resolution=data.resolution)
    outcome = train(model, data, fidelity, recipe, seed=seed, device="cpu", reports=reports)
    return outcome, round(time.process_time() - began, 2)


def read(path: Path, kind: type[R]) -> list[R]:
    """The rows of a file; none where there is no file. Raises UserError for another kind of file."""
    if not path.exists():
        return []
    names = [spec.name for spec in fields(kind)]  # type: ignore[arg-type]  # rows are dataclasses
    try:
        table = pd.read_csv(path)
        return [kind(**{name: row[name] for name in names}) for row in table.to_dict("records")]
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} holds no trainings of this study ({error}); name another folder") from None


def run(
    tasks: Sequence[T],
    data: Dataset,
    path: Path,
    workers: int,
    kind: type[R],
    perform: Callable[[T, Dataset], R],
) -> Iterator[R]:
    """Do what is missing, in the order of the tasks, adding each row to the file as it is finished, and yield it.

    Raises UserError where the file's rows were trained on other data.
    """
    done = read(path, kind)
    if any(row.data != data.fingerprint for row in done):
        raise UserError(f"{path}: trained on other data than {data.name} ({data.fingerprint}); name another")
    missing = [task for task in tasks if task not in {row.task for row in done}]
    if not done:
        write_text(path, ",".join(spec.name for spec in fields(kind)) + "\n")  # type: ignore[arg-type]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(perform, task, data) for task in missing]):
            row = finished.result()
            with path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow(asdict(row).values())  # type: ignore[call-overload]
            yield row
