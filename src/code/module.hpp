#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// The executable and the libraries of this process.
namespace cohort::code {

struct Segment {
  std::uintptr_t begin = 0, end = 0;
  bool executable = false;
};

struct Module {
  /// The same in all processes that run this build of it: made of the build id, or of the file's size and
  /// time where the linker gave it none.
  std::uint64_t id = 0;
  std::uintptr_t base = 0;
  /// Empty for the executable, which every process of the program has.
  std::string path;
  std::vector<Segment> segments;

  /// The segment that holds `size` bytes from `address`, or null.
  Segment const* find(std::uintptr_t address, std::size_t size) const;
  /// For messages.
  std::string name() const;
};

/// The executable: never unloaded, so it is looked at once.
Module const& executable();

/// All modules as they are now. The reference stays valid for ever.
std::vector<Module> const& modules();

/// The module that holds an address, or null.
Module const* module_of(std::uintptr_t address);

/// The module with that id; one that is not there yet is loaded from `path`. Throws `UnpicklingError`.
Module const& module_with(std::uint64_t id, std::string const& path);

}  // namespace cohort::code
