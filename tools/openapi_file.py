"""`python -m tools.openapi_file`: writes docs/openapi.json, which tests hold the next version against."""

from __future__ import annotations

import json
from pathlib import Path

from backend.api import openapi
from backend.api.routes import every_route

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"

if __name__ == "__main__":
    FILE.write_text(json.dumps(openapi.document(every_route()), indent=1, ensure_ascii=False) + "\n")
