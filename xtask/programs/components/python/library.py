"""The world `library` in Python, by componentize-py."""

import math
from typing import List, Optional, Tuple

import componentize_py_types
from wit_world import exports
from wit_world.exports.shapes import Order, Parts, Point, Shape_Circle, Shape_Nothing, Shape_Polygon
from wit_world.imports import host


class Shapes(exports.Shapes):
    def area(self, shape) -> float:
        match shape:
            case Shape_Circle(radius) if radius < 0:
                raise componentize_py_types.Err(f"a radius of {radius:g}")
            case Shape_Circle(radius):
                return math.pi * radius * radius
            case Shape_Polygon(points):
                following = points[1:] + points[:1]
                return abs(sum(a.x * b.y - b.x * a.y for a, b in zip(points, following))) / 2
            case Shape_Nothing():
                raise componentize_py_types.Err("nothing has no area")

    def numbered(self, points: List[Point], order: Order) -> List[Tuple[int, Point]]:
        numbered = list(enumerate(points))
        return numbered if order == Order.FORWARDS else numbered[::-1]

    def count(self, counter: host.Counter, numbers: List[int]) -> Optional[int]:
        total = None
        for number in numbers:
            total = counter.add(number)
            host.log(f"{number} makes {total}")
        return total
