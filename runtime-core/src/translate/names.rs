//! The name section (specification, appendix on custom sections).

use wasmparser::{BinaryReader, Name, NameSectionReader};

use crate::module::ModuleInfo;
use crate::types::FuncIdx;

/// Takes the names of the module and of its functions. A broken name section names what stands before the damage:
/// names are for messages only. Indices ascend strictly in a name map, so the cost is bounded by the section's length.
pub(super) fn read(info: &mut ModuleInfo, section: BinaryReader<'_>) {
    for subsection in NameSectionReader::new(section) {
        match subsection {
            Ok(Name::Module { name, .. }) => info.name = Some(name.to_owned()),
            Ok(Name::Function(names)) => {
                for name in names {
                    let Ok(name) = name else { return };
                    if name.index as usize >= info.functions.len() {
                        return;
                    }
                    info.function_names.push((FuncIdx(name.index), name.name.to_owned()));
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
