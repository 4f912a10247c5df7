"""What the web process has done before its first page."""

import os
import subprocess
import sys

from django.conf import settings

PROGRAM = """
import gc, sys
import pizzaProj.asgi
print("home.views" in sys.modules, "kitchen.board.views" in sys.modules, gc.get_freeze_count() > len(sys.modules))
"""


def test_pages_are_loaded_and_set_aside_from_the_collector_at_the_start():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True"] * 3, done.stderr
