#include "memory/budget.hpp"

#include <cohort/errors.hpp>

#include "os/cgroup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace cohort::memory {

namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The least limit of the control groups; version 2 says "max" for none.
std::uint64_t control_group_limit() {
  std::uint64_t least = UINT64_MAX;
  for (auto const& text : os::control_group_values("memory", "memory.max", "memory.limit_in_bytes"))
    if (auto const limit = number(text)) least = std::min(least, *limit);
  return least;
}

std::uint64_t available_memory() {
  std::ifstream info("/proc/meminfo");
  std::string name, unit;
  for (std::uint64_t kibibytes; info >> name >> kibibytes;) {
    if (name == "MemAvailable:") return kibibytes << 10;
    std::getline(info, unit);
  }
  return UINT64_MAX;
}

}  // namespace

std::size_t default_budget() {
  if (char const* const text = std::getenv("COHORT_MEMORY_LIMIT"); text != nullptr) {
    if (auto const limit = number(text)) return *limit;
    throw ValueError(fmt::format(
        "cohort: the environment variable COHORT_MEMORY_LIMIT must be a number of bytes, not \"{}\"", text));
  }
  return std::min(control_group_limit(), available_memory()) / 4 * 3;
}

}  // namespace cohort::memory
