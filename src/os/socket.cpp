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

std::size_t send_message(int socket, std::span<std::byte const> bytes, std::span<int const> descriptors,
                         bool block) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_descriptors_per_message)];
  if (!descriptors.empty()) {
    if (descriptors.size() > max_descriptors_per_message)
      fail(EINVAL, "{} descriptors in one message, at most {} can travel", descriptors.size(),
           max_descriptors_per_message);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  auto const sent =
      retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL | (block ? 0 : MSG_DONTWAIT)); });
  if (sent < 0) fail(errno, "cannot send to the other process");
  return static_cast<std::size_t>(sent);
}

Received receive_message(int socket, std::span<std::byte> into, bool block) {
  iovec part{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_descriptors_per_message)];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto const count =
      retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT)); });
  if (count < 0) fail(errno, "cannot receive from the other process");
  Received received{static_cast<std::size_t>(count), {}};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    auto const number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    auto const before = received.descriptors.size();
    received.descriptors.resize(before + number);
    std::memcpy(received.descriptors.data() + before, CMSG_DATA(header), number * sizeof(int));
  }
  // At the descriptor limit the kernel drops what does not fit and says only this.
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    for (int const descriptor : received.descriptors) ::close(descriptor);
    fail(EMFILE, "no descriptor left for those that came with a message");
  }
  return received;
}

}  // namespace cohort::os
