#pragma once
#include <cohort/detail/message.hpp>

#include <cstddef>
#include <optional>
#include <vector>

/// A letter is what a process that was exec'd, or forked by the fork server, is told: bytes with descriptors.
namespace cohort::start {

using detail::OutgoingMessage;

/// Puts a letter into the socket. It never waits for a reader: what exceeds the socket's buffer travels as a
/// memfd. Throws `std::system_error`.
void send_letter(int socket, OutgoingMessage const& letter);

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
