//! Our convention for wasm functions: C's, with vmctx first, and nothing on the stack.
//!
//! Arguments that do not fit registers go through a buffer that a parameter points to, and so do results.
//!
//! **Tail calls.** LLVM's `tailcc` would make any call a tail call, and has its price: every function pops an aligned stack
//! area, even an empty one (`ret 8`), LLVM 22 drops stack arguments of `musttail` calls (llvm/llvm-project#199224), has
//! trouble with several of different sizes in one function (#109279), and moves the return address away from the
//! frame pointer, where a backtrace looks for it. In the C convention `musttail` wants the callee to have the
//! caller's prototype. So a function that makes tail calls is defined with the *uniform* prototype, which has a
//! parameter for every argument register, and makes them through that prototype. In registers, a call by the natural
//! prototype and one by the uniform prototype are the same; LLVM never sees both for one symbol, because each use
//! has a symbol of its own ([`crate::codegen::Role`]), which the linker takes for the same.

use inkwell::types::{BasicType, BasicTypeEnum, FunctionType};
use inkwell::values::{BasicMetadataValueEnum, InstructionOpcode as Op, PointerValue};
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::types::{Signature, Ty, Width};

use crate::codegen::{Codegen, Current, V};
use crate::intrinsics::{AliasClass, Built, internal, params};

/// Integer results that x86-64 returns in registers.
const INT_RESULTS_MAX: usize = 3;
/// Floating point and vector results that x86-64 returns in registers, in any mixture.
const VECTOR_RESULTS_MAX: usize = 2;
/// Integer arguments that x86-64 takes in registers, pointers of ours included.
const INT_ARGS_MAX: usize = 6;
/// Floating point and vector arguments that x86-64 takes in registers.
const VECTOR_ARGS_MAX: usize = 8;
/// Bytes between values in a buffer.
pub(crate) const VALUE_BYTES: i64 = 16;

/// A wasm function type as LLVM function types.
#[derive(Clone)]
pub(crate) struct FuncAbi<'ctx> {
    /// The natural prototype: vmctx, the store's fuel if the module is metered, pointer to the buffer of results if there is one, pointer to the
    /// buffer of arguments if there is one, and the other arguments. The fuel that is left is the first result.
    pub(crate) ty: FunctionType<'ctx>,
    /// Whether all results go through a buffer.
    pub(crate) results_in_memory: bool,
    /// How many arguments go through a buffer.
    pub(crate) args_in_memory: u32,
    /// Where each argument goes.
    args: Vec<ArgPlace>,
}

/// Where an argument goes.
#[derive(Clone, Copy)]
enum ArgPlace {
    /// To a register.
    Register {
        /// Which parameter of the natural prototype.
        natural: u32,
        /// Which parameter of the uniform prototype.
        uniform: u32,
    },
    /// To this place of the buffer of arguments.
    Memory(u32),
}

/// What is passed besides the arguments.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<'ctx> {
    pub(crate) vmctx: PointerValue<'ctx>,
    /// The store's fuel, if the module is metered.
    pub(crate) fuel: Option<V<'ctx>>,
    /// The buffer of results.
    pub(crate) results: Option<PointerValue<'ctx>>,
    /// The buffer of arguments.
    pub(crate) args: Option<PointerValue<'ctx>>,
}

/// How many values at once make a function one that LLVM does not optimise.
const WIDE_VALUES: usize = 128;
/// How many values in all a function may carry besides one for so many bytes of its body.
const CARRIED_FREE: usize = 512;
const BYTES_PER_CARRIED: usize = 3;

/// What a function carries through buffers.
///
/// LLVM compares each access of a buffer with all others of its block, and some steps do so for each pair: a function of a thousand parameters and
/// results took a minute. A function that carries much for its length is compiled in linear time, without being optimised.
#[derive(Default)]
pub(crate) struct BufferedValues {
    values: usize,
    /// The most values at once.
    widest: usize,
}

impl BufferedValues {
    pub(crate) fn is_out_of_proportion(&self, body_bytes: usize) -> bool {
        self.widest > WIDE_VALUES || self.values > CARRIED_FREE + body_bytes / BYTES_PER_CARRIED
    }
}

