"""Procedural images to train a super-resolution network on when no data set is at hand.

Three of four are dead leaves: shapes that occlude one another, radii by the power law r⁻³, which gives
the edges and the spectrum of photographs (Lee, Mumford and Huang, "Occlusion models for natural images",
IJCV 2001) and trains restoration networks (Achddou, Gousseau and Ladjal, "Synthetic images as a
regularity prior for image restoration neural networks", SSVM 2021). The fourth is a facade: lattices in
perspective, as in Urban100 (Huang, Singh and Ahuja, CVPR 2015).
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from aldsr.data.photographs import atomic_folder

VERSION = 1  # part of the cache folder's name; raise it when the images change

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Labels = NDArray[np.int32]

OVERSAMPLING = 2
NOISE_SIDE = 512  # a power of two, so that a mask wraps around
LAYERS = 4  # leaves that lie over each pixel, on average
MOST_LEAVES = 12_000

# Unit outlines. Small discs need few corners, and small leaves are most of them.
_TURNS = [2 * np.pi * np.arange(corners) / corners for corners in (10, 64)]
_SMALL_DISC, _DISC = (np.stack([np.cos(turns), np.sin(turns)], axis=-1) for turns in _TURNS)
_SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * 0.8
_SHARD = np.array([[1.0, 0.1], [0.3, 0.9], [-0.6, 0.7], [-0.9, -0.2], [0.1, -0.9]])
_TRIANGLE = np.array([[1.2, 0.0], [-0.7, 1.0], [-0.6, -0.9]])
_OUTLINES = (_SMALL_DISC, _DISC, _SQUARE, _SHARD, _TRIANGLE)

# Rows: luminance, warm-cool, magenta-green.
_OPPONENT = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]) / np.sqrt([[3.0], [2.0], [6.0]])


def render_image(index: int, *, seed: int = 0, size: int = 384) -> NDArray[np.uint8]:
    """Render training image `index`, RGB, `uint8[size, size, 3]`: a facade if `index % 4 == 3`, otherwise dead leaves.

    A pure function of its arguments, the same on every machine; images of different indices are independent.
    """
    rng = Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))
    scene = (render_facade if index % 4 == 3 else render_dead_leaves)(rng, size * OVERSAMPLING)
    return _photograph(rng, scene)


def write_images(folder: Path, *, number: int, seed: int = 0, size: int = 384) -> Path:
    """Write images `folder/0000.png`, … unless `folder` exists; all of them or none. Returns `folder`."""

    def write(file: Path) -> None:
        Image.fromarray(render_image(int(file.stem), seed=seed, size=size)).save(file, compress_level=1)

    if not folder.exists():
        with atomic_folder(folder) as draft, ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(write, [draft / f"{index:04d}.png" for index in range(number)]))
    return folder


def render_dead_leaves(rng: Generator, side: int) -> Floats:
    """Leaves over leaves, each with its colour, shading and texture: `float32[side, side, 3]`, about 0…1."""
    radius = _sample_radii(rng, side)
    leaves = len(radius)
    centre = rng.uniform(-0.1 * side, 1.1 * side, (leaves, 2))
    radius[0], centre[0] = side, side / 2  # the background, visible where no leaf lies
    labels = _label_pixels(_place_outlines(rng, centre, radius), side)
    colours = _sample_colours(rng, leaves)[labels]
    return colours * _render_texture(rng, labels, centre, radius)[..., None]


def _sample_radii(rng: Generator, side: int) -> Doubles:
    """Radii by the power law r⁻³, of as many leaves as make `LAYERS`; the smallest radius is random."""
    smallest, largest = OVERSAMPLING * np.exp(rng.uniform(np.log(1), np.log(16))), side / 3
    width = smallest**-2 - largest**-2  # of r⁻², which is uniform under this law
    mean_area = 2 * np.pi * np.log(largest / smallest) / width
    leaves = min(MOST_LEAVES, 1 + int(LAYERS * (1.2 * side) ** 2 / mean_area))
    return (smallest**-2 - rng.random(leaves) * width) ** -0.5


def _place_outlines(rng: Generator, centre: Doubles, radius: Doubles) -> list[list[float]]:
    """The polygon of each leaf as x, y, x, y, …: an outline, stretched, turned and moved."""
    leaves = len(radius)
    kind = rng.choice(len(_OUTLINES), leaves, p=[0.0, 0.4, 0.25, 0.2, 0.15])
    kind[(kind == 1) & (radius < 8)] = 0
    stretch = np.exp(rng.normal(0, 0.4, leaves))
    stretch[rng.random(leaves) < 0.1] = 4.0  # thin strokes: branches, cables, hair
    angle = np.where(rng.random(leaves) < 0.3, 0.0, rng.uniform(0, np.pi, leaves))
    cos, sin = np.cos(angle) * radius, np.sin(angle) * radius
    polygons: list[list[float]] = [[]] * leaves
    for number, outline in enumerate(_OUTLINES):
        chosen = np.flatnonzero(kind == number)
        x = outline[:, 0] * stretch[chosen, None]
        y = outline[:, 1] / stretch[chosen, None]
        turned_x = cos[chosen, None] * x - sin[chosen, None] * y + centre[chosen, :1]
        turned_y = sin[chosen, None] * x + cos[chosen, None] * y + centre[chosen, 1:]
        corners = np.stack([turned_x, turned_y], axis=-1).reshape(len(chosen), outline.size).tolist()
        for leaf, polygon in zip(chosen.tolist(), corners, strict=True):
            polygons[leaf] = polygon
    return polygons


def _label_pixels(polygons: list[list[float]], side: int) -> Labels:
    """Which leaf is seen at each pixel, later ones in front: `int32[side, side]`."""
    canvas = Image.new("I", (side, side))
    draw = ImageDraw.Draw(canvas)
    for leaf, polygon in enumerate(polygons):
        draw.polygon(polygon, fill=leaf)
    return np.asarray(canvas)


def _render_texture(rng: Generator, labels: Labels, centre: Doubles, radius: Doubles) -> Floats:
    """Brightness within the leaves, about 1: a gradient, and on some leaves noise, grain or stripes."""
    leaves = len(radius)
    angle = rng.uniform(0, 2 * np.pi, leaves)
    cos, sin = np.cos(angle), np.sin(angle)
    along = _leaf_coordinate(labels, cos, sin, centre)  # the pixel's place in its leaf's own axes
    across = _leaf_coordinate(labels, -sin, cos, centre)

    slope = rng.normal(0, 0.25, leaves) / radius
    grain = np.where(rng.random(leaves) < 0.4, 0.15, 1.0)  # wood, fur, grass: noise drawn out
    rough = np.where(rng.random(leaves) < 0.7, rng.exponential(0.3), 0) * rng.random(leaves)
    place = rng.uniform(0, NOISE_SIDE, leaves)
    striped = np.where(rng.random(leaves) < 0.15, rng.uniform(0.05, 0.4, leaves), 0)
    pitch = OVERSAMPLING * np.exp(rng.uniform(np.log(2), np.log(16), leaves))

    per_leaf = (slope, grain, rough, place, striped, 1 / pitch)
    shade, stretch, noise, shift, stripes, frequency = (values.astype(np.float32)[labels] for values in per_leaf)
    texture = _sample_noise(rng, across, along * stretch + shift)
    relief = 1 + along * shade + noise * texture + stripes * _parabolic_wave(across * frequency)
    return relief.astype(np.float32)


def _leaf_coordinate(labels: Labels, a: Doubles, b: Doubles, centre: Doubles) -> Floats:
    """`a·x + b·y` at each pixel, from its leaf's centre, with its leaf's `a` and `b`."""
    x = np.arange(labels.shape[1], dtype=np.float32)
    offset = -(a * centre[:, 0] + b * centre[:, 1])
    of_x, of_y, constant = (values.astype(np.float32)[labels] for values in (a, b, offset))
    return of_x * x + of_y * x[:, None] + constant


def render_facade(rng: Generator, side: int) -> Floats:
    """One to three walls of windows, bricks, blinds or bars: `float32[side, side, 3]`, about 0…1."""
    scene = _render_wall(rng, side)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    for _ in range(rng.integers(0, 3)):
        angle, (left, top) = rng.normal(0, 0.3), rng.uniform(0.2, 0.8, 2)
        right_of_edge = (x - left) * np.float32(np.cos(angle)) > (y - top) * np.float32(np.sin(angle))
        scene = np.where(right_of_edge[..., None], _render_wall(rng, side), scene)
    return scene


def _render_wall(rng: Generator, side: int) -> Floats:
    """A lattice of panes in perspective: `float32[side, side, 3]`."""
    u, v, nearest = _perspective_grid(rng, side)
    pitch_u = max(np.exp(rng.uniform(np.log(2.5), np.log(40))), 2.5 / nearest) * OVERSAMPLING
    pitch_v = max(pitch_u * np.exp(rng.normal(0, 0.5)), 2.5 / nearest * OVERSAMPLING)
    row = v / np.float32(pitch_v)
    shift = 0.5 if rng.random() < 0.25 else 0.0  # bricks are laid half a brick apart
    column = u / np.float32(pitch_u) + np.float32(shift) * (np.floor(row) % 2)
    fill_u, fill_v = rng.uniform(0.35, 0.9, 2)
    if rng.random() < 0.4:  # blinds, planks, steps: lines one way only
        fill_u, fill_v = (1.0, fill_v) if rng.random() < 0.6 else (fill_u, 1.0)

    wall, pane = _sample_colours(rng, 2) * np.exp(rng.normal(-0.15, 0.5, (2, 1))).astype(np.float32)
    tone = (1 + rng.normal(0, rng.uniform(0, 0.4), (64, 64))).astype(np.float32)
    cell = tone[np.floor(row).astype(np.int32) & 63, np.floor(column).astype(np.int32) & 63]
    glass = cell * (1 + np.float32(rng.normal(0, 0.3)) * (row % 1 - np.float32(0.5)))
    bars = int(rng.integers(1, 4))  # mullions: each pane divided again
    if pitch_u > 10 * OVERSAMPLING * bars:
        glass = np.where((column * bars) % 1 < np.float32(0.12), np.float32(rng.uniform(0.3, 1.7)), glass)
    inside = (np.abs(column % 1 - 0.5) <= fill_u / 2) & (np.abs(row % 1 - 0.5) <= fill_v / 2)
    plaster = 1 + np.float32(rng.exponential(0.06)) * _sample_noise(rng, v, u)
    return np.where(inside[..., None], pane * glass[..., None], wall * plaster[..., None])


def _perspective_grid(rng: Generator, side: int) -> tuple[Floats, Floats, float]:
    """Coordinates u, v on a tilted plane at each pixel, and the smallest factor by which it shrinks."""
    y, x = np.mgrid[:side, :side].astype(np.float32) - np.float32(side / 2)
    angle = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    tilt_x, tilt_y = rng.uniform(-0.45, 0.45), rng.uniform(-0.2, 0.2)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    depth = 1 + (np.float32(tilt_x) * x + np.float32(tilt_y) * y) * np.float32(2 / side)
    nearest = (1 - abs(tilt_x) - abs(tilt_y)) ** 2
    return (cos * x + sin * y) / depth, (cos * y - sin * x) / depth, float(nearest)


def _sample_colours(rng: Generator, colours: int) -> Floats:
    """RGB near to a few base colours: `float32[colours, 3]`, 0…1.

    Gaussian in the logarithm along opponent axes, luminance by far the widest and warm-cool wider
    than magenta-green, as photographs are (Ruderman, Cronin and Chiao, JOSA A 1998).
    """
    spread = np.array([rng.uniform(0.45, 1.1), 0.28, 0.08]) * [1, *rng.uniform(0.3, 1.5, 2)]
    base = rng.normal(0, spread, (int(rng.integers(3, 12)), 3))
    cast = rng.normal([-1.6, 0.05, 0], [0.3, 0.1, 0.03])
    opponent = cast + base[rng.integers(0, len(base), colours)] + rng.normal(0, spread * 0.3, (colours, 3))
    # Not a matrix product: BLAS may differ in the last bit from machine to machine.
    rgb = np.exp((opponent[:, :, None] * _OPPONENT).sum(axis=1))
    return np.minimum(rgb, 0.97).astype(np.float32)


def _sample_noise(rng: Generator, row: Floats, column: Floats) -> Floats:
    """1/f noise that tiles, the sum of smoothed random grids, at these places: about ±1."""
    total = np.zeros((NOISE_SIDE, NOISE_SIDE), np.float32)
    for side in (8, 16, 32, 64, 128, 256, 512):
        grid = np.pad(rng.integers(0, 256, (side, side), dtype=np.uint8), 2, mode="wrap")
        tile = (2, 2, side + 2, side + 2)
        image = Image.fromarray(grid).resize(total.shape, Image.Resampling.BICUBIC, box=tile)
        total += np.asarray(image)
    noise = (total - np.float32(7 * 127.5)) / np.float32(7 * 32)
    mask = NOISE_SIDE - 1
    return noise[row.astype(np.int32) & mask, column.astype(np.int32) & mask]


def _parabolic_wave(turns: Floats) -> Floats:
    """Near to sin(2π·turns), of parabolas: unlike a sine, the same bits with every maths library."""
    phase = 2 * (turns - np.floor(turns)) - 1
    return 4 * phase * (np.abs(phase) - 1)


def _photograph(rng: Generator, scene: Floats) -> NDArray[np.uint8]:
    """What a camera makes of a scene: area averages, slight blur, sensor noise."""
    step = OVERSAMPLING
    parts = [scene[top::step, left::step].clip(0, 1) for top in range(step) for left in range(step)]
    area = sum(parts[1:], start=parts[0]) / np.float32(len(parts))
    image = Image.fromarray(np.rint(area * np.float32(255)).astype(np.uint8))
    if rng.random() < 0.35:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.6)))
    pixels = np.asarray(image)
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(0.3, 1.5))
        pixels = np.rint(np.clip(pixels + noise, 0, 255)).astype(np.uint8)
    return pixels
