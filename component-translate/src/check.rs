//! Whether what is said of a component makes sense: that what is named by number is there, and that layouts and signatures are those of the types.
//!
//! A translation always does. What was read from a file is checked before anything relies on it; the numbers that remain, those of exports of core modules,
//! are checked when an instance is made.

use crate::info::*;

/// Types are not nested deeper; the validator allows less.
const DEPTH_MAX: u32 = 200;
/// The most values that parameters are passed as.
const FLAT_MAX: u32 = 16;
/// So many parts of a component at most: each costs something before it does anything.
const INSTANCES_MAX: u32 = 1 << 20;

impl ComponentInfo {
    /// Whether all of it fits together.
    pub fn is_consistent(&self) -> bool {
        self.are_counts_right()
            && self.types.are_consistent(self)
            && self.imports.iter().all(|import| self.is_import(import))
            && self.imported_resources.iter().all(|import| {
                self.imports.get(import.index()).is_some_and(|import| matches!(import.kind, ImportKind::Resource))
            })
            && self.options.iter().all(|options| self.are_options(options))
            && self.trampolines.iter().all(|trampoline| self.is_trampoline(trampoline))
            && self.are_steps()
            && self.exports.iter().all(|export| self.is_export(export))
            && self.interfaces.iter().flat_map(|interface| &interface.items).all(|item| self.is_item(item))
    }

    /// What there is one step for each has as many steps.
    fn are_counts_right(&self) -> bool {
        let count = |is_one: fn(&Step) -> bool| self.steps.iter().filter(|step| is_one(step)).count();
        let has = |number: u32, count: usize| number as usize == count;
        self.instances <= INSTANCES_MAX
            && has(self.memories, count(|step| matches!(step, Step::Memory(..))))
            && has(self.reallocs, count(|step| matches!(step, Step::Realloc(..))))
            && has(self.post_returns, count(|step| matches!(step, Step::PostReturn(..))))
            && has(self.resources, self.imported_resources.len() + count(|step| matches!(step, Step::Resource { .. })))
    }

    fn is_import(&self, import: &Import) -> bool {
        let is_known = match import.kind {
            ImportKind::Func(ty) => ty.index() < self.types.funcs.len(),
            ImportKind::Resource => true,
        };
        is_known && !import.path.is_empty()
    }

    fn are_options(&self, options: &Options) -> bool {
        options.instance.0 < self.instances
            && options.memory.is_none_or(|index| index.0 < self.memories)
            && options.realloc.is_none_or(|index| index.0 < self.reallocs)
            && options.post_return.is_none_or(|index| index.0 < self.post_returns)
    }

    fn is_trampoline(&self, trampoline: &Trampoline) -> bool {
        let Some(sig) = self.types.sigs.get(trampoline.sig.index()) else { return false };
        let has = |params: usize, results: usize| (sig.params.len(), sig.results.len()) == (params, results);
        let is_handle = |instance: InstanceIdx, handle: HandleIdx| {
            instance.0 < self.instances && handle.index() < self.types.handles.len()
        };
        match trampoline.kind {
            TrampolineKind::Lower { import, ty, options } => {
                let import = self.imports.get(import.index());
                let is_func = import.is_some_and(|import| matches!(import.kind, ImportKind::Func(_)));
                let lowered = self.types.funcs.get(ty.index()).map(|ty| self.types.lowered(ty));
                is_func
                    && options.index() < self.options.len()
                    && lowered.is_some_and(|(params, results)| has(params, results))
            }
            TrampolineKind::Transcode { from, to, .. } => from.0 < self.memories && to.0 < self.memories,
            TrampolineKind::ResourceNew(instance, handle) | TrampolineKind::ResourceRep(instance, handle) => {
                is_handle(instance, handle) && has(1, 1)
            }
            TrampolineKind::ResourceDrop(instance, handle) => is_handle(instance, handle) && has(1, 0),
            TrampolineKind::TransferOwn | TrampolineKind::TransferBorrow => has(3, 1),
            TrampolineKind::EnterCall | TrampolineKind::ExitCall | TrampolineKind::Trap => true,
        }
    }

