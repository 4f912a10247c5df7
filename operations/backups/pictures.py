"""Copy the pictures, which come and go while the database is copied.

A picture's file is written before a row names it, and deleted after no row names it any more. So what a copy of the
database names was there at that moment: copied before it, or found right behind it.
"""

from pathlib import Path

from operations.backups import files

Mark = tuple[int, int]  # the size of a file and when it was last written


class Pictures:
    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = source, target
        self.marks: dict[str, Mark] = {}  # of each file that was copied, as it was then

    def copy(self) -> int:
        """Copy what is new, or was still being written last time; return how many that are."""
        return sum(self._copy(name) for name in list(files.within(self.source)))

    def _copy(self, name: str) -> bool:
        try:
            status = (self.source / name).stat()
            mark = status.st_size, status.st_mtime_ns
            if self.marks.get(name) == mark:
                return False
            path = self.target / name
            files.make_folders(path.parent, files.SECRET_FOLDER)
            files.copy(self.source / name, path)
            self.marks[name] = mark
        except FileNotFoundError:  # deleted just now; what was copied before stays
            return False
        return True

    def missing(self, named: set[str]) -> set[str]:
        return named - self.marks.keys()

    def forget_deleted(self, named: set[str]) -> None:
        """Leave out what was deleted before the copy of the database: people want it gone."""
        for name in [name for name in self.marks if name not in named and not (self.source / name).exists()]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        (self.target / name).unlink(missing_ok=True)
        self.marks.pop(name, None)
