"""`python -m nas.compare`."""

from nas.compare.run import main
from nas.console.commands import run

if __name__ == "__main__":
    run(main)
