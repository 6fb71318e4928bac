//! The code generator: state of one function, and what all operator families need of it.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    AbiParam, AliasRegion, AliasRegionData, Block, BlockArg, Endianness, FuncRef, Function, InstBuilder, MemFlagsData,
    SigRef, Signature as ClifSignature, TrapCode as ClifTrap, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder, FunctionBuilderContext, Variable};
use rustc_hash::FxHashMap;
use wasmer_runtime_core::layout::{GlobalRef, Location};
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::outside;
use crate::region::Region;
use crate::target::Target;

/// The type in which vectors cross block, call and local boundaries; in between they have the type of their last operator.
pub(crate) const V128: Type = types::I8X16;

/// The representation of a type.
pub(crate) const fn clif_type(ty: Ty) -> Type {
    match ty {
        Ty::I32 => types::I32,
        Ty::I64 | Ty::Ref => types::I64,
        Ty::F32 => types::F32,
        Ty::F64 => types::F64,
        Ty::V128 => V128,
    }
}

/// The wasm call convention: Cranelift's `tail`, with the callee's vmctx first. Where code is metered, the store's fuel comes behind it, and is the
/// first result.
pub(crate) fn wasm_signature(module: &ModuleInfo, signature: &Signature) -> ClifSignature {
    let mut clif = ClifSignature::new(CallConv::Tail);
    clif.params.reserve(signature.params.len() + 2);
    clif.params.push(AbiParam::new(types::I64));
    if module.metered {
        clif.params.push(AbiParam::new(types::I64));
        clif.returns.push(AbiParam::new(types::I64));
    }
    clif.params.extend(signature.params.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    clif.returns.extend(signature.results.iter().map(|ty| AbiParam::new(clif_type(*ty))));
    clif
}

/// Our trap codes travel through Cranelift as user codes of the same number.
pub(crate) const fn clif_trap(code: TrapCode) -> ClifTrap {
    ClifTrap::unwrap_user(code as u8)
}

/// Where an open region goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landing {
    pub(crate) block: Block,
    /// Whether anything comes there.
    pub(crate) used: bool,
}

/// Where the locals are.
#[derive(Debug)]
pub(crate) enum Locals {
    /// Each is a variable of its number.
    Variables,
    /// Each has its place behind an address.
    Frame {
        /// The address.
        base: Value,
        /// Offset and type of each.
        places: Vec<(i32, Type)>,
    },
}

/// Allocations that a worker reuses from function to function.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Constants of the vmctx that the current function uses, by offset.
    pub(crate) constants: FxHashMap<i32, Value>,
    /// Functions that the current one calls.
    pub(crate) functions: FxHashMap<DefinedFuncIdx, FuncRef>,
    /// What is called where an access is outside of a memory.
    pub(crate) outside: outside::Functions,
    /// Wasm call signatures that the current function uses.
    pub(crate) signatures: FxHashMap<Signature, SigRef>,
    /// Libcall signatures that the current function uses.
    pub(crate) libcalls: FxHashMap<Libcall, SigRef>,
    /// Arguments of the branch that is being emitted.
    pub(crate) block_args: Vec<BlockArg>,
    /// Arguments of the call that is being emitted.
    pub(crate) call_args: Vec<Value>,
    /// Landings of the regions that are open, outermost first.
    pub(crate) landings: Vec<Landing>,
    /// By local: the last block that writes it, and how many do.
    pub(crate) writes: Vec<(Option<Block>, u32)>,
    /// Values that are no null, see [`nulls`](crate::nulls).
    pub(crate) not_null: Vec<Value>,
    /// Whether the function has grown out of proportion by its locals, see [`check_size`](crate::control::check_size).
    pub(crate) outgrown: bool,
}

impl Scratch {
    fn clear(&mut self) {
        self.constants.clear();
        self.functions.clear();
        self.outside.clear();
        self.signatures.clear();
        self.libcalls.clear();
        self.landings.clear();
        self.not_null.clear();
        self.outgrown = false;
    }
}

