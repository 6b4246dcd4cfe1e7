#include "errors/symbols.hpp"

#include <dlfcn.h>

#include <string_view>

#ifdef COHORT_BACKTRACE_HEADER
#include COHORT_BACKTRACE_HEADER
#endif

namespace cohort::errors {
namespace {

#ifdef COHORT_BACKTRACE_HEADER

void ignore_error(void*, char const*, int) {}

/// Called from C, which no exception may cross: when memory runs out the place is left out.
int add_place(void* places, std::uintptr_t, char const* file, int line, char const* function) noexcept {
  if (function == nullptr) return 0;
  try {
    static_cast<std::vector<Place>*>(places)->push_back({function, file == nullptr ? "" : file, line});
  } catch (...) {}
  return 0;
}

/// The symbol table names the function of an address in full. Debug information does so only where it holds
/// the mangled name: not for static functions and those in anonymous namespaces.
void add_symbol(void* argument, std::uintptr_t, char const* name, std::uintptr_t, std::uintptr_t) noexcept {
  auto& places = *static_cast<std::vector<Place>*>(argument);
  if (name == nullptr) return;
  try {
    if (places.empty()) places.emplace_back();
    // Compilers append a clone's name: what throws stands in f.cold.
    places.back().function = std::string_view(name).substr(0, std::string_view(name).find('.'));
  } catch (...) {}
}

void look_up(std::uintptr_t address, std::vector<Place>& places) {
  // Its tables are read at the first use and kept; threads may share them.
  static backtrace_state* const tables = backtrace_create_state(nullptr, 1, ignore_error, nullptr);
  if (tables == nullptr) return;
  backtrace_pcinfo(tables, address, add_place, ignore_error, &places);
  backtrace_syminfo(tables, address, add_symbol, ignore_error, &places);
}

#else

void look_up(std::uintptr_t, std::vector<Place>&) {}

#endif

}  // namespace

std::vector<Place> places_at(std::uintptr_t address) {
  std::vector<Place> places;
  look_up(address, places);
  // libbacktrace knows the modules of its first use only, dladdr also those loaded later.
  Dl_info symbol{};
  if (places.empty() && ::dladdr(reinterpret_cast<void*>(address), &symbol) != 0 &&
      symbol.dli_sname != nullptr)
    places.push_back({symbol.dli_sname, {}, 0});
  return places;
}

}  // namespace cohort::errors
