#include "start/letter.hpp"

#include "os/error.hpp"
#include "os/memfd.hpp"
#include "os/socket.hpp"

#include <array>
#include <cstring>

namespace cohort::start {
namespace {

struct Head {
  std::uint64_t magic;
  std::uint64_t size;   // of the bytes that follow, here or in the memfd
  std::uint64_t memfd;  // 1 if they are in the last descriptor
};
constexpr std::uint64_t letter_magic = 0x3172657474656c63;  // "cletter1"
constexpr std::size_t packet_limit = 64 * 1024;             // well below the default socket buffer of 208 KiB

void write_all(os::Descriptor const& file, std::span<std::byte const> bytes) {
  while (!bytes.empty()) {
    auto const written = os::retry([&] { return ::write(file.get(), bytes.data(), bytes.size()); });
    if (written < 0) os::fail(errno, "cannot write a letter of {} bytes", bytes.size());
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::vector<std::byte> read_all(os::Descriptor const& file, std::size_t size) {
  if (size > os::file_size(file.get()))
    throw UnpicklingError("cohort: a letter to this process was cut short");
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size;) {
    auto const got =
        os::retry([&] { return ::pread(file.get(), bytes.data() + at, size - at, static_cast<off_t>(at)); });
    if (got <= 0) os::fail(errno, "cannot read a letter of {} bytes", size);
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace

void send_letter(int socket, OutgoingMessage const& letter) {
  auto const bytes = letter.bytes();
  Head head{letter_magic, bytes.size(), 0};
  std::vector<std::byte> packet(sizeof head);
  std::vector<int> descriptors(letter.descriptors().begin(), letter.descriptors().end());
  os::Descriptor memfd;
  if (sizeof head + bytes.size() <= packet_limit) {
    packet.insert(packet.end(), bytes.begin(), bytes.end());
  } else {
    memfd = os::memory_file("cohort letter", bytes.size());
    write_all(memfd, bytes);
    descriptors.push_back(memfd.get());
    head.memfd = 1;
  }
  std::memcpy(packet.data(), &head, sizeof head);
  os::send_message(socket, packet, descriptors);
}

std::optional<Letter> Letter::receive(int socket) {
  // Not zeroed and never freed: a page that the fork server writes here costs it, and its children, a fault.
  static std::byte* const buffer = new std::byte[packet_limit];
  auto received = os::receive_message(socket, {buffer, packet_limit});
  Letter letter;
  letter.descriptors_ = detail::Descriptors(received.descriptors);
  if (received.count == 0) return std::nullopt;
  Head head{};
  if (received.count >= sizeof head) std::memcpy(&head, buffer, sizeof head);
  std::vector<std::byte> packet(buffer + std::min(sizeof head, received.count), buffer + received.count);
  if (head.magic != letter_magic) throw UnpicklingError("cohort: what this process was sent is no letter");
  if (head.memfd == 1) {
    os::Descriptor const memfd(letter.descriptors_.take(received.descriptors.size() - 1));
    packet = read_all(memfd, head.size);
  }
  if (packet.size() != head.size) throw UnpicklingError("cohort: a letter to this process was cut short");
  letter.bytes_ = std::move(packet);
  return letter;
}

}  // namespace cohort::start
