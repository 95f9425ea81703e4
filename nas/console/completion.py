"""Completion of `nas` in a shell: its script, and the words that may follow what was typed.

A command's words are read from its own `--help`, so that they need no second spelling.
"""

import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress

from nas.common.errors import UserError

SCRIPTS = {
    "bash": """_nas() {
    local IFS=$'\\n'
    COMPREPLY=( $(compgen -W "$(nas --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- \\
        "${COMP_WORDS[COMP_CWORD]}") )
}
complete -o default -F _nas nas
""",
    "zsh": """#compdef nas
_nas() {
    compadd -- ${(f)"$(nas --complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}
    _files
}
compdef _nas nas
""",
    "fish": """complete -c nas -a '(nas --complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
""",
}
"""To be read at the start of a shell: `eval "$(nas --completion bash)"`. Where nothing fits files are completed."""


def script(shell: str) -> str:
    """The text for a shell. Raises UserError for one that has none."""
    if shell not in SCRIPTS:
        raise UserError(f"--completion {shell}: expected {', '.join(SCRIPTS)}")
    return SCRIPTS[shell]


def following(
    typed: Sequence[str], commands: Mapping[str, str], run: Callable[[str], None], own: Sequence[str]
) -> list[str]:
    """The words that may stand where the last of `typed`, perhaps empty, is being typed.

    commands: the names of all. run: runs one with `sys.argv` as its command line. own: options of `nas` itself.
    """
    *before, begun = typed or [""]
    if not before:
        return [word for word in (*commands, *own) if word.startswith(begun)]
    name, *others = before
    if name not in commands:
        return []
    inner = others[:1] if others and not others[0].startswith("-") else []  # of a command that has commands
    for words in (inner, []):
        told = _help(name, words, run)
        if told:
            break
    return [word for word in _words(told) if word.startswith(begun)]


def _help(name: str, words: Sequence[str], run: Callable[[str], None]) -> str:
    """What a command says of itself; nothing where it does not know the words."""
    argv, said = sys.argv, io.StringIO()
    sys.argv = [f"nas {name}", *words, "--help"]
    try:
        with redirect_stdout(said), redirect_stderr(io.StringIO()), suppress(SystemExit):
            run(name)
    finally:
        sys.argv = argv
    return said.getvalue()


def _words(told: str) -> list[str]:
    """The options and the commands in a help text."""
    options = re.findall(r"^\s+(?:-\w, )?(--[a-z][\w-]*)", told, re.MULTILINE)
    _, _, commands = told.partition("Commands:\n")
    return [*re.findall(r"^  ([a-z][\w-]*)(?:  |$)", commands, re.MULTILINE), *options]
