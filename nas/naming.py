"""What a user may write where an arch is expected: a zoo name, an arch's text, or a point of a run."""

from pathlib import Path

from nas.errors import UserError
from search_spaces import Arch
from search_spaces import resolve as resolve_text


def resolve(text: str) -> Arch:
    """The arch of `mobilenet_v3_small_x0.5`, of `stem16_HS-ir16-...`, or of `results/my-run@17`.

    RUN@TRIAL is the arch of a trial in a run's folder; a baseline's name may stand for the number. Raises
    UserError where there is none.
    """
    run, at, trial = text.rpartition("@")
    if not at:
        return resolve_text(text)
    from nas.runs import open_run  # needs Optuna, which a zoo name does not

    record = open_run(Path(run))
    if trial.isdecimal():
        known = {str(t.number): t for t in record.trials()}
    else:
        known = {str(t.user_attrs["name"]): t for t in record.trials("baselines")}
    if trial not in known:
        raise UserError(
            f"{text}: the run {run} has no {trial!r}; expected one of {', '.join(known) or 'none'}"
        )
    return Arch.parse(known[trial].user_attrs["arch"])
