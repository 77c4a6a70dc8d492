# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a release of the packages needs: manifests, changelogs, licences, branches, keys."""

from __future__ import annotations

from pathlib import Path
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import focus_stacking_ros
from focus_stacking_ros.version import __version__
import pytest

FOLDERS = {'focus_stacking_ros': '.', 'focus_stacking_accel': 'hw_accel',
           'focus_stacking_interfaces': 'interfaces'}
each_package = pytest.mark.parametrize('package', FOLDERS)
needs_git = pytest.mark.skipif(
    shutil.which('git') is None or not (Path(__file__).parents[1] / '.git').exists(),
    reason='this is no checkout of git')


def test_the_packages_are_those_that_have_a_manifest(repository: Path) -> None:
    found = {path.parent for path in repository.glob('*/package.xml')} | {repository}
    assert found == {(repository / folder).resolve() for folder in FOLDERS.values()}


@each_package
def test_a_manifest_has_what_an_index_shows(repository: Path, package: str) -> None:
    folder = repository / FOLDERS[package]
    manifest = ElementTree.parse(folder / 'package.xml').getroot()
    assert (manifest.findtext('name'), manifest.findtext('version')) == (package, __version__)
    urls = {each.get('type'): each.text for each in manifest.iter('url')}
    assert urls == {'website': urls['repository'], 'repository': urls['repository'],
                    'bugtracker': urls['repository'] + '/issues'}
    licence = manifest.find('license')
    assert licence.text == 'Apache-2.0'
    # A release has the files of its folder only.
    assert (folder / licence.get('file')).read_bytes() == (repository / 'LICENSE').read_bytes()


def addresses(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(repository / '.ci' / 'addresses.py'), *arguments],
                          capture_output=True, text=True, check=False)


def test_all_addresses_are_set_by_one_command(repository: Path, tmp_path: Path) -> None:
    assert addresses(repository).returncode == 0  # all manifests have the same
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(repository / folder / 'package.xml', tmp_path / folder)
    root = '--root', str(tmp_path)
    url, somebody = 'https://git.example.org/a/b', 'somebody@example.org'
    assert addresses(repository, url, somebody, *root).returncode == 0
    for folder in FOLDERS.values():
        manifest = ElementTree.parse(tmp_path / folder / 'package.xml').getroot()
        assert [each.text for each in manifest.iter('url')] == [url, url, f'{url}/issues']
        assert manifest.find('maintainer').get('email') == somebody
    file = tmp_path / 'interfaces' / 'package.xml'
    file.write_text(file.read_text().replace(somebody, 'other@example.org'))
    done = addresses(repository, *root)
    assert (done.returncode, 'differ' in done.stderr) == (1, True)
    for wrong in (('https://git.example.org/a/', somebody), (url,), (url, 'nobody')):
        assert addresses(repository, *wrong, *root).returncode == 2


@each_package
def test_a_changelog_is_made_of_versions_with_a_line_for_each_change(repository: Path,
                                                                     package: str) -> None:
    head, *sections = re.split(r'^(\w.*)\n-+\n', (
        repository / FOLDERS[package] / 'CHANGELOG.rst').read_text(), flags=re.MULTILINE)
    rule, title, same_rule = head.split('\n')[:3]
    assert title == f'Changelog for package {package}'
    assert rule == same_rule == '^' * len(title)
    titles, bodies = sections[::2], sections[1::2]
    assert titles[0] == 'Forthcoming' or titles[0].startswith(__version__)
    assert [each for each in titles[1:]
            if not re.fullmatch(r'\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)', each)] == []
    assert [line for body in bodies for line in body.splitlines()
            if line and not re.match(r'\* \S|  \S', line)] == []


@each_package
def test_a_release_can_rename_the_forthcoming_section(repository: Path, package: str) -> None:
    changelog = pytest.importorskip('catkin_pkg.changelog')
    from catkin_pkg.package_version import get_forthcoming_label, rename_section
    text = (repository / FOLDERS[package] / 'CHANGELOG.rst').read_text()
    label = get_forthcoming_label(text)
    released = re.findall(r'^(\d\S+) \(', text, re.MULTILINE)
    if label is not None:
        text = rename_section(text, label, '999.0.0 (2100-01-01)')
        released.insert(0, '999.0.0')
    read = changelog.populate_changelog_from_rst(changelog.Changelog(package), text)
    assert [version for version, _, _ in read.foreach_version(reverse=True)] == released != []


