"""The strongest protection: a mount namespace in which every writable file system is covered by an overlay.

The process sees the whole machine as it is and may write wherever it could before, but what it writes goes into a
bounded ``tmpfs`` that vanishes with the process. This holds for native code and for subprocesses. Root needs nothing
for it; others need unprivileged user namespaces and Linux 6.6 (a ``tmpfs`` with user attributes, which overlayfs keeps
its marks in).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import linux

# Devices, processes, kernel objects and sockets are no files of the user's; they are passed through with all they
# contain ...
_PASSED_THROUGH = ("/dev", "/proc", "/sys", "/run")
# ... except for what may lie there after all: data sets in shared memory, removable media.
_COVERED_NEVERTHELESS = ("/dev/shm", "/run/media", "/run/mount")
_VIRTUAL_KINDS = frozenset(
    {
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
        "fuse.gvfsd-fuse",
        "fuse.portal",
    }
)


@dataclass(frozen=True)
class _Mount:
    path: str
    kind: str
    read_only: bool


def enter_overlay(layers: str, writable: str, trees: Sequence[str], size_bytes: int) -> None:
    """Move this single-threaded process into a namespace where only ``writable`` can really be changed.

    Args:
        layers: Empty directory to mount the bounded ``tmpfs`` on.
        writable: Existing directory that stays really writable.
        trees: Directories that must stay writable in appearance, if they exist and are.
        size_bytes: What the process may write in sum.

    Raises:
        OSError: The machine does not allow it. The process can go on, with its old root.
    """
    needs_user_namespace = os.geteuid() != 0
    linux.unshare_mounts(needs_user_namespace)
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    # The mounts are read after unsharing: only then are flags that are locked for this namespace seen as they are.
    mounts = _read_mounts()
    linux.mount("tmpfs", layers, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"size={size_bytes},mode=0700")
    trees = [path for path in trees if Path(path).is_dir()]
    if needs_user_namespace:
        # To write below a directory, overlayfs copies it, with its owner; one that belongs to somebody else (say /data
        # with /data/me in it) cannot be copied in a user namespace. A tree with a layer of its own needs no such copy.
        mounts |= {path: _Mount(path, "tree", read_only=False) for path in trees if path not in mounts}
    # A socket in a covered directory cannot be connected to, so /run is passed through even where it is no mount.
    mounts |= {path: _Mount(path, "tree", read_only=False) for path in ("/run",) if path not in mounts}
    assembly = _Assembly(layers, mounts, needs_user_namespace)
    assembly.check_attributes()
    assembly.place("/")
    for path in trees:
        if not assembly.is_covered(path) and os.access(path, os.W_OK):
            raise OSError(f"no overlay is possible over {path}")
    linux.mount(writable, assembly.target(writable), None, linux.MS_BIND | linux.MS_REC)
    linux.pivot_root(assembly.root)
    if needs_user_namespace:
        linux.drop_capabilities()


@dataclass
class _Assembly:
    """The new root while it is being put together below ``layers``."""

    layers: str
    mounts: dict[str, _Mount]
    in_user_namespace: bool
    covered: dict[str, bool] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.root = f"{self.layers}/root"
        Path(self.root).mkdir()

    def target(self, path: str) -> str:
        """Where ``path`` lies in the new root before the old one is left."""
        return self.root + path if path != "/" else self.root

    def is_covered(self, path: str) -> bool:
        """True when the innermost thing placed above ``path`` is an overlay."""
        while path not in self.covered and path != "/":
            path = os.path.dirname(path)  # noqa: PTH120
        return self.covered.get(path, False)

    def check_attributes(self) -> None:
        """Overlayfs marks replaced directories by extended attributes; without them deleting and remaking one fails."""
        if self.in_user_namespace:
            os.setxattr(self.root, "user.dlfix", b"1")
            os.removexattr(self.root, "user.dlfix")

    def place(self, path: str) -> None:
        """Put the tree at ``path`` and all mounts below it into the new root."""
        mount = self.mounts.get(path)
        below = self._mounts_directly_below(path)
        self.covered[path] = False
        if path in _PASSED_THROUGH:
            self._bind(path)
            below = [name for name in below if name.startswith(_COVERED_NEVERTHELESS)]
        elif mount is not None and (mount.read_only or mount.kind in _VIRTUAL_KINDS):
            self._bind(path)
        elif not Path(path).is_dir():  # a single file is the mount point, as containers do with /etc/hosts
            self._bind_read_only(path)
        elif self._overlay(path):
            self.covered[path] = True
        elif below:
            self._assemble(path)
            return
        else:
            self._bind_read_only(path)
        for name in below:
            self._place_mount(name)

    def _place_mount(self, path: str) -> None:
        try:
            self.place(path)
        except OSError:
            # A mount that can neither be covered nor be made read-only (or that has gone) is not shown at all.
            self.covered[path] = False

    def _overlay(self, path: str) -> bool:
        self.count += 1
        upper, work = Path(f"{self.layers}/{self.count}/upper"), Path(f"{self.layers}/{self.count}/work")
        descriptors = []
        try:
            upper.mkdir(parents=True)
            work.mkdir()
            state = os.stat(path)  # noqa: PTH116
            upper.chmod(stat.S_IMODE(state.st_mode))
            _take_owner(upper, state)
            # Through descriptors no character in a path needs escaping among the mount options.
            descriptors = [os.open(name, os.O_PATH) for name in (path, str(upper), str(work))]
            lower_, upper_, work_ = (f"/proc/self/fd/{number}" for number in descriptors)
            extra = "userxattr" if self.in_user_namespace else "redirect_dir=on"
            options = f"lowerdir={lower_},upperdir={upper_},workdir={work_},{extra}"
            linux.mount("overlay", self.target(path), "overlay", 0, options)
        except OSError:
            return False
        finally:
            for number in descriptors:
                os.close(number)
        return True

    def _assemble(self, path: str) -> None:
        """Build a directory out of its entries.

        A user namespace may not look under mounts it inherited, so it cannot cover a directory that holds some as a
        whole.
        """
        self.count += 1
        directory = f"{self.layers}/{self.count}"
        Path(directory).mkdir()
        Path(directory).chmod(stat.S_IMODE(os.stat(path).st_mode))  # noqa: PTH116
        linux.mount(directory, self.target(path), None, linux.MS_BIND)
        for entry in sorted(os.scandir(path), key=lambda item: item.name):
            target = Path(self.target(entry.path))
            if entry.is_symlink():
                target.symlink_to(os.readlink(entry.path))  # noqa: PTH115
            elif entry.is_dir():
                target.mkdir()
                self._place_mount(entry.path)
            elif entry.is_file():
                target.touch()
                self._place_mount(entry.path)

    def _bind(self, path: str) -> None:
        linux.mount(path, self.target(path), None, linux.MS_BIND | linux.MS_REC)

    def _bind_read_only(self, path: str) -> None:
        self._bind(path)
        # Flags the mount already has may be locked and must be repeated.
        flags = os.statvfs(path).f_flag
        keep = flags & (linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_NOATIME | linux.MS_NODIRATIME)
        keep |= linux.MS_RELATIME if flags & 0x1000 else 0  # ST_RELATIME
        try:
            linux.mount("none", self.target(path), None, linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | keep)
        except OSError:
            linux.unmount_lazily(self.target(path))
            raise

    def _mounts_directly_below(self, path: str) -> list[str]:
        prefix = path.rstrip("/") + "/"
        below = sorted(name for name in self.mounts if name.startswith(prefix) and name != path)
        direct: list[str] = []
        for name in below:
            if not any(name.startswith(upper + "/") for upper in direct):
                direct.append(name)
        return direct


def _take_owner(upper: Path, state: os.stat_result) -> None:
    with contextlib.suppress(OSError):  # an owner unknown to the user namespace; reading works all the same
        os.chown(upper, state.st_uid, state.st_gid)


def _read_mounts() -> dict[str, _Mount]:
    mounts = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind_fields = left.split(" "), right.split(" ")
        path = (
            fields[4].encode("latin-1", "surrogateescape").decode("unicode_escape") if "\\" in fields[4] else fields[4]
        )
        options = f"{fields[5]},{kind_fields[2] if len(kind_fields) > 2 else ''}".split(",")
        mounts[path] = _Mount(path, kind_fields[0], "ro" in options)  # the last one listed at a path lies on top
    return mounts
