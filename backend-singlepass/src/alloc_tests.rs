//! The allocator on a toy machine with five registers, which executes what it is told at once: random programs are compared with a
//! stack and a list of locals.

use std::collections::HashMap;

use wasmer_runtime_core::types::Ty;

use super::*;

/// Two registers for operands, two for locals, one whose value can be fetched anew.
const A: Reg = Reg(0);
const B: Reg = Reg(1);
const PINS: [Reg; 2] = [Reg(2), Reg(3)];
const BASE: Reg = Reg(4);

/// What the fixed register holds.
const BASE_VALUE: u64 = 0xbace;
/// What calls leave in registers.
const JUNK: u64 = 0xdead;

#[derive(Clone, Default)]
struct Toy {
    regs: [u64; 5],
    frame: HashMap<i32, u64>,
}

impl Toy {
    fn at(&self, place: i32) -> u64 {
        *self.frame.get(&place).unwrap_or(&JUNK)
    }
}

impl Machine for Toy {
    const INT_SCRATCH: RegSet = RegSet::of(&[A, B]);
    const FLOAT_SCRATCH: RegSet = RegSet::EMPTY;
    const FIXED: RegSet = RegSet::of(&[BASE]);

    fn mov(&mut self, _ty: Ty, dst: Reg, src: Reg) {
        self.regs[dst.index()] = self.regs[src.index()];
    }

    fn swap(&mut self, a: Reg, b: Reg) {
        self.regs.swap(a.index(), b.index());
    }

    fn load(&mut self, _ty: Ty, dst: Reg, at: i32) {
        self.regs[dst.index()] = self.at(at);
    }

    fn store(&mut self, _ty: Ty, at: i32, src: Reg) {
        self.frame.insert(at, self.regs[src.index()]);
    }

    fn copy(&mut self, _ty: Ty, to: i32, from: i32) {
        self.frame.insert(to, self.at(from));
    }

    fn constant(&mut self, _ty: Ty, dst: Reg, bits: u64) {
        self.regs[dst.index()] = bits;
    }

    fn store_constant(&mut self, _ty: Ty, at: i32, bits: u64) {
        self.frame.insert(at, bits);
    }

    fn vector(&mut self, _dst: Reg, _number: u32) {
        unreachable!("the toy has no vectors")
    }

    fn store_vector(&mut self, _at: i32, _number: u32) {
        unreachable!("the toy has no vectors")
    }

    fn reload(&mut self, reg: Reg, valid: &mut RegSet) {
        self.regs[reg.index()] = BASE_VALUE;
        *valid = valid.with(reg);
    }
}

/// The allocator, the machine, and what they should hold.
#[derive(Default)]
struct Run {
    al: Alloc,
    toy: Toy,
    stack: Vec<u64>,
    locals: Vec<u64>,
}

impl Run {
    fn new() -> Self {
        let mut run = Self::default();
        run.al.clear::<Toy>(8);
        for pin in [Some(PINS[0]), None, Some(PINS[1]), None] {
            run.al.add_local(Ty::I64, pin);
        }
        for local in 0..4 {
            run.toy.frame.insert(run.al.locals[local].at, 100 + local as u64);
            run.locals.push(100 + local as u64);
        }
        run
    }

    fn value(&self, source: Source) -> u64 {
        match source {
            Source::Reg(reg) => self.toy.regs[reg.index()],
            Source::Frame(at) => self.toy.at(at),
            Source::Const(bits) => bits,
            Source::Vector(_) => unreachable!("the toy has no vectors"),
        }
    }

    /// Everything is where the allocator says.
    fn check(&self) {
        self.al.check::<Toy>(RegSet::EMPTY);
        assert_eq!(self.al.len(), self.stack.len());
        for (entry, expected) in self.al.stack.iter().zip(&self.stack) {
            assert_eq!(self.value(self.al.source(*entry)), *expected, "{entry:?}");
        }
        for (local, expected) in self.al.locals.iter().zip(&self.locals) {
            let pin = local.pin.filter(|pin| self.al.state.regs.has(*pin));
            if let Some(pin) = pin {
                assert_eq!(self.toy.regs[pin.index()], *expected, "{local:?}");
            }
            if local.pin.is_none_or(|pin| self.al.state.places.has(pin)) {
                assert_eq!(self.toy.at(local.at), *expected, "{local:?}");
            }
        }
        if self.al.state.regs.has(BASE) {
            assert_eq!(self.toy.regs[BASE.index()], BASE_VALUE);
        }
    }

    fn push(&mut self, loc: Loc, value: u64) {
        self.al.push(&mut self.toy, Ty::I64, loc);
        self.stack.push(value);
    }

    fn set_local(&mut self, local: u32) {
        let entry = self.al.pop();
        self.al.detach(&mut self.toy, local);
        let info = self.al.locals[local as usize];
        match info.pin {
            Some(pin) => {
                self.al.load_into(&mut self.toy, entry, pin);
                self.al.written(pin);
            }
            None => self.al.store_operand(&mut self.toy, entry, info.at),
        }
        self.al.drop_entry(entry);
        self.locals[local as usize] = self.stack.pop().expect("an operand");
    }

