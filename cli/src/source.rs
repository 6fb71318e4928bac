//! Source lines for backtraces, from the DWARF that a module carries in custom sections.

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use wasmer_runtime::{Backtrace, ModuleSummary};

/// Fills in the source lines of frames whose module was read as `wasm`. What cannot be found stays empty: a backtrace without
/// lines is better than none.
pub(crate) fn add_lines(backtrace: &mut Backtrace, wasm: &[u8]) {
    let Ok(summary) = ModuleSummary::of(wasm, wasmer_runtime::default_features()) else { return };
    let section = |id: addr2line::gimli::SectionId| {
        let found = summary.custom_sections.iter().find(|(name, _)| name == id.name());
        let bytes = found.and_then(|(_, range)| wasm.get(range.clone())).unwrap_or_default();
        Ok::<_, addr2line::gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    };
    let Ok(context) = Dwarf::load(section).and_then(Context::from_dwarf) else { return };
    for frame in &mut backtrace.frames {
        let address =
            frame.wasm_offset.and_then(|offset| u64::from(offset).checked_sub(summary.code_section_offset as u64));
        let location = address.and_then(|address| context.find_location(address).ok().flatten());
        frame.source = location.and_then(|location| {
            let line = location.line?;
            Some(format!("{}:{line}", location.file?))
        });
    }
}