    /// Nothing is used before it is made.
    fn are_steps(&self) -> bool {
        let mut made = 0;
        self.steps.iter().all(|step| match step {
            Step::Instantiate { module, first, count } => {
                let args = self.args.get(*first as usize..).and_then(|args| args.get(..*count as usize));
                let fits = module.0 < self.modules && args.is_some_and(|args| self.are_defs(args, made));
                made += 1;
                fits
            }
            Step::Memory(index, def) => index.0 < self.memories && self.are_defs(&[*def], made),
            Step::Realloc(index, def) => index.0 < self.reallocs && self.are_defs(&[*def], made),
            Step::PostReturn(index, def) => index.0 < self.post_returns && self.are_defs(&[*def], made),
            Step::Resource { resource, dtor, instance } => {
                resource.0 < self.resources
                    && instance.0 < self.instances
                    && dtor.is_none_or(|dtor| self.are_defs(&[dtor], made))
            }
        })
    }

    /// Whether all of these are there once so many core modules have an instance.
    fn are_defs(&self, defs: &[CoreDef], made: u32) -> bool {
        defs.iter().all(|def| match def {
            CoreDef::Export(instance, _) => instance.0 < made,
            CoreDef::Flags(instance) => instance.0 < self.instances,
            CoreDef::Trampoline(index) => index.index() < self.trampolines.len(),
        })
    }

    fn is_export(&self, export: &Export) -> bool {
        let is_known = match export.kind {
            ExportKind::Func { ty, func, options } => {
                let made = self.steps.iter().filter(|step| matches!(step, Step::Instantiate { .. })).count();
                ty.index() < self.types.funcs.len()
                    && options.index() < self.options.len()
                    && self.are_defs(&[func], made as u32)
            }
            ExportKind::Resource(handle) => handle.index() < self.types.handles.len(),
            ExportKind::Instance | ExportKind::Type | ExportKind::Module => true,
        };
        is_known && !export.path.is_empty()
    }

    fn is_item(&self, item: &Item) -> bool {
        match item.kind {
            ItemKind::Func(ty) => ty.index() < self.types.funcs.len(),
            ItemKind::Type(ty) => self.types.is_known(ty, self.types.defs.len()),
            ItemKind::Resource(handle) => handle.index() < self.types.handles.len(),
            ItemKind::Other => true,
        }
    }
}

/// What follows from the kind of a compound type.
#[derive(PartialEq, Eq)]
struct Layout {
    size: u32,
    align: u32,
    flat: Option<u8>,
    has_borrow: bool,
}

impl Types {
    /// How many core values the parameters and results of a function are that the host gives.
    pub fn lowered(&self, ty: &FuncType) -> (usize, usize) {
        let params = ty.flat_params.map_or(1, usize::from);
        match ty.result.map(|result| self.flat(result)) {
            None => (params, 0),
            Some(Some(1)) => (params, 1),
            // The caller says where the result goes.
            Some(_) => (params + 1, 0),
        }
    }

    /// The same of a function that a guest gives, which says itself where its result is.
    pub fn lifted(&self, ty: &FuncType) -> (usize, usize) {
        (ty.flat_params.map_or(1, usize::from), usize::from(ty.result.is_some()))
    }

    fn are_consistent(&self, info: &ComponentInfo) -> bool {
        let mut depths = Vec::with_capacity(self.defs.len());
        let are_defs = self.defs.iter().all(|def| self.is_def(def, &mut depths));
        let is_func = |ty: &FuncType| {
            self.defs.get(ty.params.index()).is_some_and(|params| {
                let DefKind::Tuple(types) = &params.kind else { return false };
                (types.len(), params.flat, params.has_borrow) == (ty.names.len(), ty.flat_params, ty.has_borrow)
            }) && ty.result.is_none_or(|ty| self.is_known(ty, self.defs.len()))
        };
        let is_handle = |handle: &Handle| {
            handle.resource.is_none_or(|resource| resource.0 < info.resources && handle.instance.0 < info.instances)
        };
        are_defs && self.funcs.iter().all(is_func) && self.handles.iter().all(is_handle)
    }

