"""Write a run's tables, pictures and page anew, from its study alone, and print what it came to.

python -m nas.report results/my-run
python -m nas.report results/my-run results/another     lays the fronts of several searches over each other
"""

from pathlib import Path
from typing import Annotated

import typer

from nas.console.terminal import say


def main(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
    out: Annotated[
        Path, typer.Option(help="Of several runs: names the two files, OUT.html and OUT.png.")
    ] = Path("overlay"),
) -> None:
    """Write the tables and pictures of a search, a comparison or an ablation anew; of several searches, one page."""
    if len(runs) == 1:
        from nas.report.single import rewrite

        rewrite(runs[0], storage)
        return
    from nas.report.several import overlay
    from nas.search.record import open_run
    from nas.search.results import results

    say(overlay([(str(run), results(open_run(run, storage))) for run in runs], out))


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
