//! The heap against a model: a list of objects that says what each one holds.

use std::collections::HashMap;

use wasmer_runtime_core::object::*;

use super::space::FIRST;
use super::*;
use crate::limits::StoreLimits;

/// Types of objects, by header.
const LEAF: u32 = 1;
const PAIR: u32 = 2;
const WIDE: u32 = 3;
const BYTES: u32 = 4;
const REFS: u32 = 5;
const CELL: u32 = 6;

/// What the types look like.
struct Types;

impl Shapes for Types {
    fn shape(&self, header: u32) -> Shape<'_> {
        const INTERNAL: TracedRef = TracedRef::Internal;
        match header {
            LEAF => Shape::Struct { size: 16, refs: &[] },
            PAIR => Shape::Struct { size: 16, refs: &[(4, INTERNAL), (8, INTERNAL)] },
            WIDE => Shape::Struct { size: 1040, refs: &[(4, INTERNAL), (1036, INTERNAL)] },
            BYTES => Shape::Array { element_log2: 0, element: None },
            REFS => Shape::Array { element_log2: 2, element: Some(INTERNAL) },
            CELL => HOST_CELL,
            _ => panic!("{header:#x} is no header"),
        }
    }
}

fn on() -> Result<(), TrapCode> {
    Ok(())
}

/// A generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

/// A heap, as code uses it, and what should be in it.
struct World {
    heap: Box<Heap>,
    window: Window,
    budget: Budget,
    /// What objects refer to, by position of the reference.
    model: HashMap<u32, HashMap<u32, u32>>,
    sizes: HashMap<u32, u32>,
    collections: usize,
}

impl World {
    fn new(limit_bytes: u64) -> Self {
        let budget = Budget::new(StoreLimits::new().gc_heap_bytes_max(limit_bytes));
        let (model, sizes) = Default::default();
        Self { heap: Heap::new().unwrap(), window: Window::NONE, budget, model, sizes, collections: 0 }
    }

    fn word(&self, offset: u32) -> u32 {
        // SAFETY: four bytes of the heap.
        unsafe { self.heap.address(offset, 4).cast::<u32>().read() }
    }

    fn write(&mut self, offset: u32, word: u32) {
        // SAFETY: as above.
        unsafe { self.heap.address(offset, 4).cast::<u32>().write(word) };
    }

    fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        // SAFETY: bytes of the heap.
        unsafe { std::slice::from_raw_parts(self.heap.address(offset, len), len as usize) }
    }

    /// An object of a type, with `len` elements if it is an array. None if there is no room without a collection, as far as that is permitted.
    fn try_alloc(&mut self, header: u32, len: u32, permit: AllocLimit) -> Option<u32> {
        let size = match Types.shape(header) {
            Shape::Struct { size, .. } => size,
            Shape::Array { element_log2, .. } => array_bytes(element_log2, len) as u32,
        };
        let object = self.heap.alloc(&mut self.window, size, permit, &mut self.budget, on).unwrap()?;
        assert!(object.is_multiple_of(16) && self.bytes(object, size).iter().all(|byte| *byte == 0));
        let rest = self.window.limit - self.window.cursor;
        assert!(rest == 0 || self.bytes(self.window.cursor, rest).iter().all(|byte| *byte == 0));
        self.write(object, header);
        if header == BYTES || header == REFS {
            self.write(object + ARRAY_LENGTH, len);
        } else if header == LEAF {
            self.write(object + 4, !object);
        }
        self.sizes.insert(object, size);
        self.model.insert(object, HashMap::new());
        Some(object)
    }

    fn alloc(&mut self, header: u32, len: u32, roots: &[u32]) -> u32 {
        self.try_alloc(header, len, AllocLimit::UntilDue).unwrap_or_else(|| {
            self.collect(roots, &[]);
            self.try_alloc(header, len, AllocLimit::UntilLimit).expect("the limit is far")
        })
    }

    fn set(&mut self, object: u32, position: u32, reference: u32) {
        self.write(object + position, reference);
        self.model.get_mut(&object).unwrap().insert(position, reference);
    }

    /// What the model says can be reached.
    fn reachable(&self, roots: &[u32]) -> Vec<u32> {
        let (mut pending, mut seen) = (roots.to_vec(), std::collections::HashSet::new());
        while let Some(object) = pending.pop() {
            if object != 0 && object & 1 == 0 && seen.insert(object) {
                pending.extend(self.model[&object].values());
            }
        }
        seen.into_iter().collect()
    }

    /// Collects, and compares with the model: exactly what it says lives.
    fn collect(&mut self, roots: &[u32], guesses: &[u64]) {
        let mut found = self.heap.begin(&mut self.window);
        roots.iter().for_each(|root| found.root((*root).into()));
        guesses.iter().for_each(|word| found.guess(*word));
        self.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
        self.collections += 1;
        if guesses.is_empty() {
            let expected = self.reachable(roots);
            let bytes: u64 = expected.iter().map(|object| u64::from(self.sizes[object])).sum();
            assert_eq!((found.objects(), found.live_bytes()), (expected.len(), bytes));
            self.sizes.retain(|object, _| expected.contains(object));
            self.model.retain(|object, _| expected.contains(object));
        }
        self.heap.end(&found, 0, &mut self.budget);
        self.check();
    }

    /// Nothing of the model was overwritten.
    fn check(&self) {
        for (object, fields) in &self.model {
            assert!(fields.iter().all(|(position, reference)| self.word(object + position) == *reference));
            assert!(self.word(*object) != LEAF || self.word(object + 4) == !object);
        }
    }
}

