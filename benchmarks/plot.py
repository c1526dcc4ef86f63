"""Bars on a logarithmic scale, and curves, as SVG that reads well on light and dark pages."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

__all__ = ["bars", "curves", "line"]

WIDTH: Final = 760
LABELS: Final = 190
"""Where the bars begin."""
ROW: Final = 30
OURS: Final = "#0a7d55"
OTHERS: Final = "#7d8590"
COLOURS: Final = ("#0a7d55", "#c2410c", "#2563eb", "#a21caf", "#7d8590")
_STYLE: Final = 'font-family="system-ui, sans-serif" font-size="13" fill="#7d8590"'


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """A bar for each value, the first in another colour; all values must be above 0."""
    lowest = 10 ** math.floor(math.log10(min(values.values())))
    highest = max(values.values())
    decades = math.log10(highest / lowest)
    room = WIDTH - LABELS - 80

    def x_of(value: float) -> float:
        return LABELS + room * math.log10(value / lowest) / decades

    height = 60 + ROW * len(values) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {_STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="0" y="38">{escape(unit)}, logarithmic</text>',
    ]
    for power in range(math.ceil(math.log10(lowest)), math.floor(math.log10(highest)) + 1):
        x = x_of(10**power)
        parts.append(f'<path d="M{x:.0f} 50V{height - 22}" stroke="#7d8590" stroke-opacity="0.3"/>')
        parts.append(f'<text x="{x:.0f}" y="{height - 6}" text-anchor="middle" font-size="11">{10**power:g}</text>')
    for index, (name, value) in enumerate(values.items()):
        top = 54 + ROW * index
        width = max(2.0, x_of(value) - LABELS)
        colour = OTHERS if index else OURS
        parts.append(f'<text x="{LABELS - 8}" y="{top + 16}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{LABELS}" y="{top}" width="{width:.0f}" height="22" rx="3" fill="{colour}"/>')
        parts.append(f'<text x="{LABELS + width + 6:.0f}" y="{top + 16}">{value:.3g}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def line(title: str, unit: str, across: str, points: Sequence[tuple[float, float]]) -> str:
    """A curve through points, both axes from 0."""
    width, height, left, top = WIDTH, 300, 60, 54
    right, bottom = max(x for x, _ in points), 1.1 * max(y for _, y in points)

    def place(x: float, y: float) -> str:
        return f"{left + (width - left - 20) * x / right:.1f} {height - 30 - (height - 30 - top) * y / bottom:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="0" y="38">{escape(unit)} by {escape(across)}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = place(0, share * bottom).split()[1]
        parts.append(f'<path d="M{left} {y}H{width - 20}" stroke="#7d8590" stroke-opacity="0.3"/>')
        parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end" font-size="11">{share * bottom:.0f}</text>')
        x = place(share * right, 0).split()[0]
        parts.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle" font-size="11">{share * right:.0f}</text>')
    path = "L".join(place(x, y) for x, y in points)
    parts.append(f'<path d="M{path}" fill="none" stroke="{OURS}" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def curves(title: str, across: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Some curves, up to five, both axes logarithmic; all values must be above 0."""
    width, height, left, top = WIDTH, 340, 60, 40
    room_across, room_down = width - left - LABELS, height - 30 - top
    spans = [_decades([point[axis] for points in series.values() for point in points]) for axis in (0, 1)]

    def place(x: float, y: float) -> tuple[float, float]:
        shares = [(math.log10(value) - low) / (high - low) for value, (low, high) in zip((x, y), spans, strict=True)]
        return left + room_across * shares[0], height - 30 - room_down * shares[1]

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for power in range(spans[1][0], spans[1][1] + 1):
        y = place(10 ** spans[0][0], 10**power)[1]
        parts.append(f'<path d="M{left} {y:.1f}H{left + room_across}" stroke="#7d8590" stroke-opacity="0.3"/>')
        parts.append(f'<text x="{left - 8}" y="{y:.1f}" text-anchor="end" font-size="11">{10**power:g}</text>')
    for power in range(spans[0][0], spans[0][1] + 1):
        x = place(10**power, 10 ** spans[1][0])[0]
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" font-size="11">{10**power:,}</text>')
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        path = [place(*point) for point in points]
        drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in path)
        parts.append(f'<path d="M{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = path[-1]
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, f'<text x="0" y="{height - 8}">{escape(across)}</text>', "</svg>"]) + "\n"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around some values."""
    low = math.floor(math.log10(min(values)))
    return low, max(math.ceil(math.log10(max(values))), low + 1)
