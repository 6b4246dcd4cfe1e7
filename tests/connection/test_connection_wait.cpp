// labels: thread
/// connection::wait: connections, descriptors and both together.
#include <catch2/catch.hpp>

#include "connection/support.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <list>
#include <thread>

using mp::connection::wait;
using Clock = std::chrono::steady_clock;

TEST_CASE("wait returns the ready connections in their order") {
  std::vector<mp::Connection> readers, writers;
  for (int i = 0; i < 4; ++i) {
    mp::Connection reader, writer;
    std::tie(reader, writer) = mp::Pipe(false);
    readers.push_back(reader);
    writers.push_back(writer);
  }
  CHECK(wait(readers, 0s).empty());
  auto const start = Clock::now();
  CHECK(wait(readers, 30ms).empty());
  CHECK(Clock::now() - start >= 30ms);
  CHECK(wait(readers, -1s).empty());
  writers[2].send(2);
  writers[0].send(0);
  auto const& constant = readers;
  std::vector<mp::Connection> const expected{readers[0], readers[2]};
  CHECK(wait(readers) == expected);
  CHECK(wait(constant, 1s) == expected);
  CHECK(wait(std::vector(readers)) == expected);
  CHECK(wait(std::list(readers.begin(), readers.end())) == expected);
  CHECK(wait({readers[3], readers[2], readers[0]}) == std::vector{readers[2], readers[0]});
  writers[1].close();  // the end is ready too
  CHECK(wait(readers).size() == 3);
}

TEST_CASE("wait on descriptors and sentinels") {
  auto const child = std::make_unique<Child>([] { ::pause(); });
  int const sentinel = static_cast<int>(::syscall(SYS_pidfd_open, child->pid(), 0));
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  CHECK(wait({sentinel, a.fileno()}, 0s).empty());
  b.send(1);
  CHECK(wait(std::array{sentinel, a.fileno()}) == std::vector{a.fileno()});
  ::kill(child->pid(), SIGKILL);
  CHECK(wait({sentinel}, 5s) == std::vector{sentinel});
  ::close(sentinel);
}

TEST_CASE("wait on connections and descriptors together") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  mp::Connection c, d;
  std::tie(c, d) = mp::Pipe();
  std::vector<std::variant<int, mp::Connection>> const both{a, c.fileno()};
  std::vector<std::variant<mp::Connection, int>> const swapped{a, c.fileno()};
  b.send(1);
  CHECK(wait(both) == std::vector<std::variant<int, mp::Connection>>{a});
  CHECK(wait(swapped) == std::vector<std::variant<mp::Connection, int>>{a});
  d.close();
  CHECK(wait(both) == both);
}

TEST_CASE("wait on an end that only sends tells that the reader is gone") {
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  CHECK(wait({writer}, 0s).empty());
  reader.close();
  CHECK(wait({writer}, 0s).size() == 1);
}

TEST_CASE("wait refuses what is closed") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  CHECK(wait({a, b}, 0s).empty());  // opens the process's bell, which must not get the number
  int const number = a.fileno();
  a.close();
  CHECK(error_of([&] { wait({b, a}, 1s); }) == EBADF);
  CHECK(error_of([&] { wait({number}, 1s); }) == EBADF);
  CHECK(error_of([&] { wait({-1}, 1s); }) == EBADF);
}

TEST_CASE("wait on nothing") {
  std::vector<mp::Connection> const none;
  CHECK(wait(none).empty());
  auto const start = Clock::now();
  CHECK(wait(none, 20ms).empty());
  CHECK(Clock::now() - start >= 20ms);
}

TEST_CASE("wait is woken when one of its connections is closed") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  int error = 0;
  std::thread waiter([&] { error = error_of([&] { wait({a, b}, 10s); }); });
  std::this_thread::sleep_for(20ms);
  auto const start = Clock::now();
  b.close();
  waiter.join();
  // Either it was waiting, or it came later; and the other end polls readable at its end.
  CHECK((error == EBADF || error == 0));
  CHECK(Clock::now() - start < 5s);
}

TEST_CASE("wait has no limit on descriptor numbers") {
  Child child([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4000);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<mp::Connection> readers, writers;
    for (int i = 0; i < 900; ++i) {
      mp::Connection reader, writer;
      std::tie(reader, writer) = mp::Pipe(false);
      readers.push_back(reader);
      writers.push_back(writer);
    }
    demand(readers.back().fileno() > 1024, "the numbers are too low to tell");
    writers.back().send(1);
    auto const ready = wait(readers, 5s);
    demand(ready == std::vector{readers.back()}, "the last was not ready alone");
  });
  CHECK(child.join() == 0);
}
