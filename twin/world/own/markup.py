"""The XML of a robot from strangers: read with lines, includes put in place, everything refused that reaches out or blows up.

What MuJoCo gets to see afterwards is one text without includes, whose meshes and textures are handed to it by flat names:
the engine opens no file by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from twin.core.errors import Problem

MOST_ELEMENTS = 20_000
"""Of a model, replicas counted; a robot has some hundreds."""
MODEL_BYTES, ASSET_BYTES = 8_000_000, 64_000_000
"""Of one file of XML; of one mesh or texture."""
DEEPEST, MOST_PIXELS, LONGEST = 60, 4096, 200
FOLDERS = ("meshdir", "texturedir", "assetdir")
FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback", "filename")
MOMENTS = ("ixx", "iyy", "izz")
SOFT = ("flexcomp", "flex", "composite", "skin", "hfield", "plugin", "extension", "model", "attach", "deformable")
"""What a robot of rigid bodies does not have, and what would load more."""
READABLE = (".stl", ".obj", ".msh", ".png")


@dataclass
class Element:
    """One element, and where it stands."""

    tag: str
    attributes: dict[str, str]
    file: str
    line: int
    column: int
    children: list[Element] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """It and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class Markup:
    """A model as one text, the files it needs by the flat names that stand in it, and what is wrong with it.

    `files` maps every file that was read, by its path relative to the model's folder. `velocity` is that of the URDF's
    joints, by name, which MuJoCo does not read.
    """

    text: str = ""
    assets: dict[str, Path] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    velocity: dict[str, float] = field(default_factory=dict)


def read(file: Path, meshes: bool = True, shown: str | None = None) -> Markup:
    """The model in `file`, which messages call `shown`; never raises for what is in it."""
    reader = _Reader(file, shown or file.name, meshes)
    root = reader.parse(file, reader.shown)
    if root is not None:
        reader.model(root)
    return reader.markup


def own_files(file: Path, meshes: bool = True) -> dict[str, Path]:
    """Every file of a robot of one's own, by the names that runs and digests call them: `own/iiwa/model.urdf`."""
    return {f"own/{file.parent.name}/{name}": path for name, path in sorted(read(file, meshes).files.items())}


class _Refused(Exception):
    """Reading on makes no sense; the problem is noted."""