impl<'ctx> FuncAbi<'ctx> {
    /// Of a function that is not called by our convention.
    pub(crate) fn foreign(ty: FunctionType<'ctx>) -> Self {
        Self { ty, results_in_memory: false, args_in_memory: 0, args: Vec::new() }
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Notes that the function at hand carries values through a buffer.
    pub(crate) fn carry(&mut self, values: usize) {
        if let Some(Current { carried, .. }) = &mut self.current {
            carried.values += values;
            carried.widest = carried.widest.max(values);
        }
    }

    /// Notes that it carries one of several values, by its position.
    pub(crate) fn carry_one(&mut self, position: u32) {
        if let Some(Current { carried, .. }) = &mut self.current {
            carried.values += 1;
            carried.widest = carried.widest.max(position as usize + 1);
        }
    }

    /// Our convention for a function type.
    pub(crate) fn abi(&self, signature: &Signature) -> FuncAbi<'ctx> {
        let ints = |types: &[Ty]| types.iter().filter(|ty| ty.is_int_class()).count();
        let (int_results, int_args) = (ints(&signature.results), ints(&signature.params));
        let fuel = usize::from(self.info.metered);
        let results_in_memory =
            fuel + int_results > INT_RESULTS_MAX || signature.results.len() - int_results > VECTOR_RESULTS_MAX;
        let int_room = INT_ARGS_MAX - 1 - fuel - results_in_memory as usize;
        let some_in_memory = int_args > int_room || signature.params.len() - int_args > VECTOR_ARGS_MAX;
        let fixed = 1 + fuel + results_in_memory as usize + some_in_memory as usize;
        let mut types: Vec<BasicTypeEnum<'ctx>> = vec![self.t.ptr.into(); fixed];
        types[1..1 + fuel].fill(self.t.i64.into());
        let (mut int_next, mut vector_next, mut args_in_memory) = (fixed, 0, 0);
        let mut args = Vec::with_capacity(signature.params.len());
        for &ty in &signature.params {
            let (next, max, first) = match ty.is_int_class() {
                true => (&mut int_next, INT_ARGS_MAX, 0),
                false => (&mut vector_next, VECTOR_ARGS_MAX, INT_ARGS_MAX),
            };
            if *next < max {
                args.push(ArgPlace::Register { natural: types.len() as u32, uniform: (first + *next) as u32 });
                types.push(self.t.of(ty));
                *next += 1;
            } else {
                args.push(ArgPlace::Memory(args_in_memory));
                args_in_memory += 1;
            }
        }
        let types = params(types);
        let in_registers = if results_in_memory { &[][..] } else { &*signature.results };
        let fuel = self.info.metered.then_some(Ty::I64);
        let fields: Vec<_> = fuel.iter().chain(in_registers).map(|&ty| self.t.of(ty)).collect();
        let ty = match &*fields {
            [] => self.ctx.void_type().fn_type(&types, false),
            [result] => result.fn_type(&types, false),
            fields => self.ctx.struct_type(fields, false).fn_type(&types, false),
        };
        FuncAbi { ty, results_in_memory, args_in_memory, args }
    }

    /// The types of the uniform prototype's parameters.
    fn uniform_params(&self) -> [BasicTypeEnum<'ctx>; INT_ARGS_MAX + VECTOR_ARGS_MAX] {
        std::array::from_fn(|position| match position {
            0 => self.t.ptr.into(),
            _ if position < INT_ARGS_MAX => self.t.i64.into(),
            _ => self.t.v128.into(),
        })
    }

    /// The uniform prototype with the results of `abi`.
    pub(crate) fn uniform(&self, abi: &FuncAbi<'ctx>) -> FunctionType<'ctx> {
        let types = params(self.uniform_params());
        match abi.ty.get_return_type() {
            Some(result) => result.fn_type(&types, false),
            None => self.ctx.void_type().fn_type(&types, false),
        }
    }

    /// The arguments that the function at hand was called with.
    pub(crate) fn incoming(&mut self, signature: &Signature) -> Result<Vec<V<'ctx>>> {
        let abi = self.f().abi.clone();
        self.carry(abi.args_in_memory as usize);
        let mut args = Vec::with_capacity(abi.args.len());
        for (&place, &ty) in abi.args.iter().zip(&signature.params) {
            args.push(match place {
                ArgPlace::Register { uniform, .. } if self.f().is_uniform => {
                    let value = self.param(uniform)?;
                    self.value_in_register(value, ty)?
                }
                ArgPlace::Register { natural, .. } => self.param(natural)?,
                ArgPlace::Memory(slot) => {
                    let buffer = self.pointer_param(1 + self.info.metered as u32 + abi.results_in_memory as u32)?;
                    let place = self.at(buffer, slot as i64 * VALUE_BYTES)?;
                    self.load_from(self.t.of(ty), place, AliasClass::Buffer, 8)?
                }
            });
        }
        Ok(args)
    }

