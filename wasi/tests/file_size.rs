//! The process's limit of file sizes is an error for the guest, and not the end of the host.
//!
//! A file of its own, because the limit holds for the whole process.

mod common;

use common::{Guest, OFLAGS_CREAT};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmer_wasi::{Errno, Rights};

#[test]
fn the_limit_of_file_sizes_is_an_error() {
    let (mut guest, dir) = Guest::with_dir();
    let fd = guest.open("f", OFLAGS_CREAT, Rights::REGULAR_FILE).unwrap();
    setrlimit(Resource::Fsize, Rlimit { current: Some(1000), ..getrlimit(Resource::Fsize) }).unwrap();
    assert_eq!(guest.write(fd, &[1; 600]), Ok(600));
    assert_eq!(guest.write(fd, &[1; 600]), Ok(400), "what fits");
    for _ in 0..2 {
        assert_eq!(guest.write(fd, &[1]), Err(Errno::Fbig));
        assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), 1001]), Err(Errno::Fbig));
        assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 1001]), Err(Errno::Fbig));
    }
    assert_eq!(std::fs::metadata(dir.path().join("f")).unwrap().len(), 1000);
}
