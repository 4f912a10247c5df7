"""Define the one exception whose text is meant for people."""


class Refused(Exception):
    """A request can't be fulfilled. The text says why, in a sentence for the person who asked."""
