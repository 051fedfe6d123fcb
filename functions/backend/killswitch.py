"""The budget's kill switch: once a month has cost what it may, no further GPU job is started.

    budget ── cost so far, several times a day ──▶ Pub/Sub budget-alerts ──▶ on_budget_alert ──▶ here

Below the budget nothing happens, at it the queues that lead to a GPU are paused. What runs goes on to its end, what
is asked for waits in Firestore and in the queues, nothing is lost. Nothing resumes them but a person
(docs/operating.md): while the budget stays as it is, the next message, minutes or hours later, pauses them again.

Only what Google bills counts. RunPod bills apart, from a prepaid balance; its hard limits are that and `workersMax`.
"""

from __future__ import annotations

import logging
from typing import Annotated

from msgspec import Meta, Struct, json

from backend.services import Services
from backend.settings import Settings

log = logging.getLogger(__name__)
Amount = Annotated[float, Meta(ge=0)]


class BudgetNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """The message of a Cloud Billing budget, as far as it decides anything. Amounts are in the budget's currency."""

    cost_amount: Amount
    budget_amount: Annotated[float, Meta(gt=0)]
    currency_code: str = ""

    @classmethod
    def decode(cls, data: bytes) -> BudgetNotice:
        """Raises msgspec.DecodeError (ValidationError included) for what is no such message."""
        return json.decode(data, type=cls)

    @property
    def spent(self) -> bool:
        return self.cost_amount >= self.budget_amount


def handle(services: Services, notice: BudgetNotice) -> None:
    """Pause the queues if the budget is spent; twice is once. Raises what Pub/Sub should deliver again."""
    if not notice.spent:
        return
    for queue in costly(services.settings()):
        services.queues().pause(queue)
    log.error("queues paused: the budget is spent")


def costly(settings: Settings) -> list[str]:
    """The queues whose tasks cost GPU time: the dispatcher's, and the GPU service's where it has one."""
    gpu = [settings.gpu_http_queue] if settings.gpu_backend == "http" else []
    return [settings.dispatch_queue, *gpu]
