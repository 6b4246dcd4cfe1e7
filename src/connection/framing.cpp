#include "connection/framing.hpp"

#include "os/error.hpp"
#include "os/socket.hpp"

#include <poll.h>
#include <sys/uio.h>

namespace cohort::connection {
namespace {

constexpr std::uint64_t longest_short = 0x7fff'ffff;
constexpr std::uint32_t long_mark = 0xffff'ffff;  // -1

void put_big_endian(std::byte* to, std::uint64_t value, int count) {
  for (int i = count; i-- > 0; value >>= 8) to[i] = static_cast<std::byte>(value);
}

std::uint64_t get_big_endian(std::span<std::byte const> from) {
  std::uint64_t value = 0;
  for (std::byte const byte : from) value = value << 8 | static_cast<std::uint64_t>(byte);
  return value;
}

}  // namespace

Header encode_length(std::uint64_t length) {
  Header header{};
  if (length <= longest_short) {
    put_big_endian(header.bytes.data(), length, 4);
    header.size = 4;
  } else {
    put_big_endian(header.bytes.data(), long_mark, 4);
    put_big_endian(header.bytes.data() + 4, length, 8);
    header.size = 12;
  }
  return header;
}

void write_message(GuardedDescriptor::Use const& socket, std::span<std::byte const> body,
                   std::span<int const> descriptors) {
  Header const header = encode_length(body.size());
  std::span<std::byte const> parts[2] = {{header.bytes.data(), header.size}, body};
  while (!parts[0].empty() || !parts[1].empty()) {
    iovec const vectors[2] = {{const_cast<std::byte*>(parts[0].data()), parts[0].size()},
                              {const_cast<std::byte*>(parts[1].data()), parts[1].size()}};
    std::optional<std::size_t> sent;
    try {
      sent = os::try_send(socket.number(), vectors, descriptors);
    } catch (std::system_error const& error) {
      // A peer that closed with messages unread resets the connection: gone all the same.
      if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset) throw;
      os::fail(EPIPE, "cannot send: the other end of the connection is closed");
    }
    if (!sent) {
      socket.wait(POLLOUT, std::nullopt);
      continue;
    }
    descriptors = {};
    for (auto& part : parts) {
      auto const taken = std::min(*sent, part.size());
      part = part.subspan(taken);
      *sent -= taken;
    }
  }
}

std::optional<std::uint64_t> MessageReader::length() {
  std::array<std::byte, 8> field;
  auto const first = some(std::span(field).first(4));
  if (first == 0) return std::nullopt;
  body(std::span(field).subspan(first, 4 - first));
  auto length = get_big_endian(std::span(field).first(4));
  if (length == long_mark) {
    body(field);
    length = get_big_endian(field);
  } else if (length > longest_short) {
    length = PTRDIFF_MAX + std::uint64_t{1};
  }
  if (length > PTRDIFF_MAX) os::fail(EBADMSG, "bad message length: these are no messages of a connection");
  return length;
}

void MessageReader::body(std::span<std::byte> into) {
  while (!into.empty()) {
    auto const count = some(into);
    if (count == 0) os::fail(ECONNRESET, "got end of file during message: the sender died or closed");
    into = into.subspan(count);
  }
}

detail::Descriptors MessageReader::descriptors() {
  if (descriptors_lost_)
    os::fail(EMFILE, "no descriptor left for those that came with a message, which is lost");
  return std::move(descriptors_);
}

/// At least one byte, or 0 at the end of the stream.
std::size_t MessageReader::some(std::span<std::byte> into) {
  for (;;) {
    std::optional<os::Received> received;
    try {
      received = os::try_receive(socket_.number(), into);
    } catch (std::system_error const& error) {
      // A peer that closed without reading all that was sent to it: everything it sent has been read.
      if (error.code() == std::errc::connection_reset) return 0;
      throw;
    }
    if (received) {
      descriptors_.add(received->descriptors);
      descriptors_lost_ |= received->cut;
      return received->count;
    }
    socket_.wait(POLLIN, std::nullopt);
  }
}

}  // namespace cohort::connection
