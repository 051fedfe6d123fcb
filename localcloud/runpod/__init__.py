"""RunPod serverless on this machine: the public API on one side, the SDK's worker protocol on the other.

    client ── /run /status /cancel ──▶ public ─┐                    ┌─ worker ◀── job-take job-done ping ── the SDK
                                               ├──▶ hub ──▶ queue ◀─┤
                               webhook ◀───────┘   (one per endpoint)

`queue` decides and knows no I/O; `hub` keeps what it decided and wakes whoever waits; `server` puts them together.
"""

from localcloud.runpod.server import RunPodServer

__all__ = ["RunPodServer"]
