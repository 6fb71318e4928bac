//! Where in an untyped value something is not of its type: what is said after lowering it has failed.

use std::fmt::Write;

use wasmer_api::Error;
use wasmer_component_translate::ComponentInfo;
use wasmer_component_translate::info::{Case, Def, DefKind, Field, FuncType, Type};
use wasmer_component_translate::wit::Printer;

use crate::mismatch::ComponentTypeError;
use crate::val::{Val, bits};

/// How much of a value is shown.
const SHOWN_CHARS: usize = 100;

/// The first argument of a call that does not fit, with the place in it.
#[cold]
pub(crate) fn misfit_in_call(info: &ComponentInfo, func: &FuncType, params: &[Val]) -> Option<ComponentTypeError> {
    let types = info.types.params(func);
    func.names.iter().zip(types).zip(params).find_map(|((name, ty), val)| misfit(info, name, *ty, val))
}

/// The first place of a value that does not fit; `root` is what the value is called.
#[cold]
pub(crate) fn misfit(info: &ComponentInfo, root: &str, ty: Type, val: &Val) -> Option<ComponentTypeError> {
    Look { info, path: root.to_owned() }.at(ty, val).err()
}

/// What a failure is once `look` has found where in the whole value it is.
#[cold]
pub(crate) fn located(error: Error, look: impl FnOnce() -> Option<ComponentTypeError>) -> Error {
    match error.downcast_ref() {
        Some(ComponentTypeError::Value { .. }) => look().map_or(error, Error::from),
        _ => error,
    }
}

struct Look<'a> {
    info: &'a ComponentInfo,
    /// From the parameter to where this looks.
    path: String,
}

impl Look<'_> {
    fn at(&mut self, ty: Type, val: &Val) -> Result<(), ComponentTypeError> {
        if bits(ty, val).is_some() {
            return Ok(());
        }
        match (ty, val) {
            (Type::String, Val::String(_)) => Ok(()),
            // Whose it is, is for who lowers it to say.
            (Type::Own(_) | Type::Borrow(_), Val::Resource(_)) => Ok(()),
            (Type::Def(index), _) => self.in_def(ty, self.info.types.def(index), val),
            _ => Err(self.refuse(ty, val, String::new())),
        }
    }

    /// The same for a part.
    fn part(&mut self, step: std::fmt::Arguments<'_>, ty: Type, val: &Val) -> Result<(), ComponentTypeError> {
        let len = self.path.len();
        let _ = self.path.write_fmt(step);
        self.at(ty, val)?;
        self.path.truncate(len);
        Ok(())
    }

    fn in_def(&mut self, ty: Type, def: &Def, val: &Val) -> Result<(), ComponentTypeError> {
        match (&def.kind, val) {
            (DefKind::List(element), Val::List(vals)) => {
                vals.iter().enumerate().try_for_each(|(at, val)| self.part(format_args!("[{at}]"), *element, val))
            }
            (DefKind::Record(fields), Val::Record(vals)) => {
                if let Some(why) = fields_differ(fields, vals) {
                    return Err(self.refuse(ty, val, why));
                }
                let mut parts = fields.iter().zip(vals);
                parts.try_for_each(|(field, (name, val))| self.part(format_args!(".{name}"), field.ty, val))
            }
            (DefKind::Tuple(types), Val::Tuple(vals)) => {
                if types.len() != vals.len() {
                    return Err(self.refuse(ty, val, format!("it has {} elements, not {}", vals.len(), types.len())));
                }
                let mut parts = types.iter().zip(vals).enumerate();
                parts.try_for_each(|(at, (ty, val))| self.part(format_args!(".{at}"), *ty, val))
            }
            (DefKind::Flags(names), Val::Flags(set)) => match set.iter().find(|name| !names.contains(name)) {
                Some(name) => Err(self.refuse(ty, val, format!("there is no flag `{name}`"))),
                None => Ok(()),
            },
            (DefKind::Enum(names), Val::Enum(name)) if !names.contains(name) => {
                Err(self.refuse(ty, val, format!("there is no case `{name}`")))
            }
            (DefKind::Enum(_), Val::Enum(_)) => Ok(()),
            (DefKind::Variant(cases), Val::Variant(name, payload)) => {
                match cases.iter().find(|Case { name: other, .. }| other == name) {
                    Some(case) => self.payload(ty, val, case.ty, (name, payload.as_deref())),
                    None => Err(self.refuse(ty, val, format!("there is no case `{name}`"))),
                }
            }
            (DefKind::Option(inner), Val::Option(payload)) => match payload {
                Some(payload) => self.part(format_args!(""), *inner, payload),
                None => Ok(()),
            },
            (DefKind::Result(ok, _), Val::Result(Ok(payload))) => {
                self.payload(ty, val, *ok, ("ok", payload.as_deref()))
            }
            (DefKind::Result(_, err), Val::Result(Err(payload))) => {
                self.payload(ty, val, *err, ("err", payload.as_deref()))
            }
            _ => Err(self.refuse(ty, val, String::new())),
        }
    }

    fn payload(
        &mut self,
        ty: Type,
        val: &Val,
        expected: Option<Type>,
        (case, found): (&str, Option<&Val>),
    ) -> Result<(), ComponentTypeError> {
        match (expected, found) {
            (Some(ty), Some(val)) => self.part(format_args!(".{case}"), ty, val),
            (None, None) => Ok(()),
            (Some(_), None) => Err(self.refuse(ty, val, format!("`{case}` has a value"))),
            (None, Some(_)) => Err(self.refuse(ty, val, format!("`{case}` has no value"))),
        }
    }

    fn refuse(&self, ty: Type, val: &Val, why: String) -> ComponentTypeError {
        ComponentTypeError::Value {
            place: self.path.clone(),
            value: shown(val),
            expected: Printer::new(self.info).ty(ty),
            why,
        }
    }
}

/// Why the fields of a value are not those of a record.
fn fields_differ(fields: &[Field], vals: &[(String, Val)]) -> Option<String> {
    if fields.len() == vals.len() && fields.iter().zip(vals).all(|(field, (name, _))| field.name == *name) {
        return None;
    }
    let missing = fields.iter().find(|field| vals.iter().all(|(name, _)| field.name != *name));
    let unknown = vals.iter().find(|(name, _)| fields.iter().all(|field| field.name != *name));
    Some(match (missing, unknown) {
        (Some(field), _) => format!("the field `{}` is missing", field.name),
        (None, Some((name, _))) => format!("there is no field `{name}`"),
        (None, None) if fields.len() != vals.len() => "a field is there twice".to_owned(),
        (None, None) => "the fields are in another order".to_owned(),
    })
}

/// A value, as much of it as a message has room for.
pub(crate) fn shown(val: &Val) -> String {
    let text = format!("{val:?}");
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
