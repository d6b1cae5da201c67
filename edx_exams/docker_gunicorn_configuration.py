# SPDX-License-Identifier: AGPL-3.0-only
"""Configuration of gunicorn in a container: `gunicorn -c edx_exams/docker_gunicorn_configuration.py edx_exams.wsgi`."""

import os
from typing import Any

bind = "0.0.0.0:18740"
#: Processes: two a core, as many as the container may use.
workers = int(os.environ.get("WEB_CONCURRENCY", 2 * len(os.sched_getaffinity(0))))
#: gunicorn's threaded worker, which refuses connections while it ends instead of cutting them.
worker_class = "edx_exams.gunicorn_worker.DrainingThreadWorker"
#: Requests that one process works on at a time: most of a request is waiting for the database.
threads = 4
#: Seconds after which a worker that gives no sign is replaced: longer than all tries to get a lock take.
timeout = 60
#: Seconds that requests in hand are given when the service is stopped.
graceful_timeout = 30
#: Seconds for which a proxy in front may keep a connection open.
keepalive = 75
#: Where a worker tells that it lives: memory, for a container's disk may be slow.
worker_tmp_dir = "/dev/shm"  # noqa: S108  (gunicorn makes a file of its own in it)
#: Requests are logged by the proxy in front, errors with the service's own lines.
accesslog = None
errorlog = "-"
#: No socket through which a running server is told what to do: the container's own signals are enough.
control_socket_disable = True


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that has ended, where `/metrics` sums over processes."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess  # noqa: PLC0415  (counts in that directory from its import on)

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
