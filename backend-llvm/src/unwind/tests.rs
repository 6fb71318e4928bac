//! What the tables of compiled functions become.

use iced_x86::{Decoder, DecoderOptions, Mnemonic, Register};
use inkwell::InlineAsmDialect;
use wasmer_runtime_core::compiler::{Output, Symbol};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::codegen::Codegen;
use crate::intrinsics::Built;
use crate::tests::{Body, compile, compile_all, info};

/// By the bits of a mask.
const NAMES: [&str; 5] = ["r15", "r14", "r13", "r12", "rbx"];
const REGISTERS: [Register; 5] = [Register::R15, Register::R14, Register::R13, Register::R12, Register::RBX];

const NOTHING: BlockSig<'static> = BlockSig { params: &[], results: &[] };

/// Assembly that changes registers.
fn clobber(c: &mut Codegen<'_, '_>, mask: u8) -> Result<()> {
    let names = NAMES.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 != 0);
    let clobbered: Vec<_> = names.map(|(_, name)| format!("~{{{name}}}")).collect();
    let ty = c.ctx.void_type().fn_type(&[], false);
    let dialect = Some(InlineAsmDialect::ATT);
    let asm = c.ctx.create_inline_asm(ty, String::new(), clobbered.join(","), true, false, dialect, false);
    c.b.build_indirect_call(ty, asm, &[], "").built().map(drop)
}

/// The mask at an offset in the text.
fn mask_at(output: &Output, offset: u32) -> u8 {
    let before = output.saved_registers.iter().rev().find(|saved| saved.offset <= offset);
    before.expect("the first function says what it saves").mask
}

/// Start and end of function 0.
fn range(output: &Output) -> std::ops::Range<u32> {
    let symbol = Symbol::Function(DefinedFuncIdx(0));
    let found = output.definitions.iter().find(|definition| definition.symbol == symbol).expect("it is defined");
    found.offset..found.offset + found.len
}

/// Registers that function 0 pushes behind its frame pointer.
fn pushed(output: &Output) -> Vec<Register> {
    let range = range(output);
    let code = &output.text[range.start as usize..range.end as usize];
    let instructions = Decoder::new(64, code, DecoderOptions::NONE).into_iter();
    let pushes = instructions.skip(2).take_while(|instruction| instruction.mnemonic() == Mnemonic::Push);
    pushes.map(|push| push.op0_register()).filter(|register| REGISTERS.contains(register)).collect()
}

#[test]
fn masks_are_what_functions_push() {
    let info = info(&[], &[]);
    for mask in 0..1 << NAMES.len() {
        let output = compile(&info, &[], &|c| {
            clobber(c, mask)?;
            c.return_(&[])
        });
        assert_eq!(mask_at(&output, range(&output).start), mask);
        let bits = REGISTERS.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 != 0);
        assert_eq!(pushed(&output), bits.map(|(_, register)| *register).collect::<Vec<_>>());
    }
}

#[test]
fn what_always_throws_saves_what_it_uses() {
    let info = info(&[], &[]);
    let output = compile(&info, &[], &|c| {
        clobber(c, 0b10010)?;
        c.throw_on(None)
    });
    assert_eq!(mask_at(&output, range(&output).start), 0b10010);
    assert!(output.handlers.is_empty());
}

/// Two functions of one type, of which the second is in another output.
fn info_of_two() -> ModuleInfo {
    let mut info = info(&[], &[]);
    info.functions.push(TypeIdx(0));
    info
}

/// Calls the second function.
fn call(c: &mut Codegen<'_, '_>) -> Result<()> {
    let signature = c.info.func_type(TypeIdx(0)).signature();
    c.call(Callee::Direct(DefinedFuncIdx(1)), &signature, &[], &mut Vec::new())
}

#[test]
fn each_call_in_a_region_has_its_entry() {
    let info = info_of_two();
    for calls in 1..4 {
        let output = compile(&info, &[], &|c| {
            call(c)?;
            for _ in 0..2 {
                let mut frame = c.try_(NOTHING, &[])?;
                (0..calls).try_for_each(|_| call(c))?;
                assert!(c.landing(&mut frame, Some(&[]))?);
                c.trap(TrapCode::Unreachable)?;
                c.end(frame, None, true, &mut Vec::new())?;
            }
            c.return_(&[])
        });
        let called = |symbol: Symbol| symbol == Symbol::Function(DefinedFuncIdx(1));
        let ends: Vec<_> =
            output.relocs.iter().filter(|reloc| called(reloc.target)).map(|reloc| reloc.offset + 4).collect();
        assert_eq!(ends.len(), 1 + 2 * calls);
        let mut expected = ends[1..].to_vec();
        expected.sort_unstable();
        let handlers: Vec<_> = output.handlers.iter().map(|handler| handler.return_address).collect();
        assert_eq!(handlers, expected, "the first call is outside of all regions");
        assert!(
            output.handlers.iter().all(|handler| range(&output).contains(&handler.landing) && handler.frame_bytes == 0)
        );
    }
}

#[test]
fn nothing_lands_where_nothing_throws() {
    let info = info_of_two();
    let output = compile(&info, &[], &|c| {
        let mut frame = c.try_(NOTHING, &[])?;
        assert!(!c.landing(&mut frame, Some(&[]))?);
        c.end(frame, None, true, &mut Vec::new())?;
        call(c)?;
        c.return_(&[])
    });
    assert!(output.handlers.is_empty());
}

#[test]
fn a_region_holds_in_what_is_put_into_it() {
    let info = info_of_two();
    let caller: &Body<'_> = &|c| {
        let mut frame = c.try_(NOTHING, &[])?;
        call(c)?;
        assert!(c.landing(&mut frame, Some(&[]))?);
        c.return_(&[])?;
        c.end(frame, None, true, &mut Vec::new())?;
        c.return_(&[])
    };
    let output = compile_all(&info, &[], &[caller, &|c| c.throw_on(None)], false);
    // What is left to call is the libcall.
    let handler = output.handlers.first().expect("the call is in the region");
    assert!(range(&output).contains(&(handler.return_address - 1)), "{handler:?}");
}