/// Writes the IR of one function.
pub(crate) struct Codegen<'a> {
    pub(crate) builder: FunctionBuilder<'a>,
    pub(crate) module: &'a ModuleInfo,
    pub(crate) target: Target,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) vmctx: Value,
    pub(crate) entry: Block,
    pub(crate) function: FuncIdx,
    pub(crate) locals: Locals,
    pub(crate) locals_in_frame: bool,
    /// How many there are.
    pub(crate) locals_len: usize,
    /// Bytes of the body.
    pub(crate) body_bytes: usize,
    /// What is left of the store's fuel, if the module is metered.
    pub(crate) fuel: Option<Variable>,
    /// Work on block parameters that were not needed, see [`check_size`](crate::control::check_size).
    pub(crate) dropping: u64,
    /// Work on values of locals that come together, see [`check_size`](crate::control::check_size).
    pub(crate) merging: u64,
    /// Work on telling values of locals apart, see [`check_size`](crate::control::check_size).
    pub(crate) crowding: u64,
    /// How many locals have been written.
    pub(crate) locals_written: u64,
    /// Pairs of a block and a local that it writes.
    pub(crate) local_writes: u64,
    /// Work on moving values out of loops, see [`check_size`](crate::control::check_size).
    pub(crate) hoisting: u64,
    /// Values of locals that jump tables hand on, see [`check_size`](crate::control::check_size).
    pub(crate) spreading: u64,
    /// How many loops are open.
    pub(crate) loops_open: u64,
    /// How many values there were when the last loop began or ended.
    pub(crate) values_noted: u64,
}

impl<'a> Codegen<'a> {
    /// A code generator for `func`, which is empty.
    pub(crate) fn new(
        func: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
        module: &'a ModuleInfo,
        target: Target,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.clear();
        let builder = FunctionBuilder::new(func, context);
        Self {
            builder,
            module,
            target,
            scratch,
            vmctx: Value::from_u32(0),
            entry: Block::from_u32(0),
            function: FuncIdx(0),
            locals: Locals::Variables,
            locals_in_frame: false,
            locals_len: 0,
            body_bytes: 0,
            fuel: None,
            dropping: 0,
            merging: 0,
            crowding: 0,
            locals_written: 0,
            local_writes: 0,
            hoisting: 0,
            spreading: 0,
            loops_open: 0,
            values_noted: 0,
        }
    }

    /// Completes the IR after [`finish`](wasmer_runtime_core::translate::codegen::FuncCodegen::finish).
    pub(crate) fn finalize(self, config: TargetFrontendConfig) {
        self.builder.finalize(config);
    }

