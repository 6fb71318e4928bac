//! Tables (specification, section 4.4.6) and function references: rare enough to be libcalls all.

use crate::libcall::HostCall;
use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::Visitor;
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
        self.libcall(HostCall::RefFunc { function: FuncIdx(function) }, &[], false)
    }
}
