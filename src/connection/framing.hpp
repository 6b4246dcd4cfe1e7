#pragma once
#include <cohort/detail/archive.hpp>

#include "connection/guarded_descriptor.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

/// Messages on a stream, as Python frames them: the length as four bytes, big-endian and signed, or -1 and
/// eight bytes when it does not fit; then the message. Descriptors travel with a message's first byte.
/// Everything is read by exact length, so what arrives with a message's bytes belongs to that message.
namespace cohort::connection {

/// A length as it stands on the wire.
struct Header {
  std::array<std::byte, 12> bytes;
  std::size_t size;  // 4 or 12
};
Header encode_length(std::uint64_t length);

/// Sends a whole message, waiting for room as often as needed. Throws `std::system_error`: EPIPE when the
/// other side is gone, EBADF when another thread closes.
void write_message(GuardedDescriptor::Use const& socket, std::span<std::byte const> body,
                   std::span<int const> descriptors);

/// Reads one message: first its length, then its body, once, in the form the caller wants.
class MessageReader {
 public:
  explicit MessageReader(GuardedDescriptor::Use const& socket) : socket_(socket) {}

  /// Waits for the next message; none at the end of the stream. Throws `std::system_error`: ECONNRESET when
  /// the stream ends inside, EBADMSG for a length that cannot be.
  std::optional<std::uint64_t> length();
  /// Into memory that has the size of the body.
  void body(std::span<std::byte> into);
  /// Into a vector or Buffer that grows as the bytes arrive: a length alone, which may be bogus, claims no
  /// memory.
  template <class Bytes> Bytes body_as(std::uint64_t length) {
    // Room is claimed a MiB ahead, then three times what has arrived: little is copied, and what a vector
    // holds twice meanwhile is small. What it zeroes at each step is still in the cache when the bytes come.
    constexpr std::size_t step = 128 << 10, ahead = 1 << 20;
    Bytes bytes;
    while (bytes.size() < length) {
      auto const filled = bytes.size();
      auto const left = static_cast<std::size_t>(length) - filled;
      if (filled == bytes.capacity()) bytes.reserve(filled + std::min(left, std::max(ahead, 3 * filled)));
      auto const more = std::min({left, step, bytes.capacity() - filled});
      bytes.resize(filled + more);
      body({bytes.data() + filled, more});
    }
    return bytes;
  }

  /// What came along. Throws `std::system_error` (EMFILE) if this process had no room for all of them.
  detail::Descriptors descriptors();

 private:
  std::size_t some(std::span<std::byte> into);

  GuardedDescriptor::Use const& socket_;
  detail::Descriptors descriptors_;
  bool descriptors_lost_ = false;
};

}  // namespace cohort::connection
