#include <cohort/multiprocessing/connection.hpp>

#include "connection/channel.hpp"
#include "os/error.hpp"
#include "os/socket.hpp"

#include <sys/socket.h>

namespace cohort::multiprocessing {

using cohort::connection::Channel;

namespace {

// The directions, as they travel.
constexpr std::uint8_t readable_bit = 1, writable_bit = 2;

Connection make_connection(os::Descriptor socket, bool readable, bool writable) {
  return Connection(std::make_shared<Channel>(std::move(socket), readable, writable));
}

}  // namespace

Channel& Connection::channel() const {
  if (!channel_) os::fail(EBADF, "this connection is closed");
  return *channel_;
}

void Connection::send_message(detail::OutgoingMessage const& message) const {
  channel().send(message.bytes(), message.descriptors());
}

detail::IncomingMessage Connection::receive_message() const { return channel().receive(); }

void Connection::send_bytes(std::span<std::byte const> bytes) const { channel().send(bytes, {}); }

std::vector<std::byte> Connection::recv_bytes(std::optional<std::size_t> maxlength) const {
  if (maxlength && *maxlength > PTRDIFF_MAX) throw ValueError("cohort: recv_bytes: maxlength is negative");
  return channel().receive_bytes(maxlength);
}

std::size_t Connection::recv_bytes_into(std::span<std::byte> buffer) const {
  return channel().receive_into(buffer);
}

bool Connection::poll(Timeout timeout) const { return channel().poll(timeout.deadline()); }

int Connection::fileno() const { return channel().use().number(); }

void Connection::close() const {
  if (channel_) channel_->close();
}

bool Connection::closed() const { return !channel_ || channel_->closed(); }
bool Connection::readable() const { return channel_ && channel_->readable(); }
bool Connection::writable() const { return channel_ && channel_->writable(); }

std::string Connection::repr() const {
  try {
    int const number = fileno();
    auto const* const direction = !writable() ? "read-only" : readable() ? "duplex" : "write-only";
    return fmt::format("<Connection fd={} {}>", number, direction);
  } catch (std::system_error const&) {
    return "<Connection closed>";
  }
}

void Connection::save(detail::Writer& writer) const {
  writer.scalar(static_cast<std::uint32_t>(writer.attach(fileno())));
  writer.scalar(static_cast<std::uint8_t>((readable() ? readable_bit : 0) | (writable() ? writable_bit : 0)));
}

Connection Connection::load(detail::Reader& reader) {
  os::Descriptor socket(reader.take(reader.scalar<std::uint32_t>()));
  auto const directions = reader.scalar<std::uint8_t>();
  if (directions == 0 || directions > (readable_bit | writable_bit))
    throw UnpicklingError("cohort: these bytes are no Connection");
  return make_connection(std::move(socket), (directions & readable_bit) != 0,
                         (directions & writable_bit) != 0);
}

std::pair<Connection, Connection> Pipe(bool duplex) {
  auto [first, second] = os::socket_pair(os::SocketKind::stream);
  // pipe(2) cannot carry descriptors, so a one-way pipe is a socket pair of which one way is shut; this
  // shuts the second end's receiving too.
  if (!duplex && ::shutdown(first.get(), SHUT_WR) != 0) os::fail(errno, "cannot make a one-way pipe");
  return {make_connection(std::move(first), true, duplex), make_connection(std::move(second), duplex, true)};
}

}  // namespace cohort::multiprocessing
