#include "os/modules.hpp"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <string_view>

namespace cohort::os {
namespace {

/// The GNU build id among the notes of one PT_NOTE segment.
std::string find_build_id(char const* notes, std::size_t size, std::size_t alignment) {
  auto const padded = [&](std::size_t count) { return (count + alignment - 1) / alignment * alignment; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes, sizeof header);
    auto const total = sizeof header + padded(header.n_namesz) + padded(header.n_descsz);
    if (total > size) break;
    auto const* name = notes + sizeof header;
    if (header.n_type == NT_GNU_BUILD_ID &&
        std::string_view(name, header.n_namesz) == std::string_view("GNU", 4))
      return std::string(name + padded(header.n_namesz), header.n_descsz);
    notes += total;
    size -= total;
  }
  return {};
}

std::string executable_path() {
  std::array<char, PATH_MAX> path;
  auto const length = ::readlink("/proc/self/exe", path.data(), path.size());
  return length < 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

int add_module(dl_phdr_info* info, std::size_t, void* argument) {
  auto& found = *static_cast<std::vector<Module>*>(argument);
  Module module;
  module.base = info->dlpi_addr;
  // The executable comes first and has no name there.
  module.path = found.empty() ? executable_path() : info->dlpi_name;
  for (auto const& segment : std::span(info->dlpi_phdr, info->dlpi_phnum)) {
    auto const begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD) module.ranges.push_back({begin, begin + segment.p_memsz});
    if (segment.p_type == PT_NOTE && module.build_id.empty())
      module.build_id =
          find_build_id(reinterpret_cast<char const*>(begin), segment.p_memsz, segment.p_align == 8 ? 8 : 4);
  }
  found.push_back(std::move(module));
  return 0;
}

}  // namespace

bool Module::contains(std::uintptr_t address) const {
  return std::ranges::any_of(
      ranges, [&](Range const& range) { return address >= range.begin && address < range.end; });
}

std::vector<Module> modules() {
  std::vector<Module> found;
  ::dl_iterate_phdr(add_module, &found);
  return found;
}

}  // namespace cohort::os
