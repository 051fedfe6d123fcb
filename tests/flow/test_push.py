"""A phone that has written itself down hears that its story is ready: its own rules, the deployed function, our FCM."""

from __future__ import annotations

from google.cloud import firestore

from tests.cloud import Family, TestCloud, until


def test_a_phone_is_told_that_its_story_is_ready(family: Family, cloud: TestCloud) -> None:
    fcm = cloud.cloud.fcm
    token = cloud.call(fcm.register)
    device = {"token": token, "language": "de-AT", "platform": "ios", "updatedAt": firestore.SERVER_TIMESTAMP}
    family.phone.firestore.document(f"users/{family.user_id}/devices/phone").set(device)
    path = family.ask()
    assert family.finished(path)["status"] == "ready"
    until(lambda: cloud.call(fcm.shown_on, token), "the push", 60)
    until(lambda: "doneAt" in cloud.job_of(path).get("push", {}), "what is written down of it", 60)
    (shown,) = cloud.call(fcm.shown_on, token)
    assert shown["notification"] == {"title": "Deine Geschichte ist fertig", "body": "A story"}
    assert shown["data"]["requestPath"] == path
