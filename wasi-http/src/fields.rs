//! `fields`: headers and trailers.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};
use wasmer_component::{Borrow, Own};
use wasmer_wasi_p2::{Outcome, trap};

use crate::ctx::WasiHttp;
use crate::types::HeaderError;

/// Headers or trailers. What belongs to a request or response that came, or was sent, cannot be changed.
#[derive(Default)]
pub(crate) struct Fields {
    map: Arc<HeaderMap>,
    is_immutable: bool,
    /// Of all names and values.
    bytes: usize,
}

/// The most of one list of fields: each is memory of the host.
const BYTES_MAX: usize = 1 << 17;
/// What a field takes besides its name and value.
const FIELD_BYTES: usize = 32;

/// What is about a connection and not about what is sent through it: guests neither see nor set it.
const OF_CONNECTIONS: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "host",
    "http2-settings",
];

/// Removes what guests do not see.
pub(crate) fn without_connection(map: &mut HeaderMap) {
    for name in OF_CONNECTIONS {
        map.remove(*name);
    }
}

/// What the header says of the length of a body.
pub(crate) fn content_length(map: &HeaderMap) -> Option<u64> {
    map.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn name_of(name: &str) -> Result<HeaderName, HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::InvalidSyntax)?;
    if OF_CONNECTIONS.contains(&name.as_str()) { Err(HeaderError::Forbidden) } else { Ok(name) }
}

fn value_of(value: &[u8]) -> Result<HeaderValue, HeaderError> {
    HeaderValue::from_bytes(value).map_err(|_| HeaderError::InvalidSyntax)
}

fn bytes_of(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + FIELD_BYTES
}

impl Fields {
    /// Fields that cannot be changed.
    pub(crate) fn immutable(map: Arc<HeaderMap>) -> Fields {
        Fields { map, is_immutable: true, bytes: 0 }
    }

    pub(crate) fn into_map(self) -> Arc<HeaderMap> {
        self.map
    }

    /// What a change may change.
    fn changeable(&mut self) -> Result<&mut HeaderMap, HeaderError> {
        if self.is_immutable { Err(HeaderError::Immutable) } else { Ok(Arc::make_mut(&mut self.map)) }
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) -> Outcome<Result<(), HeaderError>> {
        let bytes = self.bytes + bytes_of(&name, &value);
        let map = match self.changeable() {
            Ok(map) => map,
            Err(error) => return Ok(Err(error)),
        };
        if bytes > BYTES_MAX || map.try_append(name, value).is_err() {
            return Err(trap(format!("fields of HTTP take more than {BYTES_MAX} bytes")));
        }
        self.bytes = bytes;
        Ok(Ok(()))
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), HeaderError> {
        let map = self.changeable()?;
        let bytes: usize = map.get_all(name).iter().map(|value| bytes_of(name, value)).sum();
        map.remove(name);
        // `set` with nothing, and `delete`, give the room back.
        self.bytes -= bytes;
        Ok(())
    }
}

type FieldResult<T> = Outcome<Result<T, HeaderError>>;

impl WasiHttp {
    pub(crate) fn new_fields(&mut self) -> Outcome<Own<Fields>> {
        self.fields.insert(Fields::default())
    }

    pub(crate) fn fields_from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> FieldResult<Own<Fields>> {
        let mut fields = Fields::default();
        for (name, value) in entries {
            let field = name_of(&name).and_then(|name| Ok((name, value_of(&value)?)));
            let appended = match field {
                Ok((name, value)) => fields.append(name, value)?,
                Err(error) => Err(error),
            };
            if let Err(error) = appended {
                return Ok(Err(error));
            }
        }
        self.fields.insert(fields).map(Ok)
    }

    pub(crate) fn get_field(&mut self, fields: Borrow<Fields>, name: String) -> Outcome<Vec<Vec<u8>>> {
        let values = self.fields.get(fields)?.map.get_all(name).iter();
        Ok(values.map(|value| value.as_bytes().to_vec()).collect())
    }

    pub(crate) fn has_field(&mut self, fields: Borrow<Fields>, name: String) -> Outcome<bool> {
        Ok(self.fields.get(fields)?.map.contains_key(name))
    }

    pub(crate) fn set_field(&mut self, fields: Borrow<Fields>, name: String, values: Vec<Vec<u8>>) -> FieldResult<()> {
        let fields = self.fields.get_mut(fields)?;
        let values: Result<Vec<_>, _> = values.iter().map(|value| value_of(value)).collect();
        let (name, values) = match name_of(&name).and_then(|name| Ok((name, values?))) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = fields.remove(&name) {
            return Ok(Err(error));
        }
        for value in values {
            if let Err(error) = fields.append(name.clone(), value)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    pub(crate) fn delete_field(&mut self, fields: Borrow<Fields>, name: String) -> FieldResult<()> {
        let fields = self.fields.get_mut(fields)?;
        Ok(name_of(&name).and_then(|name| fields.remove(&name)))
    }

    pub(crate) fn append_field(&mut self, fields: Borrow<Fields>, name: String, value: Vec<u8>) -> FieldResult<()> {
        let fields = self.fields.get_mut(fields)?;
        match name_of(&name).and_then(|name| Ok((name, value_of(&value)?))) {
            Ok((name, value)) => fields.append(name, value),
            Err(error) => Ok(Err(error)),
        }
    }

    pub(crate) fn field_entries(&mut self, fields: Borrow<Fields>) -> Outcome<Vec<(String, Vec<u8>)>> {
        let entries = self.fields.get(fields)?.map.iter();
        Ok(entries.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
    }

    /// A copy can be changed.
    pub(crate) fn clone_fields(&mut self, fields: Borrow<Fields>) -> Outcome<Own<Fields>> {
        let map = Arc::clone(&self.fields.get(fields)?.map);
        let bytes = map.iter().map(|(name, value)| bytes_of(name, value)).sum();
        self.fields.insert(Fields { map, is_immutable: false, bytes })
    }

    pub(crate) fn drop_fields(&mut self, fields: Own<Fields>) -> Outcome<()> {
        self.fields.release(Borrow::new(fields.rep)).map(drop)
    }

    /// Takes fields from the guest.
    pub(crate) fn take_fields(&mut self, fields: Own<Fields>) -> Outcome<Arc<HeaderMap>> {
        Ok(take(&mut self.fields, fields)?.into_map())
    }

    /// Shows a guest fields that it cannot change.
    pub(crate) fn show_fields(&mut self, map: Arc<HeaderMap>) -> Outcome<Own<Fields>> {
        self.fields.insert(Fields::immutable(map))
    }
}

/// Takes a resource from the guest.
pub(crate) fn take<T>(slab: &mut wasmer_wasi_p2::Slab<T>, own: Own<T>) -> Outcome<T> {
    slab.release(Borrow::new(own.rep))?.ok_or_else(|| trap("a resource is still in use"))
}