/// Objects of all kinds, of which some are forgotten again and again.
fn random_graphs(seed: u64, always: bool, rounds: usize) {
    let mut world = World::new(64 << 20);
    if always {
        world.heap.always_due();
    }
    let mut random = Random(seed);
    let mut roots = vec![0; 40];
    for round in 0..rounds {
        if round % 2000 == 1999 {
            // Small heaps are seldom collected by themselves.
            world.collect(&roots, &[]);
        }
        let (header, len) = match random.below(16) {
            0..5 => (LEAF, 0),
            5..10 => (PAIR, 0),
            10 => (WIDE, 0),
            11 | 12 => (BYTES, random.below(300) as u32),
            13 => (REFS, random.below(60) as u32),
            14 if random.below(20) == 0 => (REFS, random.below(40_000) as u32),
            15 if random.below(50) == 0 => (BYTES, random.below(500_000) as u32),
            _ => (CELL, 0),
        };
        let object = world.alloc(header, len, &roots);
        let positions: Vec<u32> = match header {
            PAIR => vec![4, 8],
            WIDE => vec![4, 1036],
            REFS => (0..len.min(3)).map(|index| ARRAY_ELEMENTS + 4 * (len - 1 - index)).collect(),
            _ => Vec::new(),
        };
        for position in positions {
            let reference =
                [roots[random.below(40)], random.below(100) as u32 * 2 + 1][(random.below(5) == 0) as usize];
            world.set(object, position, reference);
        }
        let place = random.below(40);
        roots[place] = if random.below(30) == 0 { 0 } else { object };
    }
    world.collect(&roots, &[]);
    world.collect(&[], &[]);
    assert!(world.collections > 4 && world.model.is_empty());
}

#[test]
fn null_has_a_header_of_zeros() {
    let heap = Heap::new().unwrap();
    // SAFETY: there are so many zeros at the base.
    assert_eq!(unsafe { heap.base().cast::<[u32; 4]>().read() }, [0; 4]);
    if cfg!(not(miri)) {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let has_base = |line: &&str| {
            let (range, _) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap());
            (start..end).contains(&(heap.base() as usize))
        };
        let permissions = maps.lines().find(has_base).and_then(|line| line.split(' ').nth(1));
        assert_eq!(permissions, Some("r--p"), "nobody writes to null");
    }
}

#[test]
fn what_can_be_reached_stays_and_the_rest_goes() {
    (0..3).for_each(|seed| random_graphs(seed, false, 12_000));
}

#[test]
fn the_same_when_everything_is_collected_always() {
    random_graphs(7, true, 300);
}

/// The forms in which compilers keep a reference to an object of `size` bytes, some of them into it.
fn forms(base: u64, object: u32, size: u32) -> Vec<u64> {
    let places = [0, 1, 4, 8, size / 2, size - 1, size].map(|offset| object + offset);
    places
        .into_iter()
        .flat_map(|place| {
            let place = u64::from(place);
            [base + place, place, place << 32 | 7, 0xffff_fff0_0000_0000 | place]
        })
        .collect()
}

