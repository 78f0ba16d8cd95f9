//! The memory of one call.
//!
//! What crosses the boundary is allocated in the guest: three texts for each event, and what comes back. A general
//! allocator spends a tenth of a fast transform's time on that. So the guest's first 64 KiB of each call come from an
//! arena: taking some moves a mark, giving some back counts down, and when all of it is given back, as it is once a
//! call is over, the mark moves to the front. What does not fit, or is there to stay (all that `configure` makes),
//! comes from the general allocator. A transform that keeps something from one call to the next, a cache say, holds
//! the arena where it is: it is used up then, and all comes from the general allocator, as it would without it.

#![allow(unsafe_code, reason = "an allocator hands out memory: see the arguments at each function")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// The bytes of the arena: some hundred times a record, and nothing beside a guest's first megabyte.
const SIZE: usize = 64 << 10;

/// An allocator that has an arena at its front.
pub(crate) struct Arena {
    region: UnsafeCell<Region>,
    /// Whether the arena is in use.
    is_open: Cell<bool>,
    /// The offset of the first byte that is free.
    mark: Cell<usize>,
    /// How many pieces were handed out and not given back.
    pieces: Cell<usize>,
}

/// Aligned, so that offsets are as aligned as addresses.
#[repr(align(16))]
struct Region(#[expect(dead_code, reason = "it is there to be pointed into")] [u8; SIZE]);

/// The largest alignment that the arena serves.
const ALIGNMENT: usize = align_of::<Region>();

// SAFETY: on WebAssembly without atomics there is one thread, and nothing interrupts it. Where there could be more, this
// does not compile.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self {
            region: UnsafeCell::new(Region([0; SIZE])),
            is_open: Cell::new(false),
            mark: Cell::new(0),
            pieces: Cell::new(0),
        }
    }

    /// From here on, what is allocated is expected to be of one call.
    pub(crate) fn open(&self) {
        self.is_open.set(true);
    }

    fn start(&self) -> *mut u8 {
        self.region.get().cast()
    }

    /// The offset of a piece of the arena; none: it is of the general allocator.
    fn offset(&self, piece: *mut u8) -> Option<usize> {
        let offset = piece.addr().wrapping_sub(self.start().addr());
        (offset < SIZE).then_some(offset)
    }

    /// A piece of the arena, if there is room for it.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if !self.is_open.get() || layout.align() > ALIGNMENT {
            return None;
        }
        let from = self.mark.get().next_multiple_of(layout.align());
        let to = from.checked_add(layout.size()).filter(|to| *to <= SIZE)?;
        self.mark.set(to);
        self.pieces.set(self.pieces.get() + 1);
        // SAFETY: `from` is within the region: a piece has a byte at least.
        Some(unsafe { self.start().add(from) })
    }

    /// Takes a piece back; all of them being back, the arena is as new.
    fn give_back(&self) {
        let left = self.pieces.get() - 1;
        self.pieces.set(left);
        if left == 0 {
            self.mark.set(0);
        }
    }
}

