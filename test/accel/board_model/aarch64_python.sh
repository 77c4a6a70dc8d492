#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# aarch64_python.sh FOLDER: a Python for aarch64 with NumPy and OpenCV, for qemu-aarch64 -L FOLDER/root
# with PYTHONPATH=FOLDER/site. From the Debian release that runs here and from PyPI, by apt and pip;
# nothing of this system changes.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
mkdir -p "$folder"/apt/{lists,archives}/partial "$folder"/{debs,wheels,root,site}
touch "$folder/apt/status"
cat > "$folder/apt/apt.conf" << END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$folder/apt/lists";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt";
END
export APT_CONFIG="$folder/apt/apt.conf"
apt-get update -qq 2> /dev/null || true  # other sources may have no arm64
python=$(apt-cache depends python3 | sed -n 's/.*Depends: \(python3\.[0-9]*\)$/\1/p' | head -1)
(cd "$folder/debs" && apt-get download -qq libc6 libgcc-s1 libstdc++6 libbz2-1.0 liblzma5 zlib1g \
  libexpat1 libffi8 libuuid1 libcrypt1 "$python-minimal" "lib$python-minimal" "lib$python-stdlib")
unset APT_CONFIG
for package in "$folder"/debs/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
ln -sf "$python" "$folder/root/usr/bin/python3"
python3 -m pip download -q --no-deps --only-binary :all: --implementation cp \
  --python-version "${python#python}" --abi "cp${python/python3./3}" --abi abi3 \
  --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 \
  -d "$folder/wheels" numpy==2.2.6 opencv-python-headless==4.10.0.84
for wheel in "$folder"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$folder/site"; done
qemu-aarch64 -L "$folder/root" -E PYTHONPATH="$folder/site" "$folder/root/usr/bin/python3" -c \
  'import cv2, numpy, platform; print(platform.machine(), numpy.__version__, cv2.__version__)'
