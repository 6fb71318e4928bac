//! One LLVM module being filled: the state of the code generator, functions' beginnings and ends, locals, globals,
//! constants, and the table that forwards each operator family to its file.

use std::collections::HashMap;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::debug_info::{AsDIScope, DIFlags, DIFlagsConstants, DISubprogram};
use inkwell::module::Module;
use inkwell::targets::TargetMachine;
use inkwell::types::{BasicTypeEnum, FunctionType};
use inkwell::values::{BasicValueEnum, CallSiteValue, FunctionValue, MetadataValue, PointerValue};
use inkwell::{GlobalVisibility, IntPredicate};
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::*;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::abi::{Carried, FuncAbi};
use crate::compiler::Glance;
use crate::control::Frame;
use crate::debug_info::{DebugInfo, LINE_OF_OFFSET_ZERO, text_of};
use crate::exceptions::Landing;
use crate::intrinsics::{AliasClass, Built, Caches, Kinds, Types, enum_attribute, internal};

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
    /// Size of the whole vmctx: all of it may be read at any time.
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
    glance: Glance,
    pub(crate) carried: Carried,
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

    /// A function of the module, in this LLVM module or not, for tail calls.
    pub(crate) fn uniform_function(&mut self, index: DefinedFuncIdx, ty: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        let role = if self.declared.contains_key(&(index, Role::Uniform)) { Role::Uniform } else { Role::TailCallee };
        self.declare(index, role, ty)
    }

    fn declare(&mut self, index: DefinedFuncIdx, role: Role, ty: FunctionType<'ctx>) -> FunctionValue<'ctx> {
        if let Some(&function) = self.declared.get(&(index, role)) {
            return function;
        }
        let function = self.module.add_function(&role.symbol(index), ty, None);
        function.as_global_value().set_visibility(GlobalVisibility::Hidden);
        self.attribute(function);
        function.add_attribute(AttributeLoc::Param(0), enum_attribute(self.ctx, "nonnull"));
        function.add_attribute(
            AttributeLoc::Param(0),
            self.ctx
                .create_enum_attribute(Attribute::get_named_enum_kind_id("dereferenceable"), self.vmctx_bytes as u64),
        );
        self.declared.insert((index, role), function);
        function
    }

    /// Starts a function; [`FuncCodegen::begin`] follows.
    pub(crate) fn start(&mut self, index: DefinedFuncIdx, offset: u32, glance: Glance) {
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
            glance: Glance::default(),
            carried: Carried::default(),
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

    fn begin_body(&mut self, signature: &Signature, locals: &[Ty]) -> Result<Frame<'ctx>> {
        let mut slots = Vec::with_capacity(locals.len());
        for (position, &ty) in locals.iter().enumerate() {
            let ty = self.t.of(ty);
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

    fn set_wasm_offset(&mut self, offset: u32) {
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

    fn const_value(&self, value: Const) -> Result<V<'ctx>> {
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

    fn local(&self, local: LocalIdx) -> Result<(PointerValue<'ctx>, BasicTypeEnum<'ctx>)> {
        self.f().locals[local.index()].ok_or_else(|| internal("a local that was not found"))
    }

    fn global_place(&mut self, global: &GlobalRef) -> Result<(PointerValue<'ctx>, AliasClass)> {
        let vmctx = self.f().vmctx;
        Ok(match global.location {
            Location::Inline(offset) => (self.at(vmctx, offset as i64)?, AliasClass::Global(global.index)),
            Location::Indirect(offset) => (self.load_constant_ptr(vmctx, offset)?, AliasClass::ImportedGlobals),
        })
    }

    fn get_global(&mut self, global: &GlobalRef) -> Result<V<'ctx>> {
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
        if current.carried.is_out_of_proportion(current.glance.body_bytes) {
            for name in ["noinline", "optnone"] {
                current.function.add_attribute(AttributeLoc::Function, enum_attribute(self.ctx, name));
            }
        }
    }

    fn finish_body(&mut self) -> Result<()> {
        let function = self.f().function;
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
fn global_align(ty: Ty) -> u32 {
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

/// Forwards methods of the trait to methods of other names, which stand in the file of their family.
macro_rules! forward {
    ($($name:ident => $to:ident ($($arg:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        $(fn $name(&mut self, $($arg: $ty),*) $(-> $result)? { self.$to($($arg),*) })*
    };
}

impl<'ctx> FuncCodegen for Codegen<'ctx, '_> {
    type Value = V<'ctx>;
    type Frame = Frame<'ctx>;

    fn constant(&mut self, value: Const) -> Result<V<'ctx>> {
        self.const_value(value)
    }

    fn local_get(&mut self, local: LocalIdx) -> Result<V<'ctx>> {
        let (slot, ty) = self.local(local)?;
        self.b.build_load(ty, slot, "").built()
    }

    fn local_set(&mut self, local: LocalIdx, value: V<'ctx>) -> Result<()> {
        let (slot, _) = self.local(local)?;
        self.b.build_store(slot, value).built().map(drop)
    }

    fn local_tee(&mut self, local: LocalIdx, value: V<'ctx>) -> Result<V<'ctx>> {
        self.local_set(local, value)?;
        Ok(value)
    }

    fn global_set(&mut self, global: &GlobalRef, value: V<'ctx>) -> Result<()> {
        let (place, class) = self.global_place(global)?;
        self.store_to(place, value, class, global_align(global.ty)).map(drop)
    }

    fn ref_is_null(&mut self, reference: V<'ctx>) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?;
        self.flag(null)
    }

    fn ref_as_non_null(&mut self, reference: V<'ctx>, code: TrapCode) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?;
        self.trap_if(null.into_int_value(), code)?;
        Ok(reference)
    }

    fn drop_value(&mut self, _value: V<'ctx>) -> Result<()> {
        Ok(())
    }

    fn select(&mut self, _ty: Ty, if_true: V<'ctx>, if_false: V<'ctx>, condition: V<'ctx>) -> Result<V<'ctx>> {
        let condition = self.is_true(condition)?;
        self.select_value(condition.into(), if_true, if_false)
    }

    fn trap(&mut self, code: TrapCode) -> Result<()> {
        self.trap_here(code)
    }

    fn trap_if(&mut self, code: TrapCode, condition: V<'ctx>) -> Result<()> {
        let condition = self.is_true(condition)?;
        self.trap_if(condition, code)
    }

    fn if_(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>], condition: V<'ctx>) -> Result<Frame<'ctx>> {
        self.open_if(sig, condition)
    }

    fn block(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>]) -> Result<Frame<'ctx>> {
        self.open_block(sig)
    }

    fn else_(
        &mut self,
        frame: &mut Frame<'ctx>,
        fallthrough: Option<&[V<'ctx>]>,
        _params: &mut [V<'ctx>],
    ) -> Result<()> {
        self.switch_arm(frame, fallthrough)
    }

    fn end(
        &mut self,
        frame: Frame<'ctx>,
        fallthrough: Option<&[V<'ctx>]>,
        _branched: bool,
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        self.close_frame(frame, fallthrough, results)
    }

    fn try_(&mut self, sig: BlockSig<'_>, _params: &[V<'ctx>]) -> Result<Frame<'ctx>> {
        self.open_region(sig)
    }

    fn set_caught_value(&mut self, index: u32, _ty: Ty, value: V<'ctx>) -> Result<()> {
        self.emit_set_caught_value(index, value)
    }

    fn pick(&mut self, _above: usize, value: V<'ctx>) -> Result<V<'ctx>> {
        Ok(value)
    }

    forward! {
        begin => begin_body(signature: &Signature, locals: &[Ty]) -> Result<Frame<'ctx>>;
        set_offset => set_wasm_offset(offset: u32);
        finish => finish_body() -> Result<()>;
        global_get => get_global(global: &GlobalRef) -> Result<V<'ctx>>;

        int_unary => emit_int_unary(op: IntUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        int_binary => emit_int_binary(op: IntBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        int_compare => emit_int_compare(op: IntCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        int_eqz => emit_int_eqz(width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        wide => emit_wide(op: WideOp, operands: &[V<'ctx>]) -> Result<(V<'ctx>, V<'ctx>)>;
        float_unary => emit_float_unary(op: FloatUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        float_binary => emit_float_binary(op: FloatBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        float_compare => emit_float_compare(op: FloatCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        convert => emit_convert(op: Convert, value: V<'ctx>) -> Result<V<'ctx>>;

        load => emit_load(access: &Access, op: Load, index: V<'ctx>) -> Result<V<'ctx>>;
        store => emit_store(access: &Access, op: Store, index: V<'ctx>, value: V<'ctx>) -> Result<()>;
        memory_size => emit_memory_size(memory: &MemoryRef) -> Result<V<'ctx>>;
        atomic_load => emit_atomic_load(access: &Access, width: AtomicWidth, index: V<'ctx>) -> Result<V<'ctx>>;
        atomic_store => emit_atomic_store(access: &Access, width: AtomicWidth, index: V<'ctx>, value: V<'ctx>) -> Result<()>;
        atomic_rmw => emit_atomic_rmw(access: &Access, op: AtomicRmw, width: AtomicWidth, index: V<'ctx>, value: V<'ctx>) -> Result<V<'ctx>>;
        atomic_cmpxchg => emit_atomic_cmpxchg(access: &Access, width: AtomicWidth, index: V<'ctx>, expected: V<'ctx>, replacement: V<'ctx>) -> Result<V<'ctx>>;
        atomic_fence => emit_atomic_fence() -> Result<()>;

        call => emit_call(callee: Callee<V<'ctx>>, signature: &Signature, args: &[V<'ctx>], results: &mut Vec<V<'ctx>>) -> Result<()>;
        return_call => emit_return_call(callee: Callee<V<'ctx>>, signature: &Signature, args: &[V<'ctx>]) -> Result<()>;
        libcall => emit_libcall(call: HostCall, operand_types: &[Ty], operands: &[V<'ctx>], narrow: bool) -> Result<Option<V<'ctx>>>;

        meter => emit_meter(cost: u32, point: Meter) -> Result<()>;
        loop_ => open_loop(sig: BlockSig<'_>, params: &mut [V<'ctx>]) -> Result<Frame<'ctx>>;
        br => emit_br(frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()>;
        br_if => emit_br_if(frame: &mut Frame<'ctx>, args: &[V<'ctx>], condition: V<'ctx>) -> Result<()>;
        br_on_null => emit_br_on_null(frame: &mut Frame<'ctx>, args: &[V<'ctx>], reference: V<'ctx>) -> Result<V<'ctx>>;
        br_on_non_null => emit_br_on_non_null(frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()>;
        br_table => emit_br_table(frames: &mut [Frame<'ctx>], targets: &[u32], default: u32, args: &[V<'ctx>], index: V<'ctx>) -> Result<()>;
        return_ => emit_return(values: &[V<'ctx>]) -> Result<()>;

        landing => land(frame: &mut Frame<'ctx>, fallthrough: Option<&[V<'ctx>]>) -> Result<bool>;
        throw_on => emit_throw_on(frame: Option<&mut Frame<'ctx>>) -> Result<()>;
        set_caught_tag => emit_set_caught_tag(tag: &TagRef) -> Result<()>;
        caught_tag_is => emit_caught_tag_is(tag: &TagRef) -> Result<V<'ctx>>;
        caught_value => emit_caught_value(index: u32, ty: Ty) -> Result<V<'ctx>>;

        simd_unary => emit_simd_unary(op: SimdUnary, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_binary => emit_simd_binary(op: SimdBinary, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_ternary => emit_simd_ternary(op: SimdTernary, a: V<'ctx>, b: V<'ctx>, c: V<'ctx>) -> Result<V<'ctx>>;
        simd_shift => emit_simd_shift(op: SimdShift, shape: IntShape, value: V<'ctx>, count: V<'ctx>) -> Result<V<'ctx>>;
        simd_int_compare => emit_simd_int_compare(op: IntCompare, shape: IntShape, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_unary => emit_simd_float_unary(op: FloatUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_binary => emit_simd_float_binary(op: SimdFloatBinary, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_float_compare => emit_simd_float_compare(op: FloatCompare, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_test => emit_simd_test(op: SimdTest, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_convert => emit_simd_convert(op: SimdConvert, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_splat => emit_simd_splat(shape: Shape, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_extract_lane => emit_simd_extract_lane(shape: Shape, lane: u8, signed: bool, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_replace_lane => emit_simd_replace_lane(shape: Shape, lane: u8, vector: V<'ctx>, value: V<'ctx>) -> Result<V<'ctx>>;
        simd_shuffle => emit_simd_shuffle(lanes: [u8; 16], lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>>;
        simd_load => emit_simd_load(access: &Access, op: SimdLoad, index: V<'ctx>) -> Result<V<'ctx>>;
        simd_load_lane => emit_simd_load_lane(access: &Access, bytes: u8, lane: u8, index: V<'ctx>, vector: V<'ctx>) -> Result<V<'ctx>>;
        simd_store_lane => emit_simd_store_lane(access: &Access, bytes: u8, lane: u8, index: V<'ctx>, vector: V<'ctx>) -> Result<()>;
    }
}
