//! What random, damaged and hostile inputs do, on every backend. One program, because each has all compilers in it.

mod attacks;
mod damage;
mod differential;
mod exactness;
mod exceptions;
mod hostile;
mod narrow;
mod objects;
mod text;
