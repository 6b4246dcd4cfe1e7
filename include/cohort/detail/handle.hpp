#pragma once
#include <fmt/core.h>

#include <concepts>
#include <string>
#include <string_view>

namespace cohort::detail {

/// What every cohort handle derives from: a cheap, copyable name of an object that lives elsewhere. A copy is
/// the same object. A handle travels by its members `void save(Writer&) const` and `static H load(Reader&)`,
/// and prints as its `std::string repr() const`.
struct HandleBase {};

}  // namespace cohort::detail

template <std::derived_from<cohort::detail::HandleBase> Handle>
struct fmt::formatter<Handle> : fmt::formatter<std::string_view> {
  template <class Context> auto format(Handle const& handle, Context& context) const {
    std::string const text = handle.repr();
    return fmt::formatter<std::string_view>::format(text, context);
  }
};
