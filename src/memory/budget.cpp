#include "memory/budget.hpp"

#include <cohort/errors.hpp>

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

/// The least limit on the way from a control group up to the root of its hierarchy. In a container the path
/// may be the host's and not exist here, but the root then is the container's group.
std::uint64_t group_limit(std::string const& root, std::string path, char const* file) {
  std::uint64_t least = UINT64_MAX;
  for (;;) {
    std::string text;
    if (std::ifstream(root + path + "/" + file) >> text)
      if (auto const limit = number(text)) least = std::min(least, *limit);  // v2 says "max" for none
    auto const slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

/// Reads "<id>:<controllers>:<path>" lines; version 2's has an empty list of controllers.
std::uint64_t control_group_limit() {
  std::uint64_t least = UINT64_MAX;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    auto const first = line.find(':');
    auto const second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto const controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    auto const path = line.substr(second + 1);
    if (controllers == ",,") least = std::min(least, group_limit("/sys/fs/cgroup", path, "memory.max"));
    if (controllers.find(",memory,") != std::string::npos)
      least = std::min(least, group_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
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
