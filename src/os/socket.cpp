#include "os/socket.hpp"

#include "os/error.hpp"

#include <sys/socket.h>

#include <cstring>

namespace cohort::os {

std::pair<Descriptor, Descriptor> socket_pair(SocketKind kind) {
  int ends[2];
  int const type = kind == SocketKind::stream ? SOCK_STREAM : SOCK_SEQPACKET;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) fail(errno, "cannot make a socket pair");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

namespace {

bool would_block(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK); }

/// sendmsg(2) with descriptors, across signals; -1 and errno as there.
ssize_t send_parts(int socket, std::span<iovec const> parts, std::span<int const> descriptors, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_descriptors_per_message)];
  if (!descriptors.empty()) {
    if (descriptors.size() > max_descriptors_per_message)
      fail(EINVAL, "{} descriptors in one message, at most {} can travel", descriptors.size(),
           max_descriptors_per_message);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    std::memset(control, 0, message.msg_controllen);  // the kernel is given the padding too
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  return retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL | flags); });
}

/// recvmsg(2) with descriptors, across signals; -1 and errno as there.
ssize_t receive_parts(int socket, std::span<std::byte> into, int flags, Received& received) {
  iovec part{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_descriptors_per_message)];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto const count = retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags); });
  if (count < 0) return count;
  received.count = static_cast<std::size_t>(count);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    auto const number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    auto const before = received.descriptors.size();
    received.descriptors.resize(before + number);
    std::memcpy(received.descriptors.data() + before, CMSG_DATA(header), number * sizeof(int));
  }
  // At the descriptor limit the kernel drops what does not fit and says only this.
  received.cut = (message.msg_flags & MSG_CTRUNC) != 0;
  return count;
}

}  // namespace

std::size_t send_message(int socket, std::span<std::byte const> bytes, std::span<int const> descriptors,
                         bool block) {
  iovec const part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  auto const sent = send_parts(socket, {&part, 1}, descriptors, block ? 0 : MSG_DONTWAIT);
  if (sent < 0) fail(errno, "cannot send to the other process");
  return static_cast<std::size_t>(sent);
}

Received receive_message(int socket, std::span<std::byte> into, bool block) {
  Received received;
  if (receive_parts(socket, into, block ? 0 : MSG_DONTWAIT, received) < 0)
    fail(errno, "cannot receive from the other process");
  if (received.cut) {
    for (int const descriptor : received.descriptors) ::close(descriptor);
    fail(EMFILE, "no descriptor left for those that came with a message");
  }
  return received;
}

std::optional<std::size_t> try_send(int socket, std::span<iovec const> parts,
                                    std::span<int const> descriptors) {
  auto const sent = send_parts(socket, parts, descriptors, MSG_DONTWAIT);
  if (would_block(sent)) return std::nullopt;
  if (sent < 0) fail(errno, "cannot send to the other process");
  return static_cast<std::size_t>(sent);
}

std::optional<Received> try_receive(int socket, std::span<std::byte> into) {
  Received received;
  auto const count = receive_parts(socket, into, MSG_DONTWAIT, received);
  if (would_block(count)) return std::nullopt;
  if (count < 0) fail(errno, "cannot receive from the other process");
  return received;
}

}  // namespace cohort::os
