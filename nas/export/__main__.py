"""`python -m nas.export CHECKPOINT`: "now run it on the device"."""

from nas.console import commands
from nas.export.request import ModelExportRequest


def main(request: ModelExportRequest) -> int:
    """Write a trained network for another runtime, compare the file with torch, and describe it in a card."""
    from nas.export.run import carry_out  # takes long to import, which --help need not wait for

    return carry_out(request)


if __name__ == "__main__":
    commands.run(main, ModelExportRequest)
