"""One run of any kind: its files anew, from its study alone."""

from functools import partial
from pathlib import Path

from nas.ablate.run import tell as tell_ablation
from nas.compare.run import tell as tell_comparison
from nas.compare.trainings import Trainings
from nas.console.screen import SafeConsole
from nas.runs.folders import find
from nas.runs.studies import kinds_of
from nas.search.record import open_run
from nas.search.results import results
from nas.search.tables import print_summary, write_results


def rewrite(run: Path, storage: str | None = None) -> None:
    """Write the files of a search, a comparison or an ablation, and print them. Raises UserError for what is no run."""
    console = SafeConsole()
    kinds = find(run, storage, kinds_of)
    if "compare" in kinds:
        tell_comparison(find(run, storage, partial(Trainings.open, kind="compare")), run, console)
    elif "ablate" in kinds:
        tell_ablation(find(run, storage, partial(Trainings.open, kind="ablate")), run, console)
    else:
        found = results(open_run(run, storage))
        write_results(found, run)
        print_summary(found, console, run)
