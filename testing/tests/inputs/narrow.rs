//! Operators that use less of an operand than it has: what stands above those bits must not matter, and what they leave untouched must
//! stay. The values are computed here, in plain arithmetic.

use wasmer_runtime::*;
use wasmer_testing::engines::ways;
use wasmer_testing::generate::Random;

/// Where the operators access memory, and how often each is called with values that the compiler does not know.
const ADDRESS: u64 = 8;
const CALLS: usize = 250;
/// How often each is compiled with constants.
const CONSTANTS: usize = 5;
/// What the accessed sixteen bytes hold before.
const BEFORE: u128 = 0x0102_0304_8090_a0b0_7777_7777_7777_7777;

/// What an operator does with the bits of its operands and sixteen bytes of memory.
type Meaning = Box<dyn Fn(&[u128], &mut u128) -> u128>;
/// What an update stores: of the old value and the operand.
type Update = fn(u128, u128) -> u128;
/// The result of a shift: of the value, the count and the number of bits.
type Shift = fn(u128, u32, u32) -> u128;

struct Row {
    name: String,
    /// The code; `$0` and so on are the operands, `$a` the address.
    code: String,
    operands: Vec<ValType>,
    result: Option<ValType>,
    meaning: Meaning,
}

fn mask(bits: u32) -> u128 {
    if bits == 128 { u128::MAX } else { (1 << bits) - 1 }
}

fn low(value: u128, bits: u32) -> u128 {
    value & mask(bits)
}

/// The low bits as a signed number, cut to `to` bits.
fn signed(value: u128, bits: u32, to: u32) -> u128 {
    low(((value << (128 - bits)) as i128 >> (128 - bits)) as u128, to)
}

fn number(value: u128, bits: u32) -> i128 {
    signed(value, bits, 128) as i128
}

fn bits(ty: ValType) -> u32 {
    match ty {
        ValType::I32 | ValType::F32 => 32,
        ValType::I64 | ValType::F64 => 64,
        ValType::V128 => 128,
        ValType::Ref(_) => panic!("no operator here has references"),
    }
}

/// Replaces the low bits.
fn put(whole: &mut u128, bits: u32, value: u128) {
    *whole = *whole & !mask(bits) | low(value, bits);
}

/// The vector of what `of` makes of each lane.
fn lanes(width: u32, of: impl Fn(u32) -> u128) -> u128 {
    (0..128 / width).map(|lane| low(of(lane), width) << (lane * width)).fold(0, |all, lane| all | lane)
}

fn lane(vector: u128, width: u32, lane: u32) -> u128 {
    low(vector >> (width * lane), width)
}

struct Table(Vec<Row>);

impl Table {
    fn code(
        &mut self,
        name: &str,
        code: &str,
        operands: &[ValType],
        result: Option<ValType>,
        meaning: impl Fn(&[u128], &mut u128) -> u128 + 'static,
    ) {
        let (name, code) = (name.to_owned(), code.to_owned());
        self.0.push(Row { name, code, operands: operands.to_vec(), result, meaning: Box::new(meaning) });
    }

    /// An operator that takes its operands and nothing else.
    fn plain(
        &mut self,
        operator: &str,
        operands: &[ValType],
        result: ValType,
        meaning: impl Fn(&[u128]) -> u128 + 'static,
    ) {
        let places: String = (0..operands.len()).map(|position| format!(" ${position}")).collect();
        self.code(operator, &format!("({operator}{places})"), operands, Some(result), move |values, _| meaning(values));
    }

    /// An operator that takes an address first.
    fn memory(
        &mut self,
        operator: &str,
        operands: &[ValType],
        result: Option<ValType>,
        meaning: impl Fn(&[u128], &mut u128) -> u128 + 'static,
    ) {
        let places: String = (0..operands.len()).map(|position| format!(" ${position}")).collect();
        self.code(operator, &format!("({operator} $a{places})"), operands, result, meaning);
    }
}

use ValType::{F32, F64, I32, I64, V128};

