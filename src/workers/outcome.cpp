#include <cohort/concurrent/futures/errors.hpp>
#include <cohort/detail/exceptions.hpp>
#include <cohort/detail/outcome.hpp>

#include "errors/symbols.hpp"

#include <cohort/detail/type_name.hpp>

#include <unistd.h>

namespace cohort::detail {
namespace {

std::exception_ptr load_error(Payload const& payload) {
  try {
    Reader reader(payload.bytes());
    return load_exception(reader);
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

std::string TaskLabel::name() const {
  if (code != nullptr) {
    auto const places = errors::places_at(reinterpret_cast<std::uintptr_t>(code));
    if (!places.empty()) return demangle(places.back().function.c_str());
  }
  return demangle(type->name());
}

std::exception_ptr Failure::error() const {
  try {
    if (kind == Kind::terminated) throw RuntimeError(message);
    if (cause.size() == 0)
      throw futures::BrokenProcessPool(message + (task.type != nullptr ? task.name() : ""));
    try {
      std::rethrow_exception(load_error(cause));
    } catch (std::exception const& error) {
      std::throw_with_nested(futures::BrokenProcessPool(message + ": " + error.what()));
    } catch (...) {
      std::throw_with_nested(futures::BrokenProcessPool(message));
    }
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr Outcome::error() const {
  if (kind == Kind::value) return nullptr;
  return kind == Kind::exception ? load_error(payload) : failure->error();
}

void run_callback(std::function<void()> const& callback) {
  Backtrace trace;
  if (auto const error = run_guarded(callback, trace))
    report_uncaught("callback of a pool", ::getpid(), error, trace);
}

namespace {
bool const registered = register_exception<futures::BrokenExecutor>() &&
                        register_exception<futures::BrokenThreadPool>() &&
                        register_exception<futures::BrokenProcessPool>();
}

}  // namespace cohort::detail
