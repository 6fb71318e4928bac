// The world `library` in JavaScript, by componentize-qjs.

import * as host from "test:toolchains/host";

class Path {
  points = [];

  constructor(name) {
    this.name = name;
  }

  push(point) {
    this.points.push(point);
  }

  describe(parts) {
    const words = [];
    if (parts.name) words.push(this.name);
    if (parts.points) words.push(`${this.points.length} points`);
    if (parts.length) {
      let length = 0;
      for (let i = 1; i < this.points.length; i++) {
        length += Math.hypot(this.points[i].x - this.points[i - 1].x, this.points[i].y - this.points[i - 1].y);
      }
      words.push(`length ${length.toFixed(1)}`);
    }
    return words.join(", ");
  }

  static join(first, second) {
    // A new one: what was given away cannot be returned.
    const joined = new Path(first.name);
    joined.points = [...first.points, ...second.points];
    return joined;
  }
}

export const shapes = {
  Path,

  area(shape) {
    switch (shape.tag) {
      case "circle":
        if (shape.val < 0) throw `a radius of ${shape.val}`;
        return Math.PI * shape.val * shape.val;
      case "polygon": {
        const points = shape.val;
        const doubled = points.map((a, i) => {
          const b = points[(i + 1) % points.length];
          return a.x * b.y - b.x * a.y;
        });
        return Math.abs(doubled.reduce((sum, part) => sum + part, 0)) / 2;
      }
      default:
        throw "nothing has no area";
    }
  },

  numbered(points, order) {
    const all = points.map((point, number) => [number, point]);
    return order === "backwards" ? all.reverse() : all;
  },

  count(counter, numbers) {
    let sum = null;
    for (const number of numbers) {
      sum = counter.add(number);
      host.log(`${number} makes ${sum}`);
    }
    return sum;
  },
};
