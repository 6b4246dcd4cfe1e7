#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// The executable and the libraries that are loaded, as the dynamic linker lists them.
namespace cohort::os {

struct Module {
  struct Range {
    std::uintptr_t begin, end;
  };
  /// What is added to the addresses in the file; 0 for an executable that is not position independent.
  std::uintptr_t base = 0;
  std::string path;
  /// The linker's hash of the contents, as bytes; empty where the linker was told to leave it out.
  std::string build_id;
  std::vector<Range> ranges;

  bool contains(std::uintptr_t address) const;
};

/// All that are loaded now, the executable first.
std::vector<Module> modules();

}  // namespace cohort::os
