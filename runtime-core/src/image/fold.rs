//! Folding: active segments whose effect is known when a module is compiled become part of the image.
//!
//! Segments are applied in order, elements before data, until one traps, and what was written before a trap stays visible through imported
//! tables and memories. So only segments before the first one that is not certain to succeed are folded.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::image::header::PAGE_ALIGN;
use crate::image::indices::NONE;
use crate::image::metadata::Extent;
use crate::module::*;
use crate::types::Const;

type Page = [u8; PAGE_ALIGN];

/// A page of a memory. Most are nothing but a part of a long segment, which is copied once, to the image.
#[derive(Clone, Debug)]
enum Content<'a> {
    Segment(&'a Page),
    Own(Box<Page>),
}

impl Content<'_> {
    fn bytes(&self) -> &Page {
        match self {
            Self::Segment(page) => page,
            Self::Own(page) => page,
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Self::Segment(page) = self {
            *self = Self::Own(Box::new(**page));
        }
        if let Self::Own(page) = self {
            page[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

/// What was folded.
#[derive(Debug, Default)]
pub(super) struct Folded<'a> {
    /// How many element segments, in order, passive ones between them included.
    pub(super) elements: usize,
    /// How many data segments.
    pub(super) data: usize,
    /// By defined table: functions, or [`NONE`] for null.
    pub(super) tables: Vec<Vec<u32>>,
    /// By defined memory.
    pub(super) memories: Vec<Vec<Extent>>,
    /// What the extents refer to: pages, and their places; between them are zeros.
    pages: Vec<(usize, Content<'a>)>,
    /// Bytes of all of that.
    pub(super) pages_bytes: usize,
}

impl Folded<'_> {
    /// Appends the pages that the extents refer to.
    pub(super) fn append_pages(&self, image: &mut Vec<u8>) {
        let start = image.len();
        for (place, page) in &self.pages {
            image.resize(start + place, 0);
            image.extend_from_slice(page.bytes());
        }
    }
}

/// Pages of memories, of which most are parts of a module's bytes.
#[derive(Debug)]
pub struct InitialPages<'a> {
    wasm: &'a [u8],
    /// Where parts start, and what they are.
    parts: Vec<(usize, Part)>,
    bytes: usize,
}

#[derive(Debug)]
enum Part {
    /// Of the module's bytes.
    Module(Range<usize>),
    Own(Box<Page>),
}

impl InitialPages<'_> {
    /// Bytes of all pages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Parts of them and where they start, ascending; between them are zeros.
    pub fn parts(&self) -> impl Iterator<Item = (usize, &[u8])> + Clone {
        self.parts.iter().map(move |(place, part)| match part {
            Part::Module(range) => (*place, &self.wasm[range.clone()]),
            Part::Own(page) => (*place, &page[..]),
        })
    }
}

impl Folded<'_> {
    /// The pages that the extents refer to; `wasm` is the module that was folded.
    pub(super) fn into_pages(self, wasm: &[u8]) -> InitialPages<'_> {
        let mut parts: Vec<(usize, Part)> = Vec::new();
        for (place, page) in self.pages {
            let page = match page {
                Content::Own(page) => {
                    parts.push((place, Part::Own(page)));
                    continue;
                }
                Content::Segment(page) => page,
            };
            let start = page.as_ptr() as usize - wasm.as_ptr() as usize;
            match parts.last_mut() {
                Some((before, Part::Module(range))) if range.end == start && *before + range.len() == place => {
                    range.end += PAGE_ALIGN;
                }
                _ => parts.push((place, Part::Module(start..start + PAGE_ALIGN))),
            }
        }
        InitialPages { wasm, parts, bytes: self.pages_bytes }
    }
}

/// Images of tables have together at most this many elements, or [`IMAGE_RATIO`] times the items that the module lists: a hostile module must
/// not make much of little.
const TABLE_IMAGES_FREE: u64 = 1 << 16;
/// Images of memories have together at most this many pages (4 MiB) more than [`IMAGE_RATIO`] times what the data fills, holes included.
const PAGES_FREE: u64 = (4 << 20) / PAGE_ALIGN as u64;
const IMAGE_RATIO: u64 = 4;

