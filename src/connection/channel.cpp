#include "connection/channel.hpp"

#include <cohort/multiprocessing/errors.hpp>

#include "os/error.hpp"

#include <poll.h>

#include <mutex>
#include <new>

namespace cohort::connection {

void Channel::send(std::span<std::byte const> body, std::span<int const> descriptors) {
  std::scoped_lock const turn(sending_);
  auto const socket = use();
  if (!writable_) os::fail(EBADF, "this connection is read-only: it cannot send");
  write_message(socket, body, descriptors);
}

GuardedDescriptor::Use Channel::use_for_reading() {
  auto socket = use();
  if (!readable()) os::fail(EBADF, "this connection is write-only, or failed: it cannot receive");
  return socket;
}

/// After a message of which not every byte was read nothing on the stream can be understood any more.
void Channel::stop_reading() {
  readable_ = false;
  if (!writable_) close();
}

/// Waits for the next message and gives its reader and length to `take`, which reads the body.
template <class Take> auto Channel::take_message(Take take) {
  std::scoped_lock const turn(receiving_);
  auto const socket = use_for_reading();
  MessageReader reader(socket);
  try {
    auto const length = reader.length();
    if (!length) throw EOFError("cohort: the other end is closed and everything it sent has been received");
    return take(reader, *length);
  } catch (std::bad_alloc const&) {
    stop_reading();
    throw;
  } catch (std::system_error const& error) {
    if (error.code() == std::errc::bad_message || error.code() == std::errc::message_size) stop_reading();
    throw;
  }
}

detail::IncomingMessage Channel::receive() {
  return take_message([](MessageReader& reader, std::uint64_t length) {
    auto bytes = reader.body_as<detail::Buffer>(length);
    return detail::IncomingMessage{std::move(bytes), reader.descriptors()};
  });
}

std::vector<std::byte> Channel::receive_bytes(std::optional<std::size_t> maxlength) {
  return take_message([&](MessageReader& reader, std::uint64_t length) {
    if (maxlength && length > *maxlength)
      os::fail(EMSGSIZE, "bad message length: {} bytes, at most {} were wanted", length, *maxlength);
    return reader.body_as<std::vector<std::byte>>(length);
  });
}

std::size_t Channel::receive_into(std::span<std::byte> buffer) {
  return take_message([&](MessageReader& reader, std::uint64_t length) -> std::size_t {
    if (length > buffer.size())
      throw multiprocessing::BufferTooShort(
          fmt::format("cohort: a message of {} bytes for a buffer of {}; it is in message()", length,
                      buffer.size()),
          reader.body_as<std::vector<std::byte>>(length));
    reader.body(buffer.first(length));
    return length;
  });
}

bool Channel::poll(os::Deadline deadline) { return use_for_reading().wait(POLLIN, deadline); }

}  // namespace cohort::connection
