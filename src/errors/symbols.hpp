#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cohort::errors {

/// A function, by its mangled name, and the line of its file; no file where debug information is missing.
struct Place {
  std::string function;
  std::string file;
  int line = 0;
};

/// What stands at an address of code: a function that was inlined there comes before the one it was inlined
/// into. Nothing where no symbol is known.
std::vector<Place> places_at(std::uintptr_t address);

}  // namespace cohort::errors
