//! The flat instructions of a component, from the translating crate's to ours.

use std::collections::HashMap;

use wasmtime_environ as environ;
use wasmtime_environ::component::{
    self as source, CanonicalOptions, ComponentTranslation, ComponentTypes, ExportItem, FixedEncoding,
    GlobalInitializer, InstantiateModule, StaticModuleIndex, TypeDef,
};
use wasmtime_environ::{EntityIndex, EntityRef, ModuleTranslation, PrimaryMap};

use crate::error::TranslateError;
use crate::info::*;
use crate::types::TypeConverter;

type Result<T> = std::result::Result<T, TranslateError>;

/// The modules of a component, as the translating crate knows them.
type Modules<'a> = PrimaryMap<StaticModuleIndex, ModuleTranslation<'a>>;

pub(crate) fn convert(
    translation: &ComponentTranslation,
    modules: &Modules<'_>,
    types: &ComponentTypes,
    handles: usize,
) -> Result<ComponentInfo> {
    let mut converter = Converter {
        component: &translation.component,
        modules,
        source: types,
        types: TypeConverter::new(types, handles),
        instances: Vec::new(),
        lowered: HashMap::new(),
        steps: Vec::new(),
        args: Vec::new(),
        positions: Positions::default(),
        exports: Vec::new(),
    };
    for step in &translation.component.initializers {
        converter.step(step)?;
    }
    let trampolines = translation.trampolines.iter().map(|(index, trampoline)| converter.trampoline(index, trampoline));
    let trampolines = trampolines.collect::<Result<_>>()?;
    let imports = translation.component.imports.values().map(|import| converter.import(import));
    let imports = imports.collect::<Result<Vec<_>>>()?;
    let options = translation.component.options.values().map(options).collect::<Result<_>>()?;
    converter.exports(&translation.component.exports, &mut Vec::new())?;
    let interfaces = converter.interfaces()?;
    Ok(converter.finish(imports, trampolines, options, interfaces))
}

/// Goes through the translated component in its own order. What refers to something is after it there, so one pass is enough.
struct Converter<'a> {
    component: &'a source::Component,
    modules: &'a Modules<'a>,
    source: &'a ComponentTypes,
    types: TypeConverter<'a>,
    /// The module of each core instance so far.
    instances: Vec<StaticModuleIndex>,
    /// The import that a lowered function calls. Lowering makes nothing at run time, so it is no step.
    lowered: HashMap<source::LoweredIndex, ImportIdx>,
    steps: Vec<Step>,
    args: Vec<CoreDef>,
    positions: Positions,
    exports: Vec<Export>,
}

/// Positions of exports in their modules.
#[derive(Default)]
struct Positions(HashMap<StaticModuleIndex, ModuleExports>);

/// The exports of a module.
#[derive(Default)]
struct ModuleExports {
    by_name: HashMap<String, ExportIdx>,
    by_entity: HashMap<EntityIndex, ExportIdx>,
}

impl Positions {
    /// The position of an export of a module.
    fn of(
        &mut self,
        modules: &Modules<'_>,
        module: StaticModuleIndex,
        item: &ExportItem<EntityIndex>,
    ) -> Result<ExportIdx> {
        let exports = self.0.entry(module).or_insert_with(|| {
            let (source, mut exports) = (&modules[module].module, ModuleExports::default());
            // The translating crate names exports or entities; an instance has its exports by position. The first name of an entity is as good as any.
            for ((name, entity), position) in source.exports.iter().zip(0..) {
                exports.by_name.insert(source.strings[name].to_string(), ExportIdx(position));
                exports.by_entity.entry(*entity).or_insert(ExportIdx(position));
            }
            exports
        });
        let known = match item {
            ExportItem::Name(name) => exports.by_name.get(&name.to_string()),
            ExportItem::Index(entity) => exports.by_entity.get(entity),
        };
        known.copied().ok_or_else(|| TranslateError::Bug("something that is not exported is used".to_owned()))
    }
}

