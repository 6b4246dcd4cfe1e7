/// The bytes on the wire, and what peers can do to them: Python's framing, ends at every byte, noise, bogus
/// lengths, senders that are killed.
#include <catch2/catch.hpp>

#include "connection/framing.hpp"
#include "connection/support.hpp"

#include <sys/resource.h>

#include <fstream>
#include <new>
#include <random>

namespace {

std::vector<int> numbers(cohort::connection::Header const& header) {
  std::vector<int> values;
  for (std::size_t i = 0; i < header.size; ++i) values.push_back(static_cast<int>(header.bytes[i]));
  return values;
}

/// Leaves this process, a child, so much more memory to map.
void limit_memory(std::size_t more) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlim_t const limit = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + more;
  rlimit const both{limit, limit};
  ::setrlimit(RLIMIT_AS, &both);
}

}  // namespace

// Under the sanitizers too an allocation beyond the limit is to fail and no more.
extern "C" char const* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" char const* __tsan_default_options() { return "allocator_may_return_null=1:die_after_fork=0"; }

TEST_CASE("lengths are framed as Python frames them") {
  using cohort::connection::encode_length;
  CHECK(numbers(encode_length(0)) == std::vector{0, 0, 0, 0});
  CHECK(numbers(encode_length(0x01020304)) == std::vector{1, 2, 3, 4});
  CHECK(numbers(encode_length(0x7fffffff)) == std::vector{0x7f, 255, 255, 255});
  CHECK(numbers(encode_length(0x80000000)) == std::vector{255, 255, 255, 255, 0, 0, 0, 0, 0x80, 0, 0, 0});
  CHECK(numbers(encode_length(0x0102030405060708)) ==
        std::vector{255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("bytes written by another implementation are messages") {
  BarePeer peer;
  peer.write({0, 0, 0, 2, 'h', 'i', 0, 0, 0, 0});
  peer.write({255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1, '!'});  // the long form, needlessly
  CHECK(peer.end.recv_bytes() == bytes_of("hi"));
  CHECK(peer.end.recv_bytes().empty());
  CHECK(peer.end.recv_bytes() == bytes_of("!"));
  peer.end.send_bytes(bytes_of("ok"));
  char wire[16];
  CHECK(std::string(wire, ::recv(peer.socket, wire, sizeof wire, 0)) == std::string("\0\0\0\2ok", 6));
}

TEST_CASE("an end within a message is an error at every byte, and the end afterwards") {
  auto const header =
      GENERATE(std::vector<std::byte>{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{5}},
               std::vector<std::byte>{std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255},
                                      std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0},
                                      std::byte{0}, std::byte{0}, std::byte{5}});
  auto whole = header;
  for (std::byte const byte : bytes_of("hello")) whole.push_back(byte);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    BarePeer peer;
    peer.write(std::span(whole).first(size));
    peer.hang_up();
    CHECK_THROWS_WITH(peer.end.recv_bytes(), Catch::StartsWith("cohort: got end of file during message"));
    CHECK_THROWS_AS(peer.end.recv_bytes(), cohort::EOFError);
  }
}

TEST_CASE("a message that arrives byte by byte is whole") {
  BarePeer peer;
  Child child([&] {
    for (std::byte const byte : bytes_of(std::string_view("\0\0\0\5hello\0\0\0\0", 13))) {
      peer.write({&byte, 1});
      ::usleep(300);
    }
  });
  CHECK(peer.end.recv_bytes() == bytes_of("hello"));
  CHECK(peer.end.recv_bytes().empty());
  CHECK(child.join() == 0);
}

TEST_CASE("a sender that is killed within a message is an error, not a hang") {
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  Child child([&] {
    reader.close();
    writer.send_bytes(pattern(64 << 20));
  });
  writer.close();
  REQUIRE(reader.poll(5s));  // it is sending, and far from done: the socket holds a fraction of it
  ::kill(child.pid(), SIGKILL);
  CHECK(error_of([&] { reader.recv_bytes(); }) == ECONNRESET);
  CHECK_THROWS_AS(reader.recv_bytes(), cohort::EOFError);
  CHECK(child.join() == -SIGKILL);
}

