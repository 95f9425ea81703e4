"""`python -m nas`: the commands. `python -m nas COMMAND ...` is `python -m nas.COMMAND ...`."""

import runpy
import sys
from difflib import get_close_matches

import nas
from nas.common.errors import UserError
from nas.console.commands import guarded


def main() -> None:
    """Run the command that the first word names, or list them all."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in nas.COMMANDS:
        sys.argv = [f"nas {name}", *sys.argv[2:]]
        runpy.run_module(f"nas.{name}", run_name="__main__", alter_sys=True)
    elif name == "--version":
        print(f"nas-search {nas.__version__}")
    elif name in ("--help", "-h"):
        width = max(map(len, nas.COMMANDS))
        print("python -m nas COMMAND [OPTIONS]; --help after a command tells its options\n")
        print("\n".join(f"  {command:<{width}}  {what}" for command, what in nas.COMMANDS.items()))
    else:
        near = get_close_matches(name, nas.COMMANDS, n=1) or nas.COMMANDS
        raise UserError(f"{name}: no such command; expected {', '.join(near)}")


if __name__ == "__main__":
    guarded(main)
