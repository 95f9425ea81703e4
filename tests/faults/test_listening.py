"""What listens during a search listens to this machine alone."""

import json
import subprocess
import sys

import pytest

LISTEN = """
import json
import psutil
from nas.engine.tune import _quieten, _ray

_quieten()
with _ray(1, 0):
    import ray

    ray.get(ray.remote(lambda: 1).remote())
    me = psutil.Process()
    found = [
        (process.name(), connection.laddr.ip)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_rays_servers_listen_on_the_loopback_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTEN], capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert {"gcs_server", "raylet"} <= {name for name, _ in found}
    assert {address.removeprefix("::ffff:") for _, address in found} == {"127.0.0.1"}
