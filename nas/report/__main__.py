"""Write a search's tables and pictures anew, from its study alone, and print its front; or lay several over each other.

python -m nas.report results/my-run
python -m nas.report results/my-run results/another
"""

from pathlib import Path
from typing import Annotated

import typer


def main(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
    out: Annotated[
        Path, typer.Option(help="Of several runs: names the two files, OUT.html and OUT.png.")
    ] = Path("overlay"),
) -> None:
    """Write the tables and pictures of a run anew and print its front; of several, lay their fronts over each other."""
    from rich.console import Console

    from nas.search.record import open_run
    from nas.search.results import results
    from nas.search.tables import print_summary, write_results

    found = [(str(run), results(open_run(run, storage))) for run in runs]
    if len(found) == 1:
        write_results(found[0][1], runs[0])
        print_summary(found[0][1], Console(), runs[0])
        return
    from nas.report.several import overlay

    print(overlay(found, out))


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
