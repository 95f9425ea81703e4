"""`python -m nas.ablate`."""

from nas.ablate.run import main
from nas.console.commands import run

if __name__ == "__main__":
    run(main)
