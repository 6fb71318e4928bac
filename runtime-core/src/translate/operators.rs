//! The table of scalar operators: what each does to the translation.
//!
//! Entries are `(translation, operator, immediates)`; the surrounding method has validated the operator and found it reachable.

/// What an operator does in live code.
macro_rules! operator {
    // Control and calls.
    ($t:ident Unreachable) => {
        $t.trap(TrapCode::Unreachable)
    };
    ($t:ident Nop) => {
        Ok(())
    };
    ($t:ident Block $ty:ident) => {
        $t.block($ty)
    };
    ($t:ident Loop $ty:ident) => {
        $t.loop_($ty)
    };
    ($t:ident If $ty:ident) => {
        $t.if_($ty)
    };
    ($t:ident Else) => {
        $t.else_()
    };
    ($t:ident End) => {
        $t.end()
    };
    ($t:ident Br $depth:ident) => {
        $t.br($depth)
    };
    ($t:ident BrIf $depth:ident) => {
        $t.br_if($depth)
    };
    ($t:ident BrTable $targets:ident) => {
        $t.br_table(&$targets)
    };
    ($t:ident BrOnNull $depth:ident) => {
        $t.br_on_null($depth)
    };
    ($t:ident BrOnNonNull $depth:ident) => {
        $t.br_on_non_null($depth)
    };
    ($t:ident Return) => {
        $t.return_()
    };
    ($t:ident Call $function:ident) => {
        $t.call($function)
    };
    ($t:ident CallIndirect $ty:ident $table:ident) => {
        $t.call_indirect($ty, $table)
    };
    ($t:ident CallRef $ty:ident) => {
        $t.call_ref($ty)
    };
    ($t:ident ReturnCall $function:ident) => {
        $t.return_call($function)
    };
    ($t:ident ReturnCallIndirect $ty:ident $table:ident) => {
        $t.return_call_indirect($ty, $table)
    };
    ($t:ident ReturnCallRef $ty:ident) => {
        $t.return_call_ref($ty)
    };
    // Parametric operators, variables, references.
    ($t:ident Drop) => {
        $t.consume(C::drop_value)
    };
    ($t:ident Select) => {
        $t.select(None)
    };
    ($t:ident TypedSelect $ty:ident) => {
        $t.select(Some(convert::ty($ty)))
    };
    ($t:ident TypedSelectMulti $tys:ident) => {
        Err(unsupported_operator("select", $t.offset))
    };
    ($t:ident LocalGet $local:ident) => {
        $t.nullary(|c| c.local_get(LocalIdx($local)))
    };
    ($t:ident LocalSet $local:ident) => {
        $t.consume(|c, value| c.local_set(LocalIdx($local), value))
    };
    ($t:ident LocalTee $local:ident) => {
        $t.unary(|c, value| c.local_tee(LocalIdx($local), value))
    };
    ($t:ident GlobalGet $global:ident) => {{
        let global = &$t.module.resolved.globals[$global as usize];
        $t.nullary(|c| c.global_get(global))
    }};
    ($t:ident GlobalSet $global:ident) => {{
        let global = &$t.module.resolved.globals[$global as usize];
        $t.consume(|c, value| c.global_set(global, value))
    }};
    ($t:ident RefNull $heap:ident) => {
        $t.nullary(|c| c.constant(Const::Null))
    };
    ($t:ident RefIsNull) => {
        $t.unary(C::ref_is_null)
    };
    ($t:ident RefAsNonNull) => {
        $t.unary(C::ref_as_non_null)
    };
    ($t:ident RefFunc $function:ident) => {
        $t.ref_func($function)
    };
    // Tables.
    ($t:ident TableGet $table:ident) => {
        $t.table_get($table)
    };
    ($t:ident TableSet $table:ident) => {
        $t.table_set($table)
    };
    ($t:ident TableSize $table:ident) => {
        $t.table_size($table)
    };
    ($t:ident TableGrow $table:ident) => {
        $t.table_grow($table)
    };
    ($t:ident TableFill $table:ident) => {
        $t.table_fill($table)
    };
    ($t:ident TableCopy $to:ident $from:ident) => {
        $t.table_copy($to, $from)
    };
    ($t:ident TableInit $elements:ident $table:ident) => {
        $t.table_init($elements, $table)
    };
    ($t:ident ElemDrop $elements:ident) => {
        $t.elem_drop($elements)
    };
    // Memories.
    ($t:ident I32Load $memarg:ident) => {
        $t.load(Load::I32, &$memarg)
    };
    ($t:ident I64Load $memarg:ident) => {
        $t.load(Load::I64, &$memarg)
    };
    ($t:ident F32Load $memarg:ident) => {
        $t.load(Load::F32, &$memarg)
    };
    ($t:ident F64Load $memarg:ident) => {
        $t.load(Load::F64, &$memarg)
    };
    ($t:ident I32Load8S $memarg:ident) => {
        $t.load(Load::Int8 { to: Width::W32, signed: true }, &$memarg)
    };
    ($t:ident I32Load8U $memarg:ident) => {
        $t.load(Load::Int8 { to: Width::W32, signed: false }, &$memarg)
    };
    ($t:ident I32Load16S $memarg:ident) => {
        $t.load(Load::Int16 { to: Width::W32, signed: true }, &$memarg)
    };
    ($t:ident I32Load16U $memarg:ident) => {
        $t.load(Load::Int16 { to: Width::W32, signed: false }, &$memarg)
    };
    ($t:ident I64Load8S $memarg:ident) => {
        $t.load(Load::Int8 { to: Width::W64, signed: true }, &$memarg)
    };
    ($t:ident I64Load8U $memarg:ident) => {
        $t.load(Load::Int8 { to: Width::W64, signed: false }, &$memarg)
    };
    ($t:ident I64Load16S $memarg:ident) => {
        $t.load(Load::Int16 { to: Width::W64, signed: true }, &$memarg)
    };
    ($t:ident I64Load16U $memarg:ident) => {
        $t.load(Load::Int16 { to: Width::W64, signed: false }, &$memarg)
    };
    ($t:ident I64Load32S $memarg:ident) => {
        $t.load(Load::Int32 { signed: true }, &$memarg)
    };
    ($t:ident I64Load32U $memarg:ident) => {
        $t.load(Load::Int32 { signed: false }, &$memarg)
    };
    ($t:ident I32Store $memarg:ident) => {
        $t.store(Store::I32, &$memarg)
    };
    ($t:ident I64Store $memarg:ident) => {
        $t.store(Store::I64, &$memarg)
    };
    ($t:ident F32Store $memarg:ident) => {
        $t.store(Store::F32, &$memarg)
    };
    ($t:ident F64Store $memarg:ident) => {
        $t.store(Store::F64, &$memarg)
    };
    ($t:ident I32Store8 $memarg:ident) => {
        $t.store(Store::Int8 { from: Width::W32 }, &$memarg)
    };
    ($t:ident I32Store16 $memarg:ident) => {
        $t.store(Store::Int16 { from: Width::W32 }, &$memarg)
    };
    ($t:ident I64Store8 $memarg:ident) => {
        $t.store(Store::Int8 { from: Width::W64 }, &$memarg)
    };
    ($t:ident I64Store16 $memarg:ident) => {
        $t.store(Store::Int16 { from: Width::W64 }, &$memarg)
    };
    ($t:ident I64Store32 $memarg:ident) => {
        $t.store(Store::Int32, &$memarg)
    };
    ($t:ident MemorySize $memory:ident) => {
        $t.memory_size($memory)
    };
    ($t:ident MemoryGrow $memory:ident) => {
        $t.memory_grow($memory)
    };
    ($t:ident MemoryCopy $to:ident $from:ident) => {
        $t.memory_copy($to, $from)
    };
    ($t:ident MemoryFill $memory:ident) => {
        $t.memory_fill($memory)
    };
    ($t:ident MemoryInit $data:ident $memory:ident) => {
        $t.memory_init($data, $memory)
    };
    ($t:ident DataDrop $data:ident) => {
        $t.data_drop($data)
    };
    // Constants.
    ($t:ident I32Const $value:ident) => {
        $t.nullary(|c| c.constant(Const::I32($value)))
    };
    ($t:ident I64Const $value:ident) => {
        $t.nullary(|c| c.constant(Const::I64($value)))
    };
    ($t:ident F32Const $value:ident) => {
        $t.nullary(|c| c.constant(Const::F32($value.bits())))
    };
    ($t:ident F64Const $value:ident) => {
        $t.nullary(|c| c.constant(Const::F64($value.bits())))
    };
    // Integers.
    ($t:ident I32Eqz) => {
        $t.unary(|c, value| c.int_eqz(Width::W32, value))
    };
    ($t:ident I32Eq) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::Eq, Width::W32, lhs, rhs))
    };
    ($t:ident I32Ne) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::Ne, Width::W32, lhs, rhs))
    };
    ($t:ident I32LtS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LtS, Width::W32, lhs, rhs))
    };
    ($t:ident I32LtU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LtU, Width::W32, lhs, rhs))
    };
    ($t:ident I32GtS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GtS, Width::W32, lhs, rhs))
    };
    ($t:ident I32GtU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GtU, Width::W32, lhs, rhs))
    };
    ($t:ident I32LeS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LeS, Width::W32, lhs, rhs))
    };
    ($t:ident I32LeU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LeU, Width::W32, lhs, rhs))
    };
    ($t:ident I32GeS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GeS, Width::W32, lhs, rhs))
    };
    ($t:ident I32GeU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GeU, Width::W32, lhs, rhs))
    };
    ($t:ident I32Clz) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Clz, Width::W32, value))
    };
    ($t:ident I32Ctz) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Ctz, Width::W32, value))
    };
    ($t:ident I32Popcnt) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Popcnt, Width::W32, value))
    };
    ($t:ident I32Extend8S) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Extend8, Width::W32, value))
    };
    ($t:ident I32Extend16S) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Extend16, Width::W32, value))
    };
    ($t:ident I32Add) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Add, Width::W32, lhs, rhs))
    };
    ($t:ident I32Sub) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Sub, Width::W32, lhs, rhs))
    };
    ($t:ident I32Mul) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Mul, Width::W32, lhs, rhs))
    };
    ($t:ident I32DivS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::DivS, Width::W32, lhs, rhs))
    };
    ($t:ident I32DivU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::DivU, Width::W32, lhs, rhs))
    };
    ($t:ident I32RemS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::RemS, Width::W32, lhs, rhs))
    };
    ($t:ident I32RemU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::RemU, Width::W32, lhs, rhs))
    };
    ($t:ident I32And) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::And, Width::W32, lhs, rhs))
    };
    ($t:ident I32Or) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Or, Width::W32, lhs, rhs))
    };
    ($t:ident I32Xor) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Xor, Width::W32, lhs, rhs))
    };
    ($t:ident I32Shl) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Shl, Width::W32, lhs, rhs))
    };
    ($t:ident I32ShrS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::ShrS, Width::W32, lhs, rhs))
    };
    ($t:ident I32ShrU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::ShrU, Width::W32, lhs, rhs))
    };
    ($t:ident I32Rotl) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Rotl, Width::W32, lhs, rhs))
    };
    ($t:ident I32Rotr) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Rotr, Width::W32, lhs, rhs))
    };
    ($t:ident I64Eqz) => {
        $t.unary(|c, value| c.int_eqz(Width::W64, value))
    };
    ($t:ident I64Eq) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::Eq, Width::W64, lhs, rhs))
    };
    ($t:ident I64Ne) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::Ne, Width::W64, lhs, rhs))
    };
    ($t:ident I64LtS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LtS, Width::W64, lhs, rhs))
    };
    ($t:ident I64LtU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LtU, Width::W64, lhs, rhs))
    };
    ($t:ident I64GtS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GtS, Width::W64, lhs, rhs))
    };
    ($t:ident I64GtU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GtU, Width::W64, lhs, rhs))
    };
    ($t:ident I64LeS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LeS, Width::W64, lhs, rhs))
    };
    ($t:ident I64LeU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::LeU, Width::W64, lhs, rhs))
    };
    ($t:ident I64GeS) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GeS, Width::W64, lhs, rhs))
    };
    ($t:ident I64GeU) => {
        $t.binary(|c, lhs, rhs| c.int_compare(IntCompare::GeU, Width::W64, lhs, rhs))
    };
    ($t:ident I64Clz) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Clz, Width::W64, value))
    };
    ($t:ident I64Ctz) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Ctz, Width::W64, value))
    };
    ($t:ident I64Popcnt) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Popcnt, Width::W64, value))
    };
    ($t:ident I64Extend8S) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Extend8, Width::W64, value))
    };
    ($t:ident I64Extend16S) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Extend16, Width::W64, value))
    };
    ($t:ident I64Extend32S) => {
        $t.unary(|c, value| c.int_unary(IntUnary::Extend32, Width::W64, value))
    };
    ($t:ident I64Add) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Add, Width::W64, lhs, rhs))
    };
    ($t:ident I64Sub) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Sub, Width::W64, lhs, rhs))
    };
    ($t:ident I64Mul) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Mul, Width::W64, lhs, rhs))
    };
    ($t:ident I64DivS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::DivS, Width::W64, lhs, rhs))
    };
    ($t:ident I64DivU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::DivU, Width::W64, lhs, rhs))
    };
    ($t:ident I64RemS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::RemS, Width::W64, lhs, rhs))
    };
    ($t:ident I64RemU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::RemU, Width::W64, lhs, rhs))
    };
    ($t:ident I64And) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::And, Width::W64, lhs, rhs))
    };
    ($t:ident I64Or) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Or, Width::W64, lhs, rhs))
    };
    ($t:ident I64Xor) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Xor, Width::W64, lhs, rhs))
    };
    ($t:ident I64Shl) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Shl, Width::W64, lhs, rhs))
    };
    ($t:ident I64ShrS) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::ShrS, Width::W64, lhs, rhs))
    };
    ($t:ident I64ShrU) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::ShrU, Width::W64, lhs, rhs))
    };
    ($t:ident I64Rotl) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Rotl, Width::W64, lhs, rhs))
    };
    ($t:ident I64Rotr) => {
        $t.binary(|c, lhs, rhs| c.int_binary(IntBinary::Rotr, Width::W64, lhs, rhs))
    };
    ($t:ident I64Add128) => {
        $t.wide(WideOp::Add128)
    };
    ($t:ident I64Sub128) => {
        $t.wide(WideOp::Sub128)
    };
    ($t:ident I64MulWideS) => {
        $t.wide(WideOp::MulWideS)
    };
    ($t:ident I64MulWideU) => {
        $t.wide(WideOp::MulWideU)
    };
    // Floating point numbers.
    ($t:ident F32Eq) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Eq, Width::W32, lhs, rhs))
    };
    ($t:ident F32Ne) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Ne, Width::W32, lhs, rhs))
    };
    ($t:ident F32Lt) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Lt, Width::W32, lhs, rhs))
    };
    ($t:ident F32Gt) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Gt, Width::W32, lhs, rhs))
    };
    ($t:ident F32Le) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Le, Width::W32, lhs, rhs))
    };
    ($t:ident F32Ge) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Ge, Width::W32, lhs, rhs))
    };
    ($t:ident F32Abs) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Abs, Width::W32, value))
    };
    ($t:ident F32Neg) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Neg, Width::W32, value))
    };
    ($t:ident F32Ceil) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Ceil, Width::W32, value))
    };
    ($t:ident F32Floor) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Floor, Width::W32, value))
    };
    ($t:ident F32Trunc) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Trunc, Width::W32, value))
    };
    ($t:ident F32Nearest) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Nearest, Width::W32, value))
    };
    ($t:ident F32Sqrt) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Sqrt, Width::W32, value))
    };
    ($t:ident F32Add) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Add, Width::W32, lhs, rhs))
    };
    ($t:ident F32Sub) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Sub, Width::W32, lhs, rhs))
    };
    ($t:ident F32Mul) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Mul, Width::W32, lhs, rhs))
    };
    ($t:ident F32Div) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Div, Width::W32, lhs, rhs))
    };
    ($t:ident F32Min) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Min, Width::W32, lhs, rhs))
    };
    ($t:ident F32Max) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Max, Width::W32, lhs, rhs))
    };
    ($t:ident F32Copysign) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Copysign, Width::W32, lhs, rhs))
    };
    ($t:ident F64Eq) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Eq, Width::W64, lhs, rhs))
    };
    ($t:ident F64Ne) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Ne, Width::W64, lhs, rhs))
    };
    ($t:ident F64Lt) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Lt, Width::W64, lhs, rhs))
    };
    ($t:ident F64Gt) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Gt, Width::W64, lhs, rhs))
    };
    ($t:ident F64Le) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Le, Width::W64, lhs, rhs))
    };
    ($t:ident F64Ge) => {
        $t.binary(|c, lhs, rhs| c.float_compare(FloatCompare::Ge, Width::W64, lhs, rhs))
    };
    ($t:ident F64Abs) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Abs, Width::W64, value))
    };
    ($t:ident F64Neg) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Neg, Width::W64, value))
    };
    ($t:ident F64Ceil) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Ceil, Width::W64, value))
    };
    ($t:ident F64Floor) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Floor, Width::W64, value))
    };
    ($t:ident F64Trunc) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Trunc, Width::W64, value))
    };
    ($t:ident F64Nearest) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Nearest, Width::W64, value))
    };
    ($t:ident F64Sqrt) => {
        $t.unary(|c, value| c.float_unary(FloatUnary::Sqrt, Width::W64, value))
    };
    ($t:ident F64Add) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Add, Width::W64, lhs, rhs))
    };
    ($t:ident F64Sub) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Sub, Width::W64, lhs, rhs))
    };
    ($t:ident F64Mul) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Mul, Width::W64, lhs, rhs))
    };
    ($t:ident F64Div) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Div, Width::W64, lhs, rhs))
    };
    ($t:ident F64Min) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Min, Width::W64, lhs, rhs))
    };
    ($t:ident F64Max) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Max, Width::W64, lhs, rhs))
    };
    ($t:ident F64Copysign) => {
        $t.binary(|c, lhs, rhs| c.float_binary(FloatBinary::Copysign, Width::W64, lhs, rhs))
    };
    // Conversions.
    ($t:ident I32WrapI64) => {
        $t.unary(|c, value| c.convert(Convert::Wrap, value))
    };
    ($t:ident I64ExtendI32S) => {
        $t.unary(|c, value| c.convert(Convert::ExtendS, value))
    };
    ($t:ident I64ExtendI32U) => {
        $t.unary(|c, value| c.convert(Convert::ExtendU, value))
    };
    ($t:ident I32TruncF32S) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W32, to: Width::W32, signed: true }, value))
    };
    ($t:ident I32TruncF32U) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W32, to: Width::W32, signed: false }, value))
    };
    ($t:ident I32TruncF64S) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W64, to: Width::W32, signed: true }, value))
    };
    ($t:ident I32TruncF64U) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W64, to: Width::W32, signed: false }, value))
    };
    ($t:ident I64TruncF32S) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W32, to: Width::W64, signed: true }, value))
    };
    ($t:ident I64TruncF32U) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W32, to: Width::W64, signed: false }, value))
    };
    ($t:ident I64TruncF64S) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W64, to: Width::W64, signed: true }, value))
    };
    ($t:ident I64TruncF64U) => {
        $t.unary(|c, value| c.convert(Convert::Trunc { from: Width::W64, to: Width::W64, signed: false }, value))
    };
    ($t:ident I32TruncSatF32S) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W32, to: Width::W32, signed: true }, value))
    };
    ($t:ident I32TruncSatF32U) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W32, to: Width::W32, signed: false }, value))
    };
    ($t:ident I32TruncSatF64S) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W64, to: Width::W32, signed: true }, value))
    };
    ($t:ident I32TruncSatF64U) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W64, to: Width::W32, signed: false }, value))
    };
    ($t:ident I64TruncSatF32S) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W32, to: Width::W64, signed: true }, value))
    };
    ($t:ident I64TruncSatF32U) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W32, to: Width::W64, signed: false }, value))
    };
    ($t:ident I64TruncSatF64S) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W64, to: Width::W64, signed: true }, value))
    };
    ($t:ident I64TruncSatF64U) => {
        $t.unary(|c, value| c.convert(Convert::TruncSat { from: Width::W64, to: Width::W64, signed: false }, value))
    };
    ($t:ident F32ConvertI32S) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W32, to: Width::W32, signed: true }, value))
    };
    ($t:ident F32ConvertI32U) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W32, to: Width::W32, signed: false }, value))
    };
    ($t:ident F32ConvertI64S) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W64, to: Width::W32, signed: true }, value))
    };
    ($t:ident F32ConvertI64U) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W64, to: Width::W32, signed: false }, value))
    };
    ($t:ident F64ConvertI32S) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W32, to: Width::W64, signed: true }, value))
    };
    ($t:ident F64ConvertI32U) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W32, to: Width::W64, signed: false }, value))
    };
    ($t:ident F64ConvertI64S) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W64, to: Width::W64, signed: true }, value))
    };
    ($t:ident F64ConvertI64U) => {
        $t.unary(|c, value| c.convert(Convert::IntToFloat { from: Width::W64, to: Width::W64, signed: false }, value))
    };
    ($t:ident F64PromoteF32) => {
        $t.unary(|c, value| c.convert(Convert::Promote, value))
    };
    ($t:ident F32DemoteF64) => {
        $t.unary(|c, value| c.convert(Convert::Demote, value))
    };
    ($t:ident I32ReinterpretF32) => {
        $t.unary(|c, value| c.convert(Convert::ReinterpretFloat(Width::W32), value))
    };
    ($t:ident F32ReinterpretI32) => {
        $t.unary(|c, value| c.convert(Convert::ReinterpretInt(Width::W32), value))
    };
    ($t:ident I64ReinterpretF64) => {
        $t.unary(|c, value| c.convert(Convert::ReinterpretFloat(Width::W64), value))
    };
    ($t:ident F64ReinterpretI64) => {
        $t.unary(|c, value| c.convert(Convert::ReinterpretInt(Width::W64), value))
    };
}

/// What an operator does in dead code: nothing, unless it opens or closes a frame.
macro_rules! dead_operator {
    ($t:ident Block) => {
        $t.open_dead()
    };
    ($t:ident Loop) => {
        $t.open_dead()
    };
    ($t:ident If) => {
        $t.open_dead()
    };
    ($t:ident Else) => {
        $t.else_dead()
    };
    ($t:ident End) => {
        $t.end_dead()
    };
    ($t:ident $other:ident) => {
        Ok(())
    };
}

pub(super) use {dead_operator, operator};
