//! Source lines for backtraces and debuggers, from the DWARF that a module carries in custom sections.
//!
//! A module may claim anything there, and a trap must not cost more than the module is large: the units are gone through once for all places,
//! nothing is kept but what was found, and whatever can be named several times (tables, ranges, rows) is paid for each time out of a budget in
//! proportion to the module. What is behind its end stays without lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use gimli::{
    Abbreviations, AttributeValue, DwAt, Dwarf, EndianSlice, LittleEndian, Range, Reader, Section, SectionId, Unit,
    UnitHeader, constants,
};
use wasmer_runtime::{Backtrace, ModuleSummary};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// What there is to spend on any module, and for each of its bytes. One is about a byte that is read or a row that is made.
const BUDGET_FREE: usize = 4 << 20;
const BUDGET_PER_BYTE: usize = 4;
/// Larger tables of abbreviations and headers of line programs are left alone: in memory they are a hundred times as large.
const TABLE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a part of a file's path that are shown.
const PATH_BYTES_MAX: usize = 1024;

/// What became of the search for lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was looked at.
    Complete,
    /// The debug information is out of proportion to the module, so that not all of it was read.
    GaveUp,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) path: Rc<str>,
    /// From one on.
    pub(crate) number: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.number)
    }
}

/// The lines of some places in a module.
pub(crate) struct Lines {
    code_section_offset: u64,
    /// Ascending, as addresses in DWARF are: from the start of the code section on.
    addresses: Vec<u64>,
    lines: Vec<Option<Line>>,
    pub(crate) outcome: Outcome,
}

impl Lines {
    /// Looks for the lines of operators at these offsets in the bytes of a module. What cannot be found stays without.
    pub(crate) fn find(wasm: &[u8], offsets: impl Iterator<Item = u32>) -> Self {
        let nothing =
            Self { code_section_offset: 0, addresses: Vec::new(), lines: Vec::new(), outcome: Outcome::Complete };
        let Ok(summary) = ModuleSummary::of(wasm, wasmer_runtime::default_features()) else { return nothing };
        let code_section_offset = summary.code_section_offset as u64;
        let addresses = offsets.filter_map(|offset| u64::from(offset).checked_sub(code_section_offset));
        let mut search = Search::new(wasm, &summary, addresses.collect());
        let outcome = match search.units() {
            Err(Stop::GaveUp) => Outcome::GaveUp,
            Ok(()) | Err(Stop::Broken) => Outcome::Complete,
        };
        Self { code_section_offset, addresses: search.wanted, lines: search.places, outcome }
    }

    /// The line of an operator that was looked for.
    pub(crate) fn at(&self, offset: u32) -> Option<&Line> {
        let address = u64::from(offset).checked_sub(self.code_section_offset)?;
        self.lines[self.addresses.binary_search(&address).ok()?].as_ref()
    }
}

/// Fills in the source lines of frames whose module was read as `wasm`: a backtrace without lines is better than none.
pub(crate) fn add_lines(backtrace: &mut Backtrace, wasm: &[u8]) -> Outcome {
    let lines = Lines::find(wasm, backtrace.frames.iter().filter_map(|frame| frame.wasm_offset));
    for frame in &mut backtrace.frames {
        frame.source = frame.wasm_offset.and_then(|offset| lines.at(offset)).map(Line::to_string);
    }
    lines.outcome
}

/// Why a part of the debug information says nothing.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// It is not well-formed.
    Broken,
    /// The budget is spent.
    GaveUp,
}

impl From<gimli::Error> for Stop {
    fn from(_: gimli::Error) -> Self {
        Self::Broken
    }
}

struct Search<'a> {
    /// Without the sections of strings: looking for the end of one takes as long as it is, whoever wants it.
    dwarf: Rc<Dwarf<Slice<'a>>>,
    /// With them.
    strings: Dwarf<Slice<'a>>,
    /// Addresses to find, ascending, and their places in source.
    wanted: Vec<u64>,
    places: Vec<Option<Line>>,
    budget: usize,
    /// The table of abbreviations that was used last, and where it stands.
    table: Option<(usize, Arc<Abbreviations>)>,
}

