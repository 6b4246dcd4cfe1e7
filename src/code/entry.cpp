#include <cohort/detail/entry.hpp>
#include <cohort/errors.hpp>

#include <fmt/format.h>

#include <array>
#include <string>

#include "code/module.hpp"

namespace cohort::detail {

namespace {

/// The beginning of every Entry.
struct Head {
  std::uint64_t magic;
  std::type_info const* type;
};

/// What stands where a message says that an Entry is; it may be anything in the module's data, so also what
/// the address sanitizer puts between variables.
[[gnu::no_sanitize_address]] Head read_head(std::uintptr_t address) {
  auto const* const head = reinterpret_cast<Head const volatile*>(address);
  return {head->magic, head->type};
}

/// The hash of the name of an Entry's type. Names are long, so each thread remembers those it needed last;
/// only for the executable, whose types stay where they are.
std::uint64_t name_hash(std::type_info const& type) { return hash_bytes(type.name()); }
std::uint64_t lasting_name_hash(std::type_info const& type) {
  struct Known {
    std::type_info const* type;
    std::uint64_t hash;
  };
  thread_local std::array<Known, 64> known{};
  auto& slot = known[reinterpret_cast<std::uintptr_t>(&type) / alignof(std::type_info) % known.size()];
  if (slot.type != &type) slot = {&type, name_hash(type)};
  return slot.hash;
}

void save_place(Writer& writer, code::Module const& module, std::uintptr_t address) {
  writer.scalar(module.id);
  writer.scalar<std::uint64_t>(address - module.base);
  writer.scalar<std::uint64_t>(module.path.size());
  writer.bytes(module.path.data(), module.path.size());
}

/// A place that a message names, not yet looked at.
struct Place {
  code::Module const& module;
  std::uintptr_t address;
};
Place load_place(Reader& reader) {
  auto const id = reader.scalar<std::uint64_t>();
  auto const offset = reader.scalar<std::uint64_t>();
  auto const length = reader.length();
  std::string const path(reinterpret_cast<char const*>(reader.skip(length)), length);
  auto const& module = code::module_with(id, path);
  return {module, module.base + offset};
}

}  // namespace

void save_entry_at(Writer& writer, void const* entry, std::type_info const& type) {
  auto const address = reinterpret_cast<std::uintptr_t>(entry);
  auto const* const module = code::module_of(address);
  if (module == nullptr)
    throw PicklingError(fmt::format("cohort: {} is in no module of this process", demangle(type.name())));
  save_place(writer, *module, address);
  writer.scalar(module == &code::executable() ? lasting_name_hash(type) : name_hash(type));
}

void const* load_entry_at(Reader& reader, std::uint64_t magic, std::size_t size, std::size_t alignment) {
  auto const [module, address] = load_place(reader);
  auto const hash = reader.scalar<std::uint64_t>();
  if (address % alignment == 0 && module.find(address, size) != nullptr) {
    auto const head = read_head(address);
    bool const lasting = &module == &code::executable();
    if (head.magic == magic && (lasting ? lasting_name_hash(*head.type) : name_hash(*head.type)) == hash)
      return reinterpret_cast<void const*>(address);
  }
  throw UnpicklingError(
      fmt::format("cohort: {} has no function at {:#x} like the one the message names ({}); "
                  "both sides must run the same build",
                  module.name(), address - module.base, known_type_name(hash)));
}

void save_code(Writer& writer, void* code) {
  auto const address = reinterpret_cast<std::uintptr_t>(code);
  auto const* const module = code::module_of(address);
  if (module == nullptr || !module->find(address, 1)->executable)
    throw PicklingError(code == nullptr
                            ? std::string("cohort: a null function pointer cannot be sent")
                            : fmt::format("cohort: {} is no function of a module of this process", code));
  save_place(writer, *module, address);
}

void* load_code(Reader& reader) {
  auto const [module, address] = load_place(reader);
  auto const* const segment = module.find(address, 1);
  if (segment == nullptr || !segment->executable)
    throw UnpicklingError(
        fmt::format("cohort: {} has no function at {:#x}; both sides must run the same build", module.name(),
                    address - module.base));
  return reinterpret_cast<void*>(address);
}

}  // namespace cohort::detail
