// SPDX-License-Identifier: Apache-2.0
// MicroPython's WebAssembly port as a command, in the place of its unix port where that cannot be
// had: with the machine's files, os.system and os.getenv. scripts/micropython installs it.
//
//   node micropython.mjs SCRIPT.py [ARGUMENT...]

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const { loadMicroPython } = await import(new URL(
  "../../build/micropython/node_modules/@micropython/micropython-webassembly-pyscript/" +
  "micropython.mjs", import.meta.url));

// Emscripten's numbers of the errors that scripts meet
const ERRNO = { ENOENT: 44, EEXIST: 20, EACCES: 2, EISDIR: 31, ENOTDIR: 54 };

/** The machine's files below a mount point of Emscripten's file system: looked up, read, written */
function machineFiles(FS) {
  const real = (node) =>
    node.parent === node ? node.mount.opts.root : path.join(real(node.parent), node.name);
  const attempt = (what) => {
    try {
      return what();
    } catch (error) {
      throw error.code in ERRNO ? new FS.ErrnoError(ERRNO[error.code]) : error;
    }
  };
  const create = (parent, name, mode) => {
    const node = FS.createNode(parent, name, mode, 0);
    node.node_ops = nodes;
    node.stream_ops = streams;
    return node;
  };
  const nodes = {
    getattr: (node) => attempt(() => {
      const { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize, blocks } =
        fs.statSync(real(node));
      return { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize, blocks };
    }),
    setattr: (node, attr) => attempt(() => {
      if (attr.mode !== undefined) node.mode = attr.mode;
      if (attr.size !== undefined) fs.truncateSync(real(node), attr.size);
    }),
    lookup: (parent, name) => attempt(() => create(
      parent, name, fs.statSync(path.join(real(parent), name)).mode)),
    mknod: (parent, name, mode) => attempt(() => {
      fs.writeFileSync(path.join(real(parent), name), "", { mode: mode & 0o777 });
      return create(parent, name, mode);
    }),
  };
  const streams = {
    open: (stream) => attempt(() => {
      // what Emscripten does by itself, truncating and creating, is done when this is called
      stream.handle = fs.openSync(real(stream.node), (stream.flags & 3) === 0 ? "r" : "r+");
    }),
    close: (stream) => attempt(() => fs.closeSync(stream.handle)),
    read: (stream, buffer, at, length, position) =>
      attempt(() => fs.readSync(stream.handle, buffer, at, length, position)),
    write: (stream, buffer, at, length, position) =>
      attempt(() => fs.writeSync(stream.handle, buffer, at, length, position)),
    llseek: (stream, offset, whence) => offset + (
      whence === 1 ? stream.position : whence === 2 ? fs.fstatSync(stream.handle).size : 0),
  };
  return {
    mount: (mount) => {
      const root = create(null, "/", fs.statSync(mount.opts.root).mode);
      root.mount = mount;
      return root;
    },
  };
}

const [script, ...rest] = process.argv.slice(2);
const mp = await loadMicroPython({
  heapsize: 1 << 20, // as the unix port's
  linebuffer: false,
  stdout: (bytes) => fs.writeSync(1, bytes),
  stderr: (bytes) => fs.writeSync(2, bytes),
});
mp.registerJsModule("_machine", {
  system: (line) => {
    const run = spawnSync("/bin/sh", ["-c", line], { stdio: "inherit" });
    return run.signal === null ? run.status << 8 : 2;
  },
  getenv: (name) => process.env[name] ?? "",
});
const files = machineFiles(mp.FS);
for (const name of fs.readdirSync("/")) {
  if (["dev", "proc", "sys"].includes(name) || !fs.statSync("/" + name).isDirectory()) continue;
  if (!mp.FS.analyzePath("/" + name).exists) mp.FS.mkdir("/" + name);
  mp.FS.mount(files, { root: "/" + name }, "/" + name);
}
mp.globals.set("_script", path.resolve(script));
mp.globals.set("_folder", process.cwd());
mp.globals.set("_arguments", JSON.stringify([script, ...rest]));
try {
  mp.runPython(`
import json, os, sys, _machine
os.system = _machine.system
os.getenv = lambda name: _machine.getenv(name) or None
os.chdir(_folder)
sys.argv[:] = json.loads(_arguments)
sys.path.insert(0, _script.rsplit("/", 1)[0])
with open(_script) as _file:
    _code = compile(_file.read(), _script, "exec")
exec(_code, {"__name__": "__main__"})
`);
} catch (error) {
  fs.writeSync(2, `${error.message}\n`);
  process.exitCode = 1;
}
