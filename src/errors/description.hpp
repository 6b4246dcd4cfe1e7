#pragma once
#include <exception>
#include <string>

#include "errors/registry.hpp"

namespace cohort::errors {

/// What can be said of any exception.
struct Description {
  /// As written in C++.
  std::string type;
  /// what(), or the text itself where one was thrown.
  std::string what;
  /// How it travels; null if it arrives as `RemoteError`.
  detail::ExceptionType const* registered = nullptr;
};
Description describe(std::exception_ptr const& error);

/// "type: what", or the type alone.
std::string to_string(Description const& description);

/// A line for each exception that this one was nested around.
std::string describe_causes(std::exception_ptr error);

}  // namespace cohort::errors
