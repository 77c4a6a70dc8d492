# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Refresh the tables between the markers of docs/quality.md, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import shutil

import cv2
from marked_page import replaced
from rendered_stacks import RECIPES
from tables import ablation, by_method, of_method, Scores, summary, table

__all__ = ['PAGE', 'refresh']

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'quality.md'
PICTURES = PAGE.with_name('quality')
#: Stacks whose hardest places are shown; rendered ones only.
SHOWN = ('board', 'wires')


def refresh(scores: Scores, changed: Scores, reliability: Mapping[str, Path]) -> None:
    """
    Write tables and pictures.

    :param scores: of all methods and other programs
    :param changed: of the ablation
    :param reliability: diagrams by method; the other pictures lie beside them
    """
    rendered = {stack: known for stack, known in scores.items() if stack in RECIPES}
    others = {stack: known for stack, known in scores.items() if stack not in RECIPES}
    methods = list(dict.fromkeys(name for known in scores.values() for name in known))
    image = ('psnr', 'psnr_open')
    left_out = ('psnr', 'psnr_open', 'ssim', 'mae', 'megabytes', 'seconds', 'correlation')
    text = PAGE.read_text(encoding='utf-8')
    for name, content in {
            'stacks': table(['stack', 'what is difficult about it'],
                            [[name, recipe.difficulty] for name, recipe in RECIPES.items()]),
            'methods': summary(rendered),
            'all-in-focus': by_method(rendered, methods, image),
            'all-in-focus-others': by_method(others, methods, image),
            'depth': of_method(rendered, 'default', left_out),
            'depth-others': of_method(others, 'default', left_out[:-1]),
            'depth-methods': by_method(rendered, methods, ('rmse',)),
            'ablation': ablation(changed)}.items():
        text = replaced(text, name, content)
    PAGE.write_text(text, encoding='utf-8')
    if reliability:
        PICTURES.mkdir(exist_ok=True)
        diagram = reliability['default']
        shutil.copyfile(diagram, PICTURES / 'reliability.png')
        for stack in (name for name in SHOWN if name in scores):
            picture = cv2.imread(str(diagram.with_name(f'{stack}_places.png')))
            small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(PICTURES / f'{stack}.jpg'), small, [cv2.IMWRITE_JPEG_QUALITY, 80])