impl<'a> Search<'a> {
    fn new(wasm: &'a [u8], summary: &ModuleSummary, mut wanted: Vec<u64>) -> Self {
        let section = |id: SectionId| {
            let found = summary.custom_sections.iter().find(|(name, _)| name == id.name());
            let bytes = found.and_then(|(_, range)| wasm.get(range.clone())).unwrap_or_default();
            EndianSlice::new(bytes, LittleEndian)
        };
        let is_text = |id| matches!(id, SectionId::DebugStr | SectionId::DebugLineStr);
        let load = |with_strings: bool| {
            let section = |id| if with_strings || !is_text(id) { section(id) } else { EndianSlice::default() };
            let Ok(dwarf) = Dwarf::load(|id| Ok::<_, std::convert::Infallible>(section(id)));
            dwarf
        };
        wanted.sort_unstable();
        wanted.dedup();
        Self {
            dwarf: Rc::new(load(false)),
            strings: load(true),
            places: vec![None; wanted.len()],
            wanted,
            budget: BUDGET_FREE + BUDGET_PER_BYTE * wasm.len(),
            table: None,
        }
    }

    fn spend(&mut self, cost: usize) -> Result<(), Stop> {
        self.budget = self.budget.checked_sub(cost).ok_or(Stop::GaveUp)?;
        Ok(())
    }

