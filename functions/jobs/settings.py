"""The settings that both deployables read: which project, which bucket."""

from __future__ import annotations

import dataclasses

from jobs.config import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedSettings:
    project: str = setting(
        "GOOGLE_CLOUD_PROJECT", "The Google Cloud project; in functions the platform says which.", also="GCLOUD_PROJECT"
    )
    r2_endpoint: str = setting("R2_ENDPOINT", "The account's S3 endpoint: `https://ACCOUNT.r2.cloudflarestorage.com`.")
    r2_bucket: str = setting("R2_BUCKET", "The bucket that holds recordings, voices and stories.")
    r2_access_key_id: str = setting("R2_ACCESS_KEY_ID", "R2 access key id.", secret=True)
    r2_secret_access_key: str = setting("R2_SECRET_ACCESS_KEY", "R2 secret access key.", secret=True)
