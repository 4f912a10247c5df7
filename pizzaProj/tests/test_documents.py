"""The documents match the tree: what they name exists, and what exists is named."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from PIL import Image

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = (
    *("README.md", "DESIGN.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *("docs/operating.md", "docs/scaling.md"),
)
MADE = ("var/", "logs/", "media/", "/")  # in a data folder, or an address
MOST_FILES = {"a stage": 2, "a service-time distribution": 1, "a staff verb": 3, "another channel layer": 2}
TREE = re.compile(r"## The tree\n\n```\n(.*?)```", re.DOTALL)
FILM_BYTES = 1_500_000


def read(name):
    return (ROOT / name).read_text()


def named_paths(text):
    """Yield everything in backticks that looks like a file or a folder of the project."""
    for name in re.findall(r"`([\w./-]+)`", text):
        if not name.startswith(MADE) and (name.endswith((".py", ".md", ".toml", ".yml", "/")) or "/" in name):
            yield name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    text = read(document)
    folder = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [path for path in named_paths(text) if not (ROOT / path).exists()] == []
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(document):
    commands = set(re.findall(r"python3 run\.py (?:--data \S+ )?([a-z]\w*)", read(document)))
    assert commands <= {"test", *get_commands()}


def test_the_readme_lists_every_setting():
    asked = set(re.findall(r'(?:env\.\w+|switch|days)\(\s*"([A-Z_]+)"', read("pizzaProj/settings.py")))
    told = set(re.findall(r"^\| `([A-Z_]+)`", read("README.md"), re.MULTILINE))
    assert asked - told == {"DATABASE_PER_REQUEST"}  # asgi.py sets that one


def test_the_film_moves_and_is_small():
    path = ROOT / "docs/film.webp"
    with Image.open(path) as film:
        assert film.n_frames > 20
    assert path.stat().st_size < FILM_BYTES


# DESIGN's tree


def tree():
    """Yield the path of every entry in the tree, a module without its ending."""
    parent = ""
    for line in TREE.search(read("DESIGN.md"))[1].splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split()
        if line.startswith(" "):
            yield from (parent + name for name in names)
        else:
            parent = names[0]
            yield from names


def test_everything_in_the_tree_is_on_disk():
    missing = [
        entry for entry in tree() if not ((ROOT / entry).exists() or (ROOT / f"{entry.rstrip('/')}.py").exists())
    ]
    assert missing == []


def test_every_room_is_in_the_tree():
    rooms = {
        f"{path.parent.relative_to(ROOT)}/"
        for pattern in ("*/__init__.py", "kitchen/*/__init__.py")
        for path in ROOT.glob(pattern)
    }
    unseen = ("tests/", "migrations/", "management/", "node_modules/")
    assert {room for room in rooms if not room.endswith(unseen)} <= set(tree())


# CONTRIBUTING's table


def changes():
    """Return {change: [(file, what is changed in it)]}."""
    rows = re.findall(r"^\| (an?[^|]+) \| ([^|]+) \| [^|]+ \|$", read("CONTRIBUTING.md"), re.MULTILINE)
    return {change: re.findall(r"`([\w./-]+)` \(([^)]*)\)", files) for change, files in rows}


def test_the_usual_changes_touch_few_files():
    assert {change: len(files) <= MOST_FILES[change] for change, files in changes().items()} == dict.fromkeys(
        MOST_FILES, True
    )


def test_what_is_changed_in_a_file_is_in_it():
    names = [
        (path, name) for files in changes().values() for path, note in files for name in re.findall(r"`(\w+)`", note)
    ]
    assert names and [(path, name) for path, name in names if name not in read(path)] == []
