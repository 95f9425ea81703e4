"""`python -m nas.search --budget 300MFLOPs`."""

from nas.console import commands
from nas.search.request import Request


def main(request: Request) -> int:
    """Search for the best networks under a budget; writes a front, tables and pictures into a folder.

    Costs are counted at 224x224, 1000 classes and batch 1 unless told otherwise, as in the papers' tables.
    """
    from nas.search.run import carry_out  # takes long to import, which --help need not wait for

    run = carry_out(request)
    return commands.ended("search", run.folder, run.ending or "done")


if __name__ == "__main__":
    commands.run(main, Request)
