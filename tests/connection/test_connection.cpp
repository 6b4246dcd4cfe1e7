/// Pipe and Connection as their users see them: messages, errors, the two directions. What runs in the other
/// process is a function of its connection, so that any start method can run it.
#include <catch2/catch.hpp>

#include <cohort/multiprocessing/errors.hpp>

#include "connection/support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>

#include <csignal>

namespace {

/// Sends everything back until the other end closes.
void echo(mp::Connection const& connection) {
  try {
    for (;;) connection.send_bytes(connection.recv_bytes());
  } catch (cohort::EOFError const&) {}
}

void greet(mp::Connection const& connection) {
  connection.send(connection.recv<std::string>() + ", here");
  connection.send(std::vector<int>{1, 2, 3});
}

struct Point {
  int x, y;
  friend bool operator==(Point a, Point b) { return a.x == b.x && a.y == b.y; }
};

}  // namespace

TEST_CASE("a process talks over its end of a pipe") {
  mp::Connection here, there;
  std::tie(here, there) = mp::Pipe();
  Child child([&] {
    here.close();
    greet(there);
  });
  there.close();
  here.send("parent");
  CHECK(here.recv<std::string>() == "parent, here");
  CHECK(here.recv<std::vector<int>>() == std::vector{1, 2, 3});
  CHECK_THROWS_AS(here.recv<int>(), cohort::EOFError);
  CHECK_THROWS_AS(here.recv_bytes(), cohort::EOFError);
  CHECK(child.join() == 0);
}

TEST_CASE("messages of any size come back whole") {
  mp::Connection here, there;
  std::tie(here, there) = mp::Pipe();
  Child child([&] {
    here.close();
    echo(there);
  });
  there.close();
  for (std::size_t const size : {0, 1, 4, 511, 512, 513, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20,
                                 (1 << 20) + 1, 9'000'000}) {
    CAPTURE(size);
    auto const sent = pattern(size, static_cast<unsigned>(size));
    here.send_bytes(sent);
    CHECK(here.recv_bytes() == sent);
  }
  here.close();
  CHECK(child.join() == 0);
}

TEST_CASE("values travel as what they are") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  std::string const text = "text";
  char buffer[] = "characters";
  char* const pointer = buffer;
  a.send(42);
  a.send(2.5);
  a.send(Point{3, 4});
  a.send(text);
  a.send("literal");
  a.send(buffer);
  a.send(pointer);
  a.send(std::vector<std::string>{"x", "", "y"});
  CHECK(b.recv<int>() == 42);
  CHECK(b.recv<double>() == 2.5);
  CHECK(b.recv<Point>() == Point{3, 4});
  for (auto const* const expected : {"text", "literal", "characters", "characters"})
    CHECK(b.recv<std::string>() == expected);
  CHECK(b.recv<std::vector<std::string>>() == std::vector<std::string>{"x", "", "y"});
}

TEST_CASE("a value of another type is an error and leaves the connection usable") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  a.send(std::string("text"));
  a.send_bytes(bytes_of("no pickle"));
  a.send_bytes({});
  a.send(7);
  CHECK_THROWS_AS(b.recv<int>(), cohort::UnpicklingError);
  CHECK_THROWS_AS(b.recv<int>(), cohort::UnpicklingError);
  CHECK_THROWS_AS(b.recv<int>(), cohort::UnpicklingError);
  CHECK(b.recv<int>() == 7);
}

TEST_CASE("a payload that is cut short anywhere is an error and leaves the connection usable") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  a.send(std::vector<std::string>{"one", "two"});
  auto const whole = b.recv_bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    a.send_bytes(std::span(whole).first(size));
    CHECK_THROWS_AS(b.recv<std::vector<std::string>>(), cohort::UnpicklingError);
  }
  a.send_bytes(whole);
  CHECK(b.recv<std::vector<std::string>>().size() == 2);
}

