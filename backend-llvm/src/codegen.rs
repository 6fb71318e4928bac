//! One LLVM module being filled: the state of the code generator, functions' beginnings and ends, locals, globals and constants.

use std::collections::HashMap;

use inkwell::GlobalVisibility;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::debug_info::{AsDIScope, DIFlags, DIFlagsConstants, DISubprogram};
use inkwell::module::Module;
use inkwell::targets::TargetMachine;
use inkwell::types::{BasicTypeEnum, FunctionType};
use inkwell::values::{BasicValueEnum, CallSiteValue, FunctionValue, MetadataValue, PointerValue};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::*;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::*;

use crate::abi::{BufferedValues, FuncAbi};
use crate::compiler::BodyFacts;
use crate::control::Frame;
use crate::debug_info::{DebugInfo, LINE_OF_OFFSET_ZERO, text_of};
use crate::exceptions::Landing;
use crate::intrinsics::{AliasClass, Built, Caches, Kinds, Types, enum_attribute, internal};
use crate::merges::Merges;

/// The alignment of a vmctx, see [`VMOffsets::size`](wasmer_runtime_core::layout::VMOffsets::size).
const VMCTX_ALIGN: u64 = 16;

/// An SSA value.
pub(crate) type V<'ctx> = BasicValueEnum<'ctx>;

/// Fills one LLVM module with functions, one after the other.
pub(crate) struct Codegen<'ctx, 'm> {
    pub(crate) ctx: &'ctx Context,
    pub(crate) info: &'m ModuleInfo,
    pub(crate) module: Module<'ctx>,
    pub(crate) b: Builder<'ctx>,
    pub(crate) t: Types<'ctx>,
    pub(crate) kinds: Kinds,
    pub(crate) caches: Caches<'ctx>,
    pub(crate) empty_node: MetadataValue<'ctx>,
    pub(crate) nounwind: Attribute,
    pub(crate) noreturn: Attribute,
    pub(crate) cold: Attribute,
    attributes: Vec<Attribute>,
    /// The functions that have them.
    pub(crate) ours: Vec<FunctionValue<'ctx>>,
    /// Calls that an exception may leave.
    pub(crate) throwing: Vec<CallSiteValue<'ctx>>,
    /// The personality function, once there is a landing pad.
    pub(crate) personality: Option<FunctionValue<'ctx>>,
    /// Size of the whole vmctx. All of it may be read at any time (`dereferenceable`), so LLVM may move loads from it in front of branches and loops.
    vmctx_bytes: u32,
    declared: HashMap<(DefinedFuncIdx, Role), FunctionValue<'ctx>>,
    debug: DebugInfo<'ctx>,
    // The function at hand.
    pub(crate) offset: u32,
    /// The offset of the builder's debug location.
    located: Option<u32>,
    pub(crate) current: Option<Current<'ctx>>,
}

/// The function at hand.
pub(crate) struct Current<'ctx> {
    pub(crate) function: FunctionValue<'ctx>,
    pub(crate) abi: FuncAbi<'ctx>,
    /// Whether it has the uniform prototype, see [`crate::abi`].
    pub(crate) is_uniform: bool,
    pub(crate) vmctx: PointerValue<'ctx>,
    /// The block of stack slots, which ends in a jump to the code.
    entry: BasicBlock<'ctx>,
    /// Those that are used.
    locals: Vec<Option<(PointerValue<'ctx>, BasicTypeEnum<'ctx>)>>,
    glance: BodyFacts,
    pub(crate) carried: BufferedValues,
    pub(crate) merges: Merges,
    /// What is left of the store's fuel, if the module is metered.
    pub(crate) fuel: Option<PointerValue<'ctx>>,
    /// Of the open regions, the innermost last.
    pub(crate) landings: Vec<Landing<'ctx>>,
    scope: DISubprogram<'ctx>,
    /// Buffers for results of calls, by number of values.
    buffers: HashMap<u32, PointerValue<'ctx>>,
}

/// What an LLVM symbol of a wasm function is for. All of a function's symbols mean the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Calls, and the definition unless the function makes tail calls: of the natural prototype.
    Natural,
    /// The definition of a function that makes tail calls: of the uniform prototype.
    Uniform,
    /// Tail calls of a function that does not make any itself: of the uniform prototype.
    TailCallee,
}

impl Role {
    const ALL: [(Self, &str); 3] = [(Self::Natural, "f"), (Self::Uniform, "u"), (Self::TailCallee, "t")];

    /// The symbol of a function in this role.
    fn symbol(self, index: DefinedFuncIdx) -> String {
        let prefix = Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, prefix)| prefix);
        format!("{prefix}{}", index.0)
    }

    /// The function that a symbol is for.
    pub(crate) fn function_of(symbol: &str) -> Option<DefinedFuncIdx> {
        let digits = Self::ALL.iter().find_map(|(_, prefix)| symbol.strip_prefix(prefix))?;
        Some(DefinedFuncIdx(digits.parse().ok()?))
    }
}