fn table() -> Vec<Row> {
    let mut table = Table(Vec::new());
    for ty in [I32, I64] {
        for width in [8, 16, 32, 64].into_iter().filter(|width| *width <= bits(ty)) {
            accesses(&mut table, ty, width);
        }
        integers(&mut table, ty);
    }
    conditions(&mut table);
    for (shape, width) in [("i8x16", 8), ("i16x8", 16), ("i32x4", 32), ("i64x2", 64)] {
        vectors(&mut table, shape, width);
    }
    halves(&mut table);
    table.0
}

/// Loads, stores and atomic accesses of `width` bits.
fn accesses(table: &mut Table, ty: ValType, width: u32) {
    let is_narrow = width < bits(ty);
    let (size, unsigned) = if is_narrow { (width.to_string(), "_u") } else { Default::default() };
    table.memory(&format!("{ty}.load{size}{unsigned}"), &[], Some(ty), move |_, memory| low(*memory, width));
    if is_narrow {
        let meaning = move |_: &[u128], memory: &mut u128| signed(*memory, width, bits(ty));
        table.memory(&format!("{ty}.load{size}_s"), &[], Some(ty), meaning);
    }
    table.memory(&format!("{ty}.atomic.load{size}{unsigned}"), &[], Some(ty), move |_, memory| low(*memory, width));
    for store in [format!("{ty}.store{size}"), format!("{ty}.atomic.store{size}")] {
        table.memory(&store, &[ty], None, move |values, memory| {
            put(memory, width, values[0]);
            0
        });
    }
    let updates: [(&str, Update); 6] = [
        ("add", |old, value| old.wrapping_add(value)),
        ("sub", |old, value| old.wrapping_sub(value)),
        ("and", |old, value| old & value),
        ("or", |old, value| old | value),
        ("xor", |old, value| old ^ value),
        ("xchg", |_, value| value),
    ];
    for (name, update) in updates {
        let operator = format!("{ty}.atomic.rmw{size}.{name}{unsigned}");
        table.memory(&operator, &[ty], Some(ty), move |values, memory| {
            let old = low(*memory, width);
            put(memory, width, update(old, values[0]));
            old
        });
    }
    let operator = format!("{ty}.atomic.rmw{size}.cmpxchg{unsigned}");
    table.memory(&operator, &[ty, ty], Some(ty), move |values, memory| {
        let old = low(*memory, width);
        if old == low(values[0], width) {
            put(memory, width, values[1]);
        }
        old
    });
}

/// Integer operators whose operand stands in a register that is wider than it, or that use a part of it.
fn integers(table: &mut Table, ty: ValType) {
    let all = bits(ty);
    for width in [8, 16, 32].into_iter().filter(|width| *width < all) {
        table.plain(&format!("{ty}.extend{width}_s"), &[ty], ty, move |values| signed(values[0], width, all));
    }
    let shifts: [(&str, Shift); 5] = [
        ("shl", |value, count, _| value << count),
        ("shr_u", |value, count, _| value >> count),
        ("shr_s", |value, count, all| (number(value, all) >> count) as u128),
        ("rotl", |value, count, all| value << count | value >> (all - count)),
        ("rotr", |value, count, all| value >> count | value << (all - count)),
    ];
    for (name, shift) in shifts {
        let meaning = move |values: &[u128]| low(shift(values[0], values[1] as u32 % all, all), all);
        table.plain(&format!("{ty}.{name}"), &[ty, ty], ty, meaning);
    }
    table.plain(&format!("{ty}.eqz"), &[ty], I32, |values| u128::from(values[0] == 0));
    table.plain(&format!("{ty}.eq"), &[ty, ty], I32, |values| u128::from(values[0] == values[1]));
    table.plain(&format!("{ty}.lt_u"), &[ty, ty], I32, |values| u128::from(values[0] < values[1]));
    let less = move |values: &[u128]| u128::from(number(values[0], all) < number(values[1], all));
    table.plain(&format!("{ty}.lt_s"), &[ty, ty], I32, less);
    table.plain(&format!("{ty}.clz"), &[ty], ty, move |values| u128::from(values[0].leading_zeros() - (128 - all)));
    table.plain(&format!("{ty}.ctz"), &[ty], ty, move |values| u128::from(values[0].trailing_zeros().min(all)));
    table.plain(&format!("{ty}.popcnt"), &[ty], ty, |values| u128::from(values[0].count_ones()));
    for (float, of) in [
        (F32, (|number| (number as f32).to_bits().into()) as fn(i128) -> u128),
        (F64, |number| (number as f64).to_bits().into()),
    ] {
        table.plain(&format!("{float}.convert_{ty}_u"), &[ty], float, move |values| of(values[0] as i128));
        table.plain(&format!("{float}.convert_{ty}_s"), &[ty], float, move |values| of(number(values[0], all)));
    }
}

