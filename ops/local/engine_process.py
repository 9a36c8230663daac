"""The local engine's process: MiniStack, which also saves its state on a signal and stops with its parent.

MiniStack writes its state only at a clean stop. After a kill the pictures exist but their stack does not, and nothing
can be deployed over them. Therefore SIGUSR1 saves the state like a clean stop. When the parent is gone (killed, or its
terminal closed), the process stops itself cleanly.
"""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from ministack import app
from ministack.core.persistence import save_all

from ops.local import engine_logs

PARENT_CHECK_SECONDS = 1.0


def _save(_signal: int, _frame: FrameType | None) -> None:
    save_all(app._build_persistence_save_dict())  # noqa: SLF001  (MiniStack is pinned, and a test covers this)
    Path(os.environ["DARKROOM_SAVED_MARK"]).touch()


def _stop_without_parent(parent: int) -> None:
    waiting = threading.Event()
    while not waiting.wait(PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            with contextlib.suppress(ProcessLookupError):
                os.kill(os.getpid(), signal.SIGTERM)
            return


if __name__ == "__main__":
    # Functions run on the plain interpreter. In Darkroom's environment a function would find sources and packages that
    # its artifact lacks, and this mistake would show only on AWS.
    sys.executable = str(Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))
    signal.signal(signal.SIGUSR1, _save)
    engine_logs.install()
    threading.Thread(target=_stop_without_parent, args=(os.getppid(),), daemon=True).start()
    try:
        app.main()
    finally:  # Only a clean stop reaches this line.
        Path(os.environ["DARKROOM_STOPPED_MARK"]).touch()