/// Runs of pages are joined over holes of at most this many pages (32 KiB), or of this part of the run before the hole: a mapping costs an instance several
/// microseconds, a page of zeros in the file only its place.
const HOLE_PAGES: u64 = (32 << 10) / PAGE_ALIGN as u64;
const HOLE_PART: u64 = 4;

/// The most runs of a module's memories: each takes every instance one or two of the process's mappings, of which the kernel allows 65,530.
const RUNS_MAX: usize = 512;

pub(super) fn fold<'a>(info: &ModuleInfo, wasm: &'a [u8]) -> Folded<'a> {
    let mut folded = Folded::default();
    folded.elements = fold_elements(info, &mut folded.tables);
    let mut pages = Pages::new(info);
    // A segment that may trap keeps all data from being written.
    if folded.elements == info.elements.len() {
        folded.data = fold_data(info, wasm, &mut pages);
    }
    let Pages { memories, mut left, .. } = pages;
    folded.memories = memories.into_iter().map(|pages| folded.lay_out(pages, &mut left)).collect();
    folded
}

/// Folds element segments into `tables` and returns how many.
fn fold_elements(info: &ModuleInfo, tables: &mut Vec<Vec<u32>>) -> usize {
    let listed: u64 = info.elements.iter().map(|segment| segment.items.len() as u64).sum();
    let mut left = TABLE_IMAGES_FREE.max(listed.saturating_mul(IMAGE_RATIO));
    tables.resize(info.tables.len() - info.imported_tables as usize, Vec::new());
    let fold = |segment: &ElementSegment| -> Option<()> {
        let ElementMode::Active { table, offset } = &segment.mode else { return Some(()) };
        let defined = table.0.checked_sub(info.imported_tables)? as usize;
        let start = constant_offset(offset)?;
        let end = start.checked_add(segment.items.len() as u64)?;
        let image = &mut tables[defined];
        let grown = left.checked_sub(end.saturating_sub(image.len() as u64));
        if end > info.tables[table.index()].limits.min || info.table_inits[defined].is_some() {
            return None;
        }
        let items = segment.items.functions()?;
        left = grown?;
        image.resize(image.len().max(end as usize), NONE);
        image[start as usize..end as usize].copy_from_slice(&items);
        Some(())
    };
    let folded = info.elements.iter().map(fold).position(|done| done.is_none());
    folded.unwrap_or(info.elements.len())
}

/// Folds data segments into `pages` and returns how many.
fn fold_data<'a>(info: &ModuleInfo, wasm: &'a [u8], pages: &mut Pages<'a>) -> usize {
    let fold = |segment: &DataSegment| -> Option<()> {
        let Some((memory, offset)) = &segment.active else { return Some(()) };
        let defined = memory.0.checked_sub(info.imported_memories)? as usize;
        let ty = &info.memories[memory.index()];
        let start = constant_offset(offset)?;
        let end = start.checked_add(segment.range.len() as u64)?;
        if u128::from(end) > u128::from(ty.limits.min) << ty.page_size_log2 {
            return None;
        }
        pages.write(defined, start, &wasm[segment.range.clone()])
    };
    let folded = info.data.iter().map(fold).position(|done| done.is_none());
    folded.unwrap_or(info.data.len())
}

/// The pages that segments write to, within what they may make of the image.
struct Pages<'a> {
    /// By defined memory.
    memories: Vec<BTreeMap<u64, Content<'a>>>,
    /// How many more pages there may be, with the holes in runs.
    left: u64,
    /// How many more runs there may be, of pages with holes of at most [`HOLE_PAGES`] between them.
    runs_left: usize,
}

impl<'a> Pages<'a> {
    fn new(info: &ModuleInfo) -> Self {
        let listed: usize = info.data.iter().map(|segment| segment.range.len()).sum();
        let left = PAGES_FREE + IMAGE_RATIO * listed.div_ceil(PAGE_ALIGN) as u64;
        let memories = vec![BTreeMap::new(); info.memories.len() - info.imported_memories as usize];
        Self { memories, left, runs_left: RUNS_MAX }
    }

