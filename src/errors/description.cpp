#include "errors/description.hpp"

#include <cxxabi.h>
#include <cohort/detail/type_name.hpp>
#include <cohort/errors.hpp>

#include <string_view>

namespace cohort::errors {
namespace {

std::string what_of(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& exception) {
    auto const* text = exception.what();
    return text == nullptr ? "" : text;
  } catch (std::string const& text) {
    return text;
  } catch (std::string_view text) {
    return std::string(text);
  } catch (char const* text) {
    return text == nullptr ? "" : text;
  } catch (...) {
    return {};
  }
}

std::exception_ptr cause_of(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (std::nested_exception const& nested) {
    return nested.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

Description describe(std::exception_ptr const& error) {
  if (error == nullptr) return {"std::exception_ptr", "cohort: there is no exception"};
  Description found{{}, what_of(error)};
  try {
    std::rethrow_exception(error);
  } catch (detail::RemoteTraceback const& remote) {
    found.registered = &remote.type();
    found.type = detail::demangle(found.registered->type.name());
  } catch (RemoteError const& remote) {
    found.type = remote.type().empty() ? "cohort::RemoteError" : remote.type();
  } catch (...) {
    auto const& thrown = *abi::__cxa_current_exception_type();
    found.registered = find_type(thrown);
    found.type = detail::demangle(std::string(documented_name(thrown)).c_str());
  }
  return found;
}

std::string to_string(Description const& description) {
  return description.what.empty() ? description.type : description.type + ": " + description.what;
}

std::string describe_causes(std::exception_ptr error) {
  // As many as anyone reads: a cause may also be nested around itself.
  constexpr int deepest = 16;
  std::string text;
  for (int depth = 0; depth != deepest && error != nullptr; ++depth) {
    error = cause_of(error);
    if (error != nullptr) text += "caused by " + to_string(describe(error)) + "\n";
  }
  return text;
}

}  // namespace cohort::errors
