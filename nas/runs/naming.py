"""What a user may write where a network is expected.

A zoo name, an arch's text, a point of a run, or the name of a library's classifier.
"""

from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nas.common.decode import parsed
from nas.common.errors import UserError
from nas.common.fronts import front_mask
from nas.common.quantities import MACS
from nas.networks.references import Model, is_reference, reference
from search_spaces import Arch
from search_spaces import resolve as resolve_text

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


BEST = "best"
"""As in RUN@best: the most accurate trial of a run."""


def resolve(text: str) -> Model:
    """The network of a text, as every command takes it. Raises UserError where there is none.

    The arch of `mobilenet_v3_small_x0.5`, of `stem16_HS-ir16-...`, or of `results/my-run@17`: RUN@TRIAL is
    the arch of a trial in a run's folder; a baseline's name may stand for the number, and `best` for that of the most
    accurate. And the classifier of `torchvision:vgg16` or `timm:xception41`, which is none of our archs.
    """
    name = text.strip()
    if is_reference(name):
        return reference(name)
    run, at, point = text.rpartition("@")
    if at:
        return _point(Path(run), point)
    if _is_folder(name):
        raise UserError(f"{name} is a run and no network; name a point of it: {_front(Path(name))}")
    return resolve_text(text)


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except OSError:  # longer than any file's name: an arch's text may be
        return False


def settings_of(text: str) -> dict[str, Any]:
    """What defines the run of RUN@TRIAL, as its study stores it; empty for every other network.

    Raises UserError where the run cannot be read.
    """
    run, at, _ = text.strip().rpartition("@")
    if not at or is_reference(text.strip()):
        return {}
    from nas.runs.folders import find  # needs Optuna, which a zoo name does not
    from nas.runs.studies import find_studies

    study = find(Path(run), None, lambda url, name: find_studies(url, name, ("search",)))["search"]
    try:
        found = parsed(study.user_attrs["settings"])
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise UserError(f"the settings of the run of {text} cannot be read")
    return found


def _point(run: Path, point: str) -> Arch:
    """The arch of a trial's number, of a baseline's name, or of the best trial."""
    if point == BEST:
        return Arch.parse(_best(run).user_attrs["arch"])
    if point.isdecimal():
        known = {str(trial.number): trial for trial in _trials(run, "search")}
    else:
        known = {str(trial.user_attrs["name"]): trial for trial in _trials(run, "baselines")}
    if point not in known:
        raise UserError(
            f"{run}@{point}: the run {run} has no {point!r}; expected one of {', '.join(known) or 'none'}"
        )
    return Arch.parse(known[point].user_attrs["arch"])


def _best(run: Path) -> "FrozenTrial":
    """The most accurate trial of a run, of equal ones the cheapest: by what confirmed it where anything did."""
    from nas.runs.studies import accuracy_of, finished, is_over

    done = {trial.number: trial for trial in finished(_trials(run, "search"))}
    again: dict[int, list[float]] = defaultdict(list)
    for trial in _trials(run, "confirm"):
        if trial.user_attrs["of"] in done and is_over(trial):
            again[trial.user_attrs["of"]].append(accuracy_of(trial))
    known = {number: fmean(values) for number, values in again.items()}
    known = known or {number: trial.values[0] for number, trial in done.items()}
    if not known:
        raise UserError(f"{run}@{BEST}: none of its trials has finished yet")
    return done[max(known, key=lambda number: (known[number], -done[number].values[1]))]


def _front(run: Path) -> str:
    """The points of a run's front as they are named, each with its accuracy and size."""
    from nas.runs.studies import finished  # needs Optuna, which a zoo name does not

    done = finished(_trials(run, "search"))
    accuracies, costs = ([trial.values[i] for trial in done] for i in (0, 1))
    leading = [trial for trial, leads in zip(done, front_mask(accuracies, costs), strict=True) if leads]
    points = (
        f"{run}@{trial.number} ({trial.values[0]:.2%}, {MACS.show(trial.user_attrs['macs'])} {MACS.phrase})"
        for trial in sorted(leading, key=lambda trial: trial.values[1])
    )
    return ", ".join(points) or "none has finished yet"


def _trials(run: Path, kind: str) -> "list[FrozenTrial]":
    from nas.runs.folders import find  # needs Optuna, which a zoo name does not
    from nas.runs.sound import Sieve, StoredConfirmation, StoredTrial
    from nas.runs.studies import CONFIRMED, SEARCHED, current, find_studies, read

    optional = (kind,) if kind == "confirm" else ()
    wanted = ("search", "baselines") if optional else ("search", kind)
    studies = find(run, None, lambda url, name: find_studies(url, name, wanted, optional))
    if kind not in studies:
        return []
    sound = Sieve(studies[kind].study_name, StoredConfirmation if optional else StoredTrial)
    return current(sound(read(studies[kind])), CONFIRMED if optional else SEARCHED)