impl<'a> Converter<'a> {
    fn step(&mut self, step: &GlobalInitializer) -> Result<()> {
        let step = match step {
            GlobalInitializer::InstantiateModule(InstantiateModule::Static(module, args), _) => {
                // Arguments of all steps are in one list: a step has a range of it, so that the image holds no list of lists.
                let first = self.args.len() as u32;
                for arg in args {
                    let arg = self.core_def(arg)?;
                    self.args.push(arg);
                }
                self.instances.push(*module);
                Step::Instantiate { module: ModuleIdx(module.as_u32()), first, count: args.len() as u32 }
            }
            GlobalInitializer::InstantiateModule(InstantiateModule::Import(..), _) => {
                let what = "the component imports a core module, which this runtime does not support";
                return Err(TranslateError::Unsupported(what.to_owned()));
            }
            GlobalInitializer::LowerImport { index, import } => {
                self.lowered.insert(*index, ImportIdx(import.as_u32()));
                return Ok(());
            }
            GlobalInitializer::ExtractMemory(memory) => {
                let export = memory.export.clone().map_index(EntityIndex::Memory);
                Step::Memory(MemoryIdx(memory.index.as_u32()), self.core_export(&export)?)
            }
            GlobalInitializer::ExtractRealloc(realloc) => {
                Step::Realloc(ReallocIdx(realloc.index.as_u32()), self.core_def(&realloc.def)?)
            }
            GlobalInitializer::ExtractPostReturn(post_return) => {
                Step::PostReturn(PostReturnIdx(post_return.index.as_u32()), self.core_def(&post_return.def)?)
            }
            GlobalInitializer::Resource(resource) => Step::Resource {
                resource: ResourceIdx(self.component.resource_index(resource.index).as_u32()),
                dtor: resource.dtor.as_ref().map(|dtor| self.core_def(dtor)).transpose()?,
                instance: InstanceIdx(resource.instance.as_u32()),
            },
            GlobalInitializer::ExtractCallback(_) | GlobalInitializer::ExtractTable(_) => {
                return Err(TranslateError::Bug("an asynchronous function was not refused".to_owned()));
            }
        };
        self.steps.push(step);
        Ok(())
    }

    /// Something that a core module imports, or the component uses of one.
    fn core_def(&mut self, def: &source::CoreDef) -> Result<CoreDef> {
        match def {
            source::CoreDef::Export(export) => self.core_export(export),
            source::CoreDef::InstanceFlags(instance) => Ok(CoreDef::Flags(InstanceIdx(instance.as_u32()))),
            source::CoreDef::Trampoline(index) => Ok(CoreDef::Trampoline(TrampolineIdx(index.as_u32()))),
            source::CoreDef::UnsafeIntrinsic(_) | source::CoreDef::TaskMayBlock => {
                Err(TranslateError::Bug("an adapter is of the asynchronous kind".to_owned()))
            }
        }
    }

    fn core_export(&mut self, export: &source::CoreExport<EntityIndex>) -> Result<CoreDef> {
        let module = self.instances.get(export.instance.index()).copied();
        let module = module.ok_or_else(|| TranslateError::Bug("an instance is used too early".to_owned()))?;
        let position = self.positions.of(self.modules, module, &export.item)?;
        Ok(CoreDef::Export(CoreInstanceIdx(export.instance.as_u32()), position))
    }

    fn trampoline(&mut self, index: source::TrampolineIndex, trampoline: &source::Trampoline) -> Result<Trampoline> {
        let sig = self.types.sig(self.component.trampolines[index])?;
        let handle = |instance: &source::RuntimeComponentInstanceIndex, ty: &source::TypeResourceTableIndex| {
            (InstanceIdx(instance.as_u32()), HandleIdx(ty.as_u32()))
        };
        let kind = match trampoline {
            source::Trampoline::LowerImport { index, lower_ty, options } => {
                let import = self.lowered.get(index).copied();
                let import = import.ok_or_else(|| TranslateError::Bug("an import was lowered by nobody".to_owned()))?;
                let ty = self.types.func(*lower_ty)?;
                TrampolineKind::Lower { import, ty, options: OptionsIdx(options.as_u32()) }
            }
            source::Trampoline::Transcoder { op, from, from64: false, to, to64: false } => TrampolineKind::Transcode {
                op: transcode(*op),
                from: MemoryIdx(from.as_u32()),
                to: MemoryIdx(to.as_u32()),
            },
            source::Trampoline::ResourceNew { instance, ty } => {
                let (instance, ty) = handle(instance, ty);
                TrampolineKind::ResourceNew(instance, ty)
            }
            source::Trampoline::ResourceRep { instance, ty } => {
                let (instance, ty) = handle(instance, ty);
                TrampolineKind::ResourceRep(instance, ty)
            }
            source::Trampoline::ResourceDrop { instance, ty } => {
                let (instance, ty) = handle(instance, ty);
                TrampolineKind::ResourceDrop(instance, ty)
            }
            source::Trampoline::ResourceTransferOwn => TrampolineKind::TransferOwn,
            source::Trampoline::ResourceTransferBorrow => TrampolineKind::TransferBorrow,
            source::Trampoline::EnterSyncCall => TrampolineKind::EnterCall,
            source::Trampoline::ExitSyncCall => TrampolineKind::ExitCall,
            source::Trampoline::Trap => TrampolineKind::Trap,
            other => return Err(unsupported(&other.symbol_name())),
        };
        Ok(Trampoline { sig, kind })
    }

