#include "code/module.hpp"

#include <cohort/detail/type_name.hpp>
#include <cohort/errors.hpp>

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace cohort::code {

namespace {

/// The build id that the linker put into a module's notes; empty if there is none.
std::string_view build_id(dl_phdr_info const& info) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    auto const& header = info.dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    std::size_t const alignment = header.p_align < 8 ? 4 : 8;
    auto const padded = [&](std::size_t size) { return (size + alignment - 1) / alignment * alignment; };
    auto const* const notes = reinterpret_cast<char const*>(info.dlpi_addr + header.p_vaddr);
    for (std::size_t at = 0; at + sizeof(ElfW(Nhdr)) < header.p_memsz;) {
      ElfW(Nhdr) note;
      std::memcpy(&note, notes + at, sizeof note);
      std::string_view const name(notes + at + sizeof note, note.n_namesz);
      auto const content = at + padded(sizeof note + note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU", 4))
        return {notes + content, note.n_descsz};
      at = content + padded(note.n_descsz);
    }
  }
  return {};
}

/// What stands for a missing build id. /proc/self/exe is the running file even after it was replaced on disk.
std::uint64_t file_id(char const* path) {
  struct stat status {};
  if (::stat(path, &status) != 0) return 0;
  std::uint64_t const facts[] = {static_cast<std::uint64_t>(status.st_size),
                                 static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                                 static_cast<std::uint64_t>(status.st_mtim.tv_nsec)};
  return detail::hash_bytes({reinterpret_cast<char const*>(facts), sizeof facts});
}

/// The executable is the first in the list, has no name, and may have base 0.
Module describe(dl_phdr_info const& info, bool first) {
  Module module;
  module.base = info.dlpi_addr;
  if (!first && info.dlpi_name != nullptr) {
    std::unique_ptr<char, decltype(&std::free)> const path(::realpath(info.dlpi_name, nullptr), &std::free);
    module.path = path ? path.get() : info.dlpi_name;
  }
  auto const id = build_id(info);
  module.id = id.empty() ? file_id(first ? "/proc/self/exe" : module.path.c_str()) : detail::hash_bytes(id);
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    auto const& header = info.dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_R) == 0) continue;
    auto const begin = info.dlpi_addr + header.p_vaddr;
    module.segments.push_back({begin, begin + header.p_memsz, (header.p_flags & PF_X) != 0});
  }
  return module;
}

/// Counts the modules that were ever loaded or unloaded, and describes them if asked to.
struct Walk {
  unsigned long long changes = 0;
  std::vector<Module>* modules = nullptr;
  bool first = true;

  static int visit(dl_phdr_info* info, std::size_t, void* data) {
    auto& walk = *static_cast<Walk*>(data);
    walk.changes = info->dlpi_adds + info->dlpi_subs;
    if (walk.modules == nullptr) return 1;
    walk.modules->push_back(describe(*info, walk.first));
    walk.first = false;
    return 0;
  }
};

struct Snapshot {
  unsigned long long changes = 0;
  std::vector<Module> modules;
  Snapshot const* previous = nullptr;  ///< kept for those that still read it
};
std::atomic<Snapshot const*> latest{nullptr};

}  // namespace

Segment const* Module::find(std::uintptr_t address, std::size_t size) const {
  for (auto const& segment : segments)
    if (address >= segment.begin && address < segment.end && size <= segment.end - address) return &segment;
  return nullptr;
}

std::string Module::name() const { return path.empty() ? "the program" : path; }

std::vector<Module> const& modules() {
  Walk now;
  ::dl_iterate_phdr(&Walk::visit, &now);
  auto const* snapshot = latest.load(std::memory_order_acquire);
  if (snapshot == nullptr || snapshot->changes != now.changes) {
    // Snapshots are made once for each dlopen and never deleted: another thread may be reading the last one,
    // and a lock could be held by such a thread while this one forks.
    auto* const fresh = new Snapshot;
    Walk walk{0, &fresh->modules};
    ::dl_iterate_phdr(&Walk::visit, &walk);
    fresh->changes = walk.changes;
    fresh->previous = snapshot;
    latest.store(fresh, std::memory_order_release);
    snapshot = fresh;
  }
  return snapshot->modules;
}

Module const& executable() {
  static Module const& first = modules().front();
  return first;
}

Module const* module_of(std::uintptr_t address) {
  if (executable().find(address, 1) != nullptr) return &executable();
  for (auto const& module : modules())
    if (module.find(address, 1) != nullptr) return &module;
  return nullptr;
}

Module const& module_with(std::uint64_t id, std::string const& path) {
  if (id == executable().id && path.empty()) return executable();
  if (path.empty())
    throw UnpicklingError(
        "cohort: the function is one of another program, or of another build of this one; both sides must "
        "run "
        "the same build");
  auto const find = [&]() -> Module const* {
    for (auto const& module : modules())
      if (module.id == id) return &module;
    return nullptr;
  };
  if (auto const* const module = find()) return *module;
  bool const loaded = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr;
  if (auto const* const module = find()) return *module;
  throw UnpicklingError(
      fmt::format("cohort: the function is in {}, {}; both sides must run the same build", path,
                  loaded ? "of which this process has another build" : "which this process cannot load"));
}

}  // namespace cohort::code
