#pragma once
#include <cohort/detail/exceptions.hpp>

#include <string_view>
#include <typeinfo>

namespace cohort::errors {

/// The registered type of a thrown object, null if there is none.
detail::ExceptionType const* find_type(std::type_info const& thrown);
/// The one of that mangled name, null if there is none.
detail::ExceptionType const* find_type(std::string_view name);

/// The mangled name of the type that a programmer knows: the standard library throws classes of its own
/// derived from some that it documents.
std::string_view documented_name(std::type_info const& thrown);

}  // namespace cohort::errors
