# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
"""
Render focal stacks of a scene through a thin lens, with truth.

A layer's light is spread over the circle of confusion of each of its points and brought back to
the layer's blurred coverage; the layers are then laid over one another from far to near, each
with its blurred coverage. So a blurred rim of a near layer lets the sharp background through, and
a blurred background does not spill over a sharp near edge, because it goes on behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
from focus_stacking_ros.simulation.blur import blur, blur_levels
from focus_stacking_ros.simulation.camera import Sweep, ThinLens
from focus_stacking_ros.simulation.scene import Layer, Scene
import numpy as np
from numpy.typing import NDArray

__all__ = ['REFERENCES', 'SimulatedStack', 'encoded_image', 'render_slice', 'render_stack',
           'render_truth', 'sensor_image']

#: Circle of confusion in pixels up to which a surface is warped with Lanczos' interpolation; the
#: blur hides the softness of the cubic one, which takes an eighth of the time.
SHARP_PX = 2.0
# Square of the distance from the axis in half widths that nothing in a frame exceeds, where images
# are not higher than wide and the blur's border is narrower than half of them.
_FARTHEST_SQUARE = 8.0
#: Which slice's pixel grid the truth is in.
REFERENCES = ('narrowest', 'nearest', 'farthest', 'first', 'middle', 'last')


@dataclass(frozen=True)
class SimulatedStack:
    """
    A focal stack and what is true about it; truth is in the pixel grid of the reference slice.

    :param name: of the scene
    :param slices: (H, W, 3) blue-green-red each, uint8 or uint16, in the order of exposure
    :param focus_distances_m: distance of the focal plane of each slice, metres
    :param transforms: (n, 3, 3) reference pixel -> that slice's pixel, pixel centres at integers
    :param gains: (n, 3) factor of each slice on linear blue, green and red, 1 for the reference
    :param all_in_focus: the reference slice with everything sharp and without noise
    :param depth_m: (H, W) float32 metres, of the nearest surface that covers a pixel by half
    :param occluded: (H, W) bool, pixels into which a depth step's other side blurs
    :param reference: number of the reference slice
    :param lens: the camera
    :param sweep: its sweep
    :param seed: of everything random
    """

    name: str
    slices: tuple[NDArray[Any], ...]
    focus_distances_m: tuple[float, ...]
    transforms: NDArray[np.float64]
    gains: NDArray[np.float64]
    all_in_focus: NDArray[Any]
    depth_m: NDArray[np.float32]
    occluded: NDArray[np.bool_]
    reference: int
    lens: ThinLens
    sweep: Sweep
    seed: int

    def slice_index(self) -> NDArray[np.float32]:
        """
        Return (H, W) float32, the fractional index of the sharpest slice by depth_m.

        Counted by distance, 0 is the nearest slice; linear in dioptres between slices, and the
        first or last index beyond them.
        """
        dioptres = np.sort(1 / np.asarray(self.focus_distances_m))
        index = np.arange(len(dioptres) - 1, -1, -1, dtype=np.float64)
        return np.interp(1 / self.depth_m.astype(np.float64), dioptres, index).astype(np.float32)


def render_stack(scene: Scene, lens: ThinLens, sweep: Sweep, seed: int = 0,
                 reference: str = 'narrowest') -> SimulatedStack:
    """
    Return the focal stack that a camera takes of a scene.

    :param scene: what it looks at
    :param lens: the camera
    :param sweep: its sweep
    :param seed: of shake, rotation, flicker and noise
    :param reference: the slice in whose pixels the truth is, one of REFERENCES
    :raises ValueError: for an unknown reference, or a focus within the focal length
    """
    distances = sweep.focus_distances_m
    views = sweep.views(lens, scene.size, seed)
    number = _reference(reference, lens, distances)
    gains = sweep.gains(seed)
    gains = gains / gains[number]
    slices = tuple(
        sensor_image(render_slice(scene, lens, distance, view) * gain.astype(np.float32), lens,
                     np.random.default_rng([seed, 14, index]))
        for index, (distance, view, gain) in enumerate(zip(distances, views, gains, strict=True)))
    radiance, depth = render_truth(scene, lens, views[number])
    return SimulatedStack(
        name=scene.name, slices=slices, focus_distances_m=distances,
        transforms=views @ np.linalg.inv(views[number]), gains=gains,
        all_in_focus=encoded_image(radiance, lens), depth_m=depth,
        occluded=_occluded(depth, lens, distances[number]), reference=number, lens=lens,
        sweep=sweep, seed=seed)


def render_slice(scene: Scene, lens: ThinLens, focus_distance_m: float,
                 view: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """
    Return (H, W, 3) float32 linear light on the sensor, without noise.

    :param scene: what the camera looks at
    :param lens: the camera
    :param focus_distance_m: distance of the focal plane, metres
    :param view: (3, 3) pixel of the scene without margin -> pixel of the image; None for equal
    """
    view = np.eye(3) if view is None else view
    widest = max(_largest_circle_px(layer, lens, focus_distance_m) for layer in scene.layers)
    border = int(np.ceil(widest / 2 + 3 * lens.point_spread_px)) + 2
    height, width = scene.size
    frame = (height + 2 * border, width + 2 * border)
    to_frame = _shift(border, border) @ view @ _shift(-scene.margin_px, -scene.margin_px)
    image = np.zeros((*frame, 3), np.float32)
    for number, layer in enumerate(scene.layers):
        colour, alpha, there = _blurred(layer, lens, focus_distance_m, to_frame, frame,
                                        background=number == 0, endless=_endless(layer, scene),
                                        half_width=(width - 1) / 2)
        image[there] *= 1 - alpha[..., None]
        image[there] += colour[..., :3]
    return _spread(image, lens)[border:-border, border:-border]


def _blurred(layer: Layer, lens: ThinLens, focus_distance_m: float, to_frame: NDArray[np.float64],
             frame: tuple[int, int], *, background: bool, endless: bool,
             half_width: float) -> tuple[Any, Any, Any]:
    """Return a layer's blurred colour (times alpha), its blurred alpha and where they belong."""
    radius = int(np.ceil(_largest_circle_px(layer, lens, focus_distance_m) / 2)) + 2
    ends = lens.signed_circle_of_confusion_px(focus_distance_m, _extremes(layer, lens))
    light, depth, there = _placed(layer, to_frame, frame, radius, endless=endless,
                                  sharp=bool(ends[0] < SHARP_PX and ends[1] > -SHARP_PX))
    if not depth.size:
        return light[..., :3], depth, there
    circle = lens.circle_of_confusion_px(
        focus_distance_m, _on_axis(depth, lens, frame, there, half_width)).astype(np.float32)
    result = blur(light, circle, blur_levels(circle), spread=background)
    if background:
        colour = result[..., :3] / np.maximum(result[..., 3:], 1e-6)
        return colour, np.ones_like(depth), there
    return result[..., :3], np.clip(result[..., 3], 0, 1), there


