# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
import runpy
import sys
from xml.etree import ElementTree

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel  # setuptools 70.1 and newer
except ImportError:
    try:
        from wheel.bdist_wheel import bdist_wheel
    except ImportError:  # where nothing makes wheels, as in a build by colcon
        bdist_wheel = object

NAME = 'focus_stacking_ros'
VERSION = runpy.run_path(str(Path(__file__).parent / NAME / 'version.py'))['__version__']
MANIFEST = ElementTree.parse(Path(__file__).parent / 'package.xml')
NATIVE = runpy.run_path(str(Path(__file__).parent / NAME / 'backends' / 'native_build.py'))


class BuildNative(build_ext):
    """Build the native library as package data; go on without it where it cannot be built."""

    def run(self):
        """Build the library where the rest of the package is built."""
        try:
            NATIVE['build'](self._library(self.inplace))
        except NATIVE['BuildError'] as error:
            print(f'{NAME}: the native library is not built, OpenCV does its work: {error}',
                  file=sys.stderr)

    def _library(self, inplace):
        root = Path(__file__).parent if inplace else Path(self.build_lib)
        return root.resolve() / NAME / 'backends' / NATIVE['LIBRARY']

    def _files(self, inplace):
        library = self._library(inplace)
        return [str(path) for path in (library, NATIVE['reason_file'](library))
                if path.exists()]

    def get_outputs(self):
        """Return the files that were made: the library, or why there is none."""
        return self._files(self.inplace)

    def get_output_mapping(self):
        """Return where the files of an editable installation would have been built."""
        if not self.inplace:
            return {}
        built = self._library(inplace=False).parent
        return {str(built / Path(path).name): path for path in self._files(inplace=True)}


class PlatformWheel(bdist_wheel):
    """A wheel for every Python 3 of a platform: the library knows nothing of Python."""

    def get_tag(self):
        """Return the tag of the wheel."""
        return 'py3', 'none', super().get_tag()[2]


def files_of(folder, pattern):
    """Return the files of a folder, relative to this one, as data_files wants them."""
    here = Path(__file__).parent
    return sorted(str(path.relative_to(here)) for path in (here / folder).glob(pattern))


setup(
    name=NAME,
    version=VERSION,
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed'], f'{NAME}.commands.html_report': ['*.html', '*.css', '*.js'],
                  f'{NAME}.commands.batch': ['*.html']},
    ext_modules=[Extension(f'{NAME}.backends.{Path(NATIVE["LIBRARY"]).stem}', sorted(
        str(path.relative_to(Path(__file__).resolve().parent))
        for path in NATIVE['SOURCES'].glob('*.cpp')))],
    cmdclass={'build_ext': BuildNative,
              **({} if bdist_wheel is object else {'bdist_wheel': PlatformWheel})},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/examples', files_of('examples', '*.py')),
        (f'share/{NAME}/launch', files_of('launch', '*.launch.py')),
        (f'share/{NAME}/config', files_of('config', '*.*')),
        (f'share/{NAME}/config/dds', files_of('config/dds', '*.xml')),
        (f'share/{NAME}/config/zenoh', files_of('config/zenoh', '*.sh')),
        (f'share/{NAME}/config/security', files_of('config/security', '*.xml')),
    ],
    # For pip; colcon leaves dependencies to rosdep. Headless, as OpenCV's windows need a display.
    install_requires=['numpy>=1.21', 'opencv-python-headless>=4.5.4.60', 'pillow>=9.0.1'],
    # 'test' is what colcon test tells by that pytest is to run.
    extras_require={'test': ['pytest'], 'batch': ['distributed'],
                    'bag': ['mcap', 'rosbags']},
    python_requires='>=3.10',
    zip_safe=False,
    maintainer=MANIFEST.findtext('maintainer'),
    maintainer_email=MANIFEST.find('maintainer').get('email'),
    url=MANIFEST.findtext("url[@type='repository']"),
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
