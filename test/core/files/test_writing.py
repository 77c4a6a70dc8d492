# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files out: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import resource
import threading

from focus_stacking_ros.core.files.errors import ImageFileError
from focus_stacking_ros.core.files.folder import image_files_in
from focus_stacking_ros.core.files.png_encoding import encode_png
from focus_stacking_ros.core.files.writing import write_files
from helpers.image_data import contents, picture, refusal
import pytest


def test_files_are_written_with_all_parents_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / 'a' / 'b'
    contents_of = {'bytes.bin': b'abc', 'array.png': encode_png(picture()), 'view': memoryview(
        b'xyz'), 'parts': (b'ab', memoryview(b'c')), 'empty': b'', 'large': bytes(3_000_000),
        'last': bytearray(b'q')}
    assert write_files(folder, {name: lambda name=name: contents_of[name]
                                for name in contents_of}) is None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: b''.join(content) if isinstance(content, tuple) else bytes(content)
        for name, content in contents_of.items()}


def test_old_files_are_replaced_and_others_left(tmp_path: Path) -> None:
    for name in ('a', 'other'):
        (tmp_path / name).write_text('an old and longer text')
    write_files(tmp_path, {'a': lambda: b'new', 'b': lambda: b'new'})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        'a': 'new', 'b': 'new', 'other': 'an old and longer text'}


def test_names_may_begin_with_a_subfolder(tmp_path: Path) -> None:
    folder = tmp_path / 'new'
    write_files(folder, {'a': lambda: b'a', 'steps/b': lambda: b'b', 'steps/c': lambda: b'c'})
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*')
            if path.is_file()} == {'a': b'a', 'steps/b': b'b', 'steps/c': b'c'}


def test_of_subfolders_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError('no content')
    for folder in (tmp_path / 'new', tmp_path):
        with pytest.raises(ValueError, match='no content'):
            write_files(folder, {'steps/a': bytes, 'steps/b': fail, 'c': bytes})
        assert list(tmp_path.iterdir()) == []
    (tmp_path / 'steps').write_text('a file in place of the folder')
    with pytest.raises(ImageFileError, match='cannot be written'):
        write_files(tmp_path, {'steps/a': bytes, 'c': bytes})
    assert [path.name for path in tmp_path.iterdir()] == ['steps']


@pytest.mark.parametrize('mask', [0o022, 0o027, 0o077, 0o002])
def test_files_have_the_permissions_of_any_new_file(tmp_path: Path, mask: int) -> None:
    (tmp_path / 'a').write_text('old')
    (tmp_path / 'a').chmod(0o600)
    before = os.umask(mask)
    try:
        (tmp_path / 'plain').write_text('')
        write_files(tmp_path, {'a': lambda: b'', 'b': lambda: b''})
        expected = (tmp_path / 'plain').stat().st_mode
        (tmp_path / 'afterwards').write_text('')
    finally:
        os.umask(before)
    assert expected & 0o777 == 0o666 & ~mask
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {expected}


def test_no_file_appears_before_the_last_content_is_there(tmp_path: Path) -> None:
    (tmp_path / 'b.png').write_bytes(b'old')
    seen = []

    def maker(name: str) -> Callable[[], bytes]:
        def make() -> bytes:
            images = image_files_in(tmp_path)
            seen.append({path.name: path.read_bytes() for path in images})
            return name.encode()
        return make
    names = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png']
    write_files(tmp_path, {name: maker(name) for name in names})
    assert seen == [{'b.png': b'old'}] * 5
    assert [path.name for path in image_files_in(tmp_path)] == names


def test_two_contents_are_made_at_a_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    threads = set()

    def make() -> bytes:
        threads.add(threading.get_ident())
        both.wait()  # breaks, and fails the test, where nobody else comes
        return b''
    write_files(tmp_path, {str(number): make for number in range(6)})
    assert len(threads) == 2


@pytest.mark.parametrize('bad', range(5))
@pytest.mark.parametrize('error', [ValueError('no'), ImageFileError('no'), MemoryError(),
                                   KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_a_content_that_cannot_be_made_leaves_everything_as_it_was(
        tmp_path: Path, bad: int, error: BaseException) -> None:
    for name in ('0', '3', 'other'):
        (tmp_path / name).write_text(f'old {name}')
    before = contents(tmp_path)

    def fail() -> bytes:
        raise error
    with pytest.raises(type(error)) as caught:
        write_files(tmp_path, {str(number): fail if number == bad else bytes
                               for number in range(5)})
    assert caught.value is error
    assert contents(tmp_path) == before


def test_a_failure_takes_back_the_folders_it_made_and_no_others(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise ValueError
    (tmp_path / 'there').mkdir()
    for folder in ('there', 'there/a/b/c', 'x/y'):
        with pytest.raises(ValueError, match=r'^$'):
            write_files(tmp_path / folder, {'a': bytes, 'b': fail})
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')] == ['there']


@pytest.mark.parametrize('size', [200_000, 10_000_000])
def test_a_disk_that_is_full_leaves_everything_as_it_was(tmp_path: Path, size: int) -> None:
    """A limit on the size of files stands in for the full disk: writing fails on the way."""
    (tmp_path / 'b').write_text('old')
    before = contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def reasons() -> Iterator[ImageFileError]:
        for folder in (tmp_path, tmp_path / 'made'):
            try:
                write_files(folder, {'a': lambda: b'a', 'b': lambda: bytes(size), 'c': bytes})
            except ImageFileError as error:
                yield error
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        errors = list(reasons())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for error, folder in zip(errors, (tmp_path, tmp_path / 'made'), strict=True):
        assert str(error) == f'{folder}: it cannot be written: File too large'
    assert contents(tmp_path) == before
    assert not (tmp_path / 'made').exists()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('in the way')
    (tmp_path / 'link').symlink_to(tmp_path / 'nowhere' / 'folder')
    before = contents(tmp_path)
    for name in ('file', 'file/below', 'file/below/that', 'link'):
        folder = tmp_path / name
        assert 'cannot be written' in refusal(
            lambda folder=folder: write_files(folder, {'a': bytes}), folder)
    assert contents(tmp_path) == before
    assert (tmp_path / 'link').is_symlink()


@pytest.mark.parametrize('name', ['a', 'b', 'c'])
def test_a_folder_where_a_file_should_be_leaves_everything_as_it_was(tmp_path: Path,
                                                                     name: str) -> None:
    for each in {'a', 'b', 'c'} - {name}:
        (tmp_path / each).write_text('old')
    (tmp_path / name).mkdir()
    before = contents(tmp_path)
    assert 'cannot be written' in refusal(
        lambda: write_files(tmp_path, {each: lambda: b'new' for each in 'abc'}), tmp_path / name)
    assert contents(tmp_path) == before


def test_a_name_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ('a' * 300)
    assert 'too long' in refusal(lambda: write_files(folder, {'a': bytes}), folder)


def test_a_folder_without_permission_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked'
    folder.mkdir(mode=0o500)
    assert 'Permission' in refusal(lambda: write_files(folder, {'a': bytes}), folder)
    assert list(folder.iterdir()) == []
    below = folder / 'below' / 'it'
    assert 'Permission' in refusal(lambda: write_files(below, {'a': bytes}), below)


def test_a_folder_that_cannot_be_reached_is_refused(ordinary_user: Path) -> None:
    folder = ordinary_user / 'locked' / 'folder'
    folder.mkdir(parents=True)
    folder.parent.chmod(0)
    assert 'Permission' in refusal(lambda: write_files(folder, {'a': bytes}), folder)
