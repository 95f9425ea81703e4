"""`python -m nas.predict CHECKPOINT IMAGE|FOLDER...`."""

from nas.console import commands
from nas.predict.request import PredictRequest


def main(request: PredictRequest) -> int:
    """Name the classes of images; of class folders also how often that is right, and where it is not.

    Exit code 1 where an image could not be read.
    """
    from nas.predict.run import carry_out  # takes long to import, which --help need not wait for

    return carry_out(request)


if __name__ == "__main__":
    commands.run(main, PredictRequest)
