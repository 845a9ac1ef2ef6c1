"""Fetching: from a server that breaks off, changes its mind, refuses or isn't there."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnmusic.corpus import archives, downloads, split_files
from rnnmusic.corpus.fetch import fetch
from rnnmusic.corpus.manifests import Archive, Licence, Manifest
from rnnmusic.errors import DeviceError, InputError, RnnMusicError, UsageError

from .server import Site, serving
from .test_archives import zipped

NOISE = np.random.default_rng(0).bytes(300_000)
CONTENT = zipped({"tunes/a.mid": NOISE, "tunes/b.mid": b"MThd"})
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSE_S", 0.0)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(CONTENT) as site:
        yield site


def corpus(*urls: str, **archive: Any) -> Manifest:
    return Manifest(
        name="tunes",
        title="Some tunes",
        what="Tunes.",
        format="MIDI",
        homepage="",
        citation="",
        split="",
        build="",
        licence=Licence("CC BY 4.0", "Nearly everything."),
        archive=Archive(urls, **archive),
    )


def get(manifest: Manifest, folder: Path, **more: Any) -> Path:
    return fetch(manifest, folder, accepted_licence=True, **more)


def refused(manifest: Manifest, folder: Path, kind: type[RnnMusicError] = InputError) -> str:
    with pytest.raises(kind) as caught:
        get(manifest, folder)
    assert not (folder / "tunes").exists()
    assert not (folder / "tunes.json").exists()
    return str(caught.value)


def whole(music: Path) -> bool:
    files = {p.relative_to(music).as_posix(): p for p in music.rglob("*") if p.is_file()}
    return (
        sorted(files) == ["tunes/a.mid", "tunes/b.mid"]
        and files["tunes/a.mid"].read_bytes() == NOISE
    )


def offsets(site: Site) -> list[int]:
    return [int(wanted.strip("bytes=-") or 0) for wanted, _ in site.asked]


def test_a_corpus_comes_whole_with_its_receipt(site: Site, tmp_path: Path) -> None:
    manifest = corpus(site.address, sha256=SHA256, size_bytes=len(CONTENT))
    told: list[tuple[str, int, int | None]] = []
    music = get(manifest, tmp_path / "new" / "place", progress=lambda *row: told.append(row))
    assert music == tmp_path / "new" / "place" / "tunes"
    assert whole(music)
    receipt = json.loads((music.parent / "tunes.json").read_text())
    assert receipt["sha256"] == SHA256
    assert receipt["checksum"] == "as published"
    assert (receipt["url"], receipt["licence"]) == (site.address, "CC BY 4.0")
    assert (receipt["files"], receipt["left_out"]) == (2, 0)
    assert {p.name for p in music.parent.iterdir()} == {"tunes", "tunes.json", "tunes.zip"}
    for what in ("downloading", "checking", "unpacking"):
        rows = [(done, total) for name, done, total in told if name == what]
        assert rows == sorted(rows)
        assert rows[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    manifest = corpus(site.address)
    get(manifest, tmp_path)
    receipt = json.loads((tmp_path / "tunes.json").read_text())
    assert (receipt["sha256"], receipt["checksum"]) == (SHA256, "none published")
    assert get(manifest, tmp_path) == tmp_path / "tunes"
    assert len(site.asked) == 1
    shutil.rmtree(tmp_path / "tunes")
    assert whole(get(manifest, tmp_path))  # from the archive that was kept
    assert len(site.asked) == 1
    # The receipt of another version is none.
    with pytest.raises(InputError, match="isn't the archive that was published"):
        get(corpus(site.address, sha256="0" * 64), tmp_path)


def test_a_download_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000, 50_000, 1]
    assert whole(get(corpus(site.address, sha256=SHA256), tmp_path))
    assert offsets(site) == [0, 100_000, 150_000, 150_001]
    assert [condition for _, condition in site.asked] == ["", '"one"', '"one"', '"one"']


def test_another_call_goes_on_too(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000] + [0] * downloads.ATTEMPTS
    message = refused(corpus(site.address), tmp_path, DeviceError)
    assert "broke off" in message
    assert "100000 bytes" in message
    assert whole(get(corpus(site.address), tmp_path))
    assert offsets(site)[-1] == 100_000


def test_a_file_that_changed_starts_anew(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000] + [0] * downloads.ATTEMPTS
    refused(corpus(site.address), tmp_path, DeviceError)
    other = zipped({"tunes/a.mid": NOISE, "tunes/b.mid": b"new", "tunes/c.mid": NOISE[::-1]})
    site.content, site.etag = other, '"two"'
    get(corpus(site.address), tmp_path)
    assert offsets(site)[-1] == 100_000  # asked for the rest, on condition
    assert (tmp_path / "tunes.zip").read_bytes() == other


def test_a_file_that_became_shorter_starts_anew(site: Site, tmp_path: Path) -> None:
    site.cuts = [200_000] + [0] * downloads.ATTEMPTS
    refused(corpus(site.address), tmp_path, DeviceError)
    site.content = zipped({"tunes/c.mid": b"little"})
    get(corpus(site.address), tmp_path)
    assert (tmp_path / "tunes.zip").read_bytes() == site.content


@pytest.mark.parametrize("without", ["ranges", "validator", "lengths"])
def test_servers_without_frills(site: Site, tmp_path: Path, without: str) -> None:
    if without == "ranges":
        site.ranges = False
    elif without == "validator":
        site.etag = ""
    else:
        site.lengths = False
    site.cuts = [] if without == "lengths" else [100_000, 120_000]
    assert whole(get(corpus(site.address), tmp_path))
    if without == "validator":  # what has arrived may be of another version
        assert offsets(site) == [0, 0, 0]


def test_a_weak_etag_is_no_validator(site: Site, tmp_path: Path) -> None:
    site.etag, site.cuts = 'W/"one"', [100_000]
    assert whole(get(corpus(site.address), tmp_path))
    assert offsets(site) == [0, 0]


def test_a_server_that_sends_the_wrong_part(site: Site, tmp_path: Path) -> None:
    site.cuts, site.wrong_offset = [100_000], True
    assert whole(get(corpus(site.address, sha256=SHA256), tmp_path))
    assert offsets(site) == [0, 100_000, 0]


def test_a_server_that_has_to_be_asked_twice(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    assert whole(get(corpus(site.address), tmp_path))
    assert len(site.asked) == 3


@pytest.mark.parametrize("published", [{"sha256": "0" * 64}, {"md5": "0" * 32}])
def test_a_wrong_checksum(site: Site, tmp_path: Path, published: dict[str, str]) -> None:
    message = refused(corpus(site.address, **published), tmp_path)
    assert "isn't the archive that was published" in message
    assert "in place of 000" in message
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_size_is_seen_before_the_download(site: Site, tmp_path: Path) -> None:
    message = refused(corpus(site.address, size_bytes=len(CONTENT) + 1), tmp_path)
    assert "has changed" in message
    assert str(tmp_path / "tunes.zip") in message
    site.lengths = False
    assert "in place of" in refused(corpus(site.address, size_bytes=len(CONTENT) + 1), tmp_path)


def test_far_more_than_expected(site: Site, tmp_path: Path) -> None:
    assert "goes on" in refused(corpus(site.address, about_bytes=1000), tmp_path)
    site.lengths = False
    assert "goes on" in refused(corpus(site.address, about_bytes=1000), tmp_path)
    assert (tmp_path / "tunes.zip.part").stat().st_size <= 4000


def test_no_room_is_said_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "make room" in refused(corpus(site.address), tmp_path)


def test_refusals_say_what_to_do(site: Site, tmp_path: Path) -> None:
    site.statuses = [404]
    message = refused(corpus(site.address), tmp_path)
    assert "404" in message
    assert site.address in message
    assert f"put it at {tmp_path / 'tunes.zip'} and give the same command again" in message
    assert len(site.asked) == 1


def test_a_web_page_is_not_the_file(site: Site, tmp_path: Path) -> None:
    site.kind = "text/html; charset=utf-8"
    assert "web page" in refused(corpus(site.address), tmp_path)


def test_redirects_are_followed_to_the_web_alone(site: Site, tmp_path: Path) -> None:
    site.moved_to = site.address.replace("tunes.zip", "elsewhere.zip")
    site.cuts = [100_000]
    assert whole(get(corpus(site.address), tmp_path / "there"))
    assert (tmp_path / "there" / "tunes.zip").is_file()
    (tmp_path / "secret").write_bytes(CONTENT)
    for target in ((tmp_path / "secret").as_uri(), "ftp://127.0.0.1/tunes.zip"):
        site.moved_to = target
        message = refused(corpus(site.address), tmp_path)
        assert "isn't safe to follow" in message or "is not allowed" in message


def test_without_a_network(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/tunes.zip"
    message = refused(corpus(url), tmp_path, DeviceError)
    assert "no network" in message
    assert url in message
    assert f"put it at {tmp_path / 'tunes.zip'}" in message
    nowhere = "http://no-such-host.invalid/tunes.zip"
    assert "no-such-host" in refused(corpus(nowhere), tmp_path, DeviceError)


def test_mirrors_are_tried_in_turn(site: Site, tmp_path: Path) -> None:
    nowhere = "http://no-such-host.invalid/tunes.zip"
    assert whole(get(corpus(nowhere, site.address), tmp_path))
    assert json.loads((tmp_path / "tunes.json").read_text())["url"] == site.address
    site.statuses = [404]
    # A refusal tells more than silence.
    assert "404" in refused(corpus(nowhere, site.address), tmp_path / "other")


def test_an_archive_put_there_by_hand(tmp_path: Path) -> None:
    manifest = corpus("http://no-such-host.invalid/tunes.zip", sha256=SHA256)
    (tmp_path / "tunes.zip").write_bytes(CONTENT)
    assert whole(get(manifest, tmp_path))
    assert "by hand" in json.loads((tmp_path / "tunes.json").read_text())["url"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "tunes.zip").write_bytes(CONTENT[:-1])
    assert "delete it" in refused(manifest, other)
    assert (other / "tunes.zip").is_file()  # a person's file is theirs to delete


def test_folders_that_tell_the_split_become_a_table(tmp_path: Path) -> None:
    files = {f"Tunes/{split}/{i}.mid": b"x" for i, split in enumerate(("train", "valid", "test"))}
    with serving(zipped({**files, "Tunes/README": b"x"})) as site:
        get(replace(corpus(site.address), split="folders"), tmp_path)
    splits = split_files.read(tmp_path / "tunes.splits.csv")
    assert splits.names == ("Tunes/test/2.mid", "Tunes/train/0.mid", "Tunes/valid/1.mid")
    # However far down the build begins.
    assert splits.split_of("Tunes/valid/1.mid") == splits.split_of("valid/1.mid") == "valid"


def test_a_hostile_archive_leaves_nothing(tmp_path: Path) -> None:
    with serving(zipped({"good.mid": b"x", "../../evil": b"x"})) as site:
        assert "not to be trusted" in refused(corpus(site.address), tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("evil"))
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["tunes.zip"]


def test_a_bomb_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED_BYTES", 1 << 16)
    with serving(zipped({"bomb": bytes(8 << 20)})) as site:
        assert "out of all proportion" in refused(corpus(site.address), tmp_path)


def test_the_licence_comes_first(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"CC BY 4\.0: Nearly everything"):
        fetch(corpus(site.address), tmp_path, accepted_licence=False)
    assert not site.asked


def test_what_only_a_person_can_do(tmp_path: Path) -> None:
    manifest = replace(corpus("http://x.invalid/a.zip"), archive=None, by_hand="Ask them.")
    with pytest.raises(InputError, match=r"by a program\. Ask them"):
        get(manifest, tmp_path)


def test_a_folder_that_cannot_be(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="Can't write"):
        get(corpus(site.address), tmp_path / "file")