    fn add(&mut self) {
        let mut rhs = self.al.pop();
        let mut lhs = self.al.pop();
        let right = self.al.in_reg(&mut self.toy, &mut rhs);
        let left = self.al.own(&mut self.toy, &mut lhs);
        self.toy.regs[left.index()] = self.toy.regs[left.index()].wrapping_add(self.toy.regs[right.index()]);
        self.al.drop_entry(rhs);
        let (b, a) = (self.stack.pop().expect("an operand"), self.stack.pop().expect("an operand"));
        self.push(Loc::Reg(left), a.wrapping_add(b));
    }

    /// A call that takes nothing and gives a result in the first register.
    fn call(&mut self) {
        let height = self.al.len();
        self.al.spill_registers(&mut self.toy, height);
        self.al.save_pins(&mut self.toy);
        self.toy.regs = [JUNK; 5];
        self.al.clobber();
        self.al.occupy(A);
        self.push(Loc::Reg(A), JUNK);
    }

    /// An operand moves to a certain register, or to the other one if it is there already.
    fn move_to(&mut self, wanted: Reg) {
        let entry = self.al.pop();
        let dst = if entry.loc == Loc::Reg(wanted) { A } else { wanted };
        self.al.take(&mut self.toy, dst);
        self.al.load_into(&mut self.toy, entry, dst);
        self.al.drop_entry(entry);
        let value = self.stack.pop().expect("an operand");
        self.push(Loc::Reg(dst), value);
    }
}

/// Numbers that look random, the same ones every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn random_programs_keep_every_value() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut run = Run::new();
        for _ in 0..300 {
            match random.below(12) {
                0 | 1 => run.push(Loc::Const(seed), seed),
                2..=4 => {
                    let local = random.below(4) as u32;
                    run.push(Loc::Local(local), run.locals[local as usize]);
                }
                5 | 6 if !run.stack.is_empty() => run.set_local(random.below(4) as u32),
                7 | 8 if run.stack.len() > 1 => run.add(),
                9 if random.below(4) == 0 => run.call(),
                10 if random.below(6) == 0 => {
                    let height = run.al.len();
                    run.al.flush_to(&mut run.toy, height);
                    run.al.fetch_all(&mut run.toy, RegSet::of(&[PINS[0], PINS[1], BASE]));
                }
                11 if !run.stack.is_empty() => run.move_to(B),
                _ => {}
            }
            run.check();
        }
    }
}

#[test]
fn many_operands_go_to_their_places() {
    let mut run = Run::new();
    for number in 0..10_000 {
        run.push(Loc::Local(number % 4), 100 + u64::from(number % 4));
    }
    run.check();
    // Writing a local looks at the topmost operands only; the others have the old value already.
    run.push(Loc::Const(7), 7);
    run.set_local(2);
    run.check();
}

#[test]
fn truncating_gives_registers_back() {
    let mut run = Run::new();
    run.push(Loc::Const(1), 1);
    let height = run.al.len();
    run.al.flush_to(&mut run.toy, height);
    run.push(Loc::Const(2), 2);
    run.push(Loc::Const(3), 3);
    run.add();
    run.al.truncate::<Toy>(height);
    run.stack.truncate(height);
    run.check();
    assert!(run.al.is_free(A) && run.al.is_free(B));
}

/// The three states of a pin: in its register, in its place, in both.
fn states() -> impl Iterator<Item = State> {
    let pin = RegSet::of(&[PINS[0]]);
    [(pin, RegSet::EMPTY), (RegSet::EMPTY, pin), (pin, pin)].into_iter().map(|(regs, places)| State { regs, places })
}

#[test]
fn merges_promise_only_what_every_branch_has() {
    let pin = RegSet::of(&[PINS[0]]);
    for first in states() {
        for second in states() {
            let mut target = first;
            let repair = target.merge(second, pin);
            // The label asks for no more than the first branch gave.
            assert!(target.regs.minus(first.regs).is_empty() && target.places.minus(first.places).is_empty());
            // The second branch has it after its repair.
            let regs = second.regs.or(repair.loads);
            let places = second.places.or(repair.stores);
            assert!(target.regs.minus(regs).is_empty() && target.places.minus(places).is_empty());
            // Something holds the value, and no more is done than needed.
            assert!(!target.regs.or(target.places).is_empty());
            assert_eq!(repair.is_empty(), !first.regs.and(second.regs).or(first.places.and(second.places)).is_empty());
        }
    }
}

#[test]
fn repairs_establish_the_state_of_a_bound_label() {
    for wanted in states() {
        for current in states() {
            let mut run = Run::new();
            let (value, at) = (42, run.al.locals[0].at);
            run.toy.frame.insert(at, if current.places.has(PINS[0]) { value } else { JUNK });
            run.toy.regs[PINS[0].index()] = if current.regs.has(PINS[0]) { value } else { JUNK };
            run.al.state = State { regs: current.regs, places: current.places.or(RegSet::of(&[PINS[1]])) };
            let repair = wanted.require(run.al.state);
            run.al.repair(&mut run.toy, repair);
            if wanted.regs.has(PINS[0]) {
                assert_eq!(run.toy.regs[PINS[0].index()], value, "{wanted:?} from {current:?}");
            }
            if wanted.places.has(PINS[0]) {
                assert_eq!(run.toy.at(at), value, "{wanted:?} from {current:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "registers leak")]
fn the_check_finds_leaks() {
    let mut run = Run::new();
    run.al.occupy(A);
    run.check();
}
