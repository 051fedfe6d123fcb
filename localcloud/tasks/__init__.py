"""Cloud Tasks v2 on this machine.

    client ── CreateTask ──▶ service ──▶ broker ──▶ queue (what is due?)     in memory, written through to state
                                            ▲          │
                                            │ outcome  ▼
                                         dispatcher ── HTTP ──▶ the task's URL

`queue` and what it is made of (`pacing`, `retry`) decide and know no I/O; `broker` owns every queue and what is kept of
them; `service` speaks gRPC, `dispatcher` HTTP; `server` puts them together.
"""

from localcloud.tasks.server import TasksServer

__all__ = ["TasksServer"]
