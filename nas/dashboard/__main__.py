"""Watch a search on a page that follows it, until Ctrl-C; the search does not notice.

python -m nas.dashboard results/my-run
"""

from pathlib import Path
from typing import Annotated

import typer

from nas.console.terminal import say


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    storage: Annotated[str | None, typer.Option(help="Storage URL, where it is not in the folder.")] = None,
) -> None:
    """Serve a search's page on 127.0.0.1 while it runs; it follows the search and never writes to it."""
    from nas.dashboard.serving import LivePage, serve

    with serve(LivePage(run, storage), port) as address:
        say(f"{run} is shown at {address} until Ctrl-C")
        try:
            address.wait()
        except KeyboardInterrupt:
            say("the page is closed; the search goes on")


if __name__ == "__main__":
    from nas.console.commands import run as run_command

    run_command(main)
