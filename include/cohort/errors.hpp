#pragma once
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

/// The exceptions of cohort, named as in Python. All are `std::exception`s; Python's `OSError` is
/// `std::system_error`. Every class is a value: safe to copy, and each can travel between processes.
namespace cohort {

/// `None`, as a type and a value: what a `void` function gives where a value is needed.
struct NoneType {
  friend constexpr bool operator==(NoneType, NoneType) { return true; }
  friend constexpr bool operator<(NoneType, NoneType) { return false; }
};
inline constexpr NoneType None{};

/// A wait came to its `Timeout`.
class TimeoutError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// An argument, or the state of an object, does not allow the call.
class ValueError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// An operation that cannot work here and now.
class RuntimeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The other side closed and everything it sent has been read.
class EOFError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// Where Python's module asserts: the call breaks a rule of use.
class AssertionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The end of an iterator, from `next()`.
class StopIteration : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// A value or callable that cannot be turned into bytes.
class PicklingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// Bytes that are not the value asked for: another type, cut short, too long or hostile.
class UnpicklingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// A process ended while it held the lock or permit that was asked for.
class OwnerDiedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {
class Traceback;
}

/// An exception that was thrown in another process and whose type this program has not registered with
/// `register_exception`. `what()` is the message it had there.
class RemoteError : public std::runtime_error {
 public:
  explicit RemoteError(std::string const& what, std::string type = {}, std::string traceback = {});
  RemoteError(std::string const& what, std::string type, std::shared_ptr<detail::Traceback const> traceback);

  /// The type's name, as written in C++.
  std::string const& type() const { return type_; }
  /// Where it was thrown, a line for each frame, the innermost first. Written at the first call, which looks
  /// the names up in debug information.
  std::string const& traceback() const;

 private:
  friend class detail::Traceback;
  std::string type_;
  std::shared_ptr<detail::Traceback const> traceback_;
};

/// Where in the other process an exception that came from there was thrown; empty for any other exception.
///
///     catch (...) { fmt::print("{}", cohort::remote_traceback(std::current_exception())); }
std::string remote_traceback(std::exception_ptr error);

}  // namespace cohort
