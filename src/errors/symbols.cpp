#include "errors/symbols.hpp"

#include <dlfcn.h>

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

void add_symbol(void* places, std::uintptr_t address, char const* name, std::uintptr_t,
                std::uintptr_t) noexcept {
  add_place(places, address, nullptr, 0, name);
}

void look_up(std::uintptr_t address, std::vector<Place>& places) {
  // Its tables are read at the first use and kept; threads may share them.
  static backtrace_state* const tables = backtrace_create_state(nullptr, 1, ignore_error, nullptr);
  if (tables == nullptr) return;
  backtrace_pcinfo(tables, address, add_place, ignore_error, &places);
  if (places.empty()) backtrace_syminfo(tables, address, add_symbol, ignore_error, &places);
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
