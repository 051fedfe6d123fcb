"""moto's S3 server as a process of its own: `python -P moto_process.py PORT`.

Only the S3 backend is loaded and nothing of ours: ready in about 1.5 s with some 85 MB. Objects above 5 MB lie in
unlinked temporary files, not in memory. Nobody but the gate should talk to it: it checks no signature.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path


def moto_server_argv(port: int) -> list[str]:
    """The command that serves S3 on 127.0.0.1:`port` until it is killed. It needs no environment and no folder."""
    # -P: this file's folder must not come first on sys.path, where its neighbours would hide other modules.
    return [sys.executable, "-P", str(Path(__file__).resolve()), str(port)]


def main(port: int) -> None:
    os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"  # path-style only, as R2's endpoint is used here
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # the gate answers for CORS
    # After the environment, which moto reads when it is imported.
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line per request
    app = create_backend_app("s3")
    app.debug = False
    make_server("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