    /// Writes bytes; zeros make no new page. Ends early where that would make too many pages or runs: whoever then writes all of the bytes when an
    /// instance is made finds a part of them there already.
    fn write(&mut self, memory: usize, mut start: u64, mut bytes: &'a [u8]) -> Option<()> {
        while !bytes.is_empty() {
            let at = start as usize % PAGE_ALIGN;
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_ALIGN - at));
            let number = start / PAGE_ALIGN as u64;
            start += now.len() as u64;
            bytes = later;
            // Programs have thousands of short segments that ascend.
            let last = self.memories[memory].last_entry().filter(|last| *last.key() == number);
            if let Some(mut last) = last.filter(|_| now.len() < PAGE_ALIGN) {
                last.get_mut().write(at, now);
                continue;
            }
            let is_new = !self.memories[memory].contains_key(&number);
            if !is_new || now.iter().any(|byte| *byte != 0) {
                if is_new {
                    self.count(memory, number)?;
                }
                let pages = &mut self.memories[memory];
                if let Ok(whole) = <&Page>::try_from(now) {
                    pages.insert(number, Content::Segment(whole));
                } else {
                    let page = pages.entry(number).or_insert_with(|| Content::Own(Box::new([0; PAGE_ALIGN])));
                    page.write(at, now);
                }
            }
        }
        Some(())
    }

    /// Takes a new page from what there may be.
    fn count(&mut self, memory: usize, number: u64) -> Option<()> {
        let pages = &self.memories[memory];
        let before = pages.range(..number).next_back().map(|(before, _)| number - before - 1);
        let after = pages.range(number..).next().map(|(after, _)| after - number - 1);
        let near = |hole: Option<u64>| hole.filter(|hole| *hole <= HOLE_PAGES);
        let gone = near(before.zip(after).map(|(before, after)| before + after + 1));
        let new = [near(before), near(after)];
        let pages = 1 + new.iter().flatten().sum::<u64>();
        self.left = (self.left + gone.unwrap_or(0)).checked_sub(pages)?;
        // A page joins the runs beside it; those that were one already stay one.
        let joined = new.iter().flatten().count() - usize::from(gone.is_some());
        self.runs_left = (self.runs_left + joined).checked_sub(1)?;
        Some(())
    }
}

impl<'a> Folded<'a> {
    /// Says where a memory's pages go. Takes holes longer than [`HOLE_PAGES`] from `left`.
    fn lay_out(&mut self, pages: BTreeMap<u64, Content<'a>>, left: &mut u64) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::new();
        for (number, page) in pages {
            let join = extents.last().and_then(|last| {
                let hole = number - (last.guest_page + u64::from(last.pages));
                let cost = if hole <= HOLE_PAGES { 0 } else { hole };
                let is_near = cost == 0 || hole <= u64::from(last.pages) / HOLE_PART && cost <= *left;
                is_near.then_some((hole, cost))
            });
            match (extents.last_mut(), join) {
                (Some(last), Some((hole, cost))) => {
                    *left -= cost;
                    self.pages_bytes += hole as usize * PAGE_ALIGN;
                    last.pages += hole as u32 + 1;
                }
                _ => {
                    let image_page = (self.pages_bytes / PAGE_ALIGN) as u32;
                    extents.push(Extent { guest_page: number, image_page, pages: 1 });
                }
            }
            self.pages.push((self.pages_bytes, page));
            self.pages_bytes += PAGE_ALIGN;
        }
        extents
    }
}

/// The unsigned value of an offset that is a plain constant.
fn constant_offset(expr: &ConstExpr) -> Option<u64> {
    match *expr.0 {
        [ConstOp::Const(Const::I32(value))] => Some(u64::from(value as u32)),
        [ConstOp::Const(Const::I64(value))] => Some(value as u64),
        _ => None,
    }
}

impl ElementItems {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Functions(functions) => functions.len(),
            Self::Expressions(expressions) => expressions.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as function indices, [`NONE`] for null; none if one depends on more than that.
    fn functions(&self) -> Option<Vec<u32>> {
        match self {
            Self::Functions(functions) => Some(functions.iter().map(|function| function.0).collect()),
            Self::Expressions(expressions) => expressions.iter().map(constant_item).collect(),
        }
    }
}

fn constant_item(expr: &ConstExpr) -> Option<u32> {
    match *expr.0 {
        [ConstOp::RefFunc(function)] => Some(function.0),
        [ConstOp::Const(Const::Null)] => Some(NONE),
        _ => None,
    }
}