#[test]
fn words_of_frames_mean_objects_old_and_new() {
    let mut world = World::new(64 << 20);
    let base = world.heap.base() as u64;
    // Each between others, of which nobody knows.
    let headers =
        [(LEAF, 0), (PAIR, 0), (WIDE, 0), (BYTES, 0), (BYTES, 9), (REFS, 100), (BYTES, 20_000), (BYTES, 200_000)];
    for is_old in [false, true] {
        for (header, len) in headers {
            let live = |world: &mut World, word: u64, object: u32, size: u32| {
                let expected = world.sizes.len();
                let mut found = world.heap.begin(&mut world.window);
                found.guess(word);
                world.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
                // The object that ends where this one starts is meant, too.
                assert!((1..=2).contains(&found.objects()), "{word:#x} for {size} bytes at {object:#x} of {expected}");
                assert!(found.live_bytes() >= size.into());
                world.heap.abandon();
            };
            for _ in 0..3 {
                world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
            }
            let object = world.try_alloc(header, len, AllocLimit::UntilLimit).unwrap();
            let size = world.sizes[&object];
            for _ in 0..3 {
                world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
            }
            if is_old {
                world.collect(&[object], &[]);
            }
            for word in forms(base, object, size) {
                live(&mut world, word, object, size);
            }
            // None of these is one.
            let mut found = world.heap.begin(&mut world.window);
            let outside = [
                0,
                1,
                42,
                base,
                base + (1 << 32),
                u64::from(FIRST) - 1,
                (FIRST as u64) << 16,
                u64::MAX,
                0x5ef0_0000_0000_0001,
            ];
            outside.iter().for_each(|word| found.guess(*word));
            world.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
            assert_eq!(found.objects(), 0);
            world.heap.end(&found, 0, &mut world.budget);
            (world.sizes, world.model) = Default::default();
        }
    }
}

#[test]
fn holes_are_used_again() {
    let mut world = World::new(64 << 20);
    let objects: Vec<u32> = (0..40_000).map(|_| world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap()).collect();
    let kept: Vec<u32> = objects.iter().copied().step_by(2).collect();
    let bytes = world.heap.bytes();
    world.collect(&kept, &[]);
    for _ in 0..19_000 {
        assert!(objects.contains(&world.alloc(LEAF, 0, &kept)), "in a hole");
    }
    // Too large for holes of 16 bytes.
    world.alloc(PAIR, 0, &kept);
    world.alloc(BYTES, 600, &kept);
    world.alloc(BYTES, 100, &kept);
    assert!(world.heap.bytes() <= bytes + (2 << 20));
    world.check();
}

#[test]
fn memory_runs_out_where_the_limit_is() {
    let mut world = World::new(3 << 16);
    assert_eq!(world.try_alloc(BYTES, 3 << 16, AllocLimit::UntilLimit), None);
    let large = world.try_alloc(BYTES, 100_000, AllocLimit::UntilLimit).unwrap();
    assert_eq!(world.try_alloc(BYTES, 70_000, AllocLimit::UntilLimit), None);
    let count = std::iter::from_fn(|| world.try_alloc(LEAF, 0, AllocLimit::UntilLimit)).count();
    assert_eq!((count, world.heap.bytes()), (4096, 3 << 16));
    world.collect(&[large], &[]);
    assert!(world.try_alloc(BYTES, 20_000, AllocLimit::UntilLimit).is_some());
    assert_eq!(world.try_alloc(BYTES, 60_000, AllocLimit::UntilLimit), None);
    world.collect(&[], &[]);
    assert!(world.try_alloc(BYTES, 190_000, AllocLimit::UntilLimit).is_some());
    // Nor is there more than addresses have room for.
    let mut all = World::new(u64::MAX);
    assert_eq!(all.try_alloc(BYTES, u32::MAX - 100, AllocLimit::UntilLimit), None);
    assert_eq!(all.heap.bytes(), 0);
}

#[test]
fn what_was_much_is_given_back() {
    let mut world = World::new(1 << 30);
    let kept = world.alloc(LEAF, 0, &[]);
    for _ in 0..40 {
        world.try_alloc(BYTES, 1 << 20, AllocLimit::UntilLimit).unwrap();
    }
    assert!(world.heap.bytes() > 40 << 20);
    world.collect(&[kept], &[]);
    assert!(world.heap.bytes() < 8 << 20);
    // Blocks that come back know nothing of what was in them.
    for _ in 0..40 {
        world.try_alloc(BYTES, 1 << 20, AllocLimit::UntilLimit).unwrap();
    }
    world.collect(&[kept], &[]);
}

