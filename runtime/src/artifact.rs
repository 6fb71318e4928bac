//! Artifacts of modules and of components: making them, and making programs of them.
//!
//! The artifact of a module is its image. That of a component is one file, too: how its parts belong together, and the images of its core modules, which
//! are mapped from where they stand. A start that has it takes nothing apart.

use wasmer_api::{Engine, Module, Result};
use wasmer_runtime_core::compile::Progress;
#[cfg(feature = "component")]
use wasmer_runtime_core::compiler::KeyHasher;
use wasmer_runtime_core::image::ImageError;
#[cfg(feature = "component")]
use wasmer_runtime_core::image::bundle::BundleWriter;
use wasmer_vm::image::{Artifact, Image};

#[cfg(feature = "component")]
use wasmer_component::{Component, ComponentInfo, SOURCE_DIGEST, is_component, refused, translate};

/// What a file is.
#[derive(Clone, Debug)]
pub enum Program {
    /// A module.
    Module(Module),
    /// A component.
    #[cfg(feature = "component")]
    Component(Component),
}

/// What is in an artifact, checked.
#[derive(Debug)]
pub struct Parts(Checked);

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
enum Checked {
    Module(Image),
    #[cfg(feature = "component")]
    Component(Box<ComponentInfo>, Vec<Image>),
}

impl Parts {
    /// Checks what is said of a component. What is said of modules was checked when their images were mapped.
    pub fn of(artifact: Artifact) -> Result<Self, ImageError> {
        Ok(Self(match artifact {
            Artifact::Module(image) => Checked::Module(image),
            #[cfg(feature = "component")]
            Artifact::Component(bundle) => {
                let info = ComponentInfo::from_bytes(bundle.metadata());
                let info = info.ok_or(ImageError::Damaged("what is known of the component contradicts itself"))?;
                let images = bundle.into_images();
                if info.modules as usize != images.len() {
                    return Err(ImageError::Damaged("it does not have the modules of the component"));
                }
                Checked::Component(Box::new(info), images)
            }
            #[cfg(not(feature = "component"))]
            Artifact::Component(_) => return Err(ImageError::Magic),
        }))
    }

    /// What is known of a component besides its modules.
    #[cfg(feature = "component")]
    pub fn component_info(&self) -> Option<&ComponentInfo> {
        match &self.0 {
            Checked::Module(_) => None,
            Checked::Component(info, _) => Some(info),
        }
    }

    /// The images.
    pub fn images(&self) -> &[Image] {
        match &self.0 {
            Checked::Module(image) => std::slice::from_ref(image),
            #[cfg(feature = "component")]
            Checked::Component(_, images) => images,
        }
    }

    /// A module or component. Fails if this machine's processor lacks what its code needs.
    ///
    /// # Safety
    /// As for [`Module::from_image`].
    pub unsafe fn program(self, engine: &Engine) -> Result<Program> {
        // SAFETY: the caller's promise.
        let module = |image| unsafe { Module::from_image(engine, image) };
        match self.0 {
            Checked::Module(image) => module(image).map(Program::Module),
            #[cfg(feature = "component")]
            Checked::Component(info, images) => {
                let modules = images.into_iter().map(module).collect::<Result<_>>()?;
                Component::from_parts(engine, *info, modules).map(Program::Component)
            }
        }
    }
}

/// The artifact of a module or component: the bytes of a file. `key` is stored in it; `progress` is told (done, total) functions, of each core module.
pub fn compile(engine: &Engine, wasm: &[u8], key: [u8; 32], progress: Option<Progress<'_>>) -> Result<Vec<u8>> {
    #[cfg(feature = "component")]
    if is_component(wasm) {
        let translation = translate(wasm, engine.features()).map_err(|error| refused(&error))?;
        let mut bundle = BundleWriter::new(&key, &translation.info.to_bytes(), translation.modules.len());
        for module in &translation.modules {
            bundle.push(&engine.compile(module, key, progress)?);
        }
        return Ok(bundle.finish());
    }
    Ok(engine.compile(wasm, key, progress)?.into_bytes())
}

/// Says in a key what the artifact of a component depends on besides what a module's does.
#[cfg(feature = "component")]
pub fn add_translation(material: &mut KeyHasher) {
    material.setting("translation", SOURCE_DIGEST);
}

#[cfg(all(test, feature = "component"))]
mod tests;
