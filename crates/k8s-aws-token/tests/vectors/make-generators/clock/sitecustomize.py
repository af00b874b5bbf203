"""Stops Python's clock at VECTORS_UNIX_TIME for the program that is started with this folder in PYTHONPATH.

Python imports `sitecustomize` before the program's first line, so the program itself runs as it was installed.
"""

import datetime
import os

_STOPPED = datetime.datetime.fromtimestamp(int(os.environ["VECTORS_UNIX_TIME"]), datetime.timezone.utc)


class _Stopped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return _STOPPED.astimezone(tz) if tz else _STOPPED.replace(tzinfo=None)

    @classmethod
    def utcnow(cls):
        return _STOPPED.replace(tzinfo=None)


datetime.datetime = _Stopped
