"""A command's options, spelled once: fields of a frozen dataclass, each with its type and help.

The public function takes these fields (`takes`), and the command line is read from them (`nas.console.commands`).
Needs nothing heavy: every `--help` reads it.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin

from typer import Option
from typer.models import OptionInfo, ParameterInfo

from nas.common.errors import UserError
from nas.common.sizes import GivenSize, Rectangle

P = ParamSpec("P")
V = TypeVar("V")
R = TypeVar("R")

AnyPath = str | Path
Texts = str | Sequence[str]
"""One, or several: an option that can be repeated."""
COMMAS = object()
"""Beside an option of `Texts` in `Annotated`: written once, its texts separated by commas; none for "none"."""

Data = Annotated[str | None, Option(help="auto, cifar10, folder:PATH, list:FILE or digits. [auto]")]
DataRoot = Annotated[AnyPath | None, Option(help="Where CIFAR-10 is, or is downloaded to.")]
Split = Annotated[
    str | None,
    Option(help="Shares of training, validation and test, where the data have no parts: 0.8/0.1/0.1."),
]
Channels = Annotated[
    int | None,
    Option(
        help="Of the images: 1 makes colours grey, 3 makes grey RGB, another number is of bands, read as they are. "
        "[3, or as many as TIFFs of other bands have]"
    ),
]
SkipCorrupt = Annotated[bool, Option("--skip-corrupt", help="Leave corrupt images out.")]
DropDuplicates = Annotated[
    bool,
    Option(
        "--drop-duplicates",
        help="Leave out pictures that are there twice: in training what is held out too, every copy of what is in two "
        "classes, all but the first within a class.",
    ),
]
Folds = Annotated[
    int | None,
    Option(
        help="For few images: train each network so many times, validate on another part of them each time, and take "
        "the mean. [one split]"
    ),
]
PIXELS = "pixels of a side, or height x width as 64x128"
FIT = (
    "How images of other shapes come to the size: crop (the centre), pad (all of it, grey around) or stretch."
)
TrainResolution = Annotated[GivenSize | None, Option(help=f"What networks are trained at: {PIXELS}. [32]")]
Fit = Annotated[str | None, Option(help=f"{FIT} [crop]")]
Fidelity = Annotated[
    str | None,
    Option(
        help="How long each is trained: quick (20,000 images), standard (60,000), thorough (200,000); a search "
        "may climb a ladder (many quick, a third of them standard, a third of those thorough)."
    ),
]
Epochs = Annotated[float | None, Option(help="Or in epochs. [as standard, at most 10: 1.2 for CIFAR-10]")]
Subset = Annotated[float | None, Option(help="Share of the training images that is used. [1]")]
Recipe = Annotated[
    str | None, Option(help="How networks are trained, where it is to differ: lr=0.3,batch_size=256,...")
]
Metric = Annotated[
    str | None,
    Option(help="What networks are judged by: accuracy, balanced_accuracy, f1 or auroc. [accuracy]"),
]
ClassWeights = Annotated[
    str | None,
    Option(
        help="balanced: images of rare classes weigh more in the loss, so that all classes weigh the same."
    ),
]
Seed = Annotated[
    int | None, Option(help="From which all chance follows; the first, where there are several. [0]")
]
Seeds = Annotated[int | None, Option(help="Trainings of each network. [3]")]
Storage = Annotated[str | None, Option(help="Optuna storage URL. [a file in the folder]")]


@dataclass(frozen=True)
class Spelling:
    """How a field stands on the command line: the type that is read there, and typer's words."""

    kind: Any
    info: ParameterInfo

    def word(self, name: str) -> str:
        """How an option is written there."""
        declared = (getattr(self.info, "default", None), *(self.info.param_decls or ()))
        written = [one for one in declared if isinstance(one, str)]
        return written[0] if written else f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class CommandOptions:
    """What a command was given."""

    def given(self, *but: str) -> list[str]:
        """What differs from its default, as it is written on the command line, without the fields named `but`."""
        found: list[str] = []
        for field in fields(self):
            spelling, value = spelled(type(self)).get(field.name), getattr(self, field.name)
            if spelling and field.name not in but and value != field.default:
                named = isinstance(spelling.info, OptionInfo)  # an argument is given by itself
                found += [spelling.word(field.name)] if named else several(value)
        return found

    def line(self, *but: str) -> list[str]:
        """The words of the command line that says this, values and all, without the fields named `but`."""
        words: list[str] = []
        for field in fields(self):
            spelling, value = spelled(type(self)).get(field.name), getattr(self, field.name)
            if not spelling or field.name in but or value == field.default:
                continue
            plain = isinstance(value, int | float | Rectangle)
            given = [str(value)] if plain else list(several(value))
            if not isinstance(spelling.info, OptionInfo):
                words += given
            elif value is True:
                words.append(spelling.word(field.name))
            else:
                words += [part for one in given for part in (spelling.word(field.name), one)]
        return words


def spelled(request: type[CommandOptions]) -> dict[str, Spelling]:
    """The fields that the command line has; a class's own come before those of its bases."""
    found: dict[str, Spelling] = {}
    for owner in request.__mro__:
        for name, annotation in inspect.get_annotations(owner).items():
            words = getattr(annotation, "__metadata__", ())
            infos = [one for one in words if isinstance(one, ParameterInfo)]
            if infos and name not in found:
                kind = str | None if COMMAS in words else _read_as(get_args(annotation)[0])
                found[name] = Spelling(kind, infos[0])
    return found


def several(given: AnyPath | Sequence[AnyPath] | None) -> tuple[str, ...]:
    """The texts of an option that can be repeated."""
    if given is None:
        return ()
    return (str(given),) if isinstance(given, AnyPath) else tuple(map(str, given))


def deadline(minutes: float | None, began: float) -> float | None:
    """When `minutes` since `began` (of time.monotonic) are over. Raises UserError for what is no time."""
    if minutes is None:
        return None
    if not 0 < minutes < 1e6:
        raise UserError(f"--minutes {minutes:g}: expected a time above 0")
    return began + 60 * minutes


def separated(given: Texts) -> tuple[str, ...]:
    """The texts of an option beside COMMAS; none for "none"."""
    found = (
        tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given
    )
    return () if tuple(found) == ("none",) else tuple(found)


def _read_as(kind: Any) -> Any:
    """What a command line reads for a type: a path where it may be one, a list where there may be several."""
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if any(get_origin(part) is Sequence for part in parts):
        return list[str]
    if Rectangle in parts:
        return str | None if NoneType in parts else str
    return Path if Path in parts else kind


def takes(request: Callable[P, V]) -> Callable[[Callable[[V], R]], Callable[P, R]]:
    """A function of a request as a function of the request's fields."""

    def decorate(work: Callable[[V], R]) -> Callable[P, R]:
        @wraps(work)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return work(request(*args, **kwargs))

        call.__signature__ = inspect.signature(request)  # type: ignore[attr-defined]
        return call

    return decorate
