//! Operators that are refused by name: those of exceptions and garbage collection until their issues come, and those of
//! proposals that are not part of WebAssembly 3.0.

use wasmparser::{BlockType, HeapType, Ordering, RefType, ResumeTable, TryTable};

use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::State;

macro_rules! refused {
    ($($visit:ident($($ty:ty),*);)*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $(
                pub(super) fn $visit(&mut self $(, _: $ty)*) -> Result<()> {
                    self.refuse(stringify!($visit).trim_start_matches("visit_"))
                }
            )*
        }
    };
}

refused! {
    // gc
    visit_ref_eq();
    visit_struct_new(u32);
    visit_struct_new_default(u32);
    visit_struct_get(u32, u32);
    visit_struct_get_s(u32, u32);
    visit_struct_get_u(u32, u32);
    visit_struct_set(u32, u32);
    visit_array_new(u32);
    visit_array_new_default(u32);
    visit_array_new_fixed(u32, u32);
    visit_array_new_data(u32, u32);
    visit_array_new_elem(u32, u32);
    visit_array_get(u32);
    visit_array_get_s(u32);
    visit_array_get_u(u32);
    visit_array_set(u32);
    visit_array_len();
    visit_array_fill(u32);
    visit_array_copy(u32, u32);
    visit_array_init_data(u32, u32);
    visit_array_init_elem(u32, u32);
    visit_ref_test_non_null(HeapType);
    visit_ref_test_nullable(HeapType);
    visit_ref_cast_non_null(HeapType);
    visit_ref_cast_nullable(HeapType);
    visit_br_on_cast(u32, RefType, RefType);
    visit_br_on_cast_fail(u32, RefType, RefType);
    visit_any_convert_extern();
    visit_extern_convert_any();
    visit_ref_i31();
    visit_i31_get_s();
    visit_i31_get_u();
    // custom_descriptors
    visit_struct_new_desc(u32);
    visit_struct_new_default_desc(u32);
    visit_ref_get_desc(u32);
    visit_ref_cast_desc_eq_non_null(HeapType);
    visit_ref_cast_desc_eq_nullable(HeapType);
    visit_br_on_cast_desc_eq(u32, RefType, RefType);
    visit_br_on_cast_desc_eq_fail(u32, RefType, RefType);
    // memory_control
    visit_memory_discard(u32);
    // exceptions
    visit_try_table(TryTable);
    visit_throw(u32);
    visit_throw_ref();
    // legacy_exceptions
    visit_try(BlockType);
    visit_catch(u32);
    visit_rethrow(u32);
    visit_delegate(u32);
    visit_catch_all();
    // shared_everything_threads
    visit_global_atomic_get(Ordering, u32);
    visit_global_atomic_set(Ordering, u32);
    visit_global_atomic_rmw_add(Ordering, u32);
    visit_global_atomic_rmw_sub(Ordering, u32);
    visit_global_atomic_rmw_and(Ordering, u32);
    visit_global_atomic_rmw_or(Ordering, u32);
    visit_global_atomic_rmw_xor(Ordering, u32);
    visit_global_atomic_rmw_xchg(Ordering, u32);
    visit_global_atomic_rmw_cmpxchg(Ordering, u32);
    visit_table_atomic_get(Ordering, u32);
    visit_table_atomic_set(Ordering, u32);
    visit_table_atomic_rmw_xchg(Ordering, u32);
    visit_table_atomic_rmw_cmpxchg(Ordering, u32);
    visit_struct_atomic_get(Ordering, u32, u32);
    visit_struct_atomic_get_s(Ordering, u32, u32);
    visit_struct_atomic_get_u(Ordering, u32, u32);
    visit_struct_atomic_set(Ordering, u32, u32);
    visit_struct_atomic_rmw_add(Ordering, u32, u32);
    visit_struct_atomic_rmw_sub(Ordering, u32, u32);
    visit_struct_atomic_rmw_and(Ordering, u32, u32);
    visit_struct_atomic_rmw_or(Ordering, u32, u32);
    visit_struct_atomic_rmw_xor(Ordering, u32, u32);
    visit_struct_atomic_rmw_xchg(Ordering, u32, u32);
    visit_struct_atomic_rmw_cmpxchg(Ordering, u32, u32);
    visit_array_atomic_get(Ordering, u32);
    visit_array_atomic_get_s(Ordering, u32);
    visit_array_atomic_get_u(Ordering, u32);
    visit_array_atomic_set(Ordering, u32);
    visit_array_atomic_rmw_add(Ordering, u32);
    visit_array_atomic_rmw_sub(Ordering, u32);
    visit_array_atomic_rmw_and(Ordering, u32);
    visit_array_atomic_rmw_or(Ordering, u32);
    visit_array_atomic_rmw_xor(Ordering, u32);
    visit_array_atomic_rmw_xchg(Ordering, u32);
    visit_array_atomic_rmw_cmpxchg(Ordering, u32);
    visit_ref_i31_shared();
    // stack_switching
    visit_cont_new(u32);
    visit_cont_bind(u32, u32);
    visit_suspend(u32);
    visit_resume(u32, ResumeTable);
    visit_resume_throw(u32, u32, ResumeTable);
    visit_resume_throw_ref(u32, ResumeTable);
    visit_switch(u32, u32);
    // acquire_release_atomics
    visit_pause();
}