TEST_CASE("a one-way pipe") {
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  CHECK((reader.readable() && !reader.writable()));
  CHECK((!writer.readable() && writer.writable()));
  CHECK(error_of([&] { reader.send(1); }) == EBADF);
  CHECK(error_of([&] { writer.recv<int>(); }) == EBADF);
  CHECK(error_of([&] { writer.poll(); }) == EBADF);
  CHECK_THROWS_WITH(reader.send(1), Catch::Contains("cohort: this connection is read-only"));
  CHECK_THROWS_WITH(writer.recv_bytes(), Catch::Contains("cohort: this connection is write-only"));
  writer.send(5);
  CHECK(reader.recv<int>() == 5);
  writer.send(6);
  writer.close();
  CHECK(reader.recv<int>() == 6);
  CHECK_THROWS_AS(reader.recv<int>(), cohort::EOFError);
}

TEST_CASE("sending to an end that is gone is EPIPE and no signal") {
  bool const duplex = GENERATE(true, false);
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(duplex);
  SECTION("closed") { reader.close(); }
  SECTION("closed with messages unread") {
    writer.send(1);
    reader.close();
  }
  CHECK(error_of([&] { writer.send(1); }) == EPIPE);
  CHECK(error_of([&] { writer.send_bytes(pattern(1 << 20)); }) == EPIPE);
}

TEST_CASE("what was sent before the end is received, also from a peer that left messages unread") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  b.send(1);
  a.send(2);
  a.close();
  CHECK(b.recv<int>() == 2);
  CHECK_THROWS_AS(b.recv<int>(), cohort::EOFError);
  CHECK_THROWS_AS(b.recv<int>(), cohort::EOFError);
}

