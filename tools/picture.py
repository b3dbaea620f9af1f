"""The picture of a report that the README shows: ``make run``, and then ``python -m tools.picture``.

Needs Chromium (Debian: ``apt install chromium``), and draws what is at the top of the newest report of the workspace.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "report.png"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SIZE = "1200,900"  # pixels


def find_browser() -> str | None:
    """Returns the path of a Chromium, or None where there is none."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def main(workspace: Path) -> int:
    """Draws the picture and returns the exit code."""
    browser = find_browser()
    if browser is None:
        print("tools.picture: expected Chromium on the path, but found none; apt install chromium", file=sys.stderr)
        return 2
    from kerasline.pipeline.reports import find_report

    page = (find_report(workspace) / "index.html").resolve()
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"]
        picture = [f"--window-size={_SIZE}", f"--screenshot={PICTURE}", page.as_uri()]
        subprocess.run([browser, *options, *picture], check=True, capture_output=True)
    print(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "workspace")))
