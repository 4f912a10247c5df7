"""The rivals live in an environment of their own, or the bench says in a line why they can't."""

import hashlib
import sys

import pytest

from benchmarks.engines import environment


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "FOLDER", tmp_path / "environment")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / "environment/bin/python")
    monkeypatch.setattr(environment, "STAMP", tmp_path / "environment/.installed")
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    environment.REQUIREMENTS.write_text("-r missing.txt\n")
    return tmp_path / "environment"


@pytest.mark.slow
def test_what_pip_says_is_the_reason(folder):
    with pytest.raises(environment.NotInstalled, match=r"Could not open requirements file.*missing\.txt"):
        environment.install()
    assert not environment.STAMP.exists()


def test_it_is_installed_once(folder):
    folder.mkdir()
    digest = hashlib.sha256(environment.REQUIREMENTS.read_bytes() + sys.version.encode())
    environment.STAMP.write_text(digest.hexdigest())
    environment.install()
    assert list(folder.iterdir()) == [environment.STAMP]
