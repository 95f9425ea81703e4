"""`python -m nas.search`."""

from nas.console.commands import run
from nas.search.run import main

if __name__ == "__main__":
    run(main)
