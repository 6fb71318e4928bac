//! Components for tests, in the worlds of `world.wit`, which are those of the standard: one that answers requests, and one that sends one.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// A world, and what it is found in.
pub(crate) fn world(name: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", include_str!("world.wit")).unwrap();
    let world = resolve.select_world(&[package], Some(name)).unwrap();
    (resolve, world)
}

/// A component of a world.
pub(crate) fn componentize(world: &str, mut module: Vec<u8>) -> Vec<u8> {
    let (resolve, world) = self::world(world);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap();
    encoder.encode().unwrap()
}

/// Answers requests as the first letter of the path says.
pub(crate) fn proxy() -> Vec<u8> {
    componentize("proxy", wat::parse_str(include_str!("proxy.wat")).unwrap())
}
