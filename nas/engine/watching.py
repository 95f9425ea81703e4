"""Ray's own processes, while it is in use: without them Ray ends this process, after a while and by its logs alone."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nas.console.terminal import say

_WATCHED = ("raylet", "gcs_server")
_EVERY = 0.5
"""Seconds; Ray itself takes some fifteen to see that it cannot go on."""


@contextmanager
def watched(under_way: Callable[[], int]) -> Iterator[None]:
    """Within the block: where one of the processes that this one started for Ray dies, say so and end, with 1.

    `under_way` says how many trainings are lost with it. A cluster's processes are not ours to watch.
    """
    from ray._private import worker

    node = getattr(worker, "_global_node", None)  # Ray has no public way to them
    started = getattr(node, "all_processes", {})
    processes = {name: info.process for name in _WATCHED for info in started.get(name, ())}
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(node, processes, under_way, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(node: Any, processes: dict[str, Any], under_way: Callable[[], int], over: threading.Event) -> None:
    while not over.wait(_EVERY):
        dead = [name for name, process in processes.items() if process.poll() is not None]
        if dead and not over.is_set():
            count = under_way()
            lost = f"{count} training{'s' * (count != 1)} under way {'are' if count != 1 else 'is'} cut off"
            say(
                f"\nerror: Ray's {dead[0]} has died: it was ended from outside, or memory was short; {lost}, all that "
                "had finished is kept; go on with --resume",
                err=True,
            )
            with suppress(Exception):
                node.kill_all_processes(check_alive=False, allow_graceful=False)
            os._exit(1)  # nothing of Ray's answers any more, and Ray would end us without a word
