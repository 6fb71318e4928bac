//! Long blocks of memories and tables: handled in pieces, between which the host looks whether the guest shall go on.
//!
//! Compiled code is left wherever it is when an interrupt comes; the host cannot be, and a block may be as long as a memory. So whatever
//! a guest can make as long as it likes goes through here. Bounds are checked before, as a whole: a trap for them leaves nothing
//! written, an interrupt leaves the pieces that were done.

use std::ops::Range;

use wasmer_runtime_core::trap::TrapCode;

/// Bytes of memory in one piece: a few milliseconds if every page is touched for the first time, and long enough for the routines of the C
/// library that move blocks beyond the caches.
pub const PIECE_BYTES: usize = 16 << 20;

/// Elements of a table in one piece: making a reference for each takes as long.
pub const PIECE_ELEMENTS: usize = 1 << 17;

/// What is asked between the pieces of a long operation.
pub trait InterruptCheck: Fn() -> Result<(), TrapCode> {}

impl<F: Fn() -> Result<(), TrapCode>> InterruptCheck for F {}

/// Which piece comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one at the start.
    Forward,
    /// The one at the end.
    Backward,
}

impl Order {
    /// In which `len` items can be moved inside one array without overwriting what has still to be moved.
    pub fn of_move(destination: usize, source: usize, len: usize) -> Self {
        let overwrites_end = destination > source && destination - source < len;
        if overwrites_end { Self::Backward } else { Self::Forward }
    }
}

/// Cuts `len` items into pieces of at most `piece_len`, and asks `go_on` before each but the first, so that short blocks cost nothing more.
#[inline]
pub fn in_pieces(
    len: usize,
    piece_len: usize,
    order: Order,
    go_on: impl InterruptCheck,
    mut handle: impl FnMut(Range<usize>),
) -> Result<(), TrapCode> {
    try_in_pieces(len, piece_len, order, go_on, |piece| {
        handle(piece);
        Ok(())
    })
}

/// As [`in_pieces`], for what can fail.
#[inline]
pub fn try_in_pieces(
    len: usize,
    piece_len: usize,
    order: Order,
    go_on: impl InterruptCheck,
    mut handle: impl FnMut(Range<usize>) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    let mut done = piece_len.min(len);
    handle(place(0..done, len, order))?;
    while done < len {
        go_on()?;
        let end = (done + piece_len).min(len);
        handle(place(done..end, len, order))?;
        done = end;
    }
    Ok(())
}

/// Where the items are that come at these positions in an order.
fn place(turn: Range<usize>, len: usize, order: Order) -> Range<usize> {
    match order {
        Order::Forward => turn,
        Order::Backward => len - turn.end..len - turn.start,
    }
}

/// Fills a block of memory.
///
/// # Safety
/// The block is mapped and nobody has a reference into it.
#[inline]
pub unsafe fn fill(target: *mut u8, byte: u8, len: usize, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
    in_pieces(len, PIECE_BYTES, Order::Forward, go_on, |piece| {
        // SAFETY: the piece is part of the block.
        unsafe { target.add(piece.start).write_bytes(byte, piece.len()) }
    })
}

/// Copies a block of memory; the two may overlap.
///
/// # Safety
/// Both blocks are mapped and nobody has a reference into them that is used to write, or into the target.
#[inline]
pub unsafe fn copy(target: *mut u8, source: *const u8, len: usize, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
    let order = Order::of_move(target as usize, source as usize, len);
    in_pieces(len, PIECE_BYTES, order, go_on, |piece| {
        // SAFETY: the pieces are parts of the blocks.
        unsafe { source.add(piece.start).copy_to(target.add(piece.start), piece.len()) }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pieces_cover_everything_once_in_their_order() {
        for len in [0, 1, 6, 7, 8, 14, 20] {
            for order in [Order::Forward, Order::Backward] {
                let (mut seen, questions) = (Vec::new(), Cell::new(0));
                let go_on = || {
                    questions.set(questions.get() + 1);
                    Ok(())
                };
                in_pieces(len, 7, order, go_on, |piece| seen.push(piece)).unwrap();
                assert!(seen.iter().all(|piece| piece.len() <= 7));
                assert_eq!(questions.get() + 1, seen.len());
                let items: Vec<usize> = match order {
                    Order::Forward => seen.into_iter().flatten().collect(),
                    Order::Backward => seen.into_iter().rev().flatten().collect(),
                };
                assert_eq!(items, (0..len).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_refusal_leaves_what_was_done() {
        let left = Cell::new(2);
        let go_on = || match left.replace(left.get() - 1) {
            0 => Err(TrapCode::Interrupted),
            _ => Ok(()),
        };
        let mut done = Vec::new();
        let result = in_pieces(100, 10, Order::Backward, go_on, |piece| done.push(piece.start));
        assert_eq!((result, done), (Err(TrapCode::Interrupted), vec![90, 80, 70]));
    }

    #[test]
    fn overlapping_moves_are_as_if_through_a_buffer() {
        let original: Vec<u8> = (0..60).collect();
        for (destination, source, len) in (0..40).flat_map(|to| (0..40).map(move |from| (to, from, 20))) {
            let mut moved = original.clone();
            let order = Order::of_move(destination, source, len);
            in_pieces(
                len,
                6,
                order,
                || Ok(()),
                |piece| {
                    moved.copy_within(source + piece.start..source + piece.end, destination + piece.start);
                },
            )
            .unwrap();
            let mut expected = original.clone();
            expected.copy_within(source..source + len, destination);
            assert_eq!(moved, expected, "{source} to {destination}");
        }
    }
}