TEST_CASE("a closed connection refuses everything but closing") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  auto const copy = a;
  int const number = a.fileno();
  a.close();
  a.close();
  std::byte buffer[1];
  for (auto const& closed : {a, copy, mp::Connection()}) {
    CHECK(closed.closed());
    CHECK(error_of([&] { closed.send(1); }) == EBADF);
    CHECK(error_of([&] { closed.send_bytes({}); }) == EBADF);
    CHECK(error_of([&] { closed.recv<int>(); }) == EBADF);
    CHECK(error_of([&] { closed.recv_bytes(); }) == EBADF);
    CHECK(error_of([&] { closed.recv_bytes_into(buffer); }) == EBADF);
    CHECK(error_of([&] { closed.poll(); }) == EBADF);
    CHECK(error_of([&] { closed.fileno(); }) == EBADF);
    CHECK(error_of([&] { b.send(closed); }) == EBADF);
    CHECK(error_of([&] { mp::connection::wait(std::vector{closed}); }) == EBADF);
    CHECK_THROWS_WITH(closed.send(1), Catch::Contains("cohort: this connection is closed"));
    closed.close();
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("the descriptor closes with the last copy, and is close-on-exec") {
  auto const before = open_descriptors();
  {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe(GENERATE(true, false));
    auto const copy = a;
    CHECK(copy == a);
    CHECK_FALSE(a == b);
    CHECK(::fcntl(a.fileno(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(b.fileno(), F_GETFD) == FD_CLOEXEC);
    a = mp::Connection();
    CHECK_FALSE(copy.closed());
    CHECK(open_descriptors() == before + 2);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("poll") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  CHECK_FALSE(a.poll());
  CHECK_FALSE(a.poll(-1s));
  auto const start = std::chrono::steady_clock::now();
  CHECK_FALSE(a.poll(30ms));
  CHECK(std::chrono::steady_clock::now() - start >= 30ms);
  SECTION("a message, be it empty") {
    b.send_bytes({});
    CHECK(a.poll());
    CHECK(a.poll(-1s));
    CHECK(a.poll(std::nullopt));
    CHECK(a.recv_bytes().empty());
    CHECK_FALSE(a.poll());
  }
  SECTION("the end") {
    b.close();
    CHECK(a.poll());
    CHECK(a.poll(std::nullopt));
    CHECK_THROWS_AS(a.recv<int>(), cohort::EOFError);
  }
}

TEST_CASE("recv_bytes with a limit") {
  SECTION("what fits is received") {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    a.send_bytes(bytes_of("12345"));
    CHECK(b.recv_bytes(5) == bytes_of("12345"));
  }
  SECTION("after one that does not, a duplex connection can only send") {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    a.send_bytes(bytes_of("123456"));
    CHECK_THROWS_WITH(b.recv_bytes(5), Catch::StartsWith("cohort: bad message length"));
    CHECK_FALSE(b.readable());
    CHECK(error_of([&] { b.recv_bytes(); }) == EBADF);
    b.send(1);
    CHECK(a.recv<int>() == 1);
  }
  SECTION("and a one-way connection is closed") {
    mp::Connection reader, writer;
    std::tie(reader, writer) = mp::Pipe(false);
    writer.send_bytes(bytes_of("123456"));
    CHECK(error_of([&] { reader.recv_bytes(5); }) == EMSGSIZE);
    CHECK(reader.closed());
    CHECK(error_of([&] { writer.send(1); }) == EPIPE);
  }
  SECTION("a negative limit is refused") {
    mp::Connection a, b;
    std::tie(a, b) = mp::Pipe();
    CHECK_THROWS_AS(a.recv_bytes(-1), cohort::ValueError);
  }
}

TEST_CASE("recv_bytes_into") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  std::vector<std::byte> buffer(5);
  a.send_bytes(bytes_of("123"));
  a.send_bytes(bytes_of("12345"));
  a.send_bytes(bytes_of("123456"));
  a.send_bytes({});
  CHECK(b.recv_bytes_into(buffer) == 3);
  CHECK(b.recv_bytes_into(buffer) == 5);
  CHECK(buffer == bytes_of("12345"));
  try {
    b.recv_bytes_into(buffer);
    FAIL("a message that does not fit was received");
  } catch (mp::BufferTooShort const& error) {
    CHECK(error.message() == bytes_of("123456"));
    CHECK_THAT(static_cast<mp::ProcessError const&>(error).what(),
               Catch::StartsWith("cohort: a message of 6"));
  }
  CHECK(b.recv_bytes_into({}) == 0);
  a.send(9);
  CHECK(b.recv<int>() == 9);
}

TEST_CASE("how connections print") {
  mp::Connection a, b;
  std::tie(a, b) = mp::Pipe();
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  CHECK(fmt::format("{}", a) == fmt::format("<Connection fd={} duplex>", a.fileno()));
  CHECK(fmt::format("{}", reader) == fmt::format("<Connection fd={} read-only>", reader.fileno()));
  CHECK(fmt::format("{}", writer) == fmt::format("<Connection fd={} write-only>", writer.fileno()));
  a.close();
  CHECK(fmt::format("{:>22}", a) == "   <Connection closed>");
  CHECK(fmt::format("{}", mp::Connection()) == "<Connection closed>");
}

TEST_CASE("signals do not disturb a message") {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  ::sigaction(SIGALRM, &action, &before);
  itimerval const ticking{{0, 500}, {0, 500}};
  itimerval const silent{};
  {
    mp::Connection here, there;
    std::tie(here, there) = mp::Pipe();
    Child child([&] {
      here.close();
      echo(there);
    });
    there.close();
    ::setitimer(ITIMER_REAL, &ticking, nullptr);
    CHECK_FALSE(here.poll(50ms));
    CHECK(mp::connection::wait(std::vector{here}, 50ms).empty());
    auto const sent = pattern(5'000'000);
    for (int i = 0; i < 3; ++i) {
      here.send_bytes(sent);
      CHECK(here.recv_bytes() == sent);
    }
    ::setitimer(ITIMER_REAL, &silent, nullptr);
    here.close();
    CHECK(child.join() == 0);
  }
  ::sigaction(SIGALRM, &before, nullptr);
}