/// What asks whether an `i32` is zero or how large it is, and conversions between the widths.
fn conditions(table: &mut Table) {
    table.plain("i64.extend_i32_u", &[I32], I64, |values| values[0]);
    table.plain("i64.extend_i32_s", &[I32], I64, |values| signed(values[0], 32, 64));
    table.plain("i32.wrap_i64", &[I64], I32, |values| low(values[0], 32));
    let chosen = |values: &[u128]| if values[2] == 0 { values[1] } else { values[0] };
    table.plain("select", &[I64, I64, I32], I64, chosen);
    let code = "(if (result i32) $0 (then (i32.const 1)) (else (i32.const 2)))";
    table.code("if", code, &[I32], Some(I32), |values, _| if values[0] == 0 { 2 } else { 1 });
    let code = "(block (result i32) (i32.const 1) (br_if 0 $0) (drop) (i32.const 2))";
    table.code("br_if", code, &[I32], Some(I32), |values, _| if values[0] == 0 { 2 } else { 1 });
    let code =
        "(block (block (block (br_table 0 1 2 $0)) (return (i32.const 1))) (return (i32.const 2))) (i32.const 3)";
    table.code("br_table", code, &[I32], Some(I32), |values, _| values[0].min(2) + 1);
    let code = "(memory.fill $a $0 (i32.const 5))";
    table.code("memory.fill", code, &[I32], None, |values, memory| {
        put(memory, 40, low(values[0], 8) * 0x01_0101_0101);
        0
    });
}

/// Operators on lanes of `width` bits.
fn vectors(table: &mut Table, shape: &str, width: u32) {
    let scalar = if width == 64 { I64 } else { I32 };
    table.plain(&format!("{shape}.splat"), &[scalar], V128, move |values| lanes(width, |_| values[0]));
    for place in [0, 128 / width - 1] {
        table.plain(&format!("{shape}.replace_lane {place}"), &[V128, scalar], V128, move |values| {
            lanes(width, |at| if at == place { values[1] } else { lane(values[0], width, at) })
        });
        for kind in if width < 32 { &["_u", "_s"][..] } else { &[""] } {
            table.plain(&format!("{shape}.extract_lane{kind} {place}"), &[V128], scalar, move |values| {
                let lane = lane(values[0], width, place);
                if *kind == "_s" { signed(lane, width, 32) } else { lane }
            });
        }
        table.memory(&format!("v128.store{width}_lane {place}"), &[V128], None, move |values, memory| {
            put(memory, width, lane(values[0], width, place));
            0
        });
        table.memory(&format!("v128.load{width}_lane {place}"), &[V128], Some(V128), move |values, memory| {
            lanes(width, |at| if at == place { *memory } else { lane(values[0], width, at) })
        });
    }
    table.plain(&format!("{shape}.shl"), &[V128, I32], V128, move |values| {
        lanes(width, |at| lane(values[0], width, at) << (values[1] as u32 % width))
    });
    table.plain(&format!("{shape}.shr_u"), &[V128, I32], V128, move |values| {
        lanes(width, |at| lane(values[0], width, at) >> (values[1] as u32 % width))
    });
    table.plain(&format!("{shape}.shr_s"), &[V128, I32], V128, move |values| {
        lanes(width, |at| (number(lane(values[0], width, at), width) >> (values[1] as u32 % width)) as u128)
    });
    table.plain(&format!("{shape}.bitmask"), &[V128], I32, move |values| {
        (0..128 / width).map(|at| (lane(values[0], width, at) >> (width - 1)) << at).sum()
    });
}