impl<'ctx, 'm> Codegen<'ctx, 'm> {
    pub(crate) fn new(ctx: &'ctx Context, info: &'m ModuleInfo, machine: &TargetMachine) -> Self {
        let module = ctx.create_module("wasm");
        module.set_triple(&machine.get_triple());
        module.set_data_layout(&machine.get_target_data().get_data_layout());
        let debug = DebugInfo::new(ctx, &module);
        Self {
            ctx,
            info,
            b: ctx.create_builder(),
            t: Types::new(ctx),
            kinds: Kinds::new(ctx),
            caches: Caches::default(),
            empty_node: ctx.metadata_node(&[]),
            nounwind: enum_attribute(ctx, "nounwind"),
            noreturn: enum_attribute(ctx, "noreturn"),
            cold: enum_attribute(ctx, "cold"),
            attributes: function_attributes(ctx, machine),
            ours: Vec::new(),
            throwing: Vec::new(),
            personality: None,
            vmctx_bytes: info.offsets().size(),
            declared: HashMap::new(),
            debug,
            offset: 0,
            located: None,
            current: None,
            module,
        }
    }

    /// The function at hand.
    pub(crate) fn f(&self) -> &Current<'ctx> {
        self.current.as_ref().expect("operators come between begin and finish")
    }

    /// Puts the attributes of our code on a function.
    pub(crate) fn attribute(&mut self, function: FunctionValue<'ctx>) {
        self.ours.push(function);
        for &attribute in &self.attributes {
            function.add_attribute(AttributeLoc::Function, attribute);
        }
    }

    /// A function of the module, in this LLVM module or not, for calls that are not tail calls.
    pub(crate) fn function(&mut self, index: DefinedFuncIdx) -> FunctionValue<'ctx> {
        let ty = self.info.functions[self.info.func_index(index).index()];
        let abi = self.abi(&self.info.func_type(ty).signature());
        self.declare(index, Role::Natural, abi.ty)
    }

    /// A function of the module, in this LLVM module or not, for tail calls. Its definition is used if it is at hand, so that
    /// LLVM sees what is called; otherwise any symbol of this prototype does, since all mean the same address.
    pub(crate) fn uniform_function(&mut self, index: DefinedFuncIdx, ty: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        let role = if self.declared.contains_key(&(index, Role::Uniform)) { Role::Uniform } else { Role::TailCallee };
        self.declare(index, role, ty)
    }

    fn declare(&mut self, index: DefinedFuncIdx, role: Role, ty: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        if let Some(&function) = self.declared.get(&(index, role)) {
            return function;
        }
        let function = self.module.add_function(&role.symbol(index), ty, None);
        // The code is position independent, and there is no global offset table: a hidden symbol is called directly, by a relative relocation.
        function.as_global_value().set_visibility(GlobalVisibility::Hidden);
        self.attribute(function);
        function.add_attribute(AttributeLoc::Param(0), enum_attribute(self.ctx, "nonnull"));
        function.add_attribute(
            AttributeLoc::Param(0),
            self.ctx
                .create_enum_attribute(Attribute::get_named_enum_kind_id("dereferenceable"), self.vmctx_bytes as u64),
        );
        if self.info.uses_heap || self.info.metered {
            // What is aligned may be read before it is needed: casts are often behind branches in loops, and so is the store that has the fuel.
            let align = Attribute::get_named_enum_kind_id("align");
            function.add_attribute(AttributeLoc::Param(0), self.ctx.create_enum_attribute(align, VMCTX_ALIGN));
        }
        self.declared.insert((index, role), function);
        function
    }

    /// Starts a function; [`FuncCodegen::begin`] follows.
    pub(crate) fn start(&mut self, index: DefinedFuncIdx, offset: u32, glance: BodyFacts) {
        let role = if glance.makes_tail_calls { Role::Uniform } else { Role::Natural };
        let ty = self.info.functions[self.info.func_index(index).index()];
        let abi = self.abi(&self.info.func_type(ty).signature());
        let ty = if glance.makes_tail_calls { self.uniform(&abi) } else { abi.ty };
        let function = self.declare(index, role, ty);
        self.open(function, &role.symbol(index), offset, abi);
        if let Some(current) = &mut self.current {
            current.is_uniform = glance.makes_tail_calls;
            current.glance = glance;
        }
    }

    /// Makes `function` the one at hand, with an entry block and the builder at its end.
    pub(crate) fn open(&mut self, function: FunctionValue<'ctx>, name: &str, offset: u32, abi: FuncAbi<'ctx>) {
        let file = self.debug.unit.get_file();
        let line = offset.saturating_add(LINE_OF_OFFSET_ZERO);
        let scope = self.debug.builder.create_function(
            self.debug.unit.as_debug_info_scope(),
            name,
            None,
            file,
            line,
            self.debug.ty,
            false,
            true,
            line,
            DIFlags::ZERO,
            true,
        );
        function.set_subprogram(scope);
        let entry = self.ctx.append_basic_block(function, "");
        self.b.position_at_end(entry);
        let vmctx = function.get_nth_param(0).expect("every function has a vmctx").into_pointer_value();
        let buffers = HashMap::new();
        self.current = Some(Current {
            function,
            abi,
            is_uniform: false,
            vmctx,
            entry,
            locals: Vec::new(),
            fuel: None,
            glance: BodyFacts::default(),
            carried: BufferedValues::default(),
            merges: Merges::default(),
            landings: Vec::new(),
            scope,
            buffers,
        });
        self.set_offset(offset);
        self.locate();
    }

    /// A new block at the end of the function.
    pub(crate) fn new_block(&self) -> BasicBlock<'ctx> {
        self.ctx.append_basic_block(self.f().function, "")
    }

    /// The block that code goes to.
    pub(crate) fn block_here(&self) -> Result<BasicBlock<'ctx>> {
        self.b.get_insert_block().ok_or_else(|| internal("no insertion point"))
    }

    /// A stack buffer for `values` results of a call, shared by all calls with as many.
    pub(crate) fn buffer(&mut self, values: u32) -> Result<PointerValue<'ctx>> {
        if let Some(&buffer) = self.f().buffers.get(&values) {
            return Ok(buffer);
        }
        let here = self.block_here()?;
        let entry = self.f().entry;
        // LLVM gives an `alloca` a fixed place in the frame only in the entry block: one in a loop would take more of the stack in each turn.
        match entry.get_first_instruction() {
            Some(first) => self.b.position_before(&first),
            None => self.b.position_at_end(entry),
        }
        let buffer = self.b.build_alloca(self.t.i128.array_type(values), "").built()?;
        self.b.position_at_end(here);
        if let Some(current) = &mut self.current {
            current.buffers.insert(values, buffer);
        }
        Ok(buffer)
    }

    /// A function of the batch as LLVM writes it; nothing if the optimiser has left nothing of it.
    pub(crate) fn text_of(&self, index: DefinedFuncIdx) -> String {
        let mut symbols = Role::ALL.iter().filter_map(|(role, _)| self.module.get_function(&role.symbol(index)));
        let definition = symbols.find(|function| function.get_first_basic_block().is_some());
        definition.map(text_of).unwrap_or_default()
    }

    /// Ends the debug information, and what depends on all functions: nothing is added afterwards.
    pub(crate) fn close(&mut self) {
        self.debug.builder.finalize();
        self.conclude_unwinding();
    }

    pub(crate) fn begin_body(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame<'ctx>> {
        let mut slots = Vec::with_capacity(locals.len());
        for (position, &ty) in locals.iter().enumerate() {
            let ty = self.t.of(ty);
            // Variables in memory, which SROA turns into SSA values with the phis that they need.
            let is_used = self.f().glance.uses(position);
            slots.push(if is_used { Some((self.b.build_alloca(ty, "").built()?, ty)) } else { None });
        }
        let args = self.incoming(signature)?;
        for (position, slot) in slots.iter().enumerate() {
            let Some((slot, ty)) = *slot else { continue };
            let initial = args.get(position).copied().unwrap_or_else(|| ty.const_zero());
            self.b.build_store(slot, initial).built()?;
        }
        let fuel = if self.info.metered { Some(self.param(1)?) } else { None };
        let current = self.current.as_mut().ok_or_else(|| internal("no function is open"))?;
        current.merges = Merges::new(slots.len());
        current.locals = slots;
        if let Some(fuel) = fuel {
            current.fuel = Some(self.b.build_alloca(self.t.i64, "").built()?);
            self.set_fuel(fuel)?;
        }
        let body = self.new_block();
        self.b.build_unconditional_branch(body).built()?;
        self.b.position_at_end(body);
        self.body_frame(signature)
    }

    /// Ends a function's debug locations.
    pub(crate) fn unset_location(&mut self) {
        self.located = None;
        self.b.unset_current_debug_location();
    }

    pub(crate) fn set_wasm_offset(&mut self, offset: u32) {
        self.offset = offset;
        if self.info.every_place {
            self.locate();
        }
    }

    /// Gives the instructions that follow the wasm offset of the operator at hand. Needed before what may fault and before calls: others keep the
    /// one before, so that a load that is folded into its use has its own.
    pub(crate) fn locate(&mut self) {
        let offset = self.offset;
        if self.located.replace(offset) == Some(offset) {
            return;
        }
        let line = offset.saturating_add(LINE_OF_OFFSET_ZERO);
        let scope = self.f().scope.as_debug_info_scope();
        self.b.set_current_debug_location(self.debug.builder.create_debug_location(self.ctx, line, 0, scope, None));
    }

    pub(crate) fn const_value(&self, value: Const) -> Result<V<'ctx>> {
        Ok(match value {
            Const::I32(value) => self.const_i32(value).into(),
            Const::I64(value) => self.const_i64(value as u64).into(),
            // Through the bits: a Rust float would quieten a signalling NaN.
            Const::F32(bits) => self.bitcast(self.const_i32(bits as i32), self.t.f32)?,
            Const::F64(bits) => self.bitcast(self.const_i64(bits), self.t.f64)?,
            Const::V128(bits) => {
                let lanes = [self.const_i64(bits as u64), self.const_i64((bits >> 64) as u64)];
                inkwell::types::VectorType::const_vector(&lanes).into()
            }
            Const::Null => self.const_i64(0).into(),
        })
    }

    pub(crate) fn local(&self, local: LocalIdx) -> Result<(PointerValue<'ctx>, BasicTypeEnum<'ctx>)> {
        self.f().locals[local.index()].ok_or_else(|| internal("a local that was not found"))
    }

    pub(crate) fn global_place(&mut self, global: &GlobalRef) -> Result<(PointerValue<'ctx>, AliasClass)> {
        let vmctx = self.f().vmctx;
        Ok(match global.location {
            Location::Inline(offset) => (self.at(vmctx, offset as i64)?, AliasClass::Global(global.index)),
            Location::Indirect(offset) => (self.load_constant_ptr(vmctx, offset)?, AliasClass::ImportedGlobals),
        })
    }

    pub(crate) fn get_global(&mut self, global: &GlobalRef) -> Result<V<'ctx>> {
        let (place, class) = self.global_place(global)?;
        let value = self.load_from(self.t.of(global.ty), place, class, global_align(global.ty))?;
        if !global.mutable {
            self.invariant(value)?;
        }
        Ok(value)
    }

    /// Ends the function at hand.
    pub(crate) fn leave(&mut self) {
        self.unset_location();
        let Some(current) = self.current.take() else { return };
        let bytes = current.glance.body_bytes;
        if current.carried.is_out_of_proportion(bytes) || current.merges.is_out_of_proportion(bytes) {
            // `optnone` is valid only together with `noinline`.
            for name in ["noinline", "optnone"] {
                current.function.add_attribute(AttributeLoc::Function, enum_attribute(self.ctx, name));
            }
        }
    }

    pub(crate) fn finish_body(&mut self) -> Result<()> {
        let function = self.f().function;
        // Blocks of labels that no branch reaches may be empty, and the verifier wants a terminator for each block.
        for block in function.get_basic_blocks() {
            if block.get_terminator().is_none() {
                self.b.position_at_end(block);
                self.b.build_unreachable().built()?;
            }
        }
        self.leave();
        Ok(())
    }
}