TEST_CASE("impossible lengths end the reading") {
  BarePeer peer;
  SECTION("negative") { peer.write({255, 255, 255, 254}); }
  SECTION("most negative") { peer.write({128, 0, 0, 0}); }
  SECTION("beyond memory") { peer.write({255, 255, 255, 255, 128, 0, 0, 0, 0, 0, 0, 0}); }
  SECTION("all ones") { peer.write({255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}); }
  CHECK(error_of([&] { peer.end.recv<int>(); }) == EBADMSG);
  CHECK_FALSE(peer.end.readable());
  CHECK(error_of([&] { peer.end.recv<int>(); }) == EBADF);
  peer.end.send(1);
}

TEST_CASE("a bogus length claims no memory") {
  auto const header = GENERATE(std::vector{0x7f, 255, 255, 255},
                               std::vector{255, 255, 255, 255, 0x7f, 255, 255, 255, 255, 255, 255, 255});
  BarePeer peer;
  std::vector<std::byte> wire;
  for (int const value : header) wire.push_back(static_cast<std::byte>(value));
  wire.resize(wire.size() + 1000);
  peer.write(wire);
  peer.write(wire);
  peer.hang_up();
  Child child([&] {
    limit_memory(256 << 20);
    demand(error_of([&] { peer.end.recv_bytes(); }) == ECONNRESET, "bytes of a bogus length");
  });
  CHECK(child.join() == 0);
}

TEST_CASE("a message too large for memory is bad_alloc and ends the reading") {
  mp::Connection reader, writer;
  std::tie(reader, writer) = mp::Pipe(false);
  Child sender([&] {
    reader.close();
    demand(error_of([&] { writer.send_bytes(std::vector<std::byte>(400 << 20)); }) == EPIPE, "all was taken");
  });
  writer.close();
  Child receiver([&] {
    limit_memory(256 << 20);
    try {
      reader.recv<std::string>();
    } catch (std::bad_alloc const&) {
      demand(reader.closed(), "not closed");
      return;
    }
    demand(false, "received more than there is room for");
  });
  reader.close();
  CHECK(receiver.join() == 0);
  CHECK(sender.join() == 0);
}

TEST_CASE("noise from a hostile peer gives values or errors, and ends") {
  std::mt19937 random(GENERATE(range(1u, 9u)));
  for (int round = 0; round < 250; ++round) {
    BarePeer peer;
    std::vector<std::byte> noise;
    for (int i = static_cast<int>(random() % 5); i >= 0; --i) {
      // Mostly believable headers, so that the noise gets as far as the bodies.
      auto const size = random() % 200;
      switch (random() % 4) {
        case 0:
          break;
        case 1:
          noise.insert(noise.end(), 4, std::byte{255});
          [[fallthrough]];
        case 2:
          noise.insert(noise.end(), noise.size() % 4 == 0 ? 7 : 3, std::byte{0});
          [[fallthrough]];
        default:
          noise.push_back(static_cast<std::byte>(random() % 200));
      }
      for (auto const& byte : pattern(size, static_cast<unsigned>(random()))) noise.push_back(byte);
    }
    peer.write(noise);
    peer.hang_up();
    std::byte buffer[64];
    std::size_t messages = 0;
    try {
      for (; messages <= noise.size(); ++messages) try {
          switch (random() % 4) {
            case 0:
              peer.end.recv<std::string>();
              break;
            case 1:
              peer.end.recv<std::vector<std::string>>();
              break;
            case 2:
              peer.end.recv<mp::Connection>();
              break;
            default:
              peer.end.recv_bytes_into(buffer);
          }
        } catch (cohort::UnpicklingError const&) {
        } catch (std::runtime_error const& error) {
          if (dynamic_cast<std::system_error const*>(&error) != nullptr) throw;
          if (dynamic_cast<cohort::EOFError const*>(&error) != nullptr) throw;
        }
      FAIL("more messages than bytes");
    } catch (std::system_error const& error) {
      CHECK((error.code().value() == EBADMSG || error.code().value() == ECONNRESET));
    } catch (cohort::EOFError const&) {}
  }
}