/// Operators on half of a vector.
fn halves(table: &mut Table) {
    for (to, from, width) in [("i16x8", "i8x16", 8), ("i32x4", "i16x8", 16), ("i64x2", "i32x4", 32)] {
        for (half, first) in [("low", 0), ("high", 64 / width)] {
            table.plain(&format!("{to}.extend_{half}_{from}_u"), &[V128], V128, move |values| {
                lanes(width * 2, |at| lane(values[0], width, first + at))
            });
            table.plain(&format!("{to}.extend_{half}_{from}_s"), &[V128], V128, move |values| {
                lanes(width * 2, |at| signed(lane(values[0], width, first + at), width, width * 2))
            });
            table.plain(&format!("{to}.extmul_{half}_{from}_s"), &[V128, V128], V128, move |values| {
                let factor = |position: usize, at| number(lane(values[position], width, first + at), width);
                lanes(width * 2, |at| (factor(0, at) * factor(1, at)) as u128)
            });
        }
    }
    table.plain("f64x2.convert_low_i32x4_u", &[V128], V128, |values| {
        lanes(64, |at| (lane(values[0], 32, at) as f64).to_bits().into())
    });
    table.plain("f64x2.convert_low_i32x4_s", &[V128], V128, |values| {
        lanes(64, |at| (number(lane(values[0], 32, at), 32) as f64).to_bits().into())
    });
}

/// Numbers at the edges of the widths, with and without something above them.
fn values() -> Vec<u64> {
    let edges =
        [0, 1, 2, 7, 8, 0x77, 0x7f, 0x80, 0xff, 0x7777, 0x7fff, 0x8000, 0xffff, 0x7777_7777, 0x8000_0000, 0xffff_ffff];
    let mut values = vec![0x7777_7777_7777_7777, u64::MAX, 1 << 63];
    for edge in edges {
        for width in [8, 16, 32] {
            for above in [0, u64::MAX, 0xfedc_ba98_7654_3210, 1] {
                values.push(edge & ((1 << width) - 1) | above << width);
            }
        }
    }
    values
}

fn operands(row: &Row, random: &mut Random, values: &[u64]) -> Vec<u128> {
    let mut pick = || u128::from(values[random.below(values.len())]);
    row.operands.iter().map(|ty| if *ty == V128 { pick() << 64 | pick() } else { pick() }).collect()
}

/// A function that has its operands from outside, in the lower halves of wider numbers where they are narrow.
fn unknown(row: &Row) -> (String, String) {
    let mut code = row.code.replace("$a", "(i32.wrap_i64 (local.get 0))");
    let mut params = "i64".to_owned();
    for (position, ty) in row.operands.iter().enumerate() {
        let local = format!("(local.get {})", position + 1);
        let (param, operand) = match ty {
            I32 => (I64, format!("(i32.wrap_i64 {local})")),
            ty => (*ty, local),
        };
        params.push_str(&format!(" {param}"));
        code = code.replace(&format!("${position}"), &operand);
    }
    (params, code)
}

/// A function in which they are constants.
fn constant(row: &Row, operands: &[u128]) -> String {
    let mut code = row.code.replace("$a", &format!("(i32.const {ADDRESS})"));
    for (position, (ty, value)) in row.operands.iter().zip(operands).enumerate() {
        let operand = match ty {
            V128 => format!("(v128.const i64x2 {} {})", *value as u64, (*value >> 64) as u64),
            ty => format!("({ty}.const {})", low(*value, bits(*ty))),
        };
        code = code.replace(&format!("${position}"), &operand);
    }
    code
}

fn result(row: &Row) -> String {
    row.result.map(|ty| format!("(result {ty})")).unwrap_or_default()
}

fn raw(value: &Val) -> u128 {
    match *value {
        Val::I32(value) => u128::from(value as u32),
        Val::I64(value) => u128::from(value as u64),
        Val::F32(bits) => u128::from(bits),
        Val::F64(bits) => u128::from(bits),
        Val::V128(bits) => bits,
        ref other => panic!("{other:?}"),
    }
}

