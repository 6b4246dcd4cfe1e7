#pragma once
#include <cohort/detail/archive.hpp>
#include <cohort/detail/type_name.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <typeinfo>

/// How code travels between processes of one program: as the place of a constant record, in a module that is
/// known by its build id. The receiver calls nothing before it has found the record where the message says.
namespace cohort::detail {

/// A function that can be called by name in another process. Entries are constants that the linker places;
/// the address of the function itself would not do, for linkers give equal functions one address.
template <class Signature> struct Entry;
template <class R, class... A> struct Entry<R(A...)> {
  std::uint64_t magic;
  std::type_info const* type;
  R (*run)(A...);
};

/// What marks an Entry of this signature in memory.
template <class Signature> constexpr std::uint64_t entry_magic() {
  return hash_bytes(__PRETTY_FUNCTION__, 0x9e3779b97f4a7c15);
}

/// The Entry of `Run`, which stands for type `Tag`. A template, so that each module that uses it has it, and
/// the same in every process.
template <class Signature, auto Run, class Tag>
inline constexpr Entry<Signature> entry{entry_magic<Signature>(), &typeid(Tag), Run};

void save_entry_at(Writer& writer, void const* entry, std::type_info const& type);
void const* load_entry_at(Reader& reader, std::uint64_t magic, std::size_t size, std::size_t alignment);

/// Writes where an Entry is: 32 bytes for one of the main program, and the module's path besides for one of a
/// library. `PicklingError` if it is in no module.
template <class Signature> void save_entry(Writer& writer, Entry<Signature> const& entry) {
  static_assert(offsetof(Entry<Signature>, magic) == 0 && offsetof(Entry<Signature>, type) == 8);
  save_entry_at(writer, &entry, *entry.type);
}
/// Finds the Entry in this process; a library that only the sender has is loaded. `UnpicklingError` if this
/// process was built differently.
template <class Signature> Entry<Signature> const& load_entry(Reader& reader) {
  return *static_cast<Entry<Signature> const*>(
      load_entry_at(reader, entry_magic<Signature>(), sizeof(Entry<Signature>), alignof(Entry<Signature>)));
}

/// Writes which function a pointer points to that was chosen at run time. `PicklingError` if it is null or
/// the function is in no module.
void save_code(Writer& writer, void* code);
/// The function in this process. All that can be checked is that it is code of the module named.
void* load_code(Reader& reader);

}  // namespace cohort::detail
