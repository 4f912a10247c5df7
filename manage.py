#!/usr/bin/env python3
"""Run Django's command line. `python3 run.py COMMAND` calls this file inside the environment."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
    if sys.argv[1:2] == ["runserver"]:
        # runserver is the development server, which is useless without DEBUG.
        os.environ.setdefault("DEBUG", "true")
        os.environ.setdefault("DATABASE_PER_REQUEST", "true")
    if sys.argv[1:2] == ["restore"]:
        from pizzaProj import embedded

        embedded.makes_key = False  # the folder stays empty until the backup's own key is in it
    from broken import in_a_sentence, read_settings

    read_settings()
    from django.core.management import execute_from_command_line

    with in_a_sentence():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
