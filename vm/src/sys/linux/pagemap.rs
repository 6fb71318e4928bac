//! Which pages of a private mapping this process has written.
//!
//! Dropping pages makes the kernel interrupt every processor that runs the process, as soon as two threads do it at once: more than an
//! instance costs otherwise. Asking for the written pages first is a walk of the page tables, and most instances write few.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use super::pages::{Reservation, page_bytes};
use crate::places::{PLACES, place};

/// How many runs of pages are asked for. Whoever wrote more has them dropped all at once.
const RUNS: usize = 32;

/// `struct page_region` of `linux/fs.h`: a run of pages of the same categories.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[repr(C)]
struct ScanArgs {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    /// Where the kernel stopped.
    walk_end: u64,
    /// Address of the answer.
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `PAGE_IS_FILE`: of the file itself, thus not written.
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
/// `PAGE_IS_PFNZERO`: the page of zeros that everybody shares.
const ZERO: u64 = 1 << 5;
const SCAN: Opcode = opcode::read_write::<ScanArgs>(b'f', 16);

/// The page tables of this process, if the kernel (Linux 6.7) lets us ask.
struct Pagemap {
    file: File,
    /// Holds [`Pagemap::is_ours`] and is wiped by a fork: the file shows the pages of the process that opened it, which a child must not take
    /// for its own.
    flag: Reservation,
}

impl Pagemap {
    fn open() -> io::Result<Self> {
        let file = File::open("/proc/self/pagemap")?;
        let flag = Reservation::new(page_bytes())?;
        flag.commit(0..page_bytes())?;
        flag.wipe_on_fork()?;
        let pagemap = Self { file, flag };
        pagemap.is_ours().store(true, Ordering::Relaxed);
        Ok(pagemap)
    }

    fn is_ours(&self) -> &AtomicBool {
        // SAFETY: the page is committed, lives as long as this and is accessed as a flag only; zero bytes are one that is not set.
        unsafe { &*self.flag.base().cast() }
    }

    /// Fills in the runs of written pages, and fails if they are too many. All zero behind the last.
    fn scan(&self, range: &Range<usize>, runs: &mut [PageRegion; RUNS]) -> io::Result<()> {
        if !self.is_ours().load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut args = ScanArgs {
            size: size_of::<ScanArgs>() as u64,
            flags: 0,
            start: range.start as u64,
            end: range.end as u64,
            walk_end: 0,
            vec: runs.as_mut_ptr() as u64,
            vec_len: RUNS as u64,
            max_pages: 0,
            category_inverted: FILE | ZERO,
            category_mask: FILE | ZERO,
            category_anyof_mask: PRESENT | SWAPPED,
            return_mask: PRESENT,
        };
        // SAFETY: the opcode takes this structure, whose answer has room for as many runs as it says.
        unsafe { ioctl(&self.file, Updater::<SCAN, ScanArgs>::new(&mut args))? };
        if args.walk_end == args.end { Ok(()) } else { Err(io::ErrorKind::QuotaExceeded.into()) }
    }
}

/// The page tables as threads of one place see them, once somebody has asked; none if the system tells nothing. The locks are only tried
/// for: in a process that was forked while another thread had one, nobody gives it back.
#[repr(align(128))]
struct Slot(RwLock<Option<Option<Pagemap>>>);

/// The kernel counts who uses a file, and processors that use the same one wait for each other.
static PAGEMAPS: [Slot; PLACES] = [const { Slot(RwLock::new(None)) }; PLACES];

/// The page tables are those of another process, of which this one is a copy.
pub(crate) fn forget() {
    for Slot(slot) in &PAGEMAPS {
        if let Ok(mut pagemap) = slot.try_write() {
            *pagemap = None;
        }
    }
}

/// Runs of pages, by their addresses.
pub(crate) struct Runs([PageRegion; RUNS]);

impl Runs {
    /// Each of them, whole pages.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        // The range that was asked about ends where a page does, so whole pages stay in it.
        let whole = |run: &PageRegion| {
            run.start as usize / page_bytes() * page_bytes()..(run.end as usize).next_multiple_of(page_bytes())
        };
        self.0.iter().take_while(|run| run.end > 0).map(whole)
    }
}

