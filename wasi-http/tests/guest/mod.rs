//! A component that answers requests, for tests: `proxy.wat` in the world of `world.wit`, which is that of the standard.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The world, and what it is found in.
pub(crate) fn world() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", include_str!("world.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("proxy")).unwrap();
    (resolve, world)
}

/// A component of that world.
pub(crate) fn componentize(mut module: Vec<u8>) -> Vec<u8> {
    let (resolve, world) = world();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap();
    encoder.encode().unwrap()
}

/// Answers requests as the first letter of the path says.
pub(crate) fn proxy() -> Vec<u8> {
    componentize(wat::parse_str(include_str!("proxy.wat")).unwrap())
}
