"""Runs the functions: `server.py SOCKET_FD THREADS`, in the functions' folder. A script, started by process.py.

As in production, functions-framework turns each function into a WSGI app and gunicorn serves it with one process of
many threads. Here one process serves every function, `/{entry point}/…` going to that function's app, and main.py is
executed once. `/__/functions.json` answers the functions' own manifest.

It imports nothing of localcloud, and neither its own folder nor the repository is on the path: what functions/ forgets
to bring along is missing here as it would be there.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

_SHIM = Path(__file__).parent / "shim" / "entry_points.py"
_LOCALCLOUD = Path(__file__).parents[1]  # its files are loaded by path: it is not on this process's
_REDIRECT = _LOCALCLOUD / "identity" / "redirect.py"
_PROCESS_FAULTS = _LOCALCLOUD / "process_faults.py"
_WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Entries:
    """The WSGI app that hands a request to the function whose name is the first part of the path."""

    def __init__(self, folder: Path) -> None:
        _load("redirect", _REDIRECT).install(os.environ)
        sys.path.insert(0, str(folder))
        faults = _load("process_faults", _PROCESS_FAULTS).install(os.environ)
        functions = _functions_of(_load("main", folder / "main.py"))
        self._manifest = _manifest(functions)
        self._apps = _apps(functions)
        if faults:
            self._apps = {name: faults.around_reply(app) for name, app in self._apps.items()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name, _, rest = environ["PATH_INFO"].removeprefix("/").partition("/")
        if app := self._apps.get(name):
            environ["PATH_INFO"] = f"/{rest}"
            return app(environ, start_response)
        found = (name, rest) == ("__", "functions.json")
        body = self._manifest if found else b"no such function"
        start_response("200 OK" if found else "404 Not Found", [("Content-Length", str(len(body)))])
        return [body]


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _functions_of(module: Any) -> dict[str, Any]:
    """By entry point; the rule of firebase_functions.private.serving.get_functions, without its second execution."""
    functions = (value for _, value in inspect.getmembers(module, inspect.isfunction))
    return {f.__firebase_endpoint__.entryPoint: f for f in functions if hasattr(f, "__firebase_endpoint__")}


def _manifest(functions: dict[str, Any]) -> bytes:
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415  after gunicorn's fork, like all that is heavy
    from firebase_functions.private.serving import functions_as_yaml  # noqa: PLC0415

    return json.dumps(yaml.safe_load(functions_as_yaml(functions))).encode()


def _apps(functions: dict[str, Any]) -> dict[str, _WsgiApp]:
    from functions_framework import create_app  # noqa: PLC0415

    apps = {}
    path_before = list(sys.path)
    for name, function in functions.items():
        is_event = getattr(function.__firebase_endpoint__, "eventTrigger", None)
        signature = "cloudevent" if is_event else "http"
        apps[name] = create_app(name, str(_SHIM), signature)  # type: ignore[no-untyped-call]
        # create_app leaves these as a deployed function has them; here they would name the last function only.
        os.environ.pop("FUNCTION_TARGET", None)
        os.environ.pop("FUNCTION_SIGNATURE_TYPE", None)
    sys.path[:] = path_before
    return apps


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, socket_fd: int, threads: int) -> None:
        self._options = {
            "bind": f"fd://{socket_fd}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": threads,
            "timeout": 0,  # the host enforces each function's own
            "graceful_timeout": 2,
            "keepalive": 90,  # longer than the host keeps idle connections: it never writes into a closing one
            "limit_request_line": 0,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Entries:
        return Entries(Path.cwd())


if __name__ == "__main__":
    Server(int(sys.argv[1]), int(sys.argv[2])).run()
