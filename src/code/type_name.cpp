#include <cohort/detail/type_name.hpp>

#include <cxxabi.h>

#include <atomic>
#include <cstdlib>
#include <memory>

namespace cohort::detail {

std::string demangle(char const* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> const text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

namespace {
// A list that only grows needs no lock, which a fork in another thread would leave held in the child.
std::atomic<KnownType const*> known_types{nullptr};
}  // namespace

KnownType::KnownType(std::type_info const& type)
    : hash(hash_bytes(type.name())), name(type.name()), next(nullptr) {
  next = known_types.load(std::memory_order_relaxed);
  while (
      !known_types.compare_exchange_weak(next, this, std::memory_order_release, std::memory_order_relaxed)) {}
}

std::string known_type_name(std::uint64_t hash) {
  for (auto const* type = known_types.load(std::memory_order_acquire); type != nullptr; type = type->next)
    if (type->hash == hash) return demangle(type->name);
  return "a type that this program does not know";
}

}  // namespace cohort::detail
