//! Images made of small modules: what is folded, and what damage does.
