//! The world `library` in Rust, by `wit-bindgen`.

use std::cell::RefCell;

wit_bindgen::generate!({ world: "library" });

use exports::test::toolchains::shapes::{Guest, GuestPath, Order, Parts, Path, Point, Shape};
use test::toolchains::host;

struct Library;

/// A path under construction.
struct Points {
    name: String,
    points: RefCell<Vec<Point>>,
}

impl Guest for Library {
    type Path = Points;

    fn area(shape: Shape) -> Result<f64, String> {
        match shape {
            Shape::Circle(radius) if radius < 0.0 => Err(format!("a radius of {radius}")),
            Shape::Circle(radius) => Ok(std::f64::consts::PI * radius * radius),
            Shape::Polygon(points) => {
                let next = points.iter().cycle().skip(1);
                let doubled: f64 = points.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum();
                Ok(doubled.abs() / 2.0)
            }
            Shape::Nothing => Err("nothing has no area".to_owned()),
        }
    }

    fn numbered(points: Vec<Point>, order: Order) -> Vec<(u32, Point)> {
        let mut all: Vec<_> = (0..).zip(points).collect();
        if order == Order::Backwards {
            all.reverse();
        }
        all
    }

    fn count(counter: &host::Counter, numbers: Vec<u32>) -> Option<u32> {
        numbers
            .into_iter()
            .map(|number| {
                let sum = counter.add(number);
                host::log(&format!("{number} makes {sum}"));
                sum
            })
            .last()
    }
}

impl GuestPath for Points {
    fn new(name: String) -> Self {
        Self { name, points: RefCell::default() }
    }

    fn push(&self, point: Point) {
        self.points.borrow_mut().push(point);
    }

    fn describe(&self, parts: Parts) -> String {
        let points = self.points.borrow();
        let mut words = Vec::new();
        if parts.contains(Parts::NAME) {
            words.push(self.name.clone());
        }
        if parts.contains(Parts::POINTS) {
            words.push(format!("{} points", points.len()));
        }
        if parts.contains(Parts::LENGTH) {
            let length: f64 = points.windows(2).map(|pair| (pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y)).sum();
            words.push(format!("length {length:.1}"));
        }
        words.join(", ")
    }

    fn join(first: Path, second: Path) -> Path {
        let (first, second) = (first.into_inner::<Points>(), second.into_inner::<Points>());
        first.points.borrow_mut().append(&mut second.points.borrow_mut());
        Path::new(first)
    }
}

export!(Library);
