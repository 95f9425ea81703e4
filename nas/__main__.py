"""`nas` and `python -m nas`: the commands. `nas COMMAND ...` is `python -m nas.COMMAND ...`."""

import runpy
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import nas
from nas.common.errors import UserError
from nas.console.commands import guarded
from nas.console.completion import SCRIPTS, following, script

OWN = {"--version": "the version", "--completion": f"a script for {', '.join(SCRIPTS)}"}


def main() -> None:
    """Run the command that the first word names, or list them all."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in nas.COMMANDS:
        sys.argv = [f"nas {name}", *sys.argv[2:]]
        _run(name)
    elif name == "--version":
        print(f"nas-search {nas.__version__}")
    elif name == "--completion":
        print(script(" ".join(sys.argv[2:3])), end="")
    elif name == "--complete":
        print("\n".join(following(sys.argv[2:], nas.COMMANDS, _run, (*OWN, "--help"))))
    elif name in ("--help", "-h"):
        print(_help())
    else:
        near = get_close_matches(name, nas.COMMANDS, n=1) or nas.COMMANDS
        raise UserError(f"{name}: no such command; expected {', '.join(near)}")


def run() -> NoReturn:
    """What `nas` in a shell does: `main`, with one line and an exit code for what goes wrong."""
    guarded(main)


def _run(name: str) -> None:
    runpy.run_module(f"nas.{name}", run_name="__main__", alter_sys=True)


def _help() -> str:
    called = "nas" if Path(sys.argv[0]).stem == "nas" else "python -m nas"
    rows = {**nas.COMMANDS, **OWN}
    width = max(map(len, rows))
    lines = [f"{called} COMMAND [OPTIONS]; --help after a command tells its options", ""]
    lines += [f"  {command:<{width}}  {what}" for command, what in nas.COMMANDS.items()]
    lines += ["", *(f"  {option:<{width}}  {what}" for option, what in OWN.items())]
    return "\n".join([*lines, f'  {"":<{width}}  as in: eval "$(nas --completion bash)"'])


if __name__ == "__main__":
    run()
