from django.contrib.staticfiles.apps import StaticFilesConfig


class Collected(StaticFilesConfig):
    """Collect what a page can load: neither maps to the sources of minified scripts nor the same for other engines."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        *("*.map", "*.cjs", "*.cjs.js", "*.esm.js", "*.d.ts"),
        *("esm", "node", "browser"),  # axios for those
    ]
