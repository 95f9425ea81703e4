"""`python -m nas.train NETWORK`: "retrain the winner"."""

from nas.console import commands
from nas.train.request import TrainRequest


def main(request: TrainRequest) -> int:
    """Train a network at length and report its accuracy on the validation and on the held-out test images."""
    from nas.train.run import carry_out  # takes long to import, which --help need not wait for

    return carry_out(request)


if __name__ == "__main__":
    commands.run(main, TrainRequest)
