"""Where the files that ship with the twin lie: beside `twin/` in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

from twin.core.errors import AssetError, nearest

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(kind: str = "assets") -> Path:
    """The folder `assets` or `scenarios`; raises `AssetError` where the installation has none."""
    for folder in (_PACKAGE / f"_{kind}", _PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise AssetError(f"this installation of the twin has no {kind}/ folder; reinstall it or run from a checkout")


def asset(path: str) -> Path:
    """The file `path`, relative to the assets (`robots/ur3.xml`); `AssetError` names the nearest one that exists."""
    base = shipped("assets")
    found = (base / path).resolve()
    if found.is_relative_to(base.resolve()) and found.is_file():
        return found
    known = (file.relative_to(base).as_posix() for file in base.rglob("*") if file.is_file())
    raise AssetError(f"asset {path!r} does not exist{nearest(path, known, what='assets')}")


def names(folder: str, suffix: str, kind: str = "assets") -> dict[str, Path]:
    """The shipped files of a folder by their name without `suffix`, sorted: `names("maps", ".yaml")`."""
    found = (shipped(kind) / folder).glob(f"*{suffix}")
    return {path.name.removesuffix(suffix): path for path in sorted(found)}


def named(folder: str, name: str, suffix: str, kind: str = "assets") -> Path:
    """One shipped file by name; raises `AssetError` with the known names and the nearest one."""
    known = names(folder, suffix, kind)
    if name not in known:
        raise AssetError(f"{folder}: no {name!r} ships with the twin{nearest(name, known)}")
    return known[name]
