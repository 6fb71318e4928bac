"""The resources of the interface `shapes`, which componentize-py looks for in a module of that name."""

import math
from typing import List

from wit_world.exports import shapes
from wit_world.exports.shapes import Parts, Point


class Path(shapes.Path):
    def __init__(self, name: str):
        self.name = name
        self.points: List[Point] = []

    def push(self, point: Point) -> None:
        self.points.append(point)

    def describe(self, parts: Parts) -> str:
        words = []
        if Parts.NAME in parts:
            words.append(self.name)
        if Parts.POINTS in parts:
            words.append(f"{len(self.points)} points")
        if Parts.LENGTH in parts:
            pairs = zip(self.points, self.points[1:])
            length = sum(math.hypot(b.x - a.x, b.y - a.y) for a, b in pairs)
            words.append(f"length {length:.1f}")
        return ", ".join(words)

    @classmethod
    def join(cls, first, second):
        first.points += second.points
        return first
