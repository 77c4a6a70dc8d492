# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Fixtures and rules of the tests.

Fixtures:

``ros_context``
    A `ros_helpers.RosContext`: an initialised ``rclpy.Context`` in a ROS domain that no other
    test uses at the same time, nor used just before; shut down afterwards.
``environment``
    Environment variables (a dict) for processes: the same ROS domain as ``ros_context``, discovery
    on this machine only, a log folder of their own, the package of this checkout; processes tell
    of themselves every 0.3 s instead of every 3 s (``quick_discovery.xml``).
``interfaces``
    Folder that focus_stacking_interfaces is installed in; it can be imported in this test, and by
    processes with ``environment``. Built once; skipped where there is nothing to build it with.
``ros_domain_id``
    The domain alone.
``shared_data``
    Folder of evaluation stacks: ``FOCUS_STACKING_DATA``, or ``../shared/data`` beside the
    repository; the test is skipped where there is none.
``repository``
    Root folder of the repository.

Rules: a test that needs ROS is marked ``@pytest.mark.ros`` (for a module:
``pytestmark = pytest.mark.ros``; using ``ros_context``, ``ros_domain_id`` or ``environment``
implies it) and imports rclpy and messages plainly. Without ROS it is skipped with the reason; with
``FOCUS_STACKING_REQUIRE_ROS=1`` in the environment that is an error instead, so that a CI run
cannot pass by testing nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
import gc
import importlib.util
import itertools
import os
from pathlib import Path
import re
import signal
import sys
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ROS_FIXTURES = {'environment', 'interfaces', 'ros_context', 'ros_domain_id'}
ROS_PACKAGES = ('builtin_interfaces', 'diagnostic_msgs', 'domain_coordinator', 'geometry_msgs',
                'lifecycle_msgs', 'rcl_interfaces', 'rclpy', 'sensor_msgs', 'std_msgs', 'std_srvs')
ROS_REQUIRED = os.environ.get('FOCUS_STACKING_REQUIRE_ROS', '0') not in {'', '0'}
DISCOVERY_VARIABLES = ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS')

#: What wraps a hook gets its outcome from where it yields.
Wrapper = Generator[None, Any, None]

DOMAINS = itertools.count(os.getpid())
#: Which of the processes of a run this is (pytest-xdist), and how many there are.
WORKER = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
WORKERS = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', '1'))
QUICK_DISCOVERY = Path(__file__).with_name('quick_discovery.xml')

# NumPy's linear algebra in one thread, here and in what is started: its threads wait for each
# other by spinning, which takes more time than the small products of the tests do, and that of
# the other processes. It reads this when NumPy is imported.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

# The tests test this checkout, also where another version is installed.
sys.path[:0] = [str(REPOSITORY), *(str(REPOSITORY / name) for name in ('test', 'test/benchmark'))]


