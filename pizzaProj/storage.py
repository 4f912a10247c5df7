"""Static files with hashed names, in production: a browser keeps each for ever, and a new version has a new name."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Scripts import each other by hashed names, too."""

    support_js_module_import_aggregation = True
    # A name depends on the names of everything that is imported, so each level of imports may need one more pass.
    max_post_process_passes = 20