    /// An import of the root, or, if it is of an instance that is imported, what the path leads to in it: the host provides functions and resources, never an
    /// instance as such.
    fn import(&mut self, (index, path): &(source::ImportIndex, Vec<String>)) -> Result<Import> {
        let (name, declared) = &self.component.import_types[*index];
        let mut ty = declared.ty;
        for name in path {
            let TypeDef::ComponentInstance(instance) = ty else { return Err(unsupported(name)) };
            ty = self.source[instance].exports.get(name).ok_or_else(|| unsupported(name))?.ty;
        }
        let kind = match ty {
            TypeDef::ComponentFunc(func) => ImportKind::Func(self.types.func(func)?),
            TypeDef::Resource(_) => ImportKind::Resource,
            other => return Err(unsupported(other.desc())),
        };
        let path = std::iter::once(name).chain(path).cloned().collect();
        Ok(Import { path, kind })
    }

    /// The exports of an instance, or of the root: depth first.
    fn exports(
        &mut self,
        exports: &source::NameMap<environ::collections::TryString, (source::ExportIndex, source::ComponentExternData)>,
        path: &mut Vec<String>,
    ) -> Result<()> {
        for (name, (index, _)) in exports.raw_iter() {
            path.push(name.to_string());
            let inner = match &self.component.export_items[*index] {
                source::Export::Instance { exports, .. } => Some(exports),
                _ => None,
            };
            let kind = self.export(&self.component.export_items[*index])?;
            self.exports.push(Export { path: path.clone(), kind });
            if let Some(inner) = inner {
                self.exports(inner, path)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn export(&mut self, export: &source::Export) -> Result<ExportKind> {
        Ok(match export {
            source::Export::LiftedFunction { ty, func, options } => ExportKind::Func {
                ty: self.types.func(*ty)?,
                func: self.core_def(func)?,
                options: OptionsIdx(options.as_u32()),
            },
            source::Export::Instance { .. } => ExportKind::Instance,
            source::Export::Type(TypeDef::Resource(table)) => ExportKind::Resource(HandleIdx(table.as_u32())),
            source::Export::Type(_) => ExportKind::Type,
            source::Export::ModuleStatic { .. } | source::Export::ModuleImport { .. } => ExportKind::Module,
        })
    }

    /// What the component declares, in its words.
    fn interfaces(&mut self) -> Result<Vec<Interface>> {
        let component = self.component;
        let mut interfaces = Vec::new();
        let imports = component.import_types.values().map(|(name, declared)| (name.clone(), declared.ty));
        self.side(true, imports.collect(), &mut interfaces)?;
        let exports = component.exports.raw_iter().map(|(name, (index, _))| {
            let ty = match &component.export_items[*index] {
                source::Export::LiftedFunction { ty, .. } => TypeDef::ComponentFunc(*ty),
                source::Export::ModuleStatic { ty, .. } | source::Export::ModuleImport { ty, .. } => {
                    TypeDef::Module(*ty)
                }
                source::Export::Instance { ty, .. } => TypeDef::ComponentInstance(*ty),
                source::Export::Type(ty) => *ty,
            };
            (name.to_string(), ty)
        });
        self.side(false, exports.collect(), &mut interfaces)?;
        Ok(interfaces)
    }

    /// The imports or the exports, interface by interface; what belongs to none of them stands under an empty name.
    fn side(&mut self, is_import: bool, items: Vec<(String, TypeDef)>, out: &mut Vec<Interface>) -> Result<()> {
        let mut root = Vec::new();
        for (name, ty) in items {
            let TypeDef::ComponentInstance(instance) = ty else {
                root.push(Item { name, kind: self.item(ty)? });
                continue;
            };
            let source = self.source;
            let items = source[instance]
                .exports
                .iter()
                .map(|(name, declared)| Ok(Item { name: name.clone(), kind: self.item(declared.ty)? }));
            let items = items.collect::<Result<_>>()?;
            out.push(Interface { name, is_import, items });
        }
        if !root.is_empty() {
            out.push(Interface { name: String::new(), is_import, items: root });
        }
        Ok(())
    }

    fn item(&mut self, ty: TypeDef) -> Result<ItemKind> {
        Ok(match ty {
            TypeDef::ComponentFunc(func) => ItemKind::Func(self.types.func(func)?),
            TypeDef::Interface(ty) => ItemKind::Type(self.types.ty(ty)?),
            TypeDef::Resource(table) => ItemKind::Resource(HandleIdx(table.as_u32())),
            TypeDef::Component(_) | TypeDef::ComponentInstance(_) | TypeDef::Module(_) | TypeDef::CoreFunc(_) => {
                ItemKind::Other
            }
        })
    }

    fn finish(
        self,
        imports: Vec<Import>,
        trampolines: Vec<Trampoline>,
        options: Vec<Options>,
        interfaces: Vec<Interface>,
    ) -> ComponentInfo {
        let component = self.component;
        ComponentInfo {
            imports,
            exports: self.exports,
            steps: self.steps,
            args: self.args,
            trampolines,
            options,
            types: self.types.finish(),
            interfaces,
            modules: self.modules.len() as u32,
            instances: component.num_runtime_component_instances,
            memories: component.num_runtime_memories,
            reallocs: component.num_runtime_reallocs,
            post_returns: component.num_runtime_post_returns,
            imported_resources: component
                .imported_resources
                .values()
                .map(|import| ImportIdx(import.as_u32()))
                .collect(),
            resources: component.num_resources,
        }
    }
}

#[cold]
fn unsupported(what: &str) -> TranslateError {
    TranslateError::Unsupported(format!("the component uses `{what}`, which this runtime does not support"))
}

/// How values cross between a component and its host. Kinds that the validator was told to refuse are a mistake of ours if they come here.
fn options(options: &CanonicalOptions) -> Result<Options> {
    if options.async_ || options.callback.is_some() {
        return Err(TranslateError::Bug("an asynchronous function was not refused".to_owned()));
    }
    let source::CanonicalOptionsDataModel::LinearMemory(memory) = options.data_model else {
        return Err(unsupported("gc"));
    };
    Ok(Options {
        instance: InstanceIdx(options.instance.as_u32()),
        encoding: match options.string_encoding {
            source::StringEncoding::Utf8 => Encoding::Utf8,
            source::StringEncoding::Utf16 => Encoding::Utf16,
            source::StringEncoding::CompactUtf16 => Encoding::CompactUtf16,
        },
        memory: memory.memory.map(|index| MemoryIdx(index.as_u32())),
        realloc: memory.realloc.map(|index| ReallocIdx(index.as_u32())),
        post_return: options.post_return.map(|index| PostReturnIdx(index.as_u32())),
    })
}

fn transcode(op: source::Transcode) -> Transcode {
    match op {
        source::Transcode::Copy(FixedEncoding::Utf8) => Transcode::CopyUtf8,
        source::Transcode::Copy(FixedEncoding::Utf16) => Transcode::CopyUtf16,
        source::Transcode::Copy(FixedEncoding::Latin1) => Transcode::CopyLatin1,
        source::Transcode::Latin1ToUtf16 => Transcode::Latin1ToUtf16,
        source::Transcode::Latin1ToUtf8 => Transcode::Latin1ToUtf8,
        source::Transcode::Utf16ToCompactProbablyUtf16 => Transcode::Utf16ToCompactProbablyUtf16,
        source::Transcode::Utf16ToCompactUtf16 => Transcode::Utf16ToCompactUtf16,
        source::Transcode::Utf16ToLatin1 => Transcode::Utf16ToLatin1,
        source::Transcode::Utf16ToUtf8 => Transcode::Utf16ToUtf8,
        source::Transcode::Utf8ToCompactUtf16 => Transcode::Utf8ToCompactUtf16,
        source::Transcode::Utf8ToLatin1 => Transcode::Utf8ToLatin1,
        source::Transcode::Utf8ToUtf16 => Transcode::Utf8ToUtf16,
    }
}
