#pragma once
#include <cohort/detail/message.hpp>

#include "connection/framing.hpp"
#include "connection/guarded_descriptor.hpp"
#include "os/fork.hpp"

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace cohort::connection {

/// What all copies of one `Connection` in this process share: the socket, its directions, and whose turn it
/// is. How messages look on the socket is the business of framing.hpp alone.
class Channel {
 public:
  Channel(os::Descriptor socket, bool readable, bool writable)
      : socket_(std::move(socket)), readable_(readable), writable_(writable) {}

  void send(std::span<std::byte const> body, std::span<int const> descriptors);
  detail::IncomingMessage receive();
  std::vector<std::byte> receive_bytes(std::optional<std::size_t> maxlength);
  std::size_t receive_into(std::span<std::byte> buffer);
  bool poll(os::Deadline deadline);

  void close() { socket_.close(); }
  bool closed() const { return socket_.closed(); }
  bool readable() const { return readable_.load(std::memory_order_relaxed); }
  bool writable() const { return writable_; }
  /// For what needs the descriptor itself.
  GuardedDescriptor::Use use() { return GuardedDescriptor::Use(socket_); }

 private:
  GuardedDescriptor::Use use_for_reading();
  template <class Take> auto take_message(Take take);
  void stop_reading();

  GuardedDescriptor socket_;
  std::atomic<bool> readable_;
  bool const writable_;
  os::ForkMutex sending_, receiving_;
};

}  // namespace cohort::connection
