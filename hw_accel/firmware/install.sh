#!/bin/sh
# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
# Install the built firmware where dfx-mgr and the kria backend look for it. As root, on the board.
#
# usage: install.sh FOLDER [ROOT]
#   FOLDER  with focus_stacking_accel.xclbin, .bit.bin, .dtbo and shell.json
#           (install/lib/focus_stacking_accel of a workspace built for kv260)
#   ROOT    of another system to install into, / by default
set -eu
name=focus_stacking_accel
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 FOLDER [ROOT]" >&2
    exit 2
fi
from=$1
to=${2:-}/lib/firmware/xilinx/$name
for file in $name.xclbin $name.bit.bin $name.dtbo shell.json; do
    if [ ! -s "$from/$file" ]; then
        echo "$0: $from/$file is missing or empty; build the package for kv260 first" >&2
        exit 1
    fi
done
mkdir -p "$to"
# Each file appears whole or not at all.
for file in $name.xclbin $name.bit.bin $name.dtbo shell.json; do
    cp "$from/$file" "$to/.$file.part"
    chmod 644 "$to/.$file.part"
    mv "$to/.$file.part" "$to/$file"
done
echo "installed in $to; load it with: sudo xmutil unloadapp; sudo xmutil loadapp $name"
