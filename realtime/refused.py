"""The one exception whose text is meant for people."""


class Refused(Exception):
    """It can't be done; the text says why, in a sentence for the person who asked."""
