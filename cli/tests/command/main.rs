//! The `wasmer` command as its users meet it.

mod attack;
mod background;
mod cache;
mod cache_folders;
mod common;
mod components;
mod debug_info;
mod emit;
mod ends;
mod entry;
mod features;
mod guide;
mod input;
mod inspect;
mod lazy;
mod output;
mod pages;
mod polish;
mod processors;
mod profile;
mod programs;
mod run;
mod shells;
mod streams;
mod wast;
mod words;