def _placed(layer: Layer, to_frame: NDArray[np.float64], frame: tuple[int, int],
            radius: int, *, endless: bool, sharp: bool) -> tuple[Any, Any, Any]:
    """
    Return what a layer shows in the part of the frame that it can reach.

    :param to_frame: (3, 3) pixel of the scene -> pixel of the frame
    :param frame: (height, width), pixels
    :param radius: how far the layer's light will be spread, pixels
    :param endless: whether the layer goes on mirrored beyond its border; otherwise it ends there
    :param sharp: whether some of it stays sharp, so that interpolation must keep every detail
    :return: (h, w, 4) colour times alpha and alpha; (h, w) depth in metres; rows and columns
    """
    left, top, right, bottom = ((0, 0, frame[1], frame[0]) if endless else
                                _box(layer, to_frame, frame, radius))
    there = np.s_[top:bottom, left:right]
    if right <= left or bottom <= top:
        return np.empty((0, 0, 4), np.float32), np.empty((0, 0), np.float32), np.s_[:0, :0]
    matrix = (_shift(-left, -top) @ to_frame @ _shift(*layer.origin_px))[:2]
    size = (right - left, bottom - top)
    light = np.dstack([layer.texture * layer.alpha[..., None], layer.alpha])
    light = cv2.warpAffine(light, matrix, size,
                           flags=cv2.INTER_LANCZOS4 if sharp else cv2.INTER_CUBIC, borderMode=(
                               cv2.BORDER_REFLECT_101 if endless else cv2.BORDER_CONSTANT))
    depth = cv2.warpAffine(layer.depth_m, matrix, size, flags=cv2.INTER_LINEAR, borderMode=(
        cv2.BORDER_REFLECT_101 if endless else cv2.BORDER_REPLICATE))
    np.maximum(light, 0, out=light)
    np.minimum(light[..., 3], 1, out=light[..., 3])
    return light, depth, there