fn instantiate(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, &wat::parse_str(text).unwrap()).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Linker::new().instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// Calls a function and says what is wrong with its result or with what it left in memory.
fn check(
    row: &Row,
    (store, instance): &mut (Store<()>, Instance),
    function: &str,
    params: &[Val],
    operands: &[u128],
) -> Option<String> {
    let memory = instance.memory(store, "memory").unwrap();
    memory.write(store, ADDRESS as usize, &BEFORE.to_le_bytes()).unwrap();
    let func = instance.func(store, function).unwrap();
    let mut results = vec![Val::I32(0); row.result.iter().len()];
    func.call(store, params, &mut results).unwrap();
    let mut after = [0; 16];
    memory.read(store, ADDRESS as usize, &mut after).unwrap();
    let narrow = |(value, ty): (&u128, &ValType)| low(*value, bits(*ty));
    let seen: Vec<u128> = operands.iter().zip(&row.operands).map(narrow).collect();
    let mut expected_memory = BEFORE;
    let expected = (row.meaning)(&seen, &mut expected_memory);
    let (found, found_memory) = (results.first().map_or(0, raw), u128::from_le_bytes(after));
    ((found, found_memory) != (expected, expected_memory)).then(|| {
        format!("{function} of {operands:x?}: {found:#x}, {found_memory:#x}; not {expected:#x}, {expected_memory:#x}")
    })
}

#[test]
fn what_is_above_a_narrow_operand_does_not_matter() {
    let (table, values, mut random) = (table(), values(), Random::new(1));
    let mut text = "(module (memory (export \"memory\") 1)\n".to_owned();
    let mut constants = Vec::new();
    for (position, row) in table.iter().enumerate() {
        let (params, code) = unknown(row);
        text.push_str(&format!(
            "(func (export \"{position}: {}\") (param {params}) {} {code})\n",
            row.name,
            result(row)
        ));
        for number in 0..CONSTANTS {
            let operands = operands(row, &mut random, &values);
            let name = format!("{position}.{number}: {}", row.name);
            text.push_str(&format!("(func (export \"{name}\") {} {})\n", result(row), constant(row, &operands)));
            constants.push((row, name, operands));
        }
    }
    text.push(')');
    assert!(table.len() > 170, "{}", table.len());
    for (way, engine) in ways() {
        let mut instance = instantiate(&engine, &text);
        let mut wrong = Vec::new();
        for (position, row) in table.iter().enumerate() {
            for _ in 0..CALLS {
                let operands = operands(row, &mut random, &values);
                let param = |(value, ty): (&u128, &ValType)| match ty {
                    V128 => Val::V128(*value),
                    _ => Val::I64(*value as i64),
                };
                let address = Val::I64((ADDRESS | random.next() << 32) as i64);
                let params: Vec<Val> =
                    std::iter::once(address).chain(operands.iter().zip(&row.operands).map(param)).collect();
                wrong.extend(check(row, &mut instance, &format!("{position}: {}", row.name), &params, &operands));
            }
        }
        for (row, name, operands) in &constants {
            wrong.extend(check(row, &mut instance, name, &[], operands));
        }
        let count = wrong.len();
        wrong.truncate(10);
        assert!(wrong.is_empty(), "{way}: {count} differ:\n{}", wrong.join("\n"));
    }
}

/// What a C compiler makes of `_Atomic signed char`: it expects -1, sign-extended.
#[test]
fn a_negative_expected_value_matches() {
    for (way, engine) in ways() {
        for (operator, bytes) in [
            ("i32.atomic.rmw8", 1),
            ("i32.atomic.rmw16", 2),
            ("i64.atomic.rmw8", 1),
            ("i64.atomic.rmw16", 2),
            ("i64.atomic.rmw32", 4),
        ] {
            let ty = &operator[..3];
            let (mut store, instance) = instantiate(
                &engine,
                &format!(
                    r#"(module (memory (export "memory") 1) (func (export "f") (result {ty})
                        ({operator}.cmpxchg_u (i32.const 8) ({ty}.const -1) ({ty}.const 5))))"#
                ),
            );
            let memory = instance.memory(&mut store, "memory").unwrap();
            memory.write(&mut store, 8, &[0xff; 8]).unwrap();
            let func = instance.func(&mut store, "f").unwrap();
            let mut results = [Val::I32(0)];
            func.call(&mut store, &[], &mut results).unwrap();
            let mut after = [0; 8];
            memory.read(&store, 8, &mut after).unwrap();
            let mut expected = u64::MAX.to_le_bytes();
            expected[..bytes].copy_from_slice(&5_u64.to_le_bytes()[..bytes]);
            assert_eq!((raw(&results[0]), after), (mask(8 * bytes as u32), expected), "{way}: {operator}");
        }
    }
}