/// The runs of pages in `range`, a range of addresses of whole pages, that were written since they were mapped. Fails where the kernel cannot tell, or has more
/// to tell than is worth asking for.
pub(crate) fn written(range: Range<usize>) -> io::Result<Runs> {
    let Slot(slot) = &PAGEMAPS[place()];
    let busy = io::Error::from(io::ErrorKind::ResourceBusy);
    let mut runs = [PageRegion::default(); RUNS];
    let mut kept = slot.try_read();
    if kept.as_ref().is_ok_and(|kept| kept.is_none()) {
        drop(kept);
        if let Ok(mut kept) = slot.try_write() {
            kept.get_or_insert_with(|| Pagemap::open().ok());
        }
        kept = slot.try_read();
    }
    let Ok(kept) = kept else { return Err(busy) };
    kept.as_ref().and_then(Option::as_ref).ok_or(busy)?.scan(&range, &mut runs)?;
    Ok(Runs(runs))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// Half of it a file's, half anonymous.
    const PAGES: usize = 256;

    fn half_of_a_file() -> Reservation {
        let space = Reservation::new(PAGES * page_bytes()).unwrap();
        let file = File::from(rustix::fs::memfd_create("initial", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        file.write_all_at(&vec![7; PAGES / 2 * page_bytes()], 0).unwrap();
        space.map_file(0..PAGES / 2 * page_bytes(), &file, 0).unwrap();
        space.commit(PAGES / 2 * page_bytes()..PAGES * page_bytes()).unwrap();
        space
    }

    fn page(space: &Reservation, page: usize) -> *mut u8 {
        assert!(page < PAGES);
        // SAFETY: the page is inside the reservation.
        unsafe { space.base().add(page * page_bytes()) }
    }

    fn initial(page: usize) -> u8 {
        if page < PAGES / 2 { 7 } else { 0 }
    }

    /// The numbers of the written pages; none where the kernel cannot tell.
    fn written_pages(space: &Reservation) -> Option<Vec<usize>> {
        let base = space.base() as usize;
        let runs = written(base..base + PAGES * page_bytes()).ok()?;
        Some(runs.iter().flat_map(|run| (run.start - base) / page_bytes()..(run.end - base) / page_bytes()).collect())
    }

    #[test]
    fn written_pages_are_found_and_dropped() {
        let few = |page: &usize| page.is_multiple_of(32) || page % 64 == 1;
        let many = |page: &usize| page.is_multiple_of(3);
        for touched in [(0..PAGES).filter(few).collect(), (0..PAGES).filter(many).collect::<Vec<_>>()] {
            let space = half_of_a_file();
            for number in 0..PAGES {
                // SAFETY: the page is committed.
                assert_eq!(unsafe { page(&space, number).read_volatile() }, initial(number));
            }
            for &number in &touched {
                // SAFETY: the page is committed.
                unsafe { page(&space, number).write_volatile(9) };
            }
            let told = written_pages(&space);
            assert!(told.is_none() || told.as_ref() == Some(&touched), "{told:?}");
            space.drop_pages(0..PAGES * page_bytes()).unwrap();
            assert!(written_pages(&space).is_none_or(|pages| pages.is_empty()));
            for number in 0..PAGES {
                // SAFETY: the page is committed.
                assert_eq!(unsafe { page(&space, number).read_volatile() }, initial(number), "page {number}");
            }
        }
    }

    #[test]
    fn few_written_pages_are_restored_in_their_place_and_many_are_dropped() {
        let restore = |bytes: &mut [u8], at: usize| bytes.fill(initial(at / page_bytes()));
        for (touched, is_kept) in [(vec![0, 1, 40, PAGES - 1], true), ((0..PAGES).collect::<Vec<_>>(), false)] {
            let space = half_of_a_file();
            for _ in 0..2 {
                for &number in &touched {
                    // SAFETY: the page is committed.
                    unsafe { page(&space, number).write_bytes(9, page_bytes()) };
                }
                let told = written_pages(&space);
                let kept = space.restore_pages(0..PAGES * page_bytes(), 8 * page_bytes(), restore).unwrap();
                let expected = if is_kept && told.is_some() { touched.len() } else { 0 };
                assert_eq!(kept, expected * page_bytes());
                assert!(written_pages(&space).is_none_or(|pages| pages.len() == expected));
                for number in 0..PAGES {
                    // SAFETY: the page is committed, and nobody else has it.
                    let bytes = unsafe { std::slice::from_raw_parts(page(&space, number), page_bytes()) };
                    assert!(bytes.iter().all(|byte| *byte == initial(number)), "page {number}");
                }
            }
        }
    }

    #[test]
    fn a_child_does_not_ask_about_its_parents_pages() {
        let space = half_of_a_file();
        written_pages(&space);
        // SAFETY: the child neither allocates nor takes a lock that another thread may have held.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let base = space.base() as usize;
            let refused = written(base..base + page_bytes()).is_err();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(if refused { 3 } else { 4 }) };
        }
        let mut status = 0;
        // SAFETY: waits for our own child.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(libc::WEXITSTATUS(status), 3);
    }
}
