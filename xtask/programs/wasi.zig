//! What a Zig program relies on in WASI, by way of Zig's own library, which uses no C library: in `/w`, an empty folder, and in `/r`, one for
//! reading only that holds `file` with "content". The first check that fails ends the program.
const std = @import("std");
const Io = std.Io;

fn check(holds: bool) !void {
    if (!holds) return error.CheckFailed;
}

fn fails(result: anytype, reason: anyerror) !void {
    if (result) |_| return error.ShouldHaveFailed else |err| if (err != reason) return err;
}

pub fn main(init: std.process.Init) !void {
    const io = init.io;
    const w = init.preopens.get("/w").?.dir;
    const r = init.preopens.get("/r").?.dir;
    try check(std.mem.eql(u8, init.environ_map.get("NAME").?, "a=b"));

    // Files: created, written, read, with the errors that the library tells apart.
    try w.writeFile(io, .{ .sub_path = "f", .data = "text" });
    var buffer: [64]u8 = undefined;
    try check(std.mem.eql(u8, try w.readFile(io, "f", &buffer), "text"));
    try fails(w.openFile(io, "none", .{}), error.FileNotFound);
    try fails(w.openFile(io, "f/x", .{}), error.NotDir);
    try fails(w.openFile(io, "../f", .{}), error.AccessDenied);
    try fails(w.createFile(io, "f", .{ .exclusive = true }), error.PathAlreadyExists);
    const file = try w.openFile(io, "f", .{ .mode = .read_write });
    try file.writePositionalAll(io, "TEXT!", 0);
    try file.setLength(io, 100);
    try file.sync(io);
    const attributes = try file.stat(io);
    try check(attributes.size == 100 and attributes.kind == .file and attributes.inode != 0);
    var parts = [_][]u8{ buffer[0..2], buffer[2..5] };
    try check(try file.readPositional(io, &parts, 0) == 5 and std.mem.eql(u8, buffer[0..5], "TEXT!"));
    file.close(io);

    // Folders and links.
    try w.createDir(io, "d", .default_dir);
    try fails(w.createDir(io, "d", .default_dir), error.PathAlreadyExists);
    try fails(w.deleteDir(io, "f"), error.NotDir);
    try fails(w.deleteFile(io, "d"), error.IsDir);
    try w.createDirPath(io, "d/a/b/c");
    try w.rename("f", w, "d/f", io);
    try w.symLink(io, "f", "d/link", .{});
    try check(std.mem.eql(u8, buffer[0..try w.readLink(io, "d/link", &buffer)], "f"));
    try check((try w.statFile(io, "d/link", .{ .follow_symlinks = false })).kind == .sym_link);
    try check((try w.statFile(io, "d/link", .{})).size == 100);
    try w.access(io, "d/f", .{ .read = true, .write = true });
    try fails(w.deleteDir(io, "d"), error.DirNotEmpty);

    // A folder opened only for what is in it, listed in more than one buffer, changed while it is open.
    const d = try w.openDir(io, "d/a", .{ .iterate = true });
    var name: [64]u8 = undefined;
    for (0..500) |i| {
        const new = try d.createFile(io, try std.fmt.bufPrint(&name, "an entry with a rather long name {d}", .{i}), .{});
        new.close(io);
    }
    var count: usize = 0;
    var entries = d.iterate();
    while (try entries.next(io)) |entry| {
        count += 1;
        const kind: Io.File.Kind = if (std.mem.eql(u8, entry.name, "b")) .directory else .file;
        try check(entry.inode != 0 and entry.kind == kind);
    }
    try check(count == 501);
    d.close(io);
    try w.deleteTree(io, "d");

    // A folder for reading only.
    try check(std.mem.eql(u8, try r.readFile(io, "file", &buffer), "content"));
    try fails(r.createDir(io, "new", .default_dir), error.ReadOnlyFileSystem);
    try fails(r.deleteFile(io, "file"), error.ReadOnlyFileSystem);

    // Time and chance.
    const before = Io.Clock.Timestamp.now(io, .awake);
    try io.sleep(.fromMilliseconds(20), .awake);
    try check(before.durationTo(Io.Clock.Timestamp.now(io, .awake)).raw.toMilliseconds() >= 20);
    var chance: [32]u8 = @splat(0);
    io.random(&chance);
    try check(!std.mem.allEqual(u8, &chance, 0));
    try Io.File.stdout().writeStreamingAll(io, "all checks hold\n");
}
