"""What several tests of faults do: bound a piece of work, and let processes go at once."""

import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def bounded(seconds: float, megabytes: float) -> Iterator[None]:
    """What is done within takes no more of the processor, and no more memory than this process ever had."""
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - began < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < megabytes * 1024


def at_once(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Let processes that say "ready" and then wait for a line go together; what each said after that."""
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0].strip() for process in processes]
