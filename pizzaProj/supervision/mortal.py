"""Become a command that dies with its parent: `python mortal.py PARENT COMMAND ...`.

Only the child itself can ask the kernel for that. Doing it between fork and exec (`preexec_fn`) is unsafe in a parent
with threads, so the supervisor runs this file, which asks and then becomes the command.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # from Linux's prctl.h
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def end_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what asks the kernel, on Linux, to kill this process when its parent dies."""
    if PRCTL is None:
        return None

    def ask_kernel() -> None:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return ask_kernel


def mortal(command: list[str]) -> list[str]:
    """Return the command as a child of this process that dies with it; on Linux only, elsewhere as it is."""
    if PRCTL is None:
        return command
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    ask_kernel = end_with_parent(int(parent))
    assert ask_kernel is not None
    ask_kernel()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the command would inherit that
    os.execvp(command[0], command)
