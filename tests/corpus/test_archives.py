"""Archives: whole ones come out whole, hostile ones write nothing where they shouldn't."""

from __future__ import annotations

import contextlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnmusic.corpus import archives
from rnnmusic.errors import InputError

FILES = {"tunes/a.mid": b"MThd" * 50, "tunes/deep/b é.mid": bytes(range(256)), "empty": b""}


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


FORMS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": lambda files: tarred(files, "w"),
    "tar.gz": lambda files: tarred(files, "w:gz"),
    "tar.bz2": lambda files: tarred(files, "w:bz2"),
    "tar.xz": lambda files: tarred(files, "w:xz"),
}


def unpack(folder: Path, content: bytes) -> tuple[archives.Unpacked, dict[str, bytes]]:
    file, target = folder / "archive", folder / "inside" / "target"
    file.write_bytes(content)
    target.mkdir(parents=True)
    result = archives.unpack(file, target)
    found = {p.relative_to(target).as_posix(): p for p in target.rglob("*") if p.is_file()}
    return result, {name: path.read_bytes() for name, path in found.items()}


def outside(folder: Path) -> set[str]:
    """What there is beside the archive and the folder it is unpacked to."""
    target = folder / "inside" / "target"
    paths = (p for p in folder.rglob("*") if p != target and target not in p.parents)
    return {p.name for p in paths} - {"archive", "inside"}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_come_out_whole(tmp_path: Path, form: str) -> None:
    result, found = unpack(tmp_path, FORMS[form](FILES))
    assert found == FILES
    assert result == (3, sum(map(len, FILES.values())), 0)


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "..\\evil", "\\evil"])
def test_nothing_leaves_the_folder(tmp_path: Path, form: str, name: str) -> None:
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack(tmp_path, FORMS[form]({"good.mid": b"x", name: b"evil"}))
    assert outside(tmp_path) == set()


def test_links_and_devices_of_a_tar_are_left_out(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind in (
            ("soft", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("disk", tarfile.BLKTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc"
            archive.addfile(info)
        below = tarfile.TarInfo("soft/passwd")
        below.size = 4
        archive.addfile(below, io.BytesIO(b"evil"))
    result, found = unpack(tmp_path, made.getvalue())
    assert found == {"soft/passwd": b"evil"}  # in a folder of our own, not through the link
    assert result.left_out == 4


def test_links_of_a_zip_are_left_out(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("a.mid", b"x")
    result, found = unpack(tmp_path, made.getvalue())
    assert (found, result.left_out) == ({"a.mid": b"x"}, 1)


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_bombs_stop_early(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    content = FORMS[form]({f"{i}.mid": bytes(4 << 20) for i in range(4)})
    assert len(content) < 20_000
    with pytest.raises(InputError, match="out of all proportion"):
        unpack(tmp_path, content)
    written = sum(p.stat().st_size for p in (tmp_path / "inside").rglob("*") if p.is_file())
    assert written <= max(1 << 20, 100 * len(content))


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_too_many_files_stop_early(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_FILES", 20)
    monkeypatch.setattr(archives, "LEAST_BYTES_PER_FILE", 1 << 20)
    with pytest.raises(InputError, match="more than 20 entries"):
        unpack(tmp_path, FORMS[form]({f"{i}.mid": b"" for i in range(100)}))
    assert sum(p.is_file() for p in (tmp_path / "inside").rglob("*")) <= 20


def test_an_encrypted_zip(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.mid": b"MThd"}))
    content[6] |= 1  # general purpose flags, of the entry and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="damaged"):
        unpack(tmp_path, bytes(content))


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 nor this"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="no zip or tar"):
        unpack(tmp_path, content)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_input_error_and_never_more(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(FORMS[data.draw(st.sampled_from(sorted(FORMS)))](FILES))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    folder = tmp_path_factory.mktemp("damaged")
    # OSError: a name that the file system refuses.
    with contextlib.suppress(InputError, OSError):
        unpack(folder, bytes(content[:cut]))
    assert outside(folder) == set()
