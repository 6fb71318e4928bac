//! What compiled code and the collector look up by canonical id, without a lock: displays, and where objects have references.
//!
//! Both are written by whoever has the registry's lock, before an id is given away and after it came back. So whoever owns an id may read.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use wasmer_runtime_core::layout::{CANONICAL_ID_STEP, DISPLAY_BYTES, DISPLAY_DEPTHS, TYPE_ID_ABI_SHIFT};
use wasmer_runtime_core::object::TypeTrace;
use wasmer_runtime_core::types::CanonicalId;

use crate::sys::pages::Reservation;

/// A type's supertypes by depth, itself included; zero, which is no type's id, where there is none. All zero for final types without supertypes.
pub(super) type Display = [AtomicU32; DISPLAY_DEPTHS as usize];

const _: () = assert!(size_of::<Display>() == DISPLAY_BYTES as usize);

/// How many canonical ids there are, 0 included.
pub(super) const RECORDS: usize = (1 << TYPE_ID_ABI_SHIFT) / CANONICAL_ID_STEP as usize;

/// The table of displays once there is one. It stays where it is for ever, and has a readable record for each id that is known.
static DISPLAYS: AtomicPtr<Display> = AtomicPtr::new(ptr::null_mut());
/// How many records can be accessed: those from the first on.
static ACCESSIBLE: AtomicUsize = AtomicUsize::new(0);

/// How many records are made accessible at once.
const STEP_RECORDS: usize = 1024;

/// Where things are in tables by canonical id.
pub(super) const fn position(id: CanonicalId) -> usize {
    (id.0 / CANONICAL_ID_STEP) as usize
}

/// The canonical id at a position.
pub(super) const fn id_at(position: u32) -> CanonicalId {
    CanonicalId(position * CANONICAL_ID_STEP)
}

/// Who writes displays.
#[derive(Default)]
pub(super) struct Displays {
    table: Option<Reservation>,
}

impl Displays {
    /// Whether there is a table.
    pub(super) fn exist(&self) -> bool {
        self.table.is_some()
    }

    /// Makes sure that there are so many records, empty ones at first.
    pub(super) fn reach(&mut self, count: usize) -> io::Result<()> {
        let table = match &self.table {
            Some(table) => table,
            None => {
                let table = Reservation::new(RECORDS * size_of::<Display>())?;
                DISPLAYS.store(table.base().cast(), Ordering::Release);
                self.table.insert(table)
            }
        };
        let (len, needed) = (ACCESSIBLE.load(Ordering::Relaxed), count.next_multiple_of(STEP_RECORDS));
        if needed > len {
            table.commit(len * size_of::<Display>()..needed * size_of::<Display>())?;
            ACCESSIBLE.store(needed, Ordering::Release);
        }
        Ok(())
    }

    /// Writes the record of a type at `depth` below a type without supertypes. [`Displays::reach`] has succeeded for it.
    pub(super) fn write(&self, id: CanonicalId, depth: u32, supertype: Option<CanonicalId>) {
        let Some(record) = display(id) else { return };
        let above = supertype.and_then(display);
        for (at, place) in record.iter().enumerate() {
            let value = match above {
                _ if at == depth as usize => id.0,
                Some(above) if at < depth as usize => above[at].load(Ordering::Relaxed),
                _ => 0,
            };
            place.store(value, Ordering::Relaxed);
        }
    }

    /// Forgets the record of a type.
    pub(super) fn clear(&self, id: CanonicalId) {
        if let Some(record) = display(id) {
            record.iter().for_each(|place| place.store(0, Ordering::Relaxed));
        }
    }
}

/// The first record of the table of displays: null as long as no type has supertypes or can have subtypes.
pub fn displays() -> *const u32 {
    DISPLAYS.load(Ordering::Acquire).cast()
}

/// The record of a type, if there is one.
pub(super) fn display(id: CanonicalId) -> Option<&'static Display> {
    let position = position(id);
    let is_accessible = position < ACCESSIBLE.load(Ordering::Acquire);
    let base = ptr::NonNull::new(DISPLAYS.load(Ordering::Acquire)).filter(|_| is_accessible)?;
    // SAFETY: the record can be accessed and is never unmapped; this program accesses it as atomics only.
    Some(unsafe { base.add(position).as_ref() })
}

const CHUNK_BITS: u32 = RECORDS.trailing_zeros() / 2;
const CHUNK: usize = 1 << CHUNK_BITS;

/// What the collector has to know of types, in chunks that are made when they are needed, and kept.
type Chunk = [AtomicPtr<TypeTrace>; CHUNK];
static TRACES: [AtomicPtr<Chunk>; RECORDS / CHUNK] = [const { AtomicPtr::new(ptr::null_mut()) }; RECORDS / CHUNK];

fn chunk(id: CanonicalId) -> &'static AtomicPtr<Chunk> {
    &TRACES[position(id) >> CHUNK_BITS]
}

fn place(id: CanonicalId) -> Option<&'static AtomicPtr<TypeTrace>> {
    let chunk = ptr::NonNull::new(chunk(id).load(Ordering::Acquire))?;
    // SAFETY: a chunk is never freed, and accessed as atomics only.
    Some(unsafe { &chunk.as_ref()[position(id) % CHUNK] })
}

/// Where objects of a type have references; none for functions and for what is no type.
///
/// # Safety
/// As long as the result is used, somebody owns the id.
pub unsafe fn trace<'a>(id: CanonicalId) -> Option<&'a TypeTrace> {
    if position(id) >= RECORDS {
        return None;
    }
    // SAFETY: what stands there was written before somebody owned the id, and stays as long as somebody does.
    unsafe { place(id)?.load(Ordering::Acquire).as_ref() }
}

/// Sets what the collector has to know. The registry's lock is held, and nobody owns the id.
pub(super) fn set_trace(id: CanonicalId, trace: Option<TypeTrace>) {
    if trace.is_some() && chunk(id).load(Ordering::Acquire).is_null() {
        let new: Box<Chunk> =
            (0..CHUNK).map(|_| AtomicPtr::default()).collect::<Box<[_]>>().try_into().expect("as long");
        chunk(id).store(Box::into_raw(new), Ordering::Release);
    }
    let Some(place) = place(id) else { return };
    let new = trace.map_or(ptr::null_mut(), |trace| Box::into_raw(Box::new(trace)));
    let old = place.swap(new, Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw`, and nobody owns the id, so that nobody reads it.
        drop(unsafe { Box::from_raw(old) });
    }
}