#[test]
fn long_lists_and_wide_arrays_are_marked_within_bounds() {
    let mut world = World::new(256 << 20);
    // Each pair's first field has to wait until the rest of the list is marked.
    let mut list = 0;
    for _ in 0..30_000 {
        let leaf = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
        let pair = world.try_alloc(PAIR, 0, AllocLimit::UntilLimit).unwrap();
        world.write(pair + 4, leaf);
        world.write(pair + 8, list);
        list = pair;
    }
    let array = world.try_alloc(REFS, 30_000, AllocLimit::UntilLimit).unwrap();
    for index in 0..30_000 {
        let leaf = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
        world.write(array + ARRAY_ELEMENTS + 4 * index, leaf);
    }
    for stack_max in [64, 1000, usize::MAX] {
        let mut found = world.heap.begin(&mut world.window);
        found.bound_stack(stack_max);
        [list, array].iter().for_each(|root| found.root((*root).into()));
        world.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
        assert_eq!(found.objects(), 90_001);
        world.heap.end(&found, 0, &mut world.budget);
    }
}

#[test]
fn marking_that_is_interrupted_loses_nothing() {
    let mut world = World::new(64 << 20);
    let mut roots = Vec::new();
    let mut left = 0;
    for round in 0..20 {
        for number in 0..3000 {
            let object = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
            if number % 4 == 0 {
                roots.push(object);
            }
        }
        let mut found = world.heap.begin(&mut world.window);
        roots.iter().for_each(|root| found.root((*root).into()));
        let asked = std::cell::Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            if asked.get() > round / 4 { Err(TrapCode::Interrupted) } else { Ok(()) }
        };
        match world.heap.mark(&mut found, &Types, &mut |_| {}, go_on) {
            Ok(()) => world.heap.end(&found, 0, &mut world.budget),
            Err(_) => {
                left += 1;
                world.heap.abandon();
            }
        }
        assert!(roots.iter().all(|root| world.word(*root) == LEAF && world.word(root + 4) == !root));
    }
    assert!(left > 3);
    // What was found when marking was left is an object still.
    let base = world.heap.base() as u64;
    let mut found = world.heap.begin(&mut world.window);
    roots.iter().for_each(|root| found.guess(base + u64::from(*root) + 5));
    world.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
    assert_eq!(found.objects(), roots.len());
}

#[test]
fn code_may_stop_anywhere_while_it_allocates() {
    let mut world = World::new(64 << 20);
    let first = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
    // The header is there, the cursor where it was.
    world.write(world.window.cursor, BYTES);
    world.write(world.window.cursor + ARRAY_LENGTH, 4000);
    world.heap.close(&mut world.window);
    let second = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
    let mut found = world.heap.begin(&mut world.window);
    let base = world.heap.base() as u64;
    [first + 16, first + 64, second].iter().for_each(|offset| found.guess(base + u64::from(*offset)));
    world.heap.mark(&mut found, &Types, &mut |_| {}, on).unwrap();
    assert_eq!(found.objects(), 2);
}

#[test]
fn handles_in_objects_are_told() {
    let mut world = World::new(64 << 20);
    let inner = world.try_alloc(LEAF, 0, AllocLimit::UntilLimit).unwrap();
    let cells = [0x5ef0_0000_0000_0003u64, u64::from(inner), 0, 7].map(|word| {
        let cell = world.try_alloc(CELL, 0, AllocLimit::UntilLimit).unwrap();
        // SAFETY: eight bytes of the heap.
        unsafe { world.heap.address(cell + HOST_CELL_HANDLE, 8).cast::<u64>().write(word) };
        cell
    });
    let mut found = world.heap.begin(&mut world.window);
    cells.iter().for_each(|cell| found.root((*cell).into()));
    let mut told = Vec::new();
    world.heap.mark(&mut found, &Types, &mut |word| told.push(word), on).unwrap();
    assert_eq!((told, found.objects()), (vec![0x5ef0_0000_0000_0003], 5));
}