// SAFETY: a piece of the arena lies between what the mark was and what it became, so that no two overlap while the mark
// only moves on; it moves back only when no piece is out, or to the end of a piece that is the last one and is resized.
// It is aligned, since the region is, and `from` is a multiple of the alignment. All else is the system's allocator's.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        self.take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.offset(piece) {
            Some(_) => self.give_back(),
            // SAFETY: it is not of the arena, so it is of the system's allocator.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(piece) else {
            // SAFETY: it is not of the arena, so it is of the system's allocator.
            return unsafe { System.realloc(piece, layout, size) };
        };
        if offset + layout.size() == self.mark.get() && offset.checked_add(size).is_some_and(|to| to <= SIZE) {
            self.mark.set(offset + size);
            return piece;
        }
        // SAFETY: the caller promises that this size is none that overflows with this alignment.
        let other = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as above; both pieces are as long as what is copied, and apart from each other.
        unsafe {
            let moved = self.alloc(other);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(piece, layout.size().min(size));
                self.give_back();
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    /// Fills a piece, so that an overlap shows.
    fn fill(piece: *mut u8, size: usize, with: u8) {
        // SAFETY: the piece has this size.
        unsafe { piece.write_bytes(with, size) };
    }

    fn holds(piece: *mut u8, size: usize, byte: u8) -> bool {
        // SAFETY: the piece has this size, and was filled.
        unsafe { std::slice::from_raw_parts(piece, size) }.iter().all(|found| *found == byte)
    }

    #[test]
    fn a_call_leaves_the_arena_as_it_found_it() {
        let arena = Arena::new();
        arena.open();
        let mut first = None;
        for _ in 0..10_000 {
            // SAFETY: each piece is given back once, with the layout that it has.
            unsafe {
                let one = arena.alloc(layout(100));
                let two = arena.alloc(layout(3));
                let two = arena.realloc(two, layout(3), 5_000);
                assert_eq!(*first.get_or_insert(one), one);
                assert!(arena.offset(one).is_some() && arena.offset(two).is_some());
                arena.dealloc(one, layout(100));
                arena.dealloc(two, layout(5_000));
            }
        }
        assert_eq!((arena.mark.get(), arena.pieces.get()), (0, 0));
    }

    #[test]
    fn what_does_not_fit_or_comes_too_early_is_the_general_allocators() {
        let arena = Arena::new();
        // SAFETY: each piece is given back once, with the layout that it has.
        unsafe {
            let early = arena.alloc(layout(10));
            assert_eq!(arena.offset(early), None);
            arena.open();
            let large = arena.alloc(layout(SIZE + 1));
            let fits = arena.alloc(layout(SIZE));
            let none_left = arena.alloc(layout(1));
            assert_eq!([large, fits, none_left].map(|piece| arena.offset(piece)), [None, Some(0), None]);
            let grown = arena.realloc(fits, layout(SIZE), SIZE + 8);
            assert_eq!((arena.offset(grown), arena.mark.get()), (None, 0));
            arena.dealloc(early, layout(10));
            arena.dealloc(large, layout(SIZE + 1));
            arena.dealloc(none_left, layout(1));
            arena.dealloc(grown, layout(SIZE + 8));
        }
    }

    #[test]
    fn no_two_pieces_overlap_whatever_is_done() {
        let arena = Arena::new();
        arena.open();
        let mut pieces: Vec<(*mut u8, usize, u8)> = Vec::new();
        // A linear congruential generator: the same each time.
        let mut state = 1_u64;
        for step in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = (state >> 33) as usize;
            let size = random % 700 + 1;
            let byte = step as u8;
            // SAFETY: each piece is resized and given back with the layout that it has.
            unsafe {
                match random % 5 {
                    0 | 1 if pieces.len() < 200 => {
                        let piece = arena.alloc(layout(size));
                        assert_eq!(piece.addr() % 8, 0);
                        fill(piece, size, byte);
                        pieces.push((piece, size, byte));
                    }
                    2 if !pieces.is_empty() => {
                        let at = random / 5 % pieces.len();
                        let (piece, old, filled) = pieces[at];
                        let moved = arena.realloc(piece, layout(old), size);
                        assert!(holds(moved, old.min(size), filled));
                        fill(moved, size, byte);
                        pieces[at] = (moved, size, byte);
                    }
                    _ if !pieces.is_empty() => {
                        let (piece, size, filled) = pieces.swap_remove(random / 5 % pieces.len());
                        assert!(holds(piece, size, filled));
                        arena.dealloc(piece, layout(size));
                    }
                    _ => {}
                }
            }
        }
        for (piece, size, filled) in pieces {
            assert!(holds(piece, size, filled));
            // SAFETY: as above.
            unsafe { arena.dealloc(piece, layout(size)) };
        }
        assert_eq!((arena.mark.get(), arena.pieces.get()), (0, 0));
    }
}
