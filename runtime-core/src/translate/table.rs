//! Tables (specification, section 4.4.6) and function references: rare enough to be libcalls, but for references in modules with objects.

use crate::libcall::HostCall;
use crate::translate::codegen::{FuncCodegen, Region, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::Load;
use crate::types::*;

impl<C: FuncCodegen> Visitor<'_, C> {
    /// The width of a table's indices.
    fn table_width(&self, table: u32) -> Width {
        self.module.resolved.tables[table as usize].width
    }

    pub(super) fn table_get(&mut self, table: u32) -> Result<()> {
        let ty = self.table_width(table).int();
        self.libcall(HostCall::TableGet { table: TableIdx(table) }, &[ty], false)
    }

    pub(super) fn table_set(&mut self, table: u32) -> Result<()> {
        let ty = self.table_width(table).int();
        self.libcall(HostCall::TableSet { table: TableIdx(table) }, &[ty, Ty::Ref], false)
    }

    pub(super) fn table_size(&mut self, table: u32) -> Result<()> {
        let width = self.table_width(table);
        self.libcall(HostCall::TableSize { table: TableIdx(table) }, &[], width == Width::W32)
    }

    pub(super) fn table_grow(&mut self, table: u32) -> Result<()> {
        let width = self.table_width(table);
        self.libcall(HostCall::TableGrow { table: TableIdx(table) }, &[Ty::Ref, width.int()], width == Width::W32)
    }

    pub(super) fn table_fill(&mut self, table: u32) -> Result<()> {
        let ty = self.table_width(table).int();
        self.libcall(HostCall::TableFill { table: TableIdx(table) }, &[ty, Ty::Ref, ty], false)
    }

    pub(super) fn table_copy(&mut self, to: u32, from: u32) -> Result<()> {
        let (to_width, from_width) = (self.table_width(to), self.table_width(from));
        let types = [to_width.int(), from_width.int(), to_width.min(from_width).int()];
        self.libcall(HostCall::TableCopy { to: TableIdx(to), from: TableIdx(from) }, &types, false)
    }

    pub(super) fn table_init(&mut self, elements: u32, table: u32) -> Result<()> {
        let ty = self.table_width(table).int();
        let call = HostCall::TableInit { segment: ElemIdx(elements), table: TableIdx(table) };
        self.libcall(call, &[ty, Ty::I32, Ty::I32], false)
    }

    pub(super) fn elem_drop(&mut self, elements: u32) -> Result<()> {
        self.libcall(HostCall::ElemDrop { segment: ElemIdx(elements) }, &[], false)
    }

    pub(super) fn ref_func(&mut self, function: u32) -> Result<()> {
        let function = FuncIdx(function);
        let Some(offset) = self.module.reference_offset(function) else { return self.make_reference(function) };
        let mut made = self.open_scope(&[], &[Ty::Ref])?;
        self.push_reference(offset)?;
        self.pick(0)?;
        self.unary(C::ref_is_null)?;
        self.unary(|c, is_null| c.int_eqz(Width::W32, is_null))?;
        self.leave_if(&mut made)?;
        self.drop_operands(1)?;
        self.make_reference(function)?;
        self.close_scope(made)
    }

    fn make_reference(&mut self, function: FuncIdx) -> Result<()> {
        self.libcall(HostCall::RefFunc { function }, &[], false)
    }

    /// Pushes the reference to a function of the module, or null if there is none yet.
    pub(super) fn push_reference(&mut self, offset: u32) -> Result<()> {
        self.push_i64(0)?;
        self.load_from(Region::References, Load::I64, offset)
    }
}
