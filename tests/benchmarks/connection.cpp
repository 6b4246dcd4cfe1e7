/// Connection against the socket pair below it, both between two processes and in turns within one run:
/// the round trip of an 8-byte message, and messages of 1 MiB one way.
#include <cohort/multiprocessing/connection.hpp>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace mp = cohort::multiprocessing;
using Clock = std::chrono::steady_clock;

namespace {

void write_all(int fd, std::span<std::byte const> bytes) {
  while (!bytes.empty()) {
    auto const count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) std::_Exit(1);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}
void read_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    auto const count = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (count <= 0) std::_Exit(0);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

/// A transport under test: sends and receives runs of one size.
struct Raw {
  static constexpr auto name = "socketpair";
  mp::Connection end;
  int fd = end.fileno();
  void send(std::vector<std::byte> const& bytes) const { write_all(fd, bytes); }
  void receive(std::vector<std::byte>& bytes) const { read_all(fd, bytes); }
};
struct Bytes {
  static constexpr auto name = "send_bytes/recv_bytes_into";
  mp::Connection end;
  void send(std::vector<std::byte> const& bytes) const { end.send_bytes(bytes); }
  void receive(std::vector<std::byte>& bytes) const { end.recv_bytes_into(bytes); }
};
struct Objects {
  static constexpr auto name = "send/recv<vector>";
  mp::Connection end;
  void send(std::vector<std::byte> const& bytes) const { end.send(bytes); }
  void receive(std::vector<std::byte>& bytes) const { bytes = end.recv<std::vector<std::byte>>(); }
};

/// Microseconds for each of `count` exchanges: a message of `size` there, one of `answer` back.
template <class Transport> double measure(std::size_t size, std::size_t answer, int count) {
  auto [here, there] = mp::Pipe();
  std::vector<std::byte> there_and(size), back(answer);
  pid_t const child = ::fork();
  if (child == 0) {
    here.close();
    Transport const transport{there};
    try {
      for (;;) {
        transport.receive(there_and);
        transport.send(back);
      }
    } catch (cohort::EOFError const&) {}
    std::_Exit(0);
  }
  there.close();
  Transport const transport{here};
  auto const start = Clock::now();
  for (int i = 0; i < count; ++i) {
    transport.send(there_and);
    transport.receive(back);
  }
  std::chrono::duration<double, std::micro> const took = Clock::now() - start;
  here.close();
  ::waitpid(child, nullptr, 0);
  return took.count() / count;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void compare(char const* title, std::size_t size, int count) {
  constexpr int rounds = 15;
  std::vector<double> raw, bytes, objects, bytes_ratio, objects_ratio;
  for (int i = 0; i < rounds; ++i) {
    raw.push_back(measure<Raw>(size, 8, count));
    bytes.push_back(measure<Bytes>(size, 8, count));
    objects.push_back(measure<Objects>(size, 8, count));
    bytes_ratio.push_back(bytes.back() / raw.back());
    objects_ratio.push_back(objects.back() / raw.back());
  }
  fmt::print("{}\n", title);
  fmt::print("  {:28} {:9.2f} us\n", Raw::name, median(raw));
  fmt::print("  {:28} {:9.2f} us  {:5.2f} x\n", Bytes::name, median(bytes), median(bytes_ratio));
  fmt::print("  {:28} {:9.2f} us  {:5.2f} x\n", Objects::name, median(objects), median(objects_ratio));
}

}  // namespace

int main() {
  compare("round trip of 8 bytes", 8, 5000);
  compare("1 MiB one way, 8 bytes back", 1 << 20, 200);
}
