#pragma once
#include "os/descriptor.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

struct iovec;

/// Unix socket pairs, and descriptors sent over them.
namespace cohort::os {

/// The kernel refuses more descriptors in one message (SCM_MAX_FD).
inline constexpr std::size_t max_descriptors_per_message = 253;

enum class SocketKind { stream, seqpacket };

/// Both ends are close-on-exec. Throws `std::system_error` (EMFILE).
std::pair<Descriptor, Descriptor> socket_pair(SocketKind kind);

/// Sends one message (or, on a stream, as much as fits) with duplicates of `descriptors`; returns the bytes
/// taken. Never raises SIGPIPE. Throws `std::system_error`: EPIPE, ECONNRESET when the peer is gone, EAGAIN
/// when `block` is false and there is no room, EMSGSIZE for a packet that is too large.
std::size_t send_message(int socket, std::span<std::byte const> bytes, std::span<int const> descriptors = {},
                         bool block = true);

struct Received {
  std::size_t count = 0;         ///< bytes; 0 at the end of the stream
  std::vector<int> descriptors;  ///< owned by the receiver, close-on-exec
  bool cut = false;              ///< descriptors were lost: this process has no room for them
};

/// Receives one message with its descriptors. Throws `std::system_error`: EMFILE when this process has no
/// descriptors left for those that were sent (all that did arrive are closed), EAGAIN when `block` is false
/// and nothing is there.
Received receive_message(int socket, std::span<std::byte> into, bool block = true);

/// The same for those who wait themselves: they never block, and give nothing where the call would. `cut` is
/// left to the caller, who may want the bytes all the same.
std::optional<std::size_t> try_send(int socket, std::span<iovec const> parts,
                                    std::span<int const> descriptors = {});
std::optional<Received> try_receive(int socket, std::span<std::byte> into);

}  // namespace cohort::os
