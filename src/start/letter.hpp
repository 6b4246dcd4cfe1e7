#pragma once
#include <cohort/detail/archive.hpp>

#include "os/descriptor.hpp"

#include <cstddef>
#include <optional>
#include <vector>

/// A letter is what a process that was exec'd, or forked by the fork server, is told: bytes with descriptors.
namespace cohort::start {

/// Writes a letter. The descriptors attached stay the caller's.
class LetterWriter final : public detail::VectorWriter {
 public:
  LetterWriter() : VectorWriter(bytes_) {}
  std::size_t attach(int descriptor) override {
    descriptors_.push_back(descriptor);
    return descriptors_.size() - 1;
  }

  /// Puts the letter into the socket. It never waits for a reader: what exceeds the socket's buffer travels as a
  /// memfd. Throws `std::system_error`.
  void send(int socket);

 private:
  std::vector<std::byte> bytes_;
  std::vector<int> descriptors_;
};

/// A letter that arrived.
class Letter {
 public:
  /// Waits for the next letter; none when the sender closed the socket. Throws `std::system_error`, and
  /// `UnpicklingError` for a message that is no letter.
  static std::optional<Letter> receive(int socket);

  detail::Reader reader() { return detail::Reader(bytes_, &descriptors_); }

 private:
  std::vector<std::byte> bytes_;
  detail::Descriptors descriptors_;
};

}  // namespace cohort::start