class _Reader:
    """Builds a `Markup` of one model."""

    def __init__(self, file: Path, shown: str, meshes: bool) -> None:
        self.root, self.file, self.shown, self.meshes = file.parent.resolve(), file, shown, meshes
        self.markup, self.elements = Markup(), 0
        self.open: list[Path] = []

    def refuse(self, at: Element, message: str) -> None:
        self.markup.problems.append(Problem(at.file, at.line, at.column, message))

    def parse(self, file: Path, shown: str) -> Element | None:
        """The root element of a file; None where it cannot be read."""
        try:
            with file.open("rb") as opened:
                raw = opened.read(MODEL_BYTES + 1)
        except OSError as error:
            self.markup.problems.append(Problem(shown, 0, 0, f"cannot be read: {error.strerror or error}"))
            return None
        self.markup.files[file.resolve().relative_to(self.root).as_posix()] = file
        if len(raw) > MODEL_BYTES:
            big = f"has more than {MODEL_BYTES / 1e6:.0f} MB; a robot's model has less"
            self.markup.problems.append(Problem(shown, 0, 0, big))
            return None
        try:
            return self._elements(raw, shown)
        except expat.ExpatError as error:
            message = f"not XML: {expat.errors.messages[error.code]}"
            self.markup.problems.append(Problem(shown, error.lineno, error.offset + 1, message))
        except (LookupError, ValueError) as error:
            self.markup.problems.append(Problem(shown, 1, 1, f"an encoding that nobody reads ({error}): save it as UTF-8"))
        except _Refused:
            pass  # the problem is noted
        return None

    def _elements(self, raw: bytes, shown: str) -> Element:
        parser, top = expat.ParserCreate(), Element("", {}, shown, 0, 0)
        parents = [top]

        def starts(tag: str, attributes: dict[str, str]) -> None:
            element = Element(tag, attributes, shown, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
            self.elements += 1
            if self.elements > MOST_ELEMENTS or len(parents) > DEEPEST:
                self.refuse(element, f"a robot has at most {MOST_ELEMENTS} elements, nested at most {DEEPEST} deep")
                raise _Refused
            parents[-1].children.append(element)
            parents.append(element)

        def doctype(*_: Any) -> None:
            at = Element("", {}, shown, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
            self.refuse(at, "a document type can define entities without end: take the <!DOCTYPE …> out")
            raise _Refused

        parser.StartElementHandler, parser.EndElementHandler = starts, lambda _: parents.pop()
        parser.StartDoctypeDeclHandler = doctype
        parser.Parse(raw, True)
        return top.children[0]

    def model(self, root: Element) -> None:
        """Check a whole model and make its text."""
        if root.tag not in ("mujoco", "robot"):
            self.refuse(root, f"<{root.tag}> is no robot: a URDF begins with <robot>, an MJCF file with <mujoco>")
            return
        urdf = root.tag == "robot"
        self.open.append(self.file.resolve())
        try:
            if not urdf:
                root.children = self._included(root.children)
            self._count(root)
        except _Refused:
            return
        self._shapes(root, urdf)
        folders = {} if urdf else self._folders(root)
        for element in root.walk():
            self._element(element, urdf, folders)
        if urdf:
            self._names(root)
            self._masses(root)
        self.markup.text = _text(root)

    def _included(self, children: list[Element]) -> list[Element]:
        """Elements with the content of included files in their place."""
        out: list[Element] = []
        for element in children:
            if element.tag != "include":
                element.children = self._included(element.children)
                out.append(element)
                continue
            name = element.attributes.get("file", "")
            path = self.within(element, name, self.file.parent)
            if path is None or path in self.open or len(self.open) > 10:
                if path is not None:
                    self.refuse(element, f"{name!r} includes itself, or is included more than 10 deep")
                raise _Refused
            top = self.parse(path, str(Path(self.shown).parent / name))
            if top is None:
                raise _Refused
            self.open.append(path)
            out += self._included(top.children)
            self.open.pop()
        return out

    def _count(self, element: Element, times: int = 1) -> int:
        """Elements that a model has once replicas are made; refuses too many of them."""
        total = times
        for child in element.children:
            copies = times
            if child.tag == "replicate":
                written = child.attributes.get("count", "1")
                if not (written.isascii() and written.isdigit()):
                    self.refuse(child, f"count: {written[:20]!r} is no whole number of replicas")
                    raise _Refused
                copies = times * (int(written) if len(written) < 9 else MOST_ELEMENTS)
            total += MOST_ELEMENTS + 1 if copies > MOST_ELEMENTS else self._count(child, copies)
            if total > MOST_ELEMENTS:
                self.refuse(child, f"makes more than {MOST_ELEMENTS} elements of this robot")
                raise _Refused
        return total

    def _shapes(self, root: Element, urdf: bool) -> None:
        """A URDF's visual shapes give way to its collision shapes, as MuJoCo has it; unwanted meshes go with all of theirs."""
        dropped = {"visual", "transmission", "gazebo", "texture", "mujoco"} if urdf else {"size"}
        for element in root.walk():
            element.children = [child for child in element.children if not (child.tag in dropped or self._unshaped(child))]

    def _unshaped(self, element: Element) -> bool:
        """Whether it is there for the sake of a mesh that is not wanted."""
        if self.meshes:
            return False
        of_mesh = element.tag in ("geom", "mesh") and bool({"mesh", "file", "vertex"} & element.attributes.keys())
        return of_mesh or (element.tag == "collision" and any(below.tag == "mesh" for below in element.walk()))

    def _folders(self, root: Element) -> dict[str, str]:
        """The folders of meshes and textures; taken out, since files get flat names."""
        found: dict[str, str] = {}
        for element in root.walk():
            if element.tag == "compiler":
                found |= {key: element.attributes.pop(key) for key in FOLDERS if key in element.attributes}
        return found

    def _element(self, element: Element, urdf: bool, folders: dict[str, str]) -> None:
        if not urdf and element.tag in SOFT:
            self.refuse(element, f"<{element.tag}> has no place in a robot of rigid bodies; take it out")
        if element.tag == "option" and "timestep" in element.attributes and not _positive(element.attributes["timestep"]):
            self.refuse(element, f"timestep: {element.attributes['timestep']!r} s is no positive time step")
        if element.tag == "texture" and any(_large(element.attributes.get(side, "")) for side in ("width", "height")):
            self.refuse(element, f"a texture of more than {MOST_PIXELS} pixels a side; a robot is painted with less")
        name = element.attributes.get("name", "")
        if len(name) > LONGEST or set(name) & set("<>&\"'") or not name.isprintable():
            self.refuse(element, f"name: {name[:30]!r} is no name that every engine reads: at most {LONGEST} plain characters")
        for key in FILES:
            if key in element.attributes:
                self._asset(element, key, urdf, folders)
        if urdf and element.tag == "joint":
            self._joint(element)

    def _asset(self, element: Element, key: str, urdf: bool, folders: dict[str, str]) -> None:
        """Give a file its flat name."""
        name = element.attributes[key]
        kind = folders.get("texturedir" if element.tag == "texture" else "meshdir", folders.get("assetdir", ""))
        if urdf and name.startswith(("package:", "model:")):
            package, _, rest = name.partition(":")[2].lstrip("/").partition("/")
            if len(package.encode()) > 255 or not (self.root / package).is_dir():
                mend = f"put its folder {package!r} beside {self.file.name}, or do without by `meshes: false` in the sidecar"
                self.refuse(element, f"{name!r} is in a ROS package, which nobody looks for here: {mend}")
                return
            name = f"{package}/{rest}"
        name = name.removeprefix("file://")
        path = self.within(element, name, self.file.parent / kind)
        if path is None:
            return
        if path.suffix.lower() not in READABLE:
            mend = "convert it to .stl or .obj, or do without by `meshes: false` in the sidecar"
            self.refuse(element, f"{name!r} is none of {', '.join(READABLE)}: {mend}")
            return
        if path.stat().st_size > ASSET_BYTES:
            self.refuse(element, f"{name!r} has more than {ASSET_BYTES / 1e6:.0f} MB")
            return
        if element.tag == "mesh" and not urdf:
            element.attributes.setdefault("name", path.stem)
        flat = "__".join((self.root.name, *path.relative_to(self.root).parts))
        element.attributes[key] = flat
        self.markup.assets[flat] = self.markup.files[path.relative_to(self.root).as_posix()] = path

    def within(self, element: Element, name: str, folder: Path) -> Path | None:
        """A file that an element names; None, and a problem, where it lies outside the robot's folder or does not exist."""
        if not name:
            self.refuse(element, f"<{element.tag}> names no file")
            return None
        try:
            path = (folder / name).resolve()
            there = path.is_file()
        except (OSError, RuntimeError) as error:  # a name that is too long, or links in a circle
            self.refuse(element, f"{name[:60]!r}… cannot be a file's name: {getattr(error, 'strerror', None) or error}")
            return None
        if not path.is_relative_to(self.root):
            self.refuse(element, f"{name!r} lies outside the robot's folder, and a model of strangers may not reach there")
        elif not there:
            mend = "" if element.tag == "include" else ", or do without by `meshes: false` in the sidecar"
            self.refuse(element, f"there is no {name!r} beside {self.file.name}: put it there{mend}")
        else:
            return path
        return None

    def _joint(self, joint: Element) -> None:
        for child in joint.children:
            if child.tag == "limit" and _positive(child.attributes.get("velocity", "")):
                self.markup.velocity[joint.attributes.get("name", "")] = float(child.attributes["velocity"])
            low, high = (_number(child.attributes.get(key, "")) for key in ("lower", "upper"))
            if child.tag == "limit" and low is not None and high is not None and low > high:
                self.refuse(child, f"lower {low:g} lies above upper {high:g}")

    def _names(self, root: Element) -> None:
        """No two links, and no two joints, are called the same."""
        seen: set[tuple[str, str]] = set()
        for part in root.children:
            name = part.tag, part.attributes.get("name", "")
            if part.tag in ("link", "joint") and name in seen:
                self.refuse(part, f"a second {part.tag} called {name[1]!r}")
            seen.add(name)

    def _masses(self, root: Element) -> None:
        """What moves by itself needs mass and inertia, or no physics can tell how fast."""
        links = {link.attributes.get("name"): link for link in root.children if link.tag == "link"}
        for joint in root.children:
            child = next((part.attributes.get("link") for part in joint.children if part.tag == "child"), None)
            if joint.tag != "joint" or joint.attributes.get("type") == "fixed" or child not in links:
                continue
            told = {part.tag: part.attributes for inertial in links[child].children if inertial.tag == "inertial"
                    for part in inertial.children}  # fmt: skip
            numbers = [told.get("mass", {}).get("value", ""), *(told.get("inertia", {}).get(key, "") for key in MOMENTS)]
            if not all(map(_positive, numbers)):
                name = joint.attributes.get("name", "")
                lacks = f"link {child!r} moves about joint {name!r} and has no mass or no inertia"
                self.refuse(links[child], f"{lacks}: give it an <inertial> with mass, ixx, iyy and izz greater than 0")


def _large(pixels: str) -> bool:
    return pixels.isascii() and pixels.isdigit() and (len(pixels) > 9 or int(pixels) > MOST_PIXELS)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _positive(text: str) -> bool:
    return 0.0 < (_number(text) or 0.0) < 1e9


def _text(root: Element) -> str:
    """XML again, every element on the line where it stood, so that the engine's complaints name the right one."""
    out: list[str] = []
    line = 1

    def write(element: Element) -> None:
        nonlocal line
        if element.file == root.file and element.line > line:
            out.append("\n" * (element.line - line))
            line = element.line
        attributes = "".join(f" {key}={quoteattr(value)}" for key, value in element.attributes.items())
        out.append(f"<{element.tag}{attributes}>")
        for child in element.children:
            write(child)
        out.append(f"</{element.tag}>")

    write(root)
    return "".join(out)