def pytest_configure() -> None:
    """Stop at once where ROS is required and missing; listen to signals."""
    # What a shell starts in the background ignores SIGINT, with nohup SIGHUP: that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    missing = _missing_ros_packages()
    if ROS_REQUIRED and missing:
        raise pytest.UsageError('FOCUS_STACKING_REQUIRE_ROS is set, but these packages are '
                                f'missing: {", ".join(missing)}')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark the tests that use a ROS fixture, and skip them where ROS is missing.

    Those of whole systems come first: they wait more than they compute, and would be left over.
    """
    items.sort(key=lambda item: 'test/ros/system/' not in item.nodeid)
    missing = _missing_ros_packages()
    skip = pytest.mark.skip(reason=_skip_reason(missing))
    for item in items:
        if ROS_FIXTURES.intersection(getattr(item, 'fixturenames', ())):
            item.add_marker(pytest.mark.ros)
        if missing and item.get_closest_marker('ros'):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Leave the modules out of garbage collection, which then takes milliseconds."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Wrapper:
    """Where ROS is missing, skip a test module that imports it instead of failing it."""
    report = (yield).get_result()
    if report.outcome != 'failed' or not isinstance(collector, pytest.Module) or ROS_REQUIRED:
        return
    match = re.search(r"No module named '(\w+)", str(report.longrepr))
    if match and match.group(1) in ROS_PACKAGES:
        report.outcome = 'skipped'
        report.longrepr = (collector.nodeid, 0, f'Skipped: {_skip_reason([match.group(1)])}')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Wrapper:
    """Where ROS is required, turn the skip of a ROS test into a failure."""
    report = (yield).get_result()
    excused = (any(item.get_closest_marker(name) for name in ('launch', 'hosts', 'tf2'))
               or not {'interfaces', 'shared_data'}.isdisjoint(
                   getattr(item, 'fixturenames', ())))
    if (ROS_REQUIRED and report.skipped and not hasattr(report, 'wasxfail')
            and item.get_closest_marker('ros') and not excused):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = 'failed'
        report.longrepr = f'FOCUS_STACKING_REQUIRE_ROS is set, but this test skipped: {reason}'


@pytest.fixture(scope='session')
def repository() -> Path:
    """Root folder of the repository."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Folder of evaluation stacks, one per subfolder; skips where there is none."""
    default = REPOSITORY.parent / 'shared' / 'data'
    folder = Path(os.environ.get('FOCUS_STACKING_DATA') or default)
    if not folder.is_dir():
        pytest.skip(f'no evaluation data in {folder}; FOCUS_STACKING_DATA names another folder')
    return folder


@pytest.fixture
def ros_domain_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """
    Reserve a ROS domain, 1 to 100, for one test, with discovery limited to this machine.

    This process' own environment says the same, for code that initialises rclpy by default.
    """
    from domain_coordinator import domain_id

    for name in DISCOVERY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    # Exactly one of the two: the older variable overrides the newer one and warns on stderr.
    if importlib.util.find_spec('rclpy.event_handler') is not None:
        monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    else:  # ROS 2 Humble
        monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'ros_log'))
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(QUICK_DISCOVERY))
    with domain_id(_next_domain) as reserved:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(reserved))
        yield reserved


@pytest.fixture
def interfaces() -> Iterator[Path]:
    """Let the test import focus_stacking_interfaces; yields where it is installed."""
    from helpers.interfaces import built, importable, why_not

    if reason := why_not():
        pytest.skip(reason)
    prefix = built()
    with importable(prefix):
        yield prefix


@pytest.fixture
def environment(request: pytest.FixtureRequest, ros_domain_id: int) -> dict[str, str]:
    """Environment variables for a process in the ROS domain of this test."""
    variables = dict(os.environ, PYTHONUNBUFFERED='1')
    variables['PYTHONPATH'] = os.pathsep.join(
        part for part in (str(REPOSITORY), os.environ.get('PYTHONPATH')) if part)
    if 'interfaces' in request.fixturenames:
        from helpers.interfaces import with_libraries

        return with_libraries(variables, request.getfixturevalue('interfaces'))
    return variables


@pytest.fixture
def ros_context(ros_domain_id: int) -> Iterator[Any]:
    """Yield a `ros_helpers.RosContext`, an initialised context in a domain of its own."""
    from helpers.ros_helpers import RosContext
    import rclpy

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain_id)
    yield RosContext(context, ros_domain_id)
    context.try_shutdown()
    gc.collect()  # a destroyed lifecycle node stays in the network until its cycles are found


def _next_domain() -> int:
    # Never one just left, by this process or by another of the run: what is left of its nodes
    # would be counted among the next ones.
    share = 100 // WORKERS
    return WORKER * share + next(DOMAINS) % share + 1


def _missing_ros_packages() -> list[str]:
    return [name for name in ROS_PACKAGES if importlib.util.find_spec(name) is None]


def _skip_reason(missing: list[str]) -> str:
    return (f'needs ROS 2, and there is no {", ".join(missing)}; `make test` installs it into '
            '.venv')