def _endless(layer: Layer, scene: Scene) -> bool:
    """Tell whether a layer has the size of its scene, and so goes on beyond it."""
    return layer.origin_px == (0, 0) and layer.alpha.shape == scene.layers[0].alpha.shape


def _box(layer: Layer, to_frame: NDArray[np.float64], frame: tuple[int, int],
         radius: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what a layer can reach in the frame."""
    height, width = layer.alpha.shape
    x, y = layer.origin_px
    corners = np.array([[x + a, y + b, 1.0] for a in (-1, width) for b in (-1, height)]).T
    reached = (to_frame @ corners)[:2]
    low = np.floor(reached.min(1)).astype(int) - radius
    high = np.ceil(reached.max(1)).astype(int) + radius + 1
    return (max(int(low[0]), 0), max(int(low[1]), 0), min(int(high[0]), frame[1]),
            min(int(high[1]), frame[0]))


def render_truth(scene: Scene, lens: ThinLens, view: NDArray[np.float64]) -> tuple[Any, Any]:
    """
    Return what is true in a view.

    :param scene: what the camera looks at
    :param lens: the camera
    :param view: (3, 3) pixel of the scene without margin -> pixel of the image
    :returns: (H, W, 3) float32 linear light of everything in focus, and (H, W) float32 depth in
        metres of the nearest surface that covers a pixel by half
    """
    to_view = view @ _shift(-scene.margin_px, -scene.margin_px)
    image = np.zeros((*scene.size, 3), np.float32)
    depth = np.zeros(scene.size, np.float32)
    for layer in scene.layers:
        light, surface, there = _placed(layer, to_view, scene.size, 2,
                                        endless=_endless(layer, scene), sharp=True)
        alpha = light[..., 3]
        image[there] *= 1 - alpha[..., None]
        image[there] += light[..., :3]
        depth[there] = np.where(alpha >= 0.5, surface, depth[there])
    return _spread(image, lens), depth


def _occluded(depth: NDArray[np.float32], lens: ThinLens,
              focus_distance_m: float) -> NDArray[np.bool_]:
    """
    Return the pixels that the other side of a depth step blurs into while they are in focus.

    With one side in focus, the other's circle of confusion has the diameter A v |1/z1 - 1/z2|.
    Steps of less than a pixel do not count.
    """
    dioptres = 1 / depth.astype(np.float64)
    per_dioptre = lens.aperture_m * float(lens.image_distance_m(focus_distance_m))
    blurs = (dioptres * per_dioptre / lens.pixel_pitch_m).astype(np.float32)
    window = np.ones((3, 3), np.uint8)
    step = cv2.dilate(blurs, window) - cv2.erode(blurs, window)
    mask = np.zeros(depth.shape, np.uint8)
    for radius in range(1, int(np.ceil(step.max() / 2)) + 1):
        edges = ((step > 1) & (np.ceil(step / 2) == radius)).astype(np.uint8)
        if edges.any():
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
            mask |= cv2.dilate(edges, disc)
    return mask.astype(bool)


def _spread(light: NDArray[np.float32], lens: ThinLens) -> NDArray[np.float32]:
    """Return an image with the blur of best focus."""
    deviation = lens.point_spread_px
    return cv2.GaussianBlur(light, (0, 0), deviation) if deviation else light


def sensor_image(light: NDArray[np.float32], lens: ThinLens,
                 rng: np.random.Generator) -> NDArray[Any]:
    """
    Return what the camera makes of light: noise, gamma, quantisation, compression.

    :param light: (H, W, 3) linear
    :param lens: whose noise, gamma, bit depth and compression it is
    :param rng: of the noise
    """
    if lens.read_noise or lens.shot_noise:
        variance = (lens.read_noise / 255) ** 2 + (lens.shot_noise / 255) ** 2 * light
        noise = rng.standard_normal(light.shape, dtype=np.float32)
        light = light + np.sqrt(variance) * noise
    image = encoded_image(light, lens)
    if lens.jpeg_quality:
        _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, lens.jpeg_quality])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None  # it was encoded a line above
        return decoded
    return image


def encoded_image(light: NDArray[np.float32], lens: ThinLens) -> NDArray[Any]:
    """
    Return grey levels of light, uint8 or uint16, clipped at black and white.

    :param light: (H, W, 3) linear
    :param lens: whose gamma and bit depth it is
    """
    level = np.clip(light, 0, 1)
    if lens.gamma != 1:
        level = cv2.pow(level, 1 / lens.gamma)
    dtype: Any = np.uint8 if lens.bit_depth == 8 else np.uint16
    return (level * np.iinfo(dtype).max + 0.5).astype(dtype)


def _reference(reference: str, lens: ThinLens, distances: tuple[float, ...]) -> int:
    """Return the number of the reference slice."""
    if reference not in REFERENCES:
        raise ValueError(f'reference {reference!r} is none of {", ".join(REFERENCES)}')
    magnifications = lens.magnifications(distances)
    by_distance = np.argsort(distances, kind='stable')
    return int({
        'narrowest': np.argmax(magnifications), 'nearest': by_distance[0],
        'farthest': by_distance[-1], 'first': 0, 'middle': by_distance[len(distances) // 2],
        'last': len(distances) - 1}[reference])


def _largest_circle_px(layer: Layer, lens: ThinLens, focus_distance_m: float) -> float:
    """Return the largest circle of confusion on a layer, pixels."""
    return float(lens.circle_of_confusion_px(
        focus_distance_m, _extremes(layer, lens)).max())


def _on_axis(depth: NDArray[np.float32], lens: ThinLens, frame: tuple[int, int], there: Any,
             half_width: float) -> NDArray[Any]:
    """Return the depth that would be as blurred on the axis of the lens, (h, w) metres."""
    if not lens.field_curvature:
        return depth
    rows, columns = (np.arange(size, dtype=np.float64)[part] - (size - 1) / 2
                     for size, part in zip(frame, there, strict=True))
    square = (rows[:, None] / half_width) ** 2 + (columns / half_width) ** 2
    return 1 / (1 / depth - lens.field_curvature * square)


def _extremes(layer: Layer, lens: ThinLens) -> list[float]:
    """Return the ends of what depths a layer is as blurred as on the axis, metres."""
    near, far = float(layer.depth_m.min()), float(layer.depth_m.max())
    bend = _FARTHEST_SQUARE * lens.field_curvature
    return [1 / (1 / near - min(bend, 0.0)), 1 / (1 / far - max(bend, 0.0))]


def _shift(x: float, y: float) -> NDArray[np.float64]:
    """Return the transform that adds x and y."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])
