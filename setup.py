# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
import runpy

from setuptools import find_packages, setup

NAME = 'focus_stacking_ros'
VERSION = runpy.run_path(str(Path(__file__).parent / NAME / 'version.py'))['__version__']


def files_of(folder, pattern):
    """Return the files of a folder, relative to this one, as data_files wants them."""
    here = Path(__file__).parent
    return sorted(str(path.relative_to(here)) for path in (here / folder).glob(pattern))


setup(
    name=NAME,
    version=VERSION,
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', files_of('launch', '*.launch.py')),
        (f'share/{NAME}/config', files_of('config', '*.*')),
        (f'share/{NAME}/config/dds', files_of('config/dds', '*.xml')),
        (f'share/{NAME}/config/security', files_of('config/security', '*.xml')),
    ],
    # For pip; colcon leaves dependencies to rosdep. Headless, as OpenCV's windows need a display.
    install_requires=['numpy>=1.21', 'opencv-python-headless>=4.5.4.60', 'pillow>=9.0.1'],
    extras_require={'test': ['pytest']},  # what colcon test tells by that pytest is to run
    python_requires='>=3.10',
    zip_safe=True,
    maintainer='focus_stacking_ros maintainers',
    maintainer_email='maintainers@focus-stacking-ros.org',
    description='Depth from focus and all-in-focus images from focal stacks, for ROS 2.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'focus_stacking = focus_stacking_ros.cli:main',
            'player = focus_stacking_ros.executables:player',
            'sim_camera = focus_stacking_ros.executables:sim_camera',
            'stacker = focus_stacking_ros.executables:stacker',
            'sweeper = focus_stacking_ros.executables:sweeper',
        ],
    },
)
