#include "errors/registry.hpp"

#include <atomic>

#include "errors/standard.hpp"

namespace cohort {
namespace {

// A list that only grows needs no lock, which a fork in another thread would leave held in the child.
constinit std::atomic<detail::ExceptionType const*> types{nullptr};

detail::ExceptionType const* first_type() {
  [[maybe_unused]] static bool const registered = errors::register_standard_exceptions();
  return types.load(std::memory_order_acquire);
}

detail::ExceptionType const* find_registered(std::string_view name) {
  for (auto const* type = types.load(std::memory_order_acquire); type != nullptr; type = type->next)
    if (name == type->type.name()) return type;
  return nullptr;
}

}  // namespace

namespace detail {

bool add_exception_type(ExceptionType& type) {
  if (auto const* known = find_registered(type.type.name())) return known->type == type.type;
  type.next = types.load(std::memory_order_relaxed);
  while (
      !types.compare_exchange_weak(type.next, &type, std::memory_order_release, std::memory_order_relaxed)) {}
  return true;
}

RemoteTraceback::~RemoteTraceback() = default;

}  // namespace detail

namespace errors {

std::string_view documented_name(std::type_info const& thrown) {
  std::string_view name = thrown.name();
#ifdef __GLIBCXX__
  // std::throw_with_nested throws std::_Nested_exception<E>, derived from E.
  constexpr std::string_view nested = "St17_Nested_exceptionI";
  if (name.starts_with(nested) && name.ends_with('E')) {
    name.remove_prefix(nested.size());
    name.remove_suffix(1);
  }
  // Streams throw a class that is a std::ios_base::failure for both of libstdc++'s ABIs.
  if (name == "St13__ios_failure") name = typeid(std::ios_base::failure).name();
#endif
  return name;
}

detail::ExceptionType const* find_type(std::type_info const& thrown) {
  for (auto const* type = first_type(); type != nullptr; type = type->next)
    if (type->type == thrown) return type;
  auto const name = documented_name(thrown);
  return name == thrown.name() ? nullptr : find_registered(name);
}

detail::ExceptionType const* find_type(std::string_view name) {
  first_type();
  return find_registered(name);
}

}  // namespace errors
}  // namespace cohort
