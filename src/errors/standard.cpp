#include "errors/standard.hpp"

#include <fmt/format.h>
#include <cohort/detail/exceptions.hpp>

#include <any>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <variant>

namespace cohort::errors {
namespace {

using detail::ExceptionType;
using detail::load_text;
using detail::Reader;
using detail::save_text;
using detail::Traceback;
using detail::Writer;

/// A class whose text cannot be given to its constructor.
template <class E> struct WithText : E {
  template <class... Args>
  explicit WithText(std::string message, Args... args) : E(args...), text(std::move(message)) {}
  char const* what() const noexcept override { return text.c_str(); }
  std::string text;
};

void save_code(Writer& out, std::error_code code) {
  save_text(out, code.category().name());
  out.scalar(code.value());
}

std::error_code load_code(Reader& in) {
  auto const name = load_text(in);
  auto const value = in.scalar<int>();
  for (auto const* category : {&std::generic_category(), &std::system_category(), &std::iostream_category(),
                               &std::future_category()})
    if (name == category->name()) return std::error_code(value, *category);
  throw UnpicklingError(
      fmt::format("cohort: error category \"{}\" is not one of the standard library's", name));
}

/// The text that a system_error was made with, before ": " and the message of its code were added.
std::string_view text_before_code(std::system_error const& error, std::string const& message) {
  // Called by its full name: filesystem_error's own what() says more.
  std::string_view text = error.std::system_error::what();
  if (text.ends_with(message)) text.remove_suffix(message.size());
  if (text.ends_with(": ")) text.remove_suffix(2);
  return text;
}

void save_system_error(Writer& out, std::system_error const& error) {
  save_code(out, error.code());
  save_text(out, text_before_code(error, error.code().message()));
}

/// Registers E with functions of its own: `save_value(out, error)` and `load_value(in)`.
template <class E, void save_value(Writer&, E const&), auto load_value> void register_with() {
  static ExceptionType type{
      typeid(E),
      [](Writer& out, std::exception_ptr const& error) {
        try {
          std::rethrow_exception(error);
        } catch (E const& value) {
          save_value(out, value);
        }
      },
      [](Reader& in, ExceptionType const& registered, std::shared_ptr<Traceback const> traceback) {
        return detail::arrive(load_value(in), registered, std::move(traceback));
      }};
  detail::add_exception_type(type);
}

void save_system(Writer& out, std::system_error const& error) { save_system_error(out, error); }
std::system_error load_system(Reader& in) {
  auto const code = load_code(in);
  auto const text = load_text(in);
  return text.empty() ? std::system_error(code) : std::system_error(code, text);
}

void save_ios(Writer& out, std::ios_base::failure const& error) { save_system_error(out, error); }
std::ios_base::failure load_ios(Reader& in) {
  auto const code = load_code(in);
  return std::ios_base::failure(load_text(in), code);
}

void save_filesystem(Writer& out, std::filesystem::filesystem_error const& error) {
  save_system_error(out, error);
  save_text(out, error.path1().native());
  save_text(out, error.path2().native());
}
std::filesystem::filesystem_error load_filesystem(Reader& in) {
  auto const code = load_code(in);
  auto const text = load_text(in);
  std::filesystem::path const first = load_text(in), second = load_text(in);
  if (first.empty()) return std::filesystem::filesystem_error(text, code);
  if (second.empty()) return std::filesystem::filesystem_error(text, first, code);
  return std::filesystem::filesystem_error(text, first, second, code);
}

void save_future(Writer& out, std::future_error const& error) { out.scalar(error.code().value()); }
std::future_error load_future(Reader& in) {
  return std::future_error(static_cast<std::future_errc>(in.scalar<int>()));
}

void save_variant(Writer& out, std::bad_variant_access const& error) { save_text(out, error.what()); }
WithText<std::bad_variant_access> load_variant(Reader& in) {
  return WithText<std::bad_variant_access>(load_text(in));
}

void save_regex(Writer& out, std::regex_error const& error) {
  save_text(out, error.what());
  out.scalar(static_cast<int>(error.code()));
}
WithText<std::regex_error> load_regex(Reader& in) {
  auto text = load_text(in);
  auto const code = in.scalar<int>();
  // libstdc++'s enumeration has no fixed underlying type: values beyond its four bits are undefined.
  if (code < 0 || code > 15)
    throw UnpicklingError(fmt::format("cohort: {} is no code of a regex_error", code));
  return WithText<std::regex_error>(std::move(text), static_cast<std::regex_constants::error_type>(code));
}

template <class... E> void register_all() { (register_exception<E>(), ...); }

}  // namespace

bool register_standard_exceptions() {
  register_all<std::exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
               std::bad_typeid, std::bad_exception, std::bad_function_call, std::bad_optional_access,
               std::bad_weak_ptr>();
  register_all<std::logic_error, std::invalid_argument, std::domain_error, std::length_error,
               std::out_of_range, std::runtime_error, std::range_error, std::overflow_error,
               std::underflow_error, fmt::format_error>();
  register_all<TimeoutError, ValueError, RuntimeError, EOFError, AssertionError, StopIteration, PicklingError,
               UnpicklingError, OwnerDiedError>();
  register_with<std::system_error, save_system, load_system>();
  register_with<std::ios_base::failure, save_ios, load_ios>();
  register_with<std::filesystem::filesystem_error, save_filesystem, load_filesystem>();
  register_with<std::future_error, save_future, load_future>();
  register_with<std::bad_variant_access, save_variant, load_variant>();
  register_with<std::regex_error, save_regex, load_regex>();
  return true;
}

}  // namespace cohort::errors
