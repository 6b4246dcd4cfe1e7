#pragma once
#include <cohort/errors.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// The exceptions of `multiprocessing`; the same names as in Python.
namespace cohort::multiprocessing {

using cohort::TimeoutError;

/// The base of what only this module throws.
class ProcessError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `recv_bytes_into` was given a buffer smaller than the message. The message was taken from the connection
/// and is in `message()`, whole.
class BufferTooShort : public ProcessError {
 public:
  using ProcessError::ProcessError;
  BufferTooShort(std::string const& what, std::vector<std::byte> message)
      : ProcessError(what), message_(std::move(message)) {}

  std::vector<std::byte> const& message() const { return message_; }

 private:
  std::vector<std::byte> message_;
};

/// The other side does not know the key.
class AuthenticationError : public ProcessError {
 public:
  using ProcessError::ProcessError;
};

}  // namespace cohort::multiprocessing
