"""`rotate`: what is secret, how old it is, and another value for it.

    what we sign with      SECRET_KEY       NEW,OLD now; NEW alone when nothing that OLD has signed is left
    what two sides share   shared secret    made here, handed over by hand
    what others make       RunPod, R2, …    made there, brought here by --value-from-stdin

A new version counts for instances that start after it: deploy again, or wait until the old ones have gone.
"""

from __future__ import annotations

import secrets
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

from backend.services import Services
from jobs.errors import InvalidArgument, NotFound
from operations.results import Action, Result, Rows
from operations.secret_manager import SecretManager

COLUMNS = ("secret", "made by", "version", "since", "is")
_BYTES = 32
_REDEPLOY = "Deploy the functions again: running instances have the old value."


@dataclass(frozen=True)
class Secret:
    """`ours`: any random value does. `overlaps`: a list of values, the first of which signs."""

    name: str
    what: str
    steps: tuple[str, ...]
    ours: bool = False
    overlaps: bool = False


SECRETS = (
    Secret(
        "SECRET_KEY",
        "signs the access tokens of the HTTP API",
        (_REDEPLOY, "After REFRESH_TOKEN_EXPIRE_DAYS: `rotate SECRET_KEY --finish --yes`, and deploy again."),
        ours=True,
        overlaps=True,
    ),
    Secret(
        "DAEZEND_API_SHARED_SECRET",
        "internal services sign their calls with it, and we our webhooks",
        (
            "Tell the internal services the new value: `gcloud secrets versions access latest` shows it.",
            f"{_REDEPLOY} Do both at once: until then signatures of the other side are refused.",
        ),
        ours=True,
    ),
    Secret(
        "RUNPOD_API_KEY",
        "submits jobs to RunPod",
        (
            "Before: make a second key in RunPod's console, restricted to the endpoints, and give it by stdin.",
            _REDEPLOY,
            "Delete the old key in RunPod's console when no instance has it any more.",
        ),
    ),
    Secret(
        "R2_ACCESS_KEY_ID",
        "with R2_SECRET_ACCESS_KEY: reads and writes the bucket",
        (
            "Before: make a second R2 token in Cloudflare's console, for this bucket alone; give both of its halves.",
            f"{_REDEPLOY} Set both in the GPU endpoint's settings, too.",
            "Delete the old token when no instance has it; signed URLs made with it end then.",
        ),
    ),
    Secret("R2_SECRET_ACCESS_KEY", "see R2_ACCESS_KEY_ID", ("As for R2_ACCESS_KEY_ID: the two go together.",)),
    Secret(
        "RUNPOD_SECRET_Firebase",
        "the worker's service account, where the platform brings none; RunPod keeps it, not Secret Manager",
        (
            "`gcloud iam service-accounts keys create` makes another key of the worker's account.",
            "Set it as the secret Firebase in RunPod's console, and start the endpoint's workers anew.",
            "Delete the old key: `gcloud iam service-accounts keys delete`.",
        ),
    ),
)
_AT_RUNPOD = "RUNPOD_SECRET_Firebase"


def rotate(
    services: Services, given: Namespace, vault: SecretManager, stdin: Callable[[], str] = sys.stdin.readline
) -> Result:
    if given.secret is None:
        return Rows(COLUMNS, [_age(vault, secret) for secret in SECRETS], "rotate NAME says what to do about one.")
    secret = next((each for each in SECRETS if each.name == given.secret), None)
    if secret is None:
        raise InvalidArgument(f"The secret must be one of {', '.join(each.name for each in SECRETS)}.")
    del services
    steps = {f"step {number}": step for number, step in enumerate(secret.steps, 1)}
    if secret.name == _AT_RUNPOD:
        return Action(f"Replace {secret.name} by hand.", done=False, outcome=steps)
    if given.finish and not secret.overlaps:
        raise InvalidArgument(f"{secret.name} has one value at a time; there is nothing to finish.")
    if not (secret.ours or given.value_from_stdin) and given.yes:
        raise InvalidArgument(f"{secret.name} is made elsewhere; give it with --value-from-stdin.")
    says = "Leave only the newest value in" if given.finish else "Add a new value to"
    if not given.yes:
        return Action(f"{says} {secret.name} ({secret.what}).", done=False, outcome=steps)
    version = vault.add(secret.name, _value(secret, given, vault, stdin))
    return Action(f"{says} {secret.name}.", done=True, outcome={"version": version, **steps})


def _value(secret: Secret, given: Namespace, vault: SecretManager, stdin: Callable[[], str]) -> str:
    if given.finish:
        return vault.newest(secret.name).partition(",")[0]
    value = stdin().strip() if given.value_from_stdin else secrets.token_hex(_BYTES)
    if not value or "," in value:
        raise InvalidArgument("A secret's value is one line without commas.")
    if not secret.overlaps:
        return value
    try:
        return f"{value},{vault.newest(secret.name).partition(',')[0]}"
    except NotFound:
        return value


def _age(vault: SecretManager, secret: Secret) -> dict[str, str]:
    row = {"secret": secret.name, "made by": "us" if secret.ours else "others", "is": secret.what}
    if secret.name == _AT_RUNPOD:
        return {**row, "version": "at RunPod"}
    try:
        newest = next(iter(vault.versions(secret.name)), None)
    except NotFound:
        newest = None
    return {**row, "version": newest.number, "since": newest.created} if newest else {**row, "version": "none"}
