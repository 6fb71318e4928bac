//! Operators that the survey's table knows nothing of, by wasmparser's decoder.

use wasmparser::{FrameKind, FrameStack, VisitOperator, VisitSimdOperator};

use super::{Nesting, Survey};

/// Looks at one operator that the table knows nothing of.
pub(super) struct Special<'s> {
    pub(super) survey: &'s mut Survey,
    pub(super) nest: &'s mut Nesting,
    /// Where the operator is.
    pub(super) at: usize,
}

impl FrameStack for Special<'_> {
    /// That of the only operators that ask: `catch` and its like.
    fn current_frame(&self) -> Option<FrameKind> {
        Some(FrameKind::LegacyTry)
    }
}

/// Defines the visiting methods. There is an arm for every proposal, so that none goes unnoticed.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(
            fn $visit(&mut self $($(, $arg: $argty)*)?) -> Self::Output {
                proposal!(self $proposal);
                $($(immediate!(self $arg $arg);)*)?
                effect!(self $op $($($arg)*)?);
                Some(())
            }
        )*
    };
}

/// Proposals whose operators without immediates leave control flow and locals alone, but for those of `effect`.
macro_rules! proposal {
    ($t:ident mvp) => {};
    ($t:ident sign_extension) => {};
    ($t:ident saturating_float_to_int) => {};
    ($t:ident bulk_memory) => {};
    ($t:ident reference_types) => {};
    ($t:ident tail_call) => {};
    ($t:ident function_references) => {};
    ($t:ident wide_arithmetic) => {};
    ($t:ident threads) => {};
    ($t:ident simd) => {};
    ($t:ident relaxed_simd) => {};
    ($t:ident exceptions) => {};
    ($t:ident legacy_exceptions) => {};
    ($t:ident gc) => {
        $t.survey.accesses_objects = true
    };
    ($t:ident custom_descriptors) => {};
    ($t:ident stack_switching) => {};
    ($t:ident memory_control) => {};
    ($t:ident shared_everything_threads) => {};
    ($t:ident acquire_release_atomics) => {};
}

/// What an immediate says of an operator.
#[rustfmt::skip]
macro_rules! immediate {
    // It may go on elsewhere.
    ($t:ident relative_depth $value:ident) => {
        $t.branch($value)
    };
    ($t:ident targets $value:ident) => {
        $t.branch($value)
    };
    ($t:ident resume_table $value:ident) => {
        $t.branch($value)
    };
    // Whatever is in it may go on at a handler.
    ($t:ident try_table $value:ident) => {
        $t.branch($value)
    };
    // What opens a block or uses a local is told by its name.
    ($t:ident blockty $value:ident) => { let _ = $value; };
    ($t:ident local_index $value:ident) => { let _ = $value; };
    // Nothing.
    ($t:ident argument_index $value:ident) => { let _ = $value; };
    ($t:ident array_data_index $value:ident) => { let _ = $value; };
    ($t:ident array_elem_index $value:ident) => { let _ = $value; };
    ($t:ident array_size $value:ident) => { let _ = $value; };
    ($t:ident array_type_index $value:ident) => { let _ = $value; };
    ($t:ident array_type_index_dst $value:ident) => { let _ = $value; };
    ($t:ident array_type_index_src $value:ident) => { let _ = $value; };
    ($t:ident cont_type_index $value:ident) => { let _ = $value; };
    ($t:ident data_index $value:ident) => { let _ = $value; };
    ($t:ident dst_mem $value:ident) => { let _ = $value; };
    ($t:ident dst_table $value:ident) => { let _ = $value; };
    ($t:ident elem_index $value:ident) => { let _ = $value; };
    ($t:ident field_index $value:ident) => { let _ = $value; };
    ($t:ident from_ref_type $value:ident) => { let _ = $value; };
    ($t:ident function_index $value:ident) => { let _ = $value; };
    ($t:ident global_index $value:ident) => { let _ = $value; };
    ($t:ident hty $value:ident) => { let _ = $value; };
    ($t:ident lane $value:ident) => { let _ = $value; };
    ($t:ident lanes $value:ident) => { let _ = $value; };
    ($t:ident mem $value:ident) => { let _ = $value; };
    ($t:ident memarg $value:ident) => { let _ = $value; };
    ($t:ident ordering $value:ident) => { let _ = $value; };
    ($t:ident result_index $value:ident) => { let _ = $value; };
    ($t:ident src_mem $value:ident) => { let _ = $value; };
    ($t:ident src_table $value:ident) => { let _ = $value; };
    ($t:ident struct_type_index $value:ident) => { let _ = $value; };
    ($t:ident table $value:ident) => { let _ = $value; };
    ($t:ident table_index $value:ident) => { let _ = $value; };
    ($t:ident tag_index $value:ident) => { let _ = $value; };
    ($t:ident to_ref_type $value:ident) => { let _ = $value; };
    ($t:ident ty $value:ident) => { let _ = $value; };
    ($t:ident type_index $value:ident) => { let _ = $value; };
    ($t:ident tys $value:ident) => { let _ = $value; };
    ($t:ident value $value:ident) => { let _ = $value; };
}

/// What an operator does besides.
#[rustfmt::skip]
macro_rules! effect {
    ($t:ident Block $ty:ident) => {
        $t.survey.open($t.nest, false)
    };
    ($t:ident Loop $ty:ident) => {
        $t.survey.open($t.nest, true)
    };
    ($t:ident If $ty:ident) => {
        $t.open_branched()
    };
    ($t:ident Try $ty:ident) => {
        $t.open_branched()
    };
    ($t:ident TryTable $ty:ident) => {
        $t.open_branched()
    };
    ($t:ident End) => {
        $t.survey.close($t.nest)
    };
    ($t:ident Delegate $depth:ident) => {
        $t.survey.close($t.nest)
    };
    ($t:ident LocalGet $local:ident) => {
        $t.survey.note($t.nest, $local, $t.at, false)?
    };
    ($t:ident LocalSet $local:ident) => {
        $t.survey.note($t.nest, $local, $t.at, true)?
    };
    ($t:ident LocalTee $local:ident) => {
        $t.survey.note($t.nest, $local, $t.at, true)?
    };
    ($t:ident ReturnCall $function:ident) => {
        $t.survey.tail_calls = true
    };
    ($t:ident ReturnCallIndirect $ty:ident $table:ident) => {
        $t.survey.tail_calls = true
    };
    ($t:ident ReturnCallRef $ty:ident) => {
        $t.survey.tail_calls = true
    };
    ($t:ident $op:ident $($arg:ident)*) => {};
}

impl Special<'_> {
    /// From here on, an operator may be passed by.
    fn branch<T>(&mut self, _targets: T) {
        self.nest.branched = 1;
    }

    /// A block whose operators may be passed by.
    fn open_branched(&mut self) {
        self.nest.branched = 1;
        self.survey.open(self.nest, false);
    }
}

impl<'a> VisitOperator<'a> for Special<'_> {
    type Output = Option<()>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl<'a> VisitSimdOperator<'a> for Special<'_> {
    wasmparser::for_each_visit_simd_operator!(visit);
}
