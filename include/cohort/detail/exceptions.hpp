#pragma once
#include <cohort/detail/archive.hpp>
#include <cohort/detail/backtrace.hpp>
#include <cohort/errors.hpp>
#include <cohort/pickle.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

/// Exceptions that travel between processes.
namespace cohort::detail {

/// How the exceptions of one type travel. Lives for ever, in a list that only grows.
struct ExceptionType {
  std::type_info const& type;
  /// Writes what is needed to rebuild the exception, which is of this type.
  void (*save)(Writer& out, std::exception_ptr const& error);
  /// Rebuilds it; its traceback goes with it.
  std::exception_ptr (*load)(Reader& in, ExceptionType const& type,
                             std::shared_ptr<Traceback const> traceback);
  ExceptionType const* next = nullptr;
};

/// False where another type of the same name, in another file's anonymous namespace, was there before.
bool add_exception_type(ExceptionType& type);

/// The second base of an exception that came from another process as itself: a `catch` of its type works as
/// ever, and the traceback is found by catching this one.
class RemoteTraceback {
 public:
  RemoteTraceback(ExceptionType const& type, std::shared_ptr<Traceback const> traceback)
      : type_(&type), traceback_(std::move(traceback)) {}
  virtual ~RemoteTraceback();

  /// The type that was thrown.
  ExceptionType const& type() const { return *type_; }
  std::shared_ptr<Traceback const> const& traceback() const { return traceback_; }

 protected:
  RemoteTraceback(RemoteTraceback const&) = default;

 private:
  ExceptionType const* type_;
  std::shared_ptr<Traceback const> traceback_;
};

/// An E from another process, as `std::throw_with_nested` would make it.
template <class E> struct Arrived final : E, RemoteTraceback {
  Arrived(E&& error, ExceptionType const& type, std::shared_ptr<Traceback const> traceback)
      : E(std::move(error)), RemoteTraceback(type, std::move(traceback)) {}
};

/// A final class, and what is no class, comes without its traceback.
template <class E>
std::exception_ptr arrive(E error, ExceptionType const& type, std::shared_ptr<Traceback const> traceback) {
  if constexpr (std::is_class_v<E> && !std::is_final_v<E>) {
    // Not make_exception_ptr, which would return what E's copy constructor threw as if it were the E.
    try {
      throw Arrived<E>(std::move(error), type, std::move(traceback));
    } catch (Arrived<E> const&) {
      return std::current_exception();
    }
  } else {
    try {
      throw E(std::move(error));
    } catch (E const&) {
      return std::current_exception();
    }
  }
}

/// The text from which E is made again.
template <class E>
concept MadeFromWhat = std::is_constructible_v<E, std::string> && requires(E const& error) {
  std::string_view(error.what());
};
/// An exception class that adds no member to `std::exception`, such as `std::bad_alloc`: any two are alike.
template <class E>
concept Stateless = std::is_base_of_v<std::exception, E> && sizeof(E) == sizeof(std::exception) &&
                    std::is_default_constructible_v<E>;

/// Texts within exceptions. They are cut at 64 KiB, so that no message is too large to send, and a longer one
/// in received bytes is refused.
void save_text(Writer& out, std::string_view text);
std::string load_text(Reader& in);

template <class E> void save_as(Writer& out, std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (E const& value) {
    if constexpr (Picklable<E>)
      detail::save(out, value);
    else if constexpr (MadeFromWhat<E>)
      save_text(out, value.what());
  }
}

template <class E>
std::exception_ptr load_as(Reader& in, ExceptionType const& type,
                           std::shared_ptr<Traceback const> traceback) {
  if constexpr (Picklable<E>)
    return arrive<E>(detail::load<E>(in), type, std::move(traceback));
  else if constexpr (MadeFromWhat<E>)
    return arrive<E>(E(load_text(in)), type, std::move(traceback));
  else
    return arrive<E>(E(), type, std::move(traceback));
}

/// Writes an exception, and `trace` as where it was thrown unless it carries a traceback from elsewhere.
/// Whatever user code throws meanwhile, something is written that `load_exception` turns into an exception;
/// only `out` itself may throw.
void save_exception(Writer& out, std::exception_ptr error, Backtrace const& trace);

/// The exception, as its own type where that is registered, else as `RemoteError`. Never null. Throws
/// `UnpicklingError` where the bytes are none of `save_exception`'s.
std::exception_ptr load_exception(Reader& in);

/// Prints, by one write to stderr, that an exception left what ran in this process.
void report_uncaught(std::string_view process_name, int pid, std::exception_ptr error,
                     Backtrace const& trace);

}  // namespace cohort::detail

namespace cohort {

/// Lets exceptions of type E arrive in other processes as E, with all they hold when E is `Picklable`, else
/// made anew from `what()`. Exceptions of other types arrive as `RemoteError`. The exceptions of the standard
/// library and of cohort need no registration.
///
/// To be called at namespace scope, so that child processes know E too. Thread-safe; a second call changes
/// nothing. False if a class of the same name, in another file's anonymous namespace, was registered before:
/// this one arrives as `RemoteError`.
///
///     static auto const registered = cohort::register_exception<ParseError>();
template <class E> bool register_exception() {
  static_assert(Picklable<E> || detail::MadeFromWhat<E> || detail::Stateless<E>,
                "cohort: an exception that travels must be Picklable (give it a serialize member), or be "
                "constructible from the std::string that its what() returns");
  static detail::ExceptionType type{typeid(E), detail::save_as<E>, detail::load_as<E>};
  static bool const added = detail::add_exception_type(type);
  return added;
}

}  // namespace cohort
