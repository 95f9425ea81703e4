"""What a user may write where a network is expected.

A zoo name, an arch's text, a point of a run, or the name of a library's classifier.
"""

from pathlib import Path

from nas.common.errors import UserError
from nas.networks.references import Model, is_reference, reference
from search_spaces import Arch
from search_spaces import resolve as resolve_text


def resolve(text: str) -> Model:
    """The network of a text, as every command takes it. Raises UserError where there is none.

    The arch of `mobilenet_v3_small_x0.5`, of `stem16_HS-ir16-...`, or of `results/my-run@17`: RUN@TRIAL is
    the arch of a trial in a run's folder; a baseline's name may stand for the number. And the classifier of
    `torchvision:vgg16` or `timm:xception41`, which is none of our archs.
    """
    if is_reference(text.strip()):
        return reference(text.strip())
    run, at, trial = text.rpartition("@")
    if not at:
        return resolve_text(text)
    from nas.runs.folders import open_run  # needs Optuna, which a zoo name does not

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
