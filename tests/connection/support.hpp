#pragma once
#include <cohort/multiprocessing/connection.hpp>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;

inline std::vector<std::byte> bytes_of(std::string_view text) {
  auto const* const begin = reinterpret_cast<std::byte const*>(text.data());
  return {begin, begin + text.size()};
}

/// A run that no shifted or torn copy equals.
inline std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>((seed = seed * 1103515245 + 12345) >> 16);
  return bytes;
}

/// The errno of the `std::system_error` that a call throws, 0 if it throws none.
template <class Call> int error_of(Call call) {
  try {
    call();
  } catch (std::system_error const& error) {
    return error.code().value();
  }
  return 0;
}

/// A check for forked children, where the test framework must not be used.
inline void demand(bool holds, char const* what) {
  if (!holds) throw std::logic_error(what);
}

/// A forked child that runs `body`; one that throws or takes ten seconds has failed.
class Child {
 public:
  template <class Body> explicit Child(Body body) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::alarm(10);
    int status = 1;
    try {
      body();
      status = 0;
    } catch (std::exception const& error) {
      fmt::print(stderr, "child: {}\n", error.what());
    }
    std::_Exit(status);
  }
  Child(Child const&) = delete;
  Child& operator=(Child const&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      join();
    }
  }

  pid_t pid() const { return pid_; }
  /// The exit status; minus the signal that killed it.
  int join() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

inline std::size_t open_descriptors() {
  mp::Pipe().first.poll();  // the first wait of a process opens its bell, which stays
  std::size_t count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// A connection whose other end is a bare socket, for a peer that does not keep to the rules.
struct BarePeer {
  mp::Connection end;
  int socket;

  BarePeer() {
    mp::Connection mine, theirs;
    std::tie(mine, theirs) = mp::Pipe();
    end = mine;
    socket = ::dup(theirs.fileno());
  }
  BarePeer(BarePeer const&) = delete;
  BarePeer& operator=(BarePeer const&) = delete;
  ~BarePeer() { hang_up(); }

  void write(std::span<std::byte const> bytes) const {
    if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("the bare peer cannot write");
  }
  void write(std::initializer_list<int> values) const {
    std::vector<std::byte> bytes;
    for (int const value : values) bytes.push_back(static_cast<std::byte>(value));
    write(bytes);
  }
  void hang_up() {
    if (socket >= 0) ::close(std::exchange(socket, -1));
  }
};