    /// The builder of the next instruction.
    pub(crate) fn ins<'short>(&'short mut self) -> FuncInstBuilder<'short, 'a> {
        self.builder.ins()
    }

    /// The type of a value.
    pub(crate) fn value_type(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    /// A vector as a vector of another lane type.
    pub(crate) fn cast(&mut self, ty: Type, value: Value) -> Value {
        if self.value_type(value) == ty {
            return value;
        }
        // Which lane is which after a cast depends on the order of bytes, so Cranelift wants it named. WebAssembly's is little-endian (section 4.4.3).
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.ins().bitcast(ty, flags, value)
    }

    /// The value in the type of its representation at boundaries: vectors become [`V128`].
    pub(crate) fn canonical(&mut self, value: Value) -> Value {
        if self.value_type(value).is_vector() { self.cast(V128, value) } else { value }
    }

    /// An index into a memory or table, zero-extended to 64 bits.
    pub(crate) fn index64(&mut self, width: Width, index: Value) -> Value {
        match width {
            Width::W32 => self.ins().uextend(types::I64, index),
            Width::W64 => index,
        }
    }

    fn region(&mut self, region: Region) -> AliasRegion {
        let user_id = region.number(self.module);
        let regions = &mut self.builder.func.dfg.alias_regions;
        if let Some(known) = regions.get(user_id) {
            return known;
        }
        regions.insert(AliasRegionData { user_id, description: region.description().into() })
    }

    /// Flags of an access that never faults.
    pub(crate) fn trusted(&mut self, region: Region) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Flags of an access that traps with `code` when it faults, and may be unaligned.
    pub(crate) fn faulting(&mut self, region: Region, code: ClifTrap) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::new()
            .with_trap_code(Some(code))
            .with_endianness(Endianness::Little)
            .with_alias_region(Some(region))
    }

    /// Flags of an access that never faults, and may be unaligned.
    pub(crate) fn proven(&mut self, region: Region) -> MemFlagsData {
        let is_constant = region == Region::Constant;
        let region = self.region(region);
        let flags = MemFlagsData::new()
            .with_trap_code(None)
            .with_endianness(Endianness::Little)
            .with_alias_region(Some(region));
        if is_constant { flags.with_readonly().with_can_move() } else { flags }
    }

    /// A pointer in the vmctx that is constant as long as the instance lives. There is one load of each, at the start of
    /// the function; Cranelift moves it to where it is needed.
    pub(crate) fn load_constant(&mut self, offset: i32) -> Value {
        if let Some(value) = self.scratch.constants.get(&offset) {
            return *value;
        }
        let flags = self.trusted(Region::Constant).with_readonly().with_can_move();
        // In the entry block it dominates every use, whichever comes first in the text.
        let mut cursor = FuncCursor::new(self.builder.func).at_first_insertion_point(self.entry);
        let value = cursor.ins().load(types::I64, flags, self.vmctx, offset);
        self.scratch.constants.insert(offset, value);
        value
    }

    /// The base address and the displacement of something in or behind the vmctx.
    pub(crate) fn locate(&mut self, location: Location) -> (Value, i32) {
        match location {
            Location::Inline(offset) => (self.vmctx, offset),
            Location::Indirect(offset) => (self.load_constant(offset), 0),
        }
    }

    /// A condition for a branch or select: without the extension to `i32` if a comparison made it.
    pub(crate) fn condition(&self, value: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        let Some(inst) = dfg.value_def(value).inst() else { return value };
        // Comparisons give 8 bits, and the operators extend them to an `i32`. A branch needs only the flags.
        if dfg.insts[inst].opcode() != cranelift_codegen::ir::Opcode::Uextend {
            return value;
        }
        let narrow = dfg.inst_args(inst)[0];
        if dfg.value_type(narrow) == types::I8 { narrow } else { value }
    }

    pub(crate) fn constant_value(&mut self, value: Const) -> Value {
        match value {
            // Cranelift refuses constants with bits beyond their type, such as those of an extended sign.
            Const::I32(value) => self.ins().iconst(types::I32, i64::from(value as u32)),
            Const::I64(value) => self.ins().iconst(types::I64, value),
            Const::F32(bits) => self.ins().f32const(cranelift_codegen::ir::immediates::Ieee32::with_bits(bits)),
            Const::F64(bits) => self.ins().f64const(cranelift_codegen::ir::immediates::Ieee64::with_bits(bits)),
            Const::V128(bits) => {
                let constant = self.builder.func.dfg.constants.insert(bits.to_le_bytes().as_slice().into());
                self.ins().vconst(V128, constant)
            }
            Const::Null => self.ins().iconst(types::I64, 0),
        }
    }

    /// The zero of a type.
    pub(crate) fn zero(&mut self, ty: Ty) -> Value {
        self.constant_value(match ty {
            Ty::I32 => Const::I32(0),
            Ty::I64 => Const::I64(0),
            Ty::F32 => Const::F32(0),
            Ty::F64 => Const::F64(0),
            Ty::V128 => Const::V128(0),
            Ty::Ref => Const::Null,
        })
    }

    /// The position of the first wasm parameter among those of the entry block.
    pub(crate) fn first_param(&self) -> usize {
        1 + usize::from(self.module.metered)
    }

    pub(crate) fn global_place(&mut self, global: &GlobalRef) -> (Value, i32, MemFlagsData) {
        let (base, offset) = self.locate(global.location);
        let mut flags = self.trusted(Region::Global(global.index));
        if !global.mutable {
            flags = flags.with_readonly().with_can_move();
        }
        (base, offset, flags)
    }
}
