"""Turn the shop's own configuration of nginx into one for this machine: other ports and folders, nothing else."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = (ROOT / "proxy/nginx.conf").read_text()
# Older versions of nginx can't look names up again, so here the addresses stand in place of the name.
RESOLVER = r"resolver \S+ valid=5s;"
BY_NAME = re.compile(r"server web:8000 resolve (.*?);")


def program() -> str | None:
    """Return the path of nginx, None where there is none. It is often where only root looks for programs."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def configuration(folder: Path, port: int, webs: Sequence[int], text: str = SHIPPED) -> str:
    """Return the shipped configuration with nginx at a port of this machine, in a folder, before webs at theirs."""
    servers = "\n".join(rf"server 127.0.0.1:{web} \1;" for web in webs)
    changes: list[tuple[str | re.Pattern[str], str]] = [
        (RESOLVER, ""),
        (BY_NAME, servers),
        (r"listen 8080;", f"listen 127.0.0.1:{port};"),
        (r" /tmp/", f" {folder}/"),
        (r" /etc/nginx/trusted/", f" {folder}/trusted/"),
        (r"/dev/stdout", f"{folder}/failures.log"),
        (r"/dev/stderr", f"{folder}/errors.log"),
        (r" /shop/", f" {folder}/"),
    ]
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        if not count:
            raise ValueError(f"There is no {pattern} in proxy/nginx.conf.")
    return text


def command(folder: Path, port: int, webs: Sequence[int], text: str = SHIPPED) -> list[str]:
    """Write the configuration and return the command that runs nginx with it, as a child that stays in front."""
    path = folder / "nginx.conf"
    path.write_text(configuration(folder, port, webs, text))
    nginx = program()
    if nginx is None:
        raise FileNotFoundError("nginx is not installed.")
    ours = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"  # root's would run as nobody
    return [nginx, "-p", str(folder), "-e", str(folder / "errors.log"), "-c", str(path), "-g", ours]
