#pragma once
#include <fmt/core.h>

#include <concepts>
#include <string>
#include <string_view>

namespace cohort::detail {

/// The base of every handle: a cheap, copyable name of an object that lives elsewhere; a copy is the same
/// object. A handle travels as a reference to it, by members `void save(Writer&) const` and
/// `static Self load(Reader&)`, and fmt prints it as its `std::string repr() const`.
struct HandleBase {};

}  // namespace cohort::detail

template <std::derived_from<cohort::detail::HandleBase> Handle>
struct fmt::formatter<Handle> : fmt::formatter<std::string_view> {
  template <class Context> auto format(Handle const& handle, Context& context) const {
    std::string const text = handle.repr();
    return fmt::formatter<std::string_view>::format(text, context);
  }
};
