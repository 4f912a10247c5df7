"""Give static files hashed names and compress them, so that browsers get little and keep it until it changes."""

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

LARGE_BYTES = 80_000  # our pages load nothing larger; the API's description does
HARDEST, HARD = 11, 9  # Brotli's effort: the last two take nine times as long for a tenth
CSS = dict(CompressedManifestStaticFilesStorage.patterns)["*.css"]


class Thrifty(Compressor):
    """Compress what pages load as small as it gets, and the rest quickly: five seconds become one."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        import brotli  # whitenoise asks for it only where it is installed

        return bytes(brotli.compress(data, quality=HARD if len(data) > LARGE_BYTES else HARDEST))


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Rewrite imports between our scripts to hashed names, too. Keep no file under its plain name: nobody asks for it.

    Django would look for imports in all scripts and for maps to the sources of minified ones, which are not collected
    (apps.py). Ours alone are modules; the others are fifteen times as much to read, pass by pass.
    """

    # A name depends on the names of all imported files, so each level of imports can need another pass.
    max_post_process_passes = 20
    keep_only_hashed_files = True
    patterns = (
        ("*.css", tuple(one for one in CSS if "sourceMappingURL" not in str(one))),
        ("js/*.js", CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1]),
    )

    def create_compressor(self, **options: Any) -> Compressor:
        return Thrifty(**options)
