#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <typeinfo>

/// Names and hashes of types, for error messages and for checking that bytes hold what is asked for.
namespace cohort::detail {

/// A mangled name as written in C++; the name itself if it is not mangled.
std::string demangle(char const* name);

template <class T> std::string type_name() { return demangle(typeid(T).name()); }

/// FNV-1a: the same in every process and every build.
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325) {
  for (char const byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

/// A type that this process pickles, so that a message can name it when it comes where another is wanted.
struct KnownType {
  explicit KnownType(std::type_info const& type);
  std::uint64_t const hash;
  char const* const name;
  KnownType const* next;
};
/// The name of the type with that hash, or "an unknown type".
std::string known_type_name(std::uint64_t hash);

/// The hash under which a value of type T travels.
template <class T> std::uint64_t type_hash() {
  static KnownType const& known = *new KnownType(typeid(T));
  return known.hash;
}

}  // namespace cohort::detail
