//! The rest of a function from a loop on, as a function of its own.
//!
//! A function that runs in a first tier's code can go on in better code where a loop begins: its *continuation* there takes all locals and the operands
//! that lie on the stack as parameters, and returns what the function returns. It is WebAssembly, made of the function's bytes ([`rewrite`]), in a
//! module that is the same but for that ([`Module`]): so compilers need not know how to enter a function in its middle, and it is validated as everything is that
//! is compiled. What cannot be written like this has none.

mod encode;
mod path;
mod rewrite;

use wasmparser::BinaryReader;

use crate::module::ModuleInfo;
use crate::translate::func::FuncInput;
use crate::types::TypeIdx;

use encode::{block_type, leb};

/// A module with a continuation as its last function. All other functions are there, and do nothing but trap.
pub(crate) struct Module {
    pub(crate) wasm: Vec<u8>,
    /// The type of the continuation.
    pub(crate) ty: TypeIdx,
    /// Offsets in this module and where in the original what stands there is from, ascending.
    places: Vec<(u32, u32)>,
}

/// A function's body, and the types that it needs beyond those of its module: the first is its own.
struct Function {
    body: Vec<u8>,
    types: Vec<Vec<u8>>,
    /// Offsets in the body and in the original module.
    places: Vec<(u32, u32)>,
}

impl Module {
    /// The module with the continuation of a function from the loop on whose operator is at an offset of the module. None where that cannot be written.
    pub(crate) fn new(wasm: &[u8], info: &ModuleInfo, input: FuncInput<'_>, offset: u32) -> Option<Self> {
        let function = rewrite::rewrite(wasm, info, input, offset as usize)?;
        let ty = TypeIdx::from_index(info.types.len());
        let mut made = wasm.get(..8)?.to_vec();
        let mut reader = BinaryReader::new(wasm.get(8..)?, 8);
        let mut body_start = 0;
        while !reader.eof() {
            let id = reader.read_u8().ok()?;
            let len = reader.read_var_u32().ok()? as usize;
            let content = reader.read_bytes(len).ok()?;
            let mut section = BinaryReader::new(content, 0);
            let mut counted = |more: usize| -> Option<(usize, Vec<u8>)> {
                let count = section.read_var_u32().ok()? as usize;
                let mut changed = Vec::new();
                leb(&mut changed, (count + more) as u32);
                Some((count, changed))
            };
            let content = match id {
                // Names and the like.
                0 => continue,
                1 => {
                    let (_, mut types) = counted(function.types.len())?;
                    types.extend_from_slice(&content[section.current_position()..]);
                    types.extend(function.types.iter().flatten());
                    types
                }
                3 => {
                    let (_, mut functions) = counted(1)?;
                    functions.extend_from_slice(&content[section.current_position()..]);
                    leb(&mut functions, ty.0);
                    functions
                }
                10 => {
                    let (count, mut bodies) = counted(1)?;
                    // No locals, `unreachable`, `end`.
                    (0..count).for_each(|_| bodies.extend_from_slice(&[3, 0, 0x00, 0x0b]));
                    leb(&mut bodies, function.body.len() as u32);
                    body_start = bodies.len();
                    bodies.extend_from_slice(&function.body);
                    bodies
                }
                _ => content.to_vec(),
            };
            made.push(id);
            leb(&mut made, content.len() as u32);
            if id == 10 {
                body_start += made.len();
            }
            made.extend_from_slice(&content);
        }
        let places = function.places.iter().map(|(at, from)| (at + body_start as u32, *from)).collect();
        Some(Self { wasm: made, ty, places })
    }

    /// Where in the original what is at an offset of this module is from.
    pub(crate) fn original(&self, offset: u32) -> u32 {
        let position = self.places.partition_point(|(at, _)| *at <= offset).max(1) - 1;
        self.places.get(position).map_or(0, |(at, from)| from + offset.saturating_sub(*at))
    }
}