    /// Looks through all units, until everything is found.
    fn units(&mut self) -> Result<(), Stop> {
        let dwarf = Rc::clone(&self.dwarf);
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            if self.places.iter().all(Option::is_some) {
                return Ok(());
            }
            self.spend(header.header_size() + self.wanted.len())?;
            match self.unit(header) {
                // A broken unit says nothing about the next one.
                Ok(()) | Err(Stop::Broken) => {}
                Err(Stop::GaveUp) => return Err(Stop::GaveUp),
            }
        }
        Ok(())
    }

    fn unit(&mut self, header: UnitHeader<Slice<'a>>) -> Result<(), Stop> {
        let table = self.abbreviations(header.debug_abbrev_offset().0)?;
        let root = header.entries_raw(&table, None)?.read_abbreviation()?.ok_or(Stop::Broken)?.attributes().len();
        // They are read several times.
        self.spend(4 * root)?;
        let mut program = None;
        let mut entries = header.entries(&table);
        entries.next_dfs()?;
        for attribute in entries.current().ok_or(Stop::Broken)?.attrs() {
            if attribute.name() == constants::DW_AT_stmt_list
                && let AttributeValue::DebugLineRef(offset) = attribute.value()
            {
                program = Some(offset.0);
            }
        }
        let Some(program) = program else { return Ok(()) };
        let header_bytes = line_header_bytes(self.dwarf.debug_line.reader(), program)?;
        if header_bytes > TABLE_BYTES_MAX {
            return Err(Stop::GaveUp);
        }
        self.spend(header_bytes)?;
        let unit = Unit::new_with_abbreviations(&self.dwarf, header, table)?;
        if self.is_about_wanted(&unit)? { self.lines(&unit) } else { Ok(()) }
    }

    /// The table of abbreviations at an offset.
    fn abbreviations(&mut self, offset: usize) -> Result<Arc<Abbreviations>, Stop> {
        if let Some((at, table)) = &self.table
            && *at == offset
        {
            return Ok(Arc::clone(table));
        }
        let mut table = *self.dwarf.debug_abbrev.reader();
        table.skip(offset)?;
        let before = table.len();
        let passed = pass_table(&mut table);
        // Paid for also if it turns out to be none.
        self.spend(before - table.len())?;
        passed?;
        let table = Arc::new(self.dwarf.debug_abbrev.abbreviations(gimli::DebugAbbrevOffset(offset))?);
        self.table = Some((offset, Arc::clone(&table)));
        Ok(table)
    }

    /// Whether a unit has code at one of the addresses, as far as it says where its code is.
    fn is_about_wanted(&mut self, unit: &Unit<Slice<'a>>) -> Result<bool, Stop> {
        let mut entries = unit.entries();
        entries.next_dfs()?;
        let root = entries.current().ok_or(Stop::Broken)?;
        if let Some(value) = root.attr_value(constants::DW_AT_ranges)
            && let Some(mut ranges) = self.dwarf.attr_ranges(unit, value)?
        {
            while let Some(raw) = ranges.next_raw()? {
                self.spend(1)?;
                if let Some(Range { begin, end }) = ranges.convert_raw(raw)?
                    && self.is_wanted(begin, end)
                {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let end = match root.attr_value(constants::DW_AT_high_pc) {
            Some(AttributeValue::Udata(size)) => Some(unit.low_pc.saturating_add(size)),
            Some(value) => self.dwarf.attr_address(unit, value)?,
            None => None,
        };
        // Without ranges the lines themselves say it.
        Ok(end.is_none_or(|end| self.is_wanted(unit.low_pc, end)))
    }

    fn between(&self, begin: u64, end: u64) -> std::ops::Range<usize> {
        let first = self.wanted.partition_point(|address| *address < begin);
        first..self.wanted.partition_point(|address| *address < end).max(first)
    }

    fn is_wanted(&self, begin: u64, end: u64) -> bool {
        self.between(begin, end).any(|position| self.places[position].is_none())
    }

    /// Runs a unit's line program. A row holds from its address to the next row's.
    fn lines(&mut self, unit: &Unit<Slice<'a>>) -> Result<(), Stop> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        self.spend(program.header().raw_program_buf().len())?;
        let mut rows = program.rows();
        let mut last: Option<(u64, u64, u64)> = None;
        let mut paths = HashMap::new();
        loop {
            self.spend(1)?;
            let Some((header, row)) = rows.next_row()? else { return Ok(()) };
            if let Some((address, file, line)) = last
                && address < row.address()
                && line != 0
                && self.is_wanted(address, row.address())
            {
                let path = match paths.entry(file) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(self.path(unit, header, file)?),
                };
                let place = path.clone().map(|path| Line { path, number: line });
                for position in self.between(address, row.address()) {
                    self.places[position] = self.places[position].take().or_else(|| place.clone());
                }
            }
            let line = row.line().map_or(0, std::num::NonZero::get);
            last = (!row.end_sequence()).then(|| (row.address(), row.file_index(), line));
        }
    }

    /// The path of a file: the unit's folder, the file's, its name.
    fn path(
        &mut self,
        unit: &Unit<Slice<'a>>,
        header: &gimli::LineProgramHeader<Slice<'a>>,
        file: u64,
    ) -> Result<Option<Rc<str>>, Stop> {
        let Some(file) = header.file(file) else { return Ok(None) };
        let mut entries = unit.entries();
        entries.next_dfs()?;
        let root = entries.current().and_then(|root| root.attr_value(DwAt(constants::DW_AT_comp_dir.0)));
        let folder = if file.directory_index() == 0 { None } else { file.directory(header) };
        let mut path = String::new();
        for part in [root, folder, Some(file.path_name())].into_iter().flatten() {
            let Ok(part) = self.strings.attr_string(unit, part) else {
                // Its end may have been looked for in vain, many bytes at a time.
                let sections = [self.strings.debug_str.reader(), self.strings.debug_line_str.reader()];
                self.spend(sections.map(|section| section.len()).iter().sum::<usize>() / 8)?;
                return Err(Stop::Broken);
            };
            self.spend(part.len())?;
            let shown = part.slice().get(..PATH_BYTES_MAX).unwrap_or(part.slice());
            push(&mut path, &String::from_utf8_lossy(shown));
        }
        Ok(Some(path.into()))
    }
}

/// Goes on from a path to another, which may be absolute.
fn push(path: &mut String, part: &str) {
    let is_absolute = part.starts_with(['/', '\\']) || matches!(part.get(1..3), Some(":/" | ":\\"));
    if is_absolute {
        path.clear();
    } else if !path.is_empty() && !path.ends_with(['/', '\\']) {
        path.push('/');
    }
    path.push_str(part);
}

/// Reads over a table of abbreviations; too long ones are given up.
fn pass_table(table: &mut Slice<'_>) -> Result<(), Stop> {
    let before = table.len();
    while table.read_uleb128()? != 0 {
        table.read_uleb128()?;
        table.read_u8()?;
        loop {
            let (name, form) = (table.read_uleb128()?, table.read_uleb128()?);
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                table.read_sleb128()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
            if before - table.len() > TABLE_BYTES_MAX {
                return Err(Stop::GaveUp);
            }
        }
    }
    Ok(())
}

/// How long the header of the line program at an offset is.
fn line_header_bytes(section: &Slice<'_>, offset: usize) -> Result<usize, Stop> {
    let mut program = *section;
    program.skip(offset)?;
    let len = program.len();
    let (_, format) = program.read_initial_length()?;
    if program.read_u16()? >= 5 {
        // Sizes of addresses and segments.
        program.skip(2)?;
    }
    let header = program.read_offset(format)?;
    Ok(len - program.len() + header)
}
