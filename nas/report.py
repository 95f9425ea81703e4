"""Write a search's tables and pictures anew, from its study alone, and print its front.

python -m nas.report results/my-run
"""

from pathlib import Path
from typing import Annotated

import typer


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")],
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
) -> None:
    """Write the tables and pictures of a run anew and print its front."""

    from rich.console import Console

    from nas.search.record import open_run
    from nas.search.results import results
    from nas.search.tables import print_summary, write_results

    record = open_run(run, storage)
    found = results(record)
    write_results(found, run)
    print_summary(found, Console(), run)


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
