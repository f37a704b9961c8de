"""The one error of the packaging code."""


class BuildFailed(Exception):
    """The packages cannot be built. The message says why and what to do about it; no traceback is of use."""