/// The alignment of a global's value: globals are 16 bytes, at multiples of 8.
pub(crate) fn global_align(ty: Ty) -> u32 {
    ty.bytes().min(8)
}

/// `uwtable(sync)`: tables of what holds at calls.
const UNWIND_TABLE_OF_CALLS: u64 = 1;

/// The attributes of every function that we define.
fn function_attributes(ctx: &Context, machine: &TargetMachine) -> Vec<Attribute> {
    let cpu = machine.get_cpu().to_string();
    let features = machine.get_feature_string().to_string_lossy().into_owned();
    let strings = [
        ("frame-pointer", "all"),
        ("probe-stack", "inline-asm"),
        // Only what `tail` operators ask for: a recursion without end must exhaust the stack.
        ("disable-tail-calls", "true"),
        // We bring `memcpy`, `memmove` and `memset`, nothing else.
        ("no-builtin-memcmp", ""),
        ("no-builtin-bcmp", ""),
        ("no-builtin-strlen", ""),
        ("no-builtin-wcslen", ""),
        // Vectors of 512 bits make loops of few iterations slow, and a wide load of what was just stored in parts waits for the stores.
        ("prefer-vector-width", "256"),
        ("min-legal-vector-width", "0"),
        ("target-cpu", &cpu),
        ("target-features", &features),
    ];
    let mut attributes: Vec<_> = strings.iter().map(|(name, value)| ctx.create_string_attribute(name, value)).collect();
    attributes.push(ctx.create_enum_attribute(Attribute::get_named_enum_kind_id("uwtable"), UNWIND_TABLE_OF_CALLS));
    attributes
}
