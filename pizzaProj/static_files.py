"""Serve static files with WhiteNoise: those under a hashed name for good, compressed if the browser takes that."""

from whitenoise.middleware import WhiteNoiseMiddleware

YEAR_SECONDS = 365 * 24 * 3600


class StaticFiles(WhiteNoiseMiddleware):
    """Say a year, which is the longest that the standard knows, and what the proxy says."""

    FOREVER = YEAR_SECONDS
