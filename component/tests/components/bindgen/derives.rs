//! Derives that a program asks for, and items of a feature.

use std::collections::HashSet;

use wasmer_component::ComponentLinker;
use wasmer_runtime::Result;

wasmer_component::bindgen!({
    inline: "
        package test:derives@1.0.0;

        interface shapes {
            record point { x: u32, y: u32 }
            record place { at: f32 }
            variant shape { dot(point), text(string), nothing }
            enum colour { red, blue }
            flags style { bold, thin }
            @unstable(feature = curves)
            record curve { points: list<point> }
            @unstable(feature = surfaces)
            record surface { curves: list<curve> }
            draw: func(shape: shape, place: place, colour: colour, style: style);
        }

        world drawing { import shapes; }
    ",
    features: ["curves"],
    additional_derives: [Clone, Eq, Hash, PartialOrd, Ord],
    additional_derives_ignore: ["place"],
});

use test::derives::shapes::{self, Colour, Curve, Place, Point, Shape, Style};

#[derive(Default)]
struct Host(Vec<Place>);

impl shapes::Host for Host {
    fn draw(&mut self, _: Shape, place: Place, _: Colour, _: Style) -> Result<()> {
        self.0.push(place);
        Ok(())
    }
}

#[test]
fn types_derive_what_was_asked_for() {
    let point = Point { x: 1, y: 2 };
    let shapes = [Shape::Dot(point), Shape::Text("a".to_owned()), Shape::Nothing, Shape::Dot(point)];
    let seen: HashSet<_> = shapes.into_iter().map(|shape| (shape, Colour::Red, Style::BOLD)).collect();
    assert_eq!(seen.len(), 3);
    assert!(Colour::Red < Colour::Blue && Style::BOLD < Style::THIN && Shape::Dot(point) < Shape::Nothing);
    assert!(Curve { points: vec![point] } < Curve { points: vec![point, point] });
    let mut host = Host::default();
    shapes::Host::draw(&mut host, Shape::Nothing, Place { at: 0.5 }, Colour::Red, Style::empty()).unwrap();
    assert_eq!(host.0, [Place { at: 0.5 }]);
    let mut linker = ComponentLinker::<Host>::new();
    Drawing::add_to_linker(&mut linker, |host| host).unwrap();
    assert!(Drawing::add_to_linker(&mut linker, |host| host).is_err(), "it is there already");
}
