//! Debug information, of which there are only lines: they stand for offsets of operators.

use std::fmt::Write;

use inkwell::context::Context;
use inkwell::debug_info::{
    DICompileUnit, DIFlags, DIFlagsConstants, DISubroutineType, DWARFEmissionKind, DWARFSourceLanguage,
    DebugInfoBuilder,
};
use inkwell::module::{FlagBehavior, Module};
use inkwell::values::{AnyValue, FunctionValue};

/// What describes an LLVM module.
pub(crate) struct DebugInfo<'ctx> {
    pub(crate) builder: DebugInfoBuilder<'ctx>,
    pub(crate) unit: DICompileUnit<'ctx>,
    pub(crate) ty: DISubroutineType<'ctx>,
}

impl<'ctx> DebugInfo<'ctx> {
    pub(crate) fn new(ctx: &'ctx Context, module: &Module<'ctx>) -> Self {
        let version = ctx.i32_type().const_int(inkwell::debug_info::debug_metadata_version() as u64, false);
        module.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        let (builder, unit) = module.create_debug_info_builder(
            true,
            DWARFSourceLanguage::C,
            "wasm",
            "",
            "",
            true,
            "",
            0,
            "",
            DWARFEmissionKind::LineTablesOnly,
            0,
            false,
            false,
            "",
            "",
        );
        let ty = builder.create_subroutine_type(unit.get_file(), None, &[], DIFlags::ZERO);
        Self { builder, unit, ty }
    }
}

/// Debug line 0 means "none", so lines are wasm offsets plus one.
pub(crate) const LINE_OF_OFFSET_ZERO: u32 = 1;

/// The wasm offset that a debug line stands for.
pub(crate) fn offset_of_line(line: u64) -> Option<u32> {
    u32::try_from(line).ok()?.checked_sub(LINE_OF_OFFSET_ZERO)
}

/// A function as LLVM writes it, and behind what has a debug location the wasm offset that it stands for: the text has numbers of nodes there, which are not in it.
pub(crate) fn text_of(function: FunctionValue<'_>) -> String {
    let instructions = function.get_basic_block_iter().flat_map(|block| block.get_instructions());
    let locations = instructions.filter_map(|instruction| instruction.get_debug_location());
    let mut offsets = locations.map(|location| offset_of_line(location.get_line().into()));
    let mut text = String::new();
    for line in function.print_to_string().to_string_lossy().lines() {
        text.push_str(line);
        // That of the function itself stands in its first line. Writing to a string cannot fail.
        let is_located = !line.starts_with("define ") && line.contains(", !dbg !");
        if let Some(offset) = is_located.then(|| offsets.next()).flatten().flatten() {
            let _ = write!(text, " ; wasm {offset:#x}");
        }
        text.push('\n');
    }
    text
}
