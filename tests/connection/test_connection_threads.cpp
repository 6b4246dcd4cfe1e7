/// One connection in several threads: turns, closing under a call, and forks among them.
#include <catch2/catch.hpp>

#include "connection/support.hpp"

#include <fcntl.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

namespace {

/// Long enough for a thread to be within a call; nothing fails if it is not.
void let_it_block() { std::this_thread::sleep_for(30ms); }

}  // namespace

// A child of a program with threads makes threads here, which TSan refuses unless told.
extern "C" char const* __tsan_default_options() { return "die_after_fork=0"; }

TEST_CASE("threads that send and receive over one pipe take turns") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  constexpr int threads = 4, count = 400;
  std::atomic<int> torn{0};
  std::vector<std::map<int, int>> seen(threads);
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (int i = 0; i < count; ++i)  // small ones, and some beyond the socket's buffer
        a.send(std::vector<int>(i % 50 == 0 ? 100'000 : i % 100 + 2, t * count + i));
    });
    running.emplace_back([&, t] {
      for (int i = 0; i < count; ++i) {
        auto const message = b.recv<std::vector<int>>();
        for (int const value : message)
          if (value != message[0]) ++torn;
        ++seen[t][message[0]];
      }
    });
  }
  for (auto& thread : running) thread.join();
  CHECK(torn == 0);
  std::map<int, int> all;
  for (auto const& part : seen)
    for (auto const& [value, times] : part) all[value] += times;
  CHECK(all.size() == threads * count);
  for (auto const& [value, times] : all) CHECK(times == 1);
}

TEST_CASE("both ends send more than the buffers hold while they receive") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  auto const sent = pattern(8'000'000);
  std::thread one([&] { a.send_bytes(sent); });
  std::thread other([&] { b.send_bytes(sent); });
  CHECK(a.recv_bytes() == sent);
  CHECK(b.recv_bytes() == sent);
  one.join();
  other.join();
}

TEST_CASE("closing ends what other threads of the process do with the connection") {
  auto const before = open_descriptors();
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  int const number = a.fileno();
  std::vector<std::byte> buffer(10);
  std::vector<std::function<void()>> const calls{
      [&] { a.recv<int>(); },
      [&] { a.recv_bytes(); },  // waits for its turn
      [&] { a.recv_bytes_into(buffer); },
      [&] { a.poll(std::nullopt); },
      [&] { mp::connection::wait({a}); },
      [&] { a.send_bytes(pattern(4 << 20)); },
      [&] { a.send(1); },  // waits for its turn
  };
  std::vector<int> errors(calls.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < calls.size(); ++i)
    threads.emplace_back([&, i] { errors[i] = error_of(calls[i]); });
  let_it_block();
  a.close();
  for (auto& thread : threads) thread.join();
  // A late sender of the small message may have been the first in turn.
  errors.pop_back();
  for (int const error : errors) CHECK(error == EBADF);
  CHECK(::fcntl(number, F_GETFD) == -1);
  // The other end sees the end, within the large message.
  CHECK_THROWS(b.recv<std::vector<int>>());
  b.close();
  CHECK(open_descriptors() == before);
}

TEST_CASE("a closed connection's number is not used again while a call runs") {
  for (int round = 0; round < 200; ++round) {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    std::atomic<bool> stolen{false};
    std::thread reader([&] {
      try {
        for (;;) stolen = stolen || a.recv<int>() != round;
      } catch (std::system_error const&) {}
    });
    for (int i = 0; i < round % 7; ++i) b.send(round);
    a.close();
    // Whoever gets the number now must not lose his bytes to the reader.
    mp::Connection c, d;
    std::tie(c, d) = mp::Pipe();
    d.send(-1);
    d.send(-1);
    CHECK(c.recv<int>() == -1);
    CHECK(c.recv<int>() == -1);
    reader.join();
    CHECK_FALSE(stolen);
  }
}

TEST_CASE("closing one connection leaves the waits for others alone") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  int received = 0;
  std::thread reader([&] { received = a.recv<int>(); });
  for (int i = 0; i < 50; ++i) {
    mp::Connection c, d;
    std::tie(c, d) = mp::Pipe();
    int error = 0;
    std::thread other([&] { error = error_of([&] { c.poll(std::nullopt); }); });
    std::this_thread::sleep_for(1ms);
    c.close();
    other.join();
    CHECK(error == EBADF);
  }
  b.send(1);
  reader.join();
  CHECK(received == 1);
}

TEST_CASE("a child forked while a thread receives can receive, send and close") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  int reading = 0, writing = 0;
  std::thread reader([&] { reading = error_of([&] { a.recv<int>(); }); });
  std::thread writer([&] { writing = error_of([&] { a.send_bytes(pattern(4 << 20)); }); });
  let_it_block();
  mp::Connection own;
  {
    mp::Connection theirs;
    std::tie(own, theirs) = mp::Pipe();
    Child child([&] {
      demand(!a.poll(), "poll");
      std::atomic<bool> woken{false};
      std::thread closer([&] {
        ::usleep(20'000);
        woken = true;
        a.close();
      });
      demand(error_of([&] { a.recv<int>(); }) == EBADF && woken, "recv in the child");
      closer.join();
      int const number = b.fileno();
      b.close();
      demand(::fcntl(number, F_GETFD) == -1, "the child's descriptor is still open");
      theirs.send(1);
    });
    theirs.close();
    CHECK(own.recv<int>() == 1);
    CHECK(child.join() == 0);
  }
  a.close();
  reader.join();
  writer.join();
  CHECK(reading == EBADF);
  CHECK(writing == EBADF);
}

TEST_CASE("a child forked at any moment of its parent's calls finds nothing locked") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  auto const sent = pattern(100'000);
  std::vector<std::byte> into(sent.size());
  std::atomic<bool> stop{false};
  // A thread that is within a call most of the time and allocates nothing, for ASan's malloc stays locked
  // in the child of a fork.
  std::thread busy([&] {
    while (!stop) {
      b.send_bytes(std::span(sent).first(1000));
      do {
        a.recv_bytes_into(into);
      } while (a.poll());  // what the children send
    }
  });
  for (int i = 0; i < 100; ++i) {
    Child child([&] {
      b.poll();
      b.send_bytes({});
      b.close();
      mp::Connection c, d;
      std::tie(c, d) = mp::Pipe();
      d.send_bytes(sent);
      demand(c.recv_bytes() == sent, "a pipe of the child");
    });
    CHECK(child.join() == 0);
  }
  stop = true;
  busy.join();
}
