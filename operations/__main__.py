"""`./dev ops`: the operator's tool. It acts as whoever runs it, on the project and bucket that the environment names.

For the local cloud, export what `./dev up` prints. What changes something is a dry run until `--yes` is added; answers
are tables, or one JSON document with `--json`. Exit status: 0; 1 where something is wrong (or is refused); 2 for usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from backend.google_access import GoogleAccess
from backend.services import Services
from jobs.documents import Status
from jobs.errors import StoryvoiceError
from jobs.model import Kind, State
from operations import (
    jobs_commands,
    queues_commands,
    requests_commands,
    rotation,
    usage_commands,
    users_commands,
    verification,
)
from operations.results import Action, Result, Rows, show
from operations.secret_manager import SCOPE, SecretManager

Command = Callable[[Services, argparse.Namespace], Result]


def main(arguments: Sequence[str] | None = None, services: Services | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        result = given.command(services or Services(os.environ), given)
    except StoryvoiceError as error:
        print(error.message, file=sys.stderr)  # noqa: T201  (this is what a tool is for)
        return 1
    show(result, sys.stdout, as_json=given.json)
    return result.exit_code if isinstance(result, Rows | Action) else 0


def _parser() -> argparse.ArgumentParser:
    # Custom sign-in may give a user any id.
    hyphens = "An id that begins with a hyphen is written --user=ID, or stands after a lone --."
    says = "See and steer what Storyvoice does."
    parser = argparse.ArgumentParser(prog="./dev ops", description=says, epilog=hyphens)
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    _jobs(_group(groups, "jobs", "what the GPU is to do, does and did"))
    _requests(_group(groups, "requests", "what users have asked for"))
    _users(_group(groups, "users", "quotas, what a user has, erasing a user"))
    _queues(_group(groups, "queues", "hold back what leads to a GPU, let it go, drain"))
    verify = _command(groups, "verify", verification.verify, "compare documents and objects, both ways", acts=True)
    verify.add_argument("--user", metavar="USER", help="only this user's")
    verify.add_argument("--sweep", action="store_true", help="delete what attempts that came to nothing have left")
    rotate = _command(groups, "rotate", _rotate, "secrets: how old they are, another value for one", acts=True)
    rotate.add_argument("secret", nargs="?", metavar="SECRET")
    rotate.add_argument("--value-from-stdin", action="store_true", help="for what is made elsewhere")
    rotate.add_argument("--finish", action="store_true", help="take the old value out, when nothing needs it any more")
    usage = _command(groups, "usage", usage_commands.usage, "use and cost by day and user")
    usage.add_argument("--since", type=date.fromisoformat, default=_today() - timedelta(days=6), metavar="DAY")
    usage.add_argument("--until", type=date.fromisoformat, default=_today(), metavar="DAY", help="with it; UTC")
    usage.add_argument("--user", metavar="USER")
    usage.add_argument("--gpu-second", type=float, metavar="DOLLARS", help="a worker's second, if not at list price")
    return parser


def _jobs(group: Any) -> None:
    listing = _command(group, "list", jobs_commands.list_jobs, "newest first", limited=True)
    listing.add_argument("--state", choices=[state.value for state in State])
    listing.add_argument("--kind", choices=[kind.value for kind in Kind])
    listing.add_argument("--user", metavar="USER")
    for name, command, says, acts in (
        ("show", jobs_commands.show_job, "everything about one, and where it is", False),
        ("cancel", jobs_commands.cancel_job, "for good", True),
        ("requeue", jobs_commands.requeue_job, "end the attempt that is under way, and begin the next", True),
        ("retry", jobs_commands.retry_job, "ask again for what failed or was cancelled", True),
    ):
        _command(group, name, command, says, acts=acts).add_argument("job", metavar="JOB", help="id, or request's path")


def _requests(group: Any) -> None:
    listing = _command(group, "list", requests_commands.list_requests, "newest first", limited=True)
    listing.add_argument("--user", metavar="USER")
    listing.add_argument("--status", choices=[Status.PENDING, Status.QUEUED, Status.RUNNING, *sorted(Status.TERMINAL)])
    listing.add_argument("--of", choices=["voices", "narrations"])
    _command(group, "show", requests_commands.show_request, "one").add_argument("request", metavar="PATH")


def _users(group: Any) -> None:
    _command(group, "quotas", users_commands.list_quotas, "who has used most today", limited=True)
    for name, command, says, acts in (
        ("show", users_commands.show_user, "quota, and how much there is of everything", False),
        ("reset-quota", users_commands.reset_quota, "the whole allowance again", True),
        ("erase", users_commands.erase_user, "everything, for good", True),
    ):
        _command(group, name, command, says, acts=acts).add_argument("user", metavar="USER")


def _queues(group: Any) -> None:
    _command(group, "list", queues_commands.list_queues, "paused or not, and what waits")
    for name, command, says in (
        ("pause", queues_commands.pause, "begin nothing more"),
        ("resume", queues_commands.resume, "go on"),
    ):
        which = _command(group, name, command, says, acts=True)
        which.add_argument("queue", nargs="?", metavar="QUEUE", help="all of them, if none is named")
    drain = _command(group, "drain", queues_commands.drain, "pause, and wait until nothing runs", acts=True)
    drain.add_argument("--seconds", type=int, default=900)


def _group(parent: Any, name: str, says: str) -> Any:
    return parent.add_parser(name, help=says, description=says).add_subparsers(metavar="COMMAND", required=True)


def _command(
    parent: Any, name: str, command: Command, says: str, *, acts: bool = False, limited: bool = False
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parent.add_parser(name, help=says, description=says)
    parser.set_defaults(command=command)
    parser.add_argument("--json", action="store_true", help="for scripts")
    if acts:
        parser.add_argument("--yes", action="store_true", help="do it; without, only say what would be done")
    if limited:
        parser.add_argument("--limit", type=int, default=50, metavar="ROWS")
    return parser


def _rotate(services: Services, given: argparse.Namespace) -> Result:
    vault = SecretManager(services.settings().project, GoogleAccess(SCOPE).token)
    return rotation.rotate(services, given, vault)


def _today() -> date:
    return datetime.now(UTC).date()


if __name__ == "__main__":
    sys.exit(main())
