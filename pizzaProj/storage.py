"""Give static files hashed names in production, so that browsers keep each file until its content changes."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Rewrite imports between scripts to hashed names, too."""

    support_js_module_import_aggregation = True
    # A name depends on the names of all imported files, so each level of imports can need another pass.
    max_post_process_passes = 20