    /// Whether a type is one of the first ones.
    fn is_known(&self, ty: Type, defs: usize) -> bool {
        match ty {
            Type::Def(def) => def.index() < defs,
            Type::Own(handle) | Type::Borrow(handle) => handle.index() < self.handles.len(),
            _ => true,
        }
    }

    /// Whether the next compound type is right, given how deep those before it are.
    fn is_def(&self, def: &Def, depths: &mut Vec<u32>) -> bool {
        let members = members(&def.kind);
        if !members.iter().all(|ty| self.is_known(*ty, depths.len())) {
            return false;
        }
        let inner =
            members.iter().filter_map(|ty| if let Type::Def(def) = ty { Some(depths[def.index()]) } else { None });
        let depth = inner.max().unwrap_or(0) + 1;
        depths.push(depth);
        let layout = Layout { size: def.size, align: def.align, flat: def.flat, has_borrow: def.has_borrow };
        depth <= DEPTH_MAX && self.layout_of(&def.kind, &members).is_some_and(|right| right == layout)
    }

    /// None if it has no size.
    fn layout_of(&self, kind: &DefKind, members: &[Type]) -> Option<Layout> {
        let has_borrow = members.iter().any(|ty| self.has_borrow(*ty));
        let (size, align, flat) = match kind {
            DefKind::List(_) => (8, 4, Some(2)),
            DefKind::Record(_) | DefKind::Tuple(_) => self.product(members)?,
            DefKind::Variant(cases) => self.sum(cases.len(), members)?,
            DefKind::Option(_) | DefKind::Result(..) => self.sum(2, members)?,
            DefKind::Enum(names) => self.sum(names.len(), members)?,
            DefKind::Flags(names) => flags(u32::try_from(names.len()).ok()?),
        };
        let flat = flat.filter(|flat| *flat <= FLAT_MAX).map(|flat| flat as u8);
        Some(Layout { size, align, flat, has_borrow })
    }

    /// Of what has all members.
    fn product(&self, members: &[Type]) -> Option<(u32, u32, Option<u32>)> {
        let (mut end, mut align, mut flat) = (0u32, 1, Some(0));
        for member in members {
            let (bytes, aligned) = self.layout(*member);
            end = end.checked_next_multiple_of(aligned)?.checked_add(bytes)?;
            align = align.max(aligned);
            flat = flat.zip(self.flat(*member)).map(|(all, one)| all + u32::from(one)).filter(|flat| *flat <= FLAT_MAX);
        }
        Some((end.checked_next_multiple_of(align)?, align, flat))
    }

    /// Of what has one of several members.
    fn sum(&self, cases: usize, members: &[Type]) -> Option<(u32, u32, Option<u32>)> {
        let discriminant = discriminant_bytes(cases);
        let (mut bytes, mut align, mut flat) = (0, 1, Some(0));
        for member in members {
            let (member_bytes, member_align) = self.layout(*member);
            bytes = bytes.max(member_bytes);
            align = align.max(member_align);
            flat = flat.zip(self.flat(*member)).map(|(most, one)| most.max(u32::from(one)));
        }
        let end = discriminant.next_multiple_of(align).checked_add(bytes)?;
        let align = align.max(discriminant);
        Some((end.checked_next_multiple_of(align)?, align, flat.map(|flat| flat + 1)))
    }
}

fn flags(count: u32) -> (u32, u32, Option<u32>) {
    match count {
        0 => (0, 1, Some(0)),
        1..=8 => (1, 1, Some(1)),
        9..=16 => (2, 2, Some(1)),
        _ => (count.div_ceil(32) * 4, 4, Some(count.div_ceil(32))),
    }
}

/// The types directly inside a compound type.
pub(crate) fn members(kind: &DefKind) -> Vec<Type> {
    match kind {
        DefKind::List(ty) | DefKind::Option(ty) => vec![*ty],
        DefKind::Record(fields) => fields.iter().map(|field| field.ty).collect(),
        DefKind::Tuple(types) => types.clone(),
        DefKind::Variant(cases) => cases.iter().filter_map(|case| case.ty).collect(),
        DefKind::Result(ok, err) => ok.iter().chain(err).copied().collect(),
        DefKind::Enum(_) | DefKind::Flags(_) => Vec::new(),
    }
}
