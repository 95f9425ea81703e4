"""glibc's allocator, told to keep what a training frees: the next step asks for the same sizes again.

By default it returns each large tensor to the system, which clears its pages anew when they are next touched.
"""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # malloc.h


def keep_memory() -> bool:
    """Keep, from now on, what this process frees; whether that could be arranged.

    Elsewhere than with glibc nothing happens. What is kept is at most what was once in use. One arena, so that
    a training finds what the one before it freed in another thread.
    """
    if not is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 1}
    done = [mallopt(name, value) for name, value in settings.items()]
    return all(done)


def is_glibc() -> bool:
    """Whether this process uses glibc; other C libraries accept such settings and do nothing."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    return hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt")
