"""Locks on files that the system releases when their holder ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
from typing import TextIO

from vita.core.contract import UserError

WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # what a file system says that has none


def try_lock(handle: TextIO, shared: bool = False, elsewhere: str = "work in a folder on another one") -> bool:
    """Lock an open file for this process until it closes it or ends; False when another process holds it.

    shared: beside others that lock it so too. Raises UserError on a file system that has no locks; elsewhere: what to
    do then, in words.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        raise UserError(
            f"{handle.name}: this file system has no file locks ({error.strerror}), without which two processes could "
            f"take the same thing and spoil it; {elsewhere}, or have it mounted with locks (Lustre: option `flock`; "
            "NFS: its lock service)"
        ) from None
    return True