    pub(crate) fn param(&self, position: u32) -> Result<V<'ctx>> {
        self.f().function.get_nth_param(position).ok_or_else(|| internal("a parameter is missing"))
    }

    fn pointer_param(&self, position: u32) -> Result<PointerValue<'ctx>> {
        match self.param(position)? {
            V::PointerValue(pointer) => Ok(pointer),
            word => self.b.build_int_to_ptr(word.into_int_value(), self.t.ptr, "").built(),
        }
    }

    /// The buffer that the caller wants results in, if they do not fit registers.
    pub(crate) fn incoming_results(&self) -> Result<Option<PointerValue<'ctx>>> {
        self.f().abi.results_in_memory.then(|| self.pointer_param(1 + self.info.metered as u32)).transpose()
    }

    /// Arguments for the natural prototype; stores those that go through the buffer.
    pub(crate) fn outgoing(
        &mut self,
        abi: &FuncAbi<'ctx>,
        fixed: Fixed<'ctx>,
        args: &[V<'ctx>],
    ) -> Result<Vec<V<'ctx>>> {
        self.outgoing_in_memory(abi, fixed, args)?;
        let pointers = [fixed.results, fixed.args].map(|pointer| pointer.map(V::from));
        let all = [Some(fixed.vmctx.into()), fixed.fuel].into_iter().chain(pointers);
        let mut all: Vec<_> = all.flatten().collect();
        for (&place, &arg) in abi.args.iter().zip(args) {
            if let ArgPlace::Register { .. } = place {
                all.push(arg);
            }
        }
        Ok(all)
    }

    /// Arguments for the uniform prototype; registers that are not used hold anything.
    pub(crate) fn outgoing_uniform(
        &mut self,
        abi: &FuncAbi<'ctx>,
        fixed: Fixed<'ctx>,
        args: &[V<'ctx>],
    ) -> Result<Vec<BasicMetadataValueEnum<'ctx>>> {
        self.outgoing_in_memory(abi, fixed, args)?;
        let mut all: [V<'ctx>; INT_ARGS_MAX + VECTOR_ARGS_MAX] =
            std::array::from_fn(|position| match position < INT_ARGS_MAX {
                true => self.t.i64.get_poison().into(),
                false => self.t.v128.get_poison().into(),
            });
        all[0] = fixed.vmctx.into();
        let mut next = 1;
        if let Some(fuel) = fixed.fuel {
            all[next] = fuel;
            next += 1;
        }
        for (position, pointer) in [fixed.results, fixed.args].into_iter().flatten().enumerate() {
            all[next + position] = self.cast(Op::PtrToInt, pointer, self.t.i64)?;
        }
        for (&place, &arg) in abi.args.iter().zip(args) {
            if let ArgPlace::Register { uniform, .. } = place {
                all[uniform as usize] = self.register_of(arg)?;
            }
        }
        Ok(all.into_iter().map(BasicMetadataValueEnum::from).collect())
    }

    fn outgoing_in_memory(&mut self, abi: &FuncAbi<'ctx>, fixed: Fixed<'ctx>, args: &[V<'ctx>]) -> Result<()> {
        self.carry(abi.args_in_memory as usize);
        for (&place, &arg) in abi.args.iter().zip(args) {
            if let ArgPlace::Memory(slot) = place {
                let buffer = fixed.args.ok_or_else(|| internal("arguments without a buffer"))?;
                let place = self.at(buffer, slot as i64 * VALUE_BYTES)?;
                self.store_to(place, arg, AliasClass::Buffer, 8)?;
            }
        }
        Ok(())
    }

    /// A value as the whole register that it is passed in.
    fn register_of(&mut self, value: V<'ctx>) -> Result<V<'ctx>> {
        let width = match value {
            V::IntValue(int) if int.get_type() == self.t.i32 => return self.cast(Op::ZExt, value, self.t.i64),
            V::FloatValue(float) if float.get_type() == self.t.f32 => Width::W32,
            V::FloatValue(_) => Width::W64,
            _ => return Ok(value),
        };
        let lanes = self.t.float_lanes(width).get_poison();
        let lanes = self.b.build_insert_element(lanes, value, self.const_i32(0), "").built()?;
        self.bitcast(lanes, self.t.v128)
    }

    /// A value of a type out of the whole register that it is passed in.
    fn value_in_register(&mut self, register: V<'ctx>, ty: Ty) -> Result<V<'ctx>> {
        let width = match ty {
            Ty::I32 => return self.cast(Op::Trunc, register, self.t.i32),
            Ty::F32 => Width::W32,
            Ty::F64 => Width::W64,
            Ty::I64 | Ty::Ref | Ty::V128 => return Ok(register),
        };
        let lanes = self.bitcast(register, self.t.float_lanes(width))?.into_vector_value();
        self.b.build_extract_element(lanes, self.const_i32(0), "").built()
    }
}
