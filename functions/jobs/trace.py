"""The trace that a job is: one id for everything that is done and logged for it, wherever it is done.

Derived from the job's id, so nobody has to carry it: a task that was lost, a worker that knows nothing but the job, the
reconciler a day later, all write the same. The form is that of W3C Trace Context.
"""

from __future__ import annotations

import hashlib


def trace_id(job_id: str) -> str:
    """32 hexadecimal digits."""
    return _digest(f"trace {job_id}")[:32]


def span_id(job_id: str, name: str = "job") -> str:
    """16 hexadecimal digits: of the job as a whole, or of a part of it. The same however often it is reported."""
    return _digest(f"span {job_id} {name}")[:16]


def traceparent(job_id: str) -> str:
    """The header by which the platform's own requests join the trace."""
    return f"00-{trace_id(job_id)}-{span_id(job_id)}-01"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
