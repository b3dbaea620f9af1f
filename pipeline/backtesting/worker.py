"""Run as ``python -m kerasline.pipeline.backtesting.worker SOCKET``: takes tasks and answers them, a line of JSON each.

One process does many tasks, since loading TensorFlow takes longer than a small fit.
"""

from __future__ import annotations

import json
import socket
import sys
import traceback

from kerasline.components.core import follow_parent


def main() -> int:
    """Answers tasks until there are no more; returns the exit code."""
    follow_parent()
    from kerasline.pipeline.backtesting.trial import carry_out

    with socket.socket(fileno=int(sys.argv[1])) as connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            try:
                told = carry_out(json.loads(line))
            except Exception as error:
                traceback.print_exc()
                text = " ".join(str(error).split())[:500]
                told = {"error": f"{type(error).__name__}: {text}", "exit_code": 1}
            lines.write(json.dumps(told) + "\n")
            lines.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
