# SPDX-License-Identifier: Apache-2.0
"""The system calls that a node is made with."""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWPID = 0x00020000, 0x02000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x1000, 0x4000, 1 << 18, 1 << 20
MNT_DETACH, PR_SET_PDEATHSIG, SYS_PIVOT_ROOT = 2, 1, 155
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    check(libc.unshare(flags), "unshare")


def mount(source, target, kind=None, flags=0, options=None):
    words = [os.fsencode(word) if word is not None else None for word in (source, target, kind, options)]
    result = libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    check(result, f"mount {kind or source} on {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def unmount(target):
    check(libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def switch_root(root):
    """Makes the mount point `root` the root of this mount namespace, and drops the old one."""
    os.chdir(root)
    check(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    unmount(".")


def die_with_parent(signal):
    check(libc.prctl(PR_SET_PDEATHSIG, signal), "prctl")