@needs_git
def test_bloom_finds_every_package_at_the_root_of_its_branch(repository: Path,
                                                             tmp_path: Path) -> None:
    find_packages = pytest.importorskip('catkin_pkg.packages').find_packages
    copy = tmp_path / 'copy'
    git = ['git', '-C', str(copy), '-c', 'user.name=a', '-c', 'user.email=a@b.org']
    subprocess.run(['git', 'clone', '--quiet', '--shared', '--no-checkout', str(repository),
                    str(copy)], check=True)
    # What is here, committed or not.
    names = subprocess.run(['git', 'ls-files', '-z', '--', 'hw_accel', 'interfaces'],
                           cwd=repository, check=True, capture_output=True, text=True).stdout
    for name in names.split('\0')[:-1]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, copy / name)
    subprocess.run([*git, 'add', 'hw_accel', 'interfaces'], check=True)
    subprocess.run([*git, 'commit', '--quiet', '--message', 'now', '--allow-empty'], check=True)
    said = [subprocess.run(['env', 'GIT_AUTHOR_NAME=a', 'GIT_AUTHOR_EMAIL=a@b.org',
                            'GIT_COMMITTER_NAME=a', 'GIT_COMMITTER_EMAIL=a@b.org',
                            str(repository / '.ci' / 'release_branches')], cwd=copy, check=True,
                           capture_output=True, text=True).stdout for _ in range(2)]
    assert len(said[0].splitlines()) == 2
    assert said[1].splitlines() == ['release/hw_accel has that already',
                                    'release/interfaces has that already']
    for package, folder in list(FOLDERS.items())[1:]:
        subprocess.run([*git, 'worktree', 'add', '--quiet', str(tmp_path / folder),
                        f'release/{folder}'], check=True)
        found = find_packages(str(tmp_path / folder))
        assert {name: one.name for name, one in found.items()} == {'.': package}
        assert {'LICENSE', 'CHANGELOG.rst'} <= {
            path.name for path in (tmp_path / folder).iterdir()}


@pytest.fixture
def rosdistro(repository: Path, tmp_path: Path) -> Path:
    """Return a folder in which all dependencies are known, those with python3 by rosdep."""
    keys = {each.text for folder in FOLDERS.values() for each in ElementTree.parse(
        repository / folder / 'package.xml').getroot() if each.tag.endswith('depend')}
    by_rosdep = sorted(key for key in keys if key.startswith('python3'))
    (tmp_path / 'rosdep').mkdir()
    (tmp_path / 'rosdep' / 'python.yaml').write_text(''.join(
        f'{key}:\n  ubuntu: [{key}]\n' for key in by_rosdep))
    (tmp_path / 'rosdep' / 'base.yaml').write_text(
        'other:\n  ubuntu:\n    "*": [other-dev]\n    jammy: null\n')
    for name in ('humble', 'jazzy', 'kilted', 'lyrical'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'distribution.yaml').write_text(
            'repositories:\n  all:\n    release:\n      version: 1.0.0-1\n      packages:\n'
            + ''.join(f'      - {key}\n' for key in sorted(keys - set(by_rosdep))))
    return tmp_path


def keys_of(repository: Path, rosdistro: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip('yaml')
    return subprocess.run([sys.executable, str(repository / '.ci' / 'rosdep_keys.py'),
                           str(rosdistro)], capture_output=True, text=True, check=False)


def test_keys_that_rosdep_or_a_distribution_knows_are_told(repository: Path, rosdistro: Path
                                                           ) -> None:
    done = keys_of(repository, rosdistro)
    assert (done.returncode, done.stderr) == (0, '')
    assert '| `python3-numpy` | python3-numpy | python3-numpy |' in done.stdout
    assert '`rclpy`' in done.stdout.splitlines()[-1]
    assert 'focus_stacking_interfaces' not in done.stdout


def test_a_key_that_one_distribution_does_not_know_fails(repository: Path, rosdistro: Path
                                                         ) -> None:
    file = rosdistro / 'humble' / 'distribution.yaml'
    file.write_text(file.read_text().replace('- rclpy\n', '- rclpy_of_old\n'))
    done = keys_of(repository, rosdistro)
    assert done.returncode == 1
    assert '| `rclpy` | **unknown** | a ROS package | a ROS package |' in done.stdout


def test_the_page_of_the_interface_has_all_of_it(repository: Path) -> None:
    page = (repository / 'docs' / 'api.md').read_text()
    assert sorted(re.findall(r'focus_stacking_ros\.(\w+)', page)) == sorted(
        focus_stacking_ros.__all__)


def test_every_page_is_in_the_guide(repository: Path) -> None:
    index = (repository / 'docs' / 'index.rst').read_text()
    assert [path.stem for path in sorted((repository / 'docs').glob('*.md'))
            if f'\n   {path.stem}\n' not in index] == []
